"""The program `leadlex-validate`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tap_leadlex.api_url import DEFAULT_API_URL
from tap_leadlex.resources import CONTACTS
from tap_leadlex.validation.config import api_key, api_url, instant, load, read_state
from tap_leadlex.validation.errors import CannotValidateError
from tap_leadlex.validation.options import Options
from tap_leadlex.validation.outcome import COULD_NOT
from tap_leadlex.validation.publish import Reports, publish
from tap_leadlex.validation.run import validate_destination, validate_file, validate_pipe

if TYPE_CHECKING:
    from tap_leadlex.validation.outcome import Outcome

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NEW_FILE = click.Path(dir_okay=False, path_type=Path)


class Program(click.Command):
    """A command that keeps exit code 1 for findings."""

    def main(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - click's own signature
        """Run; what cannot be validated ends in one line and exit code 2."""
        try:
            return super().main(*args, **kwargs)
        except (CannotValidateError, OSError) as error:
            click.echo(f"leadlex-validate: {error}", err=True)
        except Exception as error:
            if os.environ.get("LEADLEX_VALIDATE_DEBUG"):
                raise
            click.echo(
                f"leadlex-validate: unexpected {type(error).__name__}, a fault of this program. "
                "Set LEADLEX_VALIDATE_DEBUG=1 for the traceback and report it.",
                err=True,
            )
        sys.exit(COULD_NOT)


@click.command(cls=Program, context_settings={"max_content_width": 100})
@click.option("--config", type=_FILE, callback=load, is_eager=True, help="JSON file of options.")
@click.option("--tee", is_flag=True, help="Pass the stream on, byte for byte.")
@click.option("--input", "input_", type=_FILE, help="Validate a recorded stream.")
@click.option("--destination", metavar="URL", help="Validate a table of this SQLAlchemy database.")
@click.option("--table", default=CONTACTS.name, show_default=True, help="The destination's table.")
@click.option(
    "--api-url",
    callback=api_url,
    default=DEFAULT_API_URL,
    envvar=["LEADLEX_VALIDATE_API_URL", "TAP_LEADLEX_API_URL"],
    help="Base of the API.",
)
@click.option("--offline", is_flag=True, help="Ask LeadLex nothing, even with a key.")
@click.option("--state", type=_FILE, help="The state that the run was given.")
@click.option("--first-sync", is_flag=True, help="The run had no state.")
@click.option("--start-date", callback=instant, help="The tap's start_date.")
@click.option("--lookback-seconds", type=click.IntRange(0), default=0, help="The tap's setting.")
@click.option("--list-id", help="The tap's list_id.")
@click.option("--tags", multiple=True, help="The tap's tags, each with its own --tags.")
@click.option("--stream", default=CONTACTS.name, show_default=True, help="The stream to check.")
@click.option(
    "--sample",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="Contacts to compare field by field.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="What the sample comes from.")
@click.option(
    "--max-calls",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Calls of the API at most.",
)
@click.option("--json", "json_", type=_NEW_FILE, help="Write the outcome for machines.")
@click.option("--report", type=_NEW_FILE, help="Write a page to look at (HTML).")
@click.option("--show-values", is_flag=True, help="Let reports show contacts' values.")
@click.version_option(package_name="tap-leadlex")
@click.pass_context
def main(ctx: click.Context, /, **given: Any) -> None:  # noqa: ANN401 - click's options by name
    """Prove that a sync of LeadLex's contacts is complete.

    Reads Singer messages from standard input, as a target does, and prints the last state when
    nothing was found. The API key comes from --config or LEADLEX_VALIDATE_API_KEY (or
    TAP_LEADLEX_API_KEY); without it, only the stream itself is checked.

    Exit code 0: clean. 1: findings. 2: could not validate.
    """
    if sum([bool(given["tee"]), bool(given["input_"]), bool(given["destination"])]) > 1:
        msg = "--tee, --input and --destination exclude one another"
        raise click.UsageError(msg, ctx)
    options = Options(
        api_url=given["api_url"],
        api_key=None if given["offline"] else api_key(ctx),
        stream=given["stream"],
        state=read_state(given["state"], given["stream"]),
        start=given["start_date"],
        first_sync=given["first_sync"],
        lookback=given["lookback_seconds"],
        list_id=given["list_id"],
        tags=given["tags"],
        sample=given["sample"],
        seed=given["seed"],
        max_calls=given["max_calls"],
        by_month=given["report"] is not None,
    )
    outcome = _validate(options, given)
    publish(
        outcome, Reports(given["json_"], given["report"], show_values=bool(given["show_values"]))
    )
    sys.exit(outcome.exit_code)


def _validate(options: Options, given: dict[str, Any]) -> Outcome:
    if given["destination"]:
        return validate_destination(options, given["destination"], given["table"])
    if given["input_"]:
        return validate_file(options, given["input_"])
    return validate_pipe(options, tee=given["tee"])
