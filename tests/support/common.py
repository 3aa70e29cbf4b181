"""What every part of the test support uses."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]

PROGRAM = Path(sys.executable).with_name("tap-leadlex")
TIMEOUT = 120
FIELDS = (
    "id",
    "full_name",
    "email",
    "phone",
    "job_title",
    "company_name",
    "linkedin_url",
    "tags",
    "created_at",
)
