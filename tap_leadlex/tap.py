"""The front door: settings in, streams out, errors in one line."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Tap
from singer_sdk.exceptions import ConfigValidationError, SingerSDKError
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.plugin_base import SingerCommand

from tap_leadlex import settings
from tap_leadlex.errors import LeadLexError, SettingsError
from tap_leadlex.streams import Contacts
from tap_leadlex.writer import MessageWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click


class Command(SingerCommand):
    """The command line, which ends in one line where the SDK's ends in a traceback."""

    def main(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - click's own signature
        """Run the command; exit 1 with one line that says what is wrong and what to do."""
        try:
            return super().main(*args, **kwargs)
        except Exception as error:
            self.logger.critical(
                "%s", _advice(error), exc_info=self.logger.isEnabledFor(logging.DEBUG)
            )
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
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    def __init__(self, *, validate_config: bool = True, **kwargs: Any) -> None:  # noqa: ANN401
        """Take the settings in.

        Args:
            validate_config: Whether the settings must suffice for a sync. Discovery needs no key.
            **kwargs: What the SDK's tap takes.

        Raises:
            SettingsError: If a setting is missing, unknown or not what it must be.
        """
        # httpx tells each request at INFO; the stream's own lines say it better.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        try:
            super().__init__(validate_config=validate_config, **kwargs)
        except ConfigValidationError:
            # The SDK's words quote the value, which may be the key.
            raise SettingsError(" ".join(self._complaints())) from None
        if complaints := [line for line in self._complaints() if "'api_key'" not in line]:
            raise SettingsError(" ".join(complaints))

    def discover_streams(self) -> Sequence[Contacts]:
        """Give the one stream; nothing is asked of LeadLex."""
        user_agent = f"{self.name}/{self.plugin_version}"
        return [Contacts(self, settings.Settings.from_config(self.config, user_agent))]

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Give the SDK's command line with our way of failing."""
        command = super().get_singer_command()
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


def _advice(error: Exception) -> str:
    """Put any error into one line that holds no contact's value."""
    if isinstance(error, LeadLexError | SingerSDKError | OSError):
        return " ".join(str(error).split())
    return (
        f"Unexpected {type(error).__name__}: this is a fault of tap-leadlex. Run again with "
        "TAP_LEADLEX_LOGLEVEL=DEBUG for the traceback and report it."
    )
