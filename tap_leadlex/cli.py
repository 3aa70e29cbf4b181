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
    return SettingsError(f"Cannot use the file passed with --{param.name}: {reason}.")


def _json_file(_: click.Context, param: click.Parameter, path: str | None) -> io.StringIO | None:
    """Read a file once, checking that it is a JSON object."""
    if path is None:
        return None
    try:
        with click.open_file(path, encoding="utf-8") as file:
            text = file.read()
        if isinstance(json.loads(text), dict):
            return io.StringIO(text)
    except (OSError, ValueError) as error:
        raise unreadable(param, error) from error
    raise unreadable(param)


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
