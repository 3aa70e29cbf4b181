"""What one validation is told: on the command line, in files and in the environment."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from tap_leadlex.api_url import API_URL_RULE, DEFAULT_API_URL, is_api_url
from tap_leadlex.validation import claims
from tap_leadlex.validation.instants import seconds
from tap_leadlex.validation.layout import Layout, for_mapping, for_stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_leadlex.validation.claims import Claim

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
SAMPLE, ALL, NONE = "sample", "all", "none"
_SHARE = 5
"""One call in this many goes to the sample, unless --sample says otherwise."""
_KEY = "api_key"
_KEY_VARIABLES = ("LEADLEX_VALIDATE_API_KEY", "TAP_LEADLEX_API_KEY")
_TAP = "TAP_LEADLEX_"
_TAP_SETTINGS = ("api_url", "start_date", "lookback_seconds", "list_id", "tags")


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """The options of `leadlex-validate`, which describes them, with their files read.

    Instants are seconds since 1970. Without a key, only the stream itself is checked.
    """

    api_url: str = DEFAULT_API_URL
    api_key: str | None = field(default=None, repr=False)
    stream: str | None = None
    state: Claim | None = None
    start_date: float | None = None
    first_sync: bool = False
    lookback_seconds: float = 0.0
    list_id: str | None = None
    tags: tuple[str, ...] = ()
    tap_config: Mapping[str, Any] | None = field(default=None, repr=False)
    mapping: bytes | None = None
    content: str = SAMPLE
    sample: int | None = None
    seed: int = 0
    max_calls: int = 100
    max_exports: int = 4
    by_month: bool = False  # count each month, for a picture

    @property
    def keep_records(self) -> bool:
        """Whether all records are to be compared."""
        return self.content == ALL and self.api_key is not None

    @property
    def sample_size(self) -> int:
        """How many contacts to draw."""
        if self.content != SAMPLE:
            return 0
        return max(self.max_calls // _SHARE, 1) if self.sample is None else self.sample

    @property
    def sample_calls(self) -> int:
        """How many calls the other checks leave for the sample."""
        return min(self.sample_size, self.max_calls // 2)

    @property
    def filters(self) -> tuple[str | None, tuple[str, ...]]:
        """The list and the tags: those that the state was earned under, if it says so."""
        state = self.state
        told = self if state is None or not state.explicit else state
        return told.list_id, told.tags

    def layout(self) -> Layout:
        """Return what the records are expected to look like.

        Raises:
            CannotValidateError: If the mapping file is not one.
        """
        if self.mapping is not None:
            return for_mapping(self.mapping)
        return for_stream(self.stream, self.tap_config)


def instant(text: str) -> float:
    """Parse an ISO 8601 date or date-time."""
    if (read := seconds(text)) is None:
        msg = "must be an ISO 8601 date or date-time"
        raise click.BadParameter(msg)
    return read


def url(text: str) -> str:
    """Check the base URL of the API."""
    if not is_api_url(text):
        msg = f"must be {API_URL_RULE}"
        raise click.BadParameter(msg)
    return text


def new_file(text: str) -> Path:
    """Check that a report can be written, before any work is done."""
    path: Path = click.Path(dir_okay=False, path_type=Path)(text)
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        msg = f"cannot write to {path.parent}: the folder is missing or protected"
        raise click.BadParameter(msg)
    return path


def content(text: str) -> bytes:
    """Read a file."""
    path: Path = FILE(text)
    return path.read_bytes()


def json_object(text: str) -> dict[str, Any]:
    """Read a JSON file."""
    try:
        return msgspec.json.decode(content(text), type=dict[str, Any])
    except msgspec.DecodeError:
        msg = "holds no JSON object"
        raise click.BadParameter(msg) from None


def tap_config(text: str) -> dict[str, Any]:
    """Read the tap's config: a JSON file, or "ENV" for its variables, as `--config=ENV` does."""
    if text != "ENV":
        return json_object(text)
    config: dict[str, Any] = {}
    for name, value in os.environ.items():
        if name.startswith(_TAP):
            try:
                decoded = msgspec.json.decode(value) if value[:1] in {"[", "{"} else value
            except msgspec.DecodeError:
                msg = f"{name} is not JSON"
                raise click.UsageError(msg) from None
            config[name.removeprefix(_TAP).lower()] = decoded
    return config


def state(text: str) -> Claim:
    """Read what a state claims; an empty file is no state."""
    try:
        value = msgspec.json.decode(content(text).strip() or b"{}")
        # Meltano keeps the state of an interrupted run beside the completed one.
        if isinstance(value, dict) and "bookmarks" not in value:
            value = value.get("singer_state", value.get("value", value))
        return claims.read(value)
    except (msgspec.DecodeError, claims.BadStateError) as error:
        msg = f"--state: this is not a state of tap-leadlex ({error})"
        raise click.UsageError(msg) from None


def load(ctx: click.Context, param: click.Parameter, values: dict[str, Any] | None) -> None:
    """Use the options of a config file as defaults; keep its key apart."""
    values = dict(values or {})
    found = ctx.ensure_object(dict)
    found[_KEY] = values.pop(_KEY, None) or found.get(_KEY)
    known = {str(option.name).rstrip("_"): option for option in ctx.command.params}
    if unknown := sorted(values.keys() - known.keys()):
        msg = f"unknown: {', '.join(unknown)}"
        raise click.BadParameter(msg, ctx, param)
    given = {
        str(known[name].name): [value] if known[name].multiple and isinstance(value, str) else value
        for name, value in values.items()
        if value is not None
    }
    ctx.default_map = {**(ctx.default_map or {}), **given}


def load_tap(
    ctx: click.Context, _: click.Parameter, config: dict[str, Any] | None
) -> dict[str, Any]:
    """Use the settings of the tap that matter here as defaults."""
    config = config or {}
    given = {name: config[name] for name in _TAP_SETTINGS if config.get(name) is not None}
    ctx.default_map = {**given, **(ctx.default_map or {})}
    found = ctx.ensure_object(dict)
    found[_KEY] = found.get(_KEY) or config.get(_KEY)
    return config


def api_key(ctx: click.Context) -> str | None:
    """Return the key: never an option, because every user of a machine can read command lines."""
    own, shared = map(os.environ.get, _KEY_VARIABLES)
    found = own or ctx.ensure_object(dict).get(_KEY) or shared or None
    # The tap has the same rule in its settings; sharing it would mean importing them.
    if found is not None and not re.fullmatch(r"[\x21-\x7e]+", str(found)):
        msg = "api_key must be the workspace's key, without white space"
        raise click.UsageError(msg, ctx)
    return found
