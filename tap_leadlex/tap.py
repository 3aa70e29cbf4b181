"""The tap: settings in, streams out."""

from __future__ import annotations

import logging
import os
import signal
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Tap
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.singerlib import Catalog

from tap_leadlex import cli, saved_state
from tap_leadlex.api.budget import Budget
from tap_leadlex.api.client import Client
from tap_leadlex.clock import SYSTEM_CLOCK, Clock
from tap_leadlex.errors import SettingsError
from tap_leadlex.messages import MessageWriter
from tap_leadlex.resources import RESOURCES, Resource
from tap_leadlex.settings import SettingsReader
from tap_leadlex.streams import ExportedStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import click


# Levels for other libraries: httpx logs each request at INFO, which the stream's own lines say
# better; the others show values at DEBUG, such as headers or the result of a filter.
_QUIETER = {
    "httpx": logging.WARNING,
    **dict.fromkeys(
        ("httpcore", "httpcore.connection", "httpcore.http11", "httpcore.proxy"), logging.INFO
    ),
    "singer_sdk.mapper": logging.INFO,
}


class TapLeadLex(Tap):
    """Singer tap for LeadLex, a CRM: every contact of a workspace, complete, in few exports."""

    name = "tap-leadlex"
    resources: ClassVar[Sequence[Resource]] = RESOURCES
    settings_reader: ClassVar = SettingsReader(RESOURCES)
    config_jsonschema: ClassVar[dict[str, Any]] = settings_reader.schema
    message_writer_class = MessageWriter
    message_writer: MessageWriter
    # Without BATCH: its messages come after the STATEs that vouch for them.
    capabilities: ClassVar = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        TapCapabilities.TEST,
        PluginCapabilities.ACTIVATE_VERSION,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    def __init__(self, *, clock: Clock = SYSTEM_CLOCK, **kwargs: Any) -> None:  # noqa: ANN401 - the SDK's
        """Check the settings, and create the streams.

        Raises:
            SettingsError: If a setting is missing, unknown or invalid, or the catalog is.
        """
        self._clock = clock
        if isinstance(kwargs.get("catalog"), dict):
            kwargs["catalog"] = _catalog(kwargs["catalog"])
        for logger, level in _QUIETER.items():
            logging.getLogger(logger).setLevel(level)
        try:
            super().__init__(**kwargs)
        except ConfigValidationError as error:
            # The SDK's message quotes the value, which may be the key.
            raise SettingsError(" ".join(self._complaints)) from error
        except ValueError as error:
            misread = self.settings_reader.misread(os.environ, self.config_jsonschema)
            if message := " ".join(misread):
                raise SettingsError(message) from error
            raise
        # Discovery needs no key.
        if message := " ".join(line for line in self._complaints if "'api_key'" not in line):
            raise SettingsError(message)
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._end)

    def load_state(self, state: dict[str, Any]) -> None:
        """Load the state of the last run.

        Raises:
            StateError: If this tap cannot have written it; the SDK would ignore what it misses.
        """
        saved_state.check(state, self.resources, self._clock.now())
        if not saved_state.knows(state, self.resources):
            self.logger.warning(
                "The state has no stream of this tap; exporting everything, as without --state."
            )
        super().load_state(state)

    def discover_streams(self) -> Sequence[ExportedStream]:
        """Return the streams; nothing is asked of LeadLex."""
        settings = self.settings_reader.read(self.config)
        client = Client(
            settings.api_url,
            settings.api_key,
            timeout=settings.request_timeout,
            user_agent=settings.user_agent or f"{self.name}/{self.plugin_version}",
            clock=self._clock,
        )
        wait = timedelta(seconds=settings.quota_wait_seconds)
        budget = Budget(settings.max_exports, wait, self._clock)
        return [
            ExportedStream(
                self,
                resource,
                settings=settings,
                client=client,
                budget=budget,
                writer=self.message_writer,
                clock=self._clock,
            )
            for resource in self.resources
        ]

    def _end(self, *_: object) -> None:
        """Write the last STATE and exit at once, on a signal.

        The SDK's handler unwinds the stack, and hangs if httpcore is just acquiring a lock. There
        is nothing to clean up: temporary files have no names.
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
            raise cli.unreadable(param, error) from error

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Return the command line."""
        return cli.customized(super().get_singer_command(), cls.logger)

    @property
    def _complaints(self) -> Iterator[str]:
        return self.settings_reader.complaints(self.config, self.config_jsonschema)


def _catalog(content: dict[str, Any]) -> Catalog:
    """Read a catalog; Singer puts the replication method where the SDK does not look for it."""
    try:
        catalog = Catalog.from_dict(content)
        for stream in content["streams"]:
            for entry in stream.get("metadata", ()):
                method = entry["metadata"].get("replication-method")
                if method and not entry["breadcrumb"]:
                    catalog[stream["tap_stream_id"]].replication_method = method
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        msg = "This file is not a Singer catalog. Pass the output of --discover."
        raise SettingsError(msg) from error
    return catalog
