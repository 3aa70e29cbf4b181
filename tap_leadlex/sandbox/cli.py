"""The command `leadlex-sandbox`."""

import logging
import signal
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import click

from tap_leadlex.sandbox.changes import Change
from tap_leadlex.sandbox.cli_options import (
    build,
    echo,
    instant,
    numbered,
    one_of,
    options_of,
    rates,
)
from tap_leadlex.sandbox.defects import Defects
from tap_leadlex.sandbox.echoes import Content, Place
from tap_leadlex.sandbox.faults import Fault, ListFault
from tap_leadlex.sandbox.histories import History
from tap_leadlex.sandbox.quota import Quotas
from tap_leadlex.sandbox.readings import Reading
from tap_leadlex.sandbox.server import KEY, Sandbox
from tap_leadlex.sandbox.workspace import utc_now

_STOP = {signal.SIGINT, signal.SIGTERM}


@click.command(context_settings={"max_content_width": 100})
@click.option(
    "--port", default=8765, show_default=True, help="Port on 127.0.0.1; 0 selects a free one."
)
@click.option(
    "--contacts", default=1_000, show_default=True, help="Number of contacts to generate."
)
@click.option(
    "--seed", default=0, show_default=True, help="A different seed generates different contacts."
)
@click.option(
    "--history",
    type=click.Choice([history.value for history in History]),
    default=History.EVEN.value,
    show_default=True,
    help="When the contacts were created.",
)
@click.option("--nasty/--tame", default=True, help="Include values that break careless readers.")
@click.option("--nul", is_flag=True, help="Include NUL characters.")
@click.option(
    "--change",
    "change_rates",
    multiple=True,
    metavar="KIND=N",
    callback=rates,
    help=f"Make N changes of a kind in an hour: {', '.join(Change)}.",
)
@click.option(
    "--changes-since",
    callback=instant,
    metavar="TIME",
    help="When these changes start, such as 2026-06-01T00:00:00Z; by default when you start.",
)
@click.option("--key", default=KEY, show_default=True, help="API key to accept.")
@click.option("--quota", default=10, show_default=True, help="Exports per window; 0 for no limit.")
@click.option(
    "--quota-seconds", default=3_600, show_default=True, help="Length of the window in seconds."
)
@click.option(
    "--quota-aligned", is_flag=True, help="Start windows at multiples of their length, not rolling."
)
@click.option("--quota-counts-refused", is_flag=True, help="Count refused calls, too.")
@click.option("--daily-quota", type=int, help="Calls of any kind per day (UTC).")
@click.option("--minute-quota", type=int, help="Calls of any kind per minute.")
@click.option("--latency", default=0.0, help="Delay before each response in seconds.")
@click.option("--clock-offset", default=0.0, help="Seconds by which the sandbox's clock is ahead.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="N=FAULT",
    callback=partial(numbered, one_of(Fault)),
    help=f"Fault of the N-th export: {', '.join(Fault)}.",
)
@click.option(
    "--list-fault",
    "list_faults",
    multiple=True,
    metavar="N=FAULT",
    callback=partial(numbered, one_of(ListFault)),
    help=f"Fault of the N-th list call: {', '.join(ListFault)}.",
)
@click.option(
    "--echo",
    "echoes",
    multiple=True,
    metavar="N=PLACE:CONTENT",
    callback=partial(numbered, echo),
    help=f"Echo in the N-th export. Places: {', '.join(Place)}. Contents: {', '.join(Content)}.",
)
@click.option(
    "--list-echo",
    "list_echoes",
    multiple=True,
    metavar="N=PLACE:CONTENT",
    callback=partial(numbered, echo),
    help="Echo in the N-th list call.",
)
@click.option(
    "--stall-seconds",
    default=30.0,
    show_default=True,
    help="Length of each silence in the faults stall and drip.",
)
@click.option("--export-cap", type=int, help="Cut every export off after this number of rows.")
@click.option("--max-export-rows", type=int, help="Answer larger exports with 504.")
@options_of(Reading)
@options_of(Defects)
def main(  # noqa: PLR0913 - click passes each option by name
    *,
    quota: int,
    quota_seconds: int,
    quota_aligned: bool,
    quota_counts_refused: bool,
    daily_quota: int | None,
    minute_quota: int | None,
    stall_seconds: float,
    clock_offset: float,
    history: str,
    **rest: Any,  # noqa: ANN401 - readings, defects, and options of Sandbox with the same name
) -> None:
    """Serve a simulated LeadLex on loopback.

    Prints the api_url once the server is ready and logs each call to stderr. Stop it with Ctrl+C or
    SIGTERM.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)  # before any thread starts: threads inherit it
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    try:
        sandbox = Sandbox(
            history=History(history),
            reading=build(Reading, rest),
            defects=build(Defects, rest),
            quotas=Quotas(
                exports=quota or None,
                window_seconds=quota_seconds,
                aligned=quota_aligned,
                refused_count=quota_counts_refused,
                daily=daily_quota,
                minute=minute_quota,
            ),
            stall=stall_seconds,
            clock=partial(_ahead, timedelta(seconds=clock_offset)),
            **rest,
        )
        with sandbox:
            click.echo(sandbox.url)
            signal.sigwait(_STOP)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error


def _ahead(offset: timedelta) -> datetime:
    return utc_now() + offset
