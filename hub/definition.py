"""Writes the tap's definition for Meltano Hub, from what the tap says of itself.

    python hub/definition.py > hub/tap-leadlex.yml

docs/meltano.md says how it gets into the Hub.
"""  # noqa: INP001 - a program, not a package

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

# Until pyproject.toml says in [project.urls] where the project is at home.
NOWHERE = "https://github.com/OWNER/tap-leadlex"

# Needs an extra of the SDK that the package does not install.
NOT_OFFERED = "faker_config"

PREREQ = """\
You need an API key of your LeadLex workspace that may read contacts. It is made in LeadLex's
settings under API and begins with `wbk_`.
"""
NEXT_STEPS = """\
Test the key. This costs one of the ten exports that LeadLex grants an hour, and asks for one
contact:

```bash
meltano invoke tap-leadlex --test > /dev/null
```
"""
USAGE = """\
### How long a first sync takes

Ten exports an hour carry at most 500,000 contacts. When the quota is used up, a run saves its
state, exits with 0 and warns when to go on: schedule it each hour until none does.
`quota_wait_seconds` has a run wait instead.

### What does not arrive

Incremental runs bring new contacts, not edits, merges and deletions. A
[full refresh]({repo}/blob/main/docs/full-refresh.md) brings these.

### More

[tap-leadlex with Meltano]({repo}/blob/main/docs/meltano.md): the test of a configuration, two
workspaces in one project, state backends, logs.
"""


class Dumper(yaml.SafeDumper):
    """Writes text of several lines as such."""


Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


def definition() -> dict[str, Any]:
    """Give the definition."""
    about = json.loads(subprocess.check_output([TAP, "--about", "--format", "json"]))  # noqa: S603
    urls = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"].get("urls", {})
    repo = urls.get("Repository", NOWHERE)
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
        "settings": [
            setting(name, rule)
            for name, rule in sorted(settings["properties"].items())
            if name != NOT_OFFERED
        ],
        "settings_group_validation": [settings["required"]],
        "supported_python_versions": about["supported_python_versions"],
        "usage": USAGE.format(repo=repo),
        # The Hub names a variant after whom the repository belongs to.
        "variant": repo.split("/")[-2].lower(),
    }


def setting(name: str, rule: dict[str, Any]) -> dict[str, Any]:
    """Give a setting as the Hub has it.

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
    # The Hub wants all keys in alphabetical order.
    yaml.dump(definition(), sys.stdout, Dumper, width=1_000, allow_unicode=True)
