"""Writes the tap's definition for Meltano Hub from `tap-leadlex --about`.

    python scripts/hub.py > scripts/hub.yml

docs/meltano.md describes how to submit it to the Hub.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
TAP = Path(sys.executable).with_name("tap-leadlex")
NAME = "tap-leadlex"


PREREQ = """\
You need an API key of your LeadLex workspace with permission to read contacts. Create it in
LeadLex's settings under API; it starts with `wbk_`.
"""
NEXT_STEPS = """\
Test the key. This does not use an export:

```bash
meltano invoke tap-leadlex --check
```
"""
USAGE = """\
### How long a first sync takes

Ten exports an hour carry at most 500,000 contacts. When the quota is used up, a run saves its
state, exits with 0 and logs a warning with the time at which the quota reopens. Schedule a run
every hour until the warning no longer appears, or set `quota_wait_seconds` to make a run wait.

### What is not picked up

Incremental runs pick up new contacts, but not edits, merges and deletions. A
[full refresh]({repo}/blob/main/docs/full-refresh.md) picks up all of them.

### More

[tap-leadlex with Meltano]({repo}/blob/main/docs/meltano.md): testing a configuration, two
workspaces in one project, state backends, logs.
"""


class Dumper(yaml.SafeDumper):
    """Writes text of several lines in block style."""


Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


def definition() -> dict[str, Any]:
    """Return the definition."""
    about = json.loads(subprocess.check_output([TAP, "--about", "--format", "json"]))  # noqa: S603
    repo = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["urls"]["Repository"]
    settings = about["settings"]
    return {
        "capabilities": sorted(about["capabilities"]),
        "description": "Every contact of a LeadLex workspace, complete, in few exports",
        "domain_url": "https://docs.leadlex.com",
        "keywords": ["api", "meltano_sdk"],
        "label": "LeadLex",
        "log_parser": "singer-sdk",
        "logo_url": "/assets/logos/extractors/leadlex.png",
        "maintenance_status": "active",
        "name": NAME,
        "namespace": NAME.replace("-", "_"),
        "next_steps": NEXT_STEPS,
        "pip_url": NAME,
        "prereq": PREREQ,
        "quality": "silver",
        "repo": repo,
        "settings": [setting(name, rule) for name, rule in sorted(settings["properties"].items())],
        "settings_group_validation": [settings["required"]],
        "supported_python_versions": about["supported_python_versions"],
        "usage": USAGE.format(repo=repo),
        # The Hub names a variant after the owner of the repository.
        "variant": repo.split("/")[-2].lower(),
    }


def setting(name: str, rule: dict[str, Any]) -> dict[str, Any]:
    """Return a setting in the format of the Hub.

    Args:
        name: Its name.
        rule: Its JSON schema.
    """
    (kind,) = (each for each in rule["type"] if each != "null")
    return {
        "name": name,
        "label": rule["title"],
        "description": rule["description"],
        "kind": "date_iso8601" if rule.get("format") == "date-time" else kind,
        **({"value": rule["default"]} if "default" in rule else {}),
        **({"sensitive": True} if rule.get("secret") else {}),
    }


if __name__ == "__main__":
    # The Hub requires all keys in alphabetical order.
    yaml.dump(definition(), sys.stdout, Dumper, width=1_000, allow_unicode=True)
