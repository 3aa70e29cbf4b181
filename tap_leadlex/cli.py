"""The command line: files in, and every error in one line."""

from __future__ import annotations

import io
import json
import sys
import traceback
from typing import TYPE_CHECKING, Any

import click
from singer_sdk import mapper
from singer_sdk.exceptions import SingerSDKError
from singer_sdk.plugin_base import SingerCommand

from tap_leadlex.errors import LeadLexError, SettingsError

if TYPE_CHECKING:
    import logging

MAX_BYTES = 8 * 1024 * 1024
"""The most that a state or a catalog may have."""
MAX_LEVELS = 50
"""How deep they may be nested; the SDK copies them recursively."""
_TOO_DEEP = "it is nested too deeply"


class Command(SingerCommand):
    """The SDK's command, ending in one line where the SDK's ends in a traceback."""

    def main(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - click's own signature
        """Run the command; on failure, exit 1 with one line on what is wrong and what to do."""
        try:
            return super().main(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - no run ends in a traceback
            self.logger.critical("%s", _advice(error))
            self.logger.debug("%s", _places(error))
            sys.exit(1)


def customized(command: click.Command, logger: logging.Logger) -> Command:
    """Return the SDK's command with our way of reading files and of failing."""
    for param in command.params:
        if param.name in {"state", "catalog"}:
            param.type = click.Path()
            param.callback = _json_file
    return Command(
        name=command.name,
        callback=command.callback,
        params=command.params,
        help=command.help,
        context_settings=command.context_settings,
        logger=logger,
    )


def unreadable(param: click.Parameter, error: Exception | None = None) -> SettingsError:
    """Return the error for an unusable file; without its name: it may be the config itself."""
    reason = "it is not a JSON object"
    if isinstance(error, OSError):
        reason = error.strerror or "no such file"
    elif isinstance(error, RecursionError):
        reason = _TOO_DEEP
    elif isinstance(error, _UnusableError):
        reason = str(error)
    return SettingsError(f"Cannot use the file passed with --{param.name}: {reason}.")


class _UnusableError(ValueError):
    """What is wrong with a file, as a clause."""


def _json_file(_: click.Context, param: click.Parameter, path: str | None) -> io.StringIO | None:
    """Read a file once, checking that it is a JSON object."""
    if path is None:
        return None
    try:
        with click.open_file(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            msg = "it is larger than 8 MB"
            raise _UnusableError(msg)
        text = content.decode("utf-8-sig")
        if isinstance(_strict_json(text), dict):
            return io.StringIO(text)
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable(param, error) from error
    raise unreadable(param)


def _strict_json(text: str) -> object:
    """Read JSON; raise `ValueError` or `RecursionError` if readers could differ about it."""
    found = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_refuse)
    level: list[Any] = [[found]]
    for _ in range(MAX_LEVELS):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
    if level:
        raise _UnusableError(_TOO_DEEP)
    return found


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        msg = "an object in it has the same key twice"
        raise _UnusableError(msg)
    return found


def _refuse(constant: str) -> None:
    """Refuse NaN and infinities, which are not JSON."""
    raise ValueError(constant)


def _advice(error: Exception) -> str:
    """Return any error in one line that quotes no record."""
    if isinstance(error, LeadLexError | SingerSDKError | OSError):
        return " ".join(str(error).split())
    frames = traceback.walk_tb(error.__traceback__)
    if any(frame.f_globals["__name__"] == mapper.__name__ for frame, _ in frames):
        return (
            f"An expression in stream_maps fails on a record ({type(error).__name__}). Empty "
            "values are None; guard the expression: md5(email) if email else None."
        )
    return (
        f"Unexpected {type(error).__name__}: this is a bug in tap-leadlex. Run again with "
        "TAP_LEADLEX_LOGLEVEL=DEBUG and report the traceback."
    )


def _places(error: BaseException | None) -> str:
    """Return where an error and its causes came from, without their messages: they quote values."""
    lines = []
    while error is not None:
        lines += [f"{type(error).__name__}:\n", *traceback.format_tb(error.__traceback__)]
        error = error.__cause__ or error.__context__
    return "".join(lines)
