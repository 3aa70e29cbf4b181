"""The command line: files in, and one last line whatever ends the run."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import traceback
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import click
from singer_sdk import mapper
from singer_sdk.exceptions import SingerSDKError
from singer_sdk.logging import ConsoleFormatter
from singer_sdk.plugin_base import SingerCommand

from tap_leadlex.environment import PREFIX
from tap_leadlex.errors import LeadLexError, OutputError, SettingsError
from tap_leadlex.messages import output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_leadlex.report import RunReport

_LOG_LEVELS = (f"{PREFIX}LOGLEVEL", "LOGLEVEL")
LOG_CONFIG = "SINGER_SDK_LOG_CONFIG"

MAX_BYTES = 8 * 1024 * 1024
"""The most that a state or a catalog may have."""
MAX_LEVELS = 50
"""How deep they may be nested; the SDK copies them recursively."""
_TOO_DEEP = "it is nested too deeply"


class Command(SingerCommand):
    """The SDK's command. However it ends, it says so in one line and in the run report.

    Attributes:
        unusable: Why the command cannot run at all, if so.
        report: The report of the run, if it is a sync that has read its settings.
    """

    unusable: Exception | None = None
    report: RunReport | None = None
    _is_sync = False

    def main(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - click's own signature
        """Run the command; on failure, exit 1 with one line on what is wrong and what to do."""
        try:
            self._run(*args, **kwargs)
        except SystemExit as end:
            self._write_report(end.code if isinstance(end.code, int) else int(bool(end.code)))
            raise
        except Exception as error:  # noqa: BLE001 - no run ends in a traceback
            if isinstance(error, OutputError):
                _abandon(sys.stdout)
            line = _advice(error)
            self._write_report(1, line)
            self.logger.critical("%s", line)
            self.logger.debug("%s", _places(error))
            sys.exit(1)
        finally:
            _flush_log()

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:  # noqa: ANN401 - click's
        """Read the options, and do what they ask for."""
        with _broken_pipes():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        """Run a sync, which no option asks for."""
        self._is_sync = True
        with _broken_pipes():
            return super().invoke(ctx)

    def end_at_once(self, by: str) -> NoReturn:
        """End a run on a signal, by which name it came, without unwinding the stack."""
        try:
            self._write_report(0, by=by)
            _say_at_once(
                self.logger, f"Stopped: {by} received. State saved; run again to continue."
            )
        finally:
            os._exit(0)

    def _run(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        if self.unusable:
            raise self.unusable
        if sys.stdout is None:
            raise OutputError
        try:
            super().main(*args, **kwargs)
        finally:
            with output():
                sys.stdout.flush()

    def _write_report(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - of the report
        if self.report is None or not self._is_sync:
            return
        try:
            self.report.write(*args, **kwargs)
        except OSError as error:
            self.logger.warning("Cannot write the run report: %s.", error.strerror)


def customized(
    command: click.Command, logger: logging.Logger, check: Callable[..., None]
) -> Command:
    """Return the SDK's command with our way of reading files and of failing.

    Args:
        command: The SDK's command.
        logger: Where the last line goes.
        check: The callback of the option --check.
    """
    for param in command.params:
        if param.name in {"state", "catalog"}:
            param.type = click.Path()
            param.callback = _json_file
    option = click.Option(
        ["--check"],
        is_flag=True,
        help="Check the settings and the key with one call that is not an export.",
        callback=check,
        expose_value=False,
    )
    return Command(
        name=command.name,
        callback=command.callback,
        params=[*command.params, option],
        help=command.help,
        context_settings=command.context_settings,
        logger=logger,
    )


def current() -> Command | None:
    """Return the command that is running, if any: a tap can also be used without one."""
    context = click.get_current_context(silent=True)
    command = context and context.command
    return command if isinstance(command, Command) else None


def logged(make: Callable[[], click.Command], refuse: Callable[[], Command]) -> click.Command:
    """Return a command whose log is set up; one that only fails if that is not possible.

    Args:
        make: Sets up the SDK's log and returns the command.
        refuse: Returns the command without setting up the log.
    """
    for variable in (*_LOG_LEVELS, LOG_CONFIG):
        if os.environ.get(variable) == "":
            del os.environ[variable]  # to the SDK, empty is a value
    try:
        _check_log_level()
        return make()
    except Exception as error:  # noqa: BLE001 - logging raises any
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(ConsoleFormatter())
        logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
        command = refuse()
        command.unusable = error
        if not isinstance(error, SettingsError):
            msg = f"{LOG_CONFIG} must be the path of a logging configuration in YAML."
            command.unusable = SettingsError(msg)
        return command


def _check_log_level() -> None:
    levels = logging.getLevelNamesMapping()
    for variable in _LOG_LEVELS:
        if level := os.environ.get(variable):
            if level.upper() not in levels:
                msg = f"{variable} must be DEBUG, INFO, WARNING, ERROR or CRITICAL."
                raise SettingsError(msg)
            return


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
    except (OSError, RecursionError, ValueError) as error:
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
    frames = traceback.walk_tb(error.__traceback__)
    if any(frame.f_globals["__name__"] == mapper.__name__ for frame, _ in frames):
        return (
            f"An expression in stream_maps fails on a record ({type(error).__name__}). Empty "
            "values are None; guard the expression: md5(email) if email else None."
        )
    if isinstance(error, LeadLexError | SingerSDKError | OSError):
        return " ".join(str(error).split())
    return (
        f"Unexpected {type(error).__name__}: this is a bug in tap-leadlex. Run again with "
        "TAP_LEADLEX_LOGLEVEL=DEBUG and report the traceback."
    )


@contextmanager
def _broken_pipes() -> Iterator[None]:
    """Keep a broken pipe from click, which exits without a word."""
    try:
        yield
    except BrokenPipeError as error:
        raise OutputError(error) from error


def _flush_log() -> None:
    """Write what is left of the log; if that fails, the exit code must not change for it."""
    try:
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        _abandon(sys.stderr)


def _abandon(stream: TextIO) -> None:
    """Let Python not write at its exit what a stream did not take."""
    with suppress(AttributeError, OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _say_at_once(logger: logging.Logger, text: str) -> None:
    """Write a warning past the buffers of the log, in which a signal may have come."""
    record = logger.makeRecord(logger.name, logging.WARNING, __file__, 0, text, (), None)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            with suppress(AttributeError, OSError, ValueError):
                os.write(handler.stream.fileno(), f"{handler.format(record)}\n".encode())


def _places(error: BaseException | None) -> str:
    """Return where an error and its causes came from, without their messages: they quote values."""
    lines: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:  # chains can be circles
        seen.add(id(error))
        lines += [f"{type(error).__name__}:\n", *traceback.format_tb(error.__traceback__)]
        error = error.__cause__ or error.__context__
    return "".join(lines)
