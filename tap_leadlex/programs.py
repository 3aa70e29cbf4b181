"""The programs that need an extra: without it, they say in one line which to install."""

from __future__ import annotations

import importlib
import importlib.util
import sys


def sandbox() -> None:
    """Run `leadlex-sandbox`."""
    _run("tap_leadlex.sandbox.cli", "sandbox", "starlette", "uvicorn")


def validate() -> None:
    """Run `leadlex-validate`."""
    _run("tap_leadlex.validation.cli", "validate", "click", "jinja2", "jsonschema_rs", "sqlalchemy")


def _run(module: str, extra: str, *packages: str) -> None:
    """Run a program that needs the packages of an extra."""
    for package in packages:
        if not importlib.util.find_spec(package):
            line = f"leadlex-{extra}: needs {package}. Install the extra tap-leadlex[{extra}].\n"
            sys.stderr.write(line)
            sys.exit(2)
    importlib.import_module(module).main()
