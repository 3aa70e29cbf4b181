"""The minimum for a Python program: CSV to dicts to JSON lines, through a pipe."""  # noqa: INP001

from __future__ import annotations

import csv
import sys
from pathlib import Path

import msgspec

encode = msgspec.json.Encoder().encode
write = sys.stdout.buffer.write
with Path(sys.argv[1]).open(encoding="utf-8", newline="") as body:
    rows = csv.reader(body)
    header = next(rows)
    for row in rows:
        write(encode(dict(zip(header, row, strict=True))))
        write(b"\n")
