"""The tap: settings in, streams out."""

from __future__ import annotations

import logging
import os
import signal
import threading
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

import dotenv
from singer_sdk import Tap
from singer_sdk.cli import plugin_cli
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.singerlib import Catalog

from tap_leadlex import cli, environment, refreshes, saved_state, stream_maps
from tap_leadlex.api.budget import Budget
from tap_leadlex.api.client import Client
from tap_leadlex.catalog import CatalogReader
from tap_leadlex.clock import SYSTEM_CLOCK, Clock
from tap_leadlex.errors import SettingsError
from tap_leadlex.messages import MessageWriter
from tap_leadlex.refreshes import RefreshesStream
from tap_leadlex.report import RunReport
from tap_leadlex.resources import RESOURCES, Resource
from tap_leadlex.settings import REFUSED, SettingsReader
from tap_leadlex.streams import ExportedStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import click
    from singer_sdk import Stream


# Levels for other libraries: httpx logs each request at INFO, which the stream's own lines say
# better; httpcore shows headers at DEBUG; the mapper logs each map again and again, and values.
_QUIETER = {
    "httpx": logging.WARNING,
    **dict.fromkeys(
        ("httpcore", "httpcore.connection", "httpcore.http11", "httpcore.proxy"), logging.INFO
    ),
    "singer_sdk.mapper": logging.WARNING,
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

    def __init__(
        self,
        *,
        config: dict[str, Any] | None = None,
        catalog: dict[str, Any] | Catalog | None = None,
        parse_env_config: bool = False,
        validate_config: bool = True,
        clock: Clock = SYSTEM_CLOCK,
        **kwargs: Any,  # noqa: ANN401 - the SDK's
    ) -> None:
        """Check settings, environment, catalog and stream maps, and create the streams.

        Raises:
            SettingsError: If one of them is invalid.
        """
        self._clock = clock
        rules = self.config_jsonschema
        self.append_builtin_config(rules)
        if not validate_config:
            # Discovery needs no key, and the SDK would warn that it is missing.
            rules = self.config_jsonschema = {**rules, "required": []}  # type: ignore[misc]
        config = dict(config or {})
        if parse_env_config:
            config |= self._environment(rules["properties"])
        if message := " ".join(self.settings_reader.complaints(config, rules)):
            raise SettingsError(message)
        config = {name: value for name, value in config.items() if value is not None}
        self._settings = self.settings_reader.read(config)
        self._scopes = {each.name: self._settings.scope(each) for each in self.resources}
        self.report = RunReport(
            path=self._settings.run_report, version=self.plugin_version, clock=clock
        )
        warnings = list(environment.unknown(os.environ, {**rules["properties"], **REFUSED}))
        warnings += self._settings.warnings
        if validate_config:
            self._open_report()
        stream_maps.check(config, self._scopes)
        if catalog is not None:
            reader = CatalogReader(self._scopes, refreshes=self._settings.refreshes)
            catalog = reader.read(catalog.to_dict() if isinstance(catalog, Catalog) else catalog)
            warnings += reader.warnings
        if validate_config:
            self._warn(warnings)
        self._tame_logs()
        super().__init__(config=config, catalog=catalog, validate_config=validate_config, **kwargs)
        if cli.LOG_CONFIG not in os.environ and not self.logger.isEnabledFor(logging.DEBUG):
            self.metrics_logger.setLevel(logging.WARNING)  # metrics are for machines
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

    def setup_mapper(self) -> None:
        """Create the stream maps, after trying them.

        Raises:
            SettingsError: If one of them cannot be used.
        """
        self._warn(stream_maps.try_out(self.config, self._scopes, self.catalog))
        super().setup_mapper()
        stream_maps.check_outputs(chain.from_iterable(self.mapper.stream_maps.values()))

    def discover_streams(self) -> Sequence[Stream]:
        """Return the streams; nothing is asked of LeadLex."""
        others = [RefreshesStream(self, self.resources)] if self._settings.refreshes else []
        return [*self._exported_streams(), *others]

    def _exported_streams(self) -> Sequence[ExportedStream]:
        settings, clock = self._settings, self.report.counting_clock
        client = Client(
            settings.api_url,
            settings.api_key,
            timeout=settings.request_timeout,
            user_agent=settings.user_agent or f"{self.name}/{self.plugin_version}",
            clock=clock,
        )
        wait = timedelta(seconds=settings.quota_wait_seconds)
        budget = self.report.budget = Budget(settings.max_exports, wait, clock)
        return [
            ExportedStream(
                self,
                resource,
                settings=settings,
                client=client,
                budget=budget,
                writer=self.message_writer,
                report=self.report,
                clock=clock,
            )
            for resource in self.resources
        ]

    def _environment(self, rules: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings from the environment, and from a file .env, as the SDK does."""
        dotenv.load_dotenv(dotenv.find_dotenv(usecwd=True) or dotenv.find_dotenv())
        # What is refused in a file is refused here, too, unless it is off.
        refused = {name: {"type": ["boolean", "object"]} for name in REFUSED}
        found = environment.read(os.environ, {**refused, **rules})
        return {name: value for name, value in found.items() if value or name not in REFUSED}

    def _tame_logs(self) -> None:
        for logger, level in _QUIETER.items():
            logging.getLogger(logger).setLevel(level)
        self.logger.addFilter(_is_news)

    def _open_report(self) -> None:
        """Check that the run report can be written, and leave it to the end of the command."""
        try:
            self.report.check()
        except OSError as error:
            raise self.settings_reader.error(name="run_report", reason=error.strerror) from error
        if command := cli.current():
            command.report = self.report

    def _warn(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.logger.warning("%s", line)

    def _end(self, number: int, _: object) -> None:
        """Write the last STATE and exit at once, on a signal.

        The SDK's handler unwinds the stack, and hangs if httpcore is just acquiring a lock. There
        is nothing to clean up: temporary files have no names.
        """
        try:
            self.state_writer.write_state(self.state)
        finally:
            if command := cli.current():
                command.end_at_once(signal.Signals(number).name)
            os._exit(0)

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:  # noqa: ANN401 - of a private type
        """Read the config files."""
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, TypeError, ValueError) as error:
            raise cli.unreadable(param, error) from error

    @classmethod
    def cb_check(cls, ctx: click.Context, _: click.Option, value: bool) -> None:  # noqa: FBT001 - click's
        """Check the settings and the key without an export."""
        if value:
            given = ctx.params["config"]
            tap = cls(config=given.config, parse_env_config=given.parse_env)
            for stream in tap._exported_streams():
                stream.check()
            ctx.exit()

    @classmethod
    def get_singer_command(cls) -> cli.Command:
        """Return the command line."""
        return cli.customized(super().get_singer_command(), cls.logger, cls.cb_check)

    @plugin_cli
    def cli(cls) -> click.Command:  # noqa: N805 - the SDK's decorator makes it a class method
        """The command."""
        return cli.logged(lambda: super(TapLeadLex, cls).cli, cls.get_singer_command)


def _is_news(record: logging.LogRecord) -> bool:
    """Drop the SDK's lines on what the tap does itself, or by default.

    These are whether it reads the environment, and that no one has selected a stream that is not
    selected by default.
    """
    message = record.getMessage()
    return not message.endswith(("env var settings...", f"deselected stream '{refreshes.NAME}'."))
