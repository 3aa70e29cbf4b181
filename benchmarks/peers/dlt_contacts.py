"""Exports contacts with dlt into JSON lines, reading the CSV in batches as its guides show."""  # noqa: INP001

from __future__ import annotations

import csv
import io
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

import dlt
from dlt.sources.helpers import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH = 1_000
URL, KEY, FOLDER = sys.argv[1:]
SINCE = dlt.sources.incremental("created_at")


@dlt.resource(primary_key="id", write_disposition="merge")  # type: ignore[untyped-decorator]
def contacts(
    created_at: dlt.sources.incremental[str] = SINCE,  # noqa: ARG001 - dlt filters by it
) -> Iterator[list[dict[str, Any]]]:
    """Yield the contacts in batches."""
    response = requests.get(
        f"{URL}/contacts/export",
        params={"limit": 50_000},
        headers={"Authorization": f"Bearer {KEY}"},
    )
    rows = csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"), newline=""))
    while batch := list(islice(rows, BATCH)):
        for row in batch:
            row["tags"] = row["tags"].split(",") if row["tags"] else []
        yield batch


if __name__ == "__main__":
    pipeline = dlt.pipeline(
        "contacts",
        pipelines_dir=f"{FOLDER}/pipelines",
        destination=dlt.destinations.filesystem(f"file://{FOLDER}/out"),
        dataset_name="leadlex",
    )
    pipeline.run(contacts(), loader_file_format="jsonl")
