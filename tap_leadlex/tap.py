"""The front door: settings in, streams out, errors in one line."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any, ClassVar

import click
from singer_sdk import Tap, mapper
from singer_sdk.exceptions import ConfigValidationError, SingerSDKError
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.plugin_base import SingerCommand
from singer_sdk.singerlib import Catalog

from tap_leadlex import settings
from tap_leadlex.clock import SYSTEM_CLOCK
from tap_leadlex.errors import LeadLexError, SettingsError, StateError
from tap_leadlex.messages import MessageWriter
from tap_leadlex.streams import Contacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_leadlex.clock import Clock

# What others log that we do not want: httpx tells each request at INFO, where the stream's own
# lines say it better; the rest shows values at DEBUG: headers, and what a filter came out with.
_QUIETER = {
    "httpx": logging.WARNING,
    "httpcore": logging.INFO,
    "singer_sdk.mapper": logging.INFO,
}


class Command(SingerCommand):
    """The command line, which ends in one line where the SDK's ends in a traceback."""

    def main(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - click's own signature
        """Run the command; exit 1 with one line that says what is wrong and what to do."""
        try:
            return super().main(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - no run ends in a traceback
            self.logger.critical("%s", _advice(error))
            self.logger.debug("%s", _places(error))
            sys.exit(1)


class TapLeadLex(Tap):
    """Singer tap for LeadLex, a CRM: every contact of a workspace, complete, in few exports."""

    name = "tap-leadlex"
    config_jsonschema: ClassVar[dict[str, Any]] = settings.SCHEMA
    message_writer_class = MessageWriter
    message_writer: MessageWriter
    # Without BATCH: its messages come after the STATEs that vouch for them.
    capabilities: ClassVar = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        TapCapabilities.TEST,
        TapCapabilities.ACTIVATE_VERSION,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    def __init__(
        self,
        *,
        validate_config: bool = True,
        clock: Clock = SYSTEM_CLOCK,
        **kwargs: Any,  # noqa: ANN401 - the SDK's
    ) -> None:
        """Take the settings in.

        Args:
            clock: The local clock.
            validate_config: Whether the settings must suffice for a sync. Discovery needs no key.
            **kwargs: What the SDK's tap takes.

        Raises:
            SettingsError: If a setting is missing, unknown or not what it must be, or the catalog
                is none.
        """
        self._clock = clock
        if isinstance(kwargs.get("catalog"), dict):
            kwargs["catalog"] = _catalog(kwargs["catalog"])
        for logger, level in _QUIETER.items():
            logging.getLogger(logger).setLevel(level)
        try:
            super().__init__(validate_config=validate_config, **kwargs)
        except ConfigValidationError as error:
            # The SDK's words quote the value, which may be the key.
            raise SettingsError(" ".join(self._complaints())) from error
        except ValueError as error:
            if complaints := list(settings.misread(os.environ, self.config_jsonschema)):
                raise SettingsError(" ".join(complaints)) from error
            raise
        if complaints := [line for line in self._complaints() if "'api_key'" not in line]:
            raise SettingsError(" ".join(complaints))
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._end)

    def load_state(self, state: dict[str, Any]) -> None:
        """Take the state of the last run in.

        Raises:
            StateError: If it is none. The SDK would pass it over and begin from the start.
        """
        bookmarks = state.get("bookmarks", {} if not state else None)
        if not isinstance(bookmarks, dict) or not all(
            isinstance(bookmark, dict) for bookmark in bookmarks.values()
        ):
            msg = (
                "The state is none of this tap: hand in the 'value' of the last STATE message "
                "that it wrote (an object with 'bookmarks'), or no state."
            )
            raise StateError(msg)
        super().load_state(state)

    def discover_streams(self) -> Sequence[Contacts]:
        """Give the one stream; nothing is asked of LeadLex."""
        user_agent = f"{self.name}/{self.plugin_version}"
        typed = settings.Settings.from_config(self.config, user_agent)
        return [Contacts(self, typed, self.message_writer, self._clock)]

    def _end(self, *_: object) -> None:
        """Write the last STATE and end, from wherever the program happens to be.

        The SDK's handler unwinds the stack, and hangs where httpcore waits for a lock that it was
        just about to guard. There is nothing to clean up: temporary files have no names.
        """
        try:
            self.state_writer.write_state(self.state)
        finally:
            os._exit(0)

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:  # noqa: ANN401 - of a private type
        """Read the config files."""
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, TypeError, ValueError) as error:
            raise _unreadable(param, error) from error

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Give the SDK's command line with our way of failing."""
        command = super().get_singer_command()
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
            logger=cls.logger,
        )

    def _complaints(self) -> list[str]:
        return list(settings.complaints(self.config, self.config_jsonschema))


def _catalog(content: dict[str, Any]) -> Catalog:
    try:
        catalog = Catalog.from_dict(content)
        for stream in content["streams"]:
            for entry in stream.get("metadata", ()):
                method = entry["metadata"].get("replication-method")
                # Singer has the method here, where the SDK does not look for it.
                if method and not entry["breadcrumb"]:
                    catalog[stream["tap_stream_id"]].replication_method = method
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        msg = "The catalog is none: hand in what --discover prints, with your selection, or none."
        raise SettingsError(msg) from error
    return catalog


def _json_file(_: click.Context, param: click.Parameter, path: str | None) -> io.StringIO | None:
    """Read a file once, and make sure that it holds a JSON object."""
    if path is None:
        return None
    try:
        with click.open_file(path, encoding="utf-8") as file:
            text = file.read()
        if isinstance(json.loads(text), dict):
            return io.StringIO(text)
    except (OSError, ValueError) as error:
        raise _unreadable(param, error) from error
    raise _unreadable(param)


def _unreadable(param: click.Parameter, error: Exception | None = None) -> SettingsError:
    """Say that a file is of no use, without its name: some hand the config itself over as one."""
    reason = "it holds no JSON object"
    if isinstance(error, OSError):
        reason = error.strerror or "there is no such file"
    return SettingsError(f"The file given with --{param.name} cannot be used: {reason}.")


def _advice(error: Exception) -> str:
    """Put any error into one line that holds no contact's value."""
    if isinstance(error, LeadLexError | SingerSDKError | OSError):
        return " ".join(str(error).split())
    frames = traceback.walk_tb(error.__traceback__)
    if any(frame.f_globals["__name__"] == mapper.__name__ for frame, _ in frames):
        return (
            f"An expression in stream_maps fails on a contact ({type(error).__name__}). An empty "
            "value is None: write, for example, md5(email) if email else None."
        )
    return (
        f"Unexpected {type(error).__name__}: this is a fault of tap-leadlex. Run again with "
        "TAP_LEADLEX_LOGLEVEL=DEBUG for the traceback and report it."
    )


def _places(error: BaseException | None) -> str:
    """Tell where an error and those behind it came up, without their words, which quote values."""
    lines = []
    while error is not None:
        lines += [f"{type(error).__name__}:\n", *traceback.format_tb(error.__traceback__)]
        error = error.__cause__ or error.__context__
    return "".join(lines)
