"""The program `leadlex-validate`."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import sys
from contextlib import contextmanager, nullcontext
from dataclasses import fields
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import click
import msgspec

from tap_leadlex.api_url import DEFAULT_API_URL
from tap_leadlex.resources import CONTACTS
from tap_leadlex.validation import messages
from tap_leadlex.validation import options as told
from tap_leadlex.validation.errors import CannotValidateError
from tap_leadlex.validation.findings import printable
from tap_leadlex.validation.options import Options
from tap_leadlex.validation.outcome import COULD_NOT
from tap_leadlex.validation.reports import publish
from tap_leadlex.validation.validation import Validation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tap_leadlex.validation.outcome import Outcome

_PREFIX = 12


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
@click.option(
    "--config",
    type=told.json_object,
    callback=told.load,
    is_eager=True,
    metavar="FILE",
    help="JSON file of options.",
)
@click.option(
    "--tap-config",
    type=told.tap_config,
    callback=told.load_tap,
    is_eager=True,
    metavar="FILE",
    help='The tap\'s config: its stream maps and filters. "ENV" reads TAP_LEADLEX_* variables.',
)
@click.option("--tee", is_flag=True, help="Pass the stream on, byte for byte.")
@click.option("--input", "input_", type=told.FILE, help="Validate a recorded stream.")
@click.option(
    "--destination",
    multiple=True,
    metavar="URL|FILE",
    help="Validate a table of this SQLAlchemy database, or CSV files, one --destination for each.",
)
@click.option("--table", default=CONTACTS.name, show_default=True, help="The destination's table.")
@click.option(
    "--mapping",
    type=told.content,
    metavar="FILE",
    help="JSON file: which column holds which of LeadLex's.",
)
@click.option(
    "--api-url",
    type=told.url,
    default=DEFAULT_API_URL,
    envvar=["LEADLEX_VALIDATE_API_URL", "TAP_LEADLEX_API_URL"],
    help="Base of the API.",
)
@click.option("--offline", is_flag=True, help="Ask LeadLex nothing, even with a key.")
@click.option("--state", type=told.state, metavar="FILE", help="The state the run was given.")
@click.option("--first-sync", is_flag=True, help="The run had no state.")
@click.option("--start-date", type=told.instant, metavar="DATE", help="The tap's start_date.")
@click.option("--lookback-seconds", type=click.IntRange(0), default=0, help="The tap's setting.")
@click.option("--list-id", help="The tap's list_id.")
@click.option("--tags", multiple=True, help="The tap's tags, each with its own --tags.")
@click.option("--stream", help="The stream to check, if neither config nor SCHEMA tells.")
@click.option(
    "--content",
    type=click.Choice([told.SAMPLE, told.ALL, told.NONE]),
    default=told.SAMPLE,
    show_default=True,
    help="Contacts to compare value by value; all of them take export calls.",
)
@click.option("--sample", type=click.IntRange(0), help="Size of the sample: a fifth of the calls.")
@click.option("--seed", type=int, default=0, show_default=True, help="What draws the sample.")
@click.option(
    "--max-calls",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Calls of the API at most.",
)
@click.option(
    "--max-exports",
    type=click.IntRange(1),
    default=4,
    show_default=True,
    help="Export calls of --content all at most.",
)
@click.option("--json", "json_", type=told.new_file, metavar="FILE", help="Report as JSON.")
@click.option("--report", type=told.new_file, metavar="FILE", help="Report as an HTML page.")
@click.option("--show-values", is_flag=True, help="Let reports show contacts' values.")
@click.version_option(package_name="tap-leadlex")
@click.pass_context
def main(ctx: click.Context, /, **given: Any) -> None:  # noqa: ANN401 - click's options by name
    """Prove that a sync of LeadLex's contacts is complete and correct.

    Reads Singer messages from standard input, as a target does, and prints the last state if
    nothing was found. The API key comes from --config, --tap-config or LEADLEX_VALIDATE_API_KEY
    (or TAP_LEADLEX_API_KEY); without it, only the stream itself is checked.

    Exit code 0: nothing found in what was checked. 1: findings. 2: a check could not be done.
    """
    if sum([bool(given["tee"]), bool(given["input_"]), bool(given["destination"])]) > 1:
        msg = "--tee, --input and --destination exclude one another"
        raise click.UsageError(msg, ctx)
    if given["mapping"] and not given["destination"]:
        msg = "--mapping needs --destination"
        raise click.UsageError(msg, ctx)
    options = Options(
        **{each.name: given[each.name] for each in fields(Options) if each.name in given},
        api_key=None if given["offline"] else told.api_key(ctx),
        by_month=given["report"] is not None,
    )
    outcome = _validate(options, given)
    outcome.run = describe(options, sys.argv[1:])
    publish(
        outcome, json=given["json_"], html=given["report"], show_values=bool(given["show_values"])
    )
    sys.exit(outcome.exit_code)


def _validate(options: Options, given: dict[str, Any]) -> Outcome:
    if given["destination"]:
        # SQLAlchemy takes longer to import than all the rest, and streams do not need it.
        from tap_leadlex.validation.destination import Destination  # noqa: PLC0415

        place = Destination(given["destination"], given["table"])
        with _progress(None) as watch:
            return Validation(options, place.name, say=_say).destination(place, watch)
    path: Path | None = given["input_"]
    with path.open("rb") if path else nullcontext(sys.stdin) as source:
        name = printable(path.name) if path else "standard input"
        validation = Validation(options, name, live=path is None, say=_say)
        chunks = messages.chunks_of(source.fileno())
        if given["tee"]:
            chunks = messages.passed_on(chunks, sys.stdout.fileno())
        with _progress(validation.expected) as watch:
            outcome = validation.stream(messages.lines_of(chunks), watch)
    if not path and not given["tee"] and validation.acknowledged is not None:
        # As a target does, but only if nothing was found: what is wrong must not be acknowledged.
        sys.stdout.buffer.write(msgspec.json.encode(validation.acknowledged) + b"\n")
        sys.stdout.flush()
    return outcome


@contextmanager
def _progress(expected: int | None) -> Iterator[Callable[[int], None]]:
    """Show the number of contacts on a terminal."""
    none = tuple[int]()
    with click.progressbar(
        (each for each in none),  # of unknown length
        length=expected or None,
        show_pos=True,
        label="contacts",
        file=sys.stderr,
        hidden=not sys.stderr.isatty(),
    ) as bar:
        yield lambda contacts: bar.update(contacts - bar.pos)


def _say(text: str) -> None:
    click.echo(f"leadlex-validate: {text}", err=True)


def describe(options: Options, arguments: Sequence[str]) -> dict[str, str]:
    """Describe a run for its report, without secrets."""
    key = options.api_key
    hashed = key and hashlib.sha256(key[:_PREFIX].encode()).hexdigest()[:8]
    command = shlex.join(["leadlex-validate", *arguments])
    return {
        "Run": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        "Version": f"tap-leadlex {version('tap-leadlex')}, Python {sys.version.split()[0]}",
        "Workspace": f"{hashed} (hash of the key's first characters)" if hashed else "no key",
        "Command": re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:***@", command),
    }
