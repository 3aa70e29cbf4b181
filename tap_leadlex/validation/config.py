"""Options from a file, from the environment and from the command line."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import click
import msgspec

from tap_leadlex.api_url import API_URL_RULE, is_api_url
from tap_leadlex.validation import claims
from tap_leadlex.validation.instants import seconds

if TYPE_CHECKING:
    from pathlib import Path

    from tap_leadlex.validation.claims import Claim

_KEY = "api_key"
_KEY_VARIABLES = ("LEADLEX_VALIDATE_API_KEY", "TAP_LEADLEX_API_KEY")


def instant(ctx: click.Context, param: click.Parameter, text: str | None) -> float | None:
    """Read an ISO 8601 date or date-time, as seconds since 1970."""
    read = seconds(text)
    if text is not None and read is None:
        msg = "must be an ISO 8601 date or date-time"
        raise click.BadParameter(msg, ctx, param)
    return read


def api_url(ctx: click.Context, param: click.Parameter, url: str) -> str:
    """Check the base URL of the API."""
    if not is_api_url(url):
        msg = f"must be {API_URL_RULE}"
        raise click.BadParameter(msg, ctx, param)
    return url


def load(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Take the options of a config file as defaults; keep its key apart.

    Raises:
        click.BadParameter: If the file holds no JSON object, or an option that is not known.
    """
    values = _object(path, param) if path else {}
    ctx.ensure_object(dict)[_KEY] = values.pop(_KEY, None)
    known = {str(option.name).rstrip("_"): option.name for option in ctx.command.params}
    if unknown := sorted(values.keys() - known.keys()):
        msg = f"unknown: {', '.join(unknown)}"
        raise click.BadParameter(msg, ctx, param)
    ctx.default_map = {known[name]: value for name, value in values.items() if value is not None}
    return path


def api_key(ctx: click.Context) -> str | None:
    """Give the key: never an option, because every user of a machine can read command lines."""
    key = ctx.ensure_object(dict).get(_KEY)
    found = key or next((os.environ[name] for name in _KEY_VARIABLES if os.environ.get(name)), None)
    if found is not None and not re.fullmatch(r"[\x21-\x7e]+", str(found)):
        msg = "api_key must be the workspace's key, without white space in it"
        raise click.UsageError(msg, ctx)
    return found


def read_state(path: Path | None, stream: str) -> Claim | None:
    """Read the state that `--state` names; an empty file is no state.

    Raises:
        click.UsageError: If it holds no state.
    """
    if path is None:
        return None
    if not path.read_bytes().strip():
        return claims.Claim()
    try:
        value = msgspec.json.decode(path.read_bytes())
        # Meltano keeps the state of an interrupted run beside the completed one.
        if isinstance(value, dict) and "bookmarks" not in value:
            value = value.get("singer_state", value.get("value", value))
        return claims.read(value, stream)
    except (msgspec.DecodeError, claims.BadStateError) as error:
        msg = f"--state: this is no state of tap-leadlex ({error})"
        raise click.UsageError(msg) from None


def _object(path: Path, param: click.Parameter) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except msgspec.DecodeError:
        msg = "holds no JSON object"
        raise click.BadParameter(msg, param=param) from None
