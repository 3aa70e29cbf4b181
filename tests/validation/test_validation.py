"""Whole validations: which range is compared, and what ends in which exit code."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil
from typing import TYPE_CHECKING

import pytest

from tap_leadlex.sandbox import Defects, ListFault, Quotas, Reading, Sandbox
from tap_leadlex.sandbox.instants import from_datetime, to_datetime
from tap_leadlex.sandbox.readings import ListMode
from tap_leadlex.sandbox.workspace import utc_now
from tap_leadlex.validation import claims, validation
from tap_leadlex.validation.api import LeadLex
from tap_leadlex.validation.catalogue import Check
from tap_leadlex.validation.validation import Validation
from tests.support import config_for, run
from tests.validation.defects import Messages, entry, records, states, without_counts
from tests.validation.streams import lines
from tests.validation.syncs import full_refresh, judge, options, validate

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_leadlex.validation.outcome import Outcome


def codes(outcome: Outcome) -> list[str]:
    return [finding.kind.code for finding in outcome.findings]


def old_style(messages: Messages) -> list[bytes]:
    """Give a stream whose states hold nothing but bookmarks, and which tells no origin."""
    kept = [one for at, one in enumerate(messages) if at or one["type"] != "STATE"]
    return lines(without_counts(kept))


def test_a_resumed_run_is_counted_from_its_state_on(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=50)
    config = config_for(sandbox)
    first = run(config)
    now = from_datetime(utc_now())
    for days in (1, 2, 3):
        sandbox.store.create(now - days * 3_600_000_000)
    # Back-dated below the bookmark: no matter for this run.
    state = first.state
    state["bookmarks"]["contacts"]["replication_key_value"] = (
        utc_now() - timedelta(days=1)
    ).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    state["bookmarks"]["contacts"]["drift_checked"] = utc_now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    _, outcome = validate(sandbox, lambda: run(config, state=state))
    assert outcome.exit_code == 0
    assert outcome.comparison is not None
    assert (outcome.comparison.leadlex, outcome.comparison.sync) == (3, 3)

    messages = run(config, state=state).messages
    told = judge(sandbox, old_style(messages), state=claims.read(state))
    assert told.exit_code == 0
    assert told.comparison is not None
    assert told.comparison.leadlex == 3
    assert told.notes == []
    inferred = judge(sandbox, old_style(messages))
    assert inferred.exit_code == 0
    assert "from the first contact" in " ".join(inferred.notes)
    assert "missing" in codes(judge(sandbox, old_style(messages), first_sync=True))


def test_a_start_date_is_the_beginning(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=50)
    start = datetime(2025, 1, 1, tzinfo=UTC)
    done = run(config_for(sandbox, start_date=start.isoformat()))
    assert 0 < len(done.records) < 50
    assert judge(sandbox, done.out.encode().splitlines()).exit_code == 0
    stream = old_style(done.messages)
    told = judge(sandbox, stream, start_date=start.timestamp())
    assert told.exit_code == 0
    assert told.covered is not None
    assert told.covered.start == start.timestamp()
    assert "missing" in codes(judge(sandbox, stream, first_sync=True))


def test_a_lookback_is_not_an_alarm(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=50)
    state = run(config_for(sandbox)).state
    # Back to the middle of the history, which ends at a fixed date.
    middle = to_datetime(list(sandbox.store.rows())[25].created)
    lookback = ceil((utc_now() - middle).total_seconds())
    done = run(config_for(sandbox, lookback_seconds=lookback), state=state)
    assert len(done.records) == 25
    stream = done.out.encode().splitlines()
    assert judge(sandbox, stream, lookback_seconds=float(lookback)).exit_code == 0
    assert "before-resume" in codes(judge(sandbox, stream))


def test_a_refresh_is_compared_whole(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=50, quotas=Quotas(exports=None))
    config = config_for(sandbox, export_limit=20)
    state, catalog = run(config).state, full_refresh(config)
    _, outcome = validate(sandbox, lambda: run(config, state=state, catalog=catalog))
    assert outcome.exit_code == 0
    assert outcome.comparison is not None
    assert outcome.comparison.sync == 50
    short = run({**config, "max_exports": 2}, state=state, catalog=catalog)
    rest = run(config, state=short.state, catalog=catalog)
    for part in (short, rest):
        assert judge(sandbox, part.out.encode().splitlines()).exit_code == 0
    assert len(short.records) + len(rest.records) == 50


def test_a_list_of_leadlex_is_counted_alone(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=80)
    done = run(config_for(sandbox, list_id="list-half"))
    assert 0 < len(done.records) < 80
    for outcome in (
        judge(sandbox, done.out.encode().splitlines()),
        judge(sandbox, old_style(done.messages), list_id="list-half"),
    ):
        assert outcome.exit_code == 0
        assert outcome.comparison is not None
        assert outcome.comparison.leadlex == len(done.records)
    assert "missing" in codes(judge(sandbox, old_style(done.messages)))


def test_tags_cannot_be_counted_and_that_is_said(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=80)
    done = run(config_for(sandbox, tags=["lead"]))
    for outcome in (
        judge(sandbox, done.out.encode().splitlines()),
        judge(sandbox, old_style(done.messages), tags=("lead",)),
    ):
        assert outcome.exit_code == 0
        assert "tags" in outcome.skipped[Check.COMPLETENESS]
        assert outcome.contents is not None
        assert outcome.contents.compared
    assert "missing" in codes(judge(sandbox, old_style(done.messages)))


@pytest.mark.parametrize("mode", list(ListMode))
def test_no_mode_of_the_list_raises_a_false_alarm(
    serve: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch, mode: ListMode
) -> None:
    monkeypatch.setattr(validation, "LeadLex", partial(LeadLex, sleep=lambda _: None))
    sandbox = serve(contacts=400, reading=Reading(list_mode=mode))
    outcome = judge(sandbox, run(config_for(sandbox)).out.encode().splitlines(), by_month=True)
    assert codes(outcome) == []
    # The list of 400 contacts is whole in these modes; in the others it proves nothing.
    can_be_counted = mode in {ListMode.OK, ListMode.SHALLOW}
    assert outcome.exit_code == (0 if can_be_counted else 2)
    assert set(outcome.stopped) == (set() if can_be_counted else {Check.COMPLETENESS})


def test_a_contact_lost_soon_after_it_was_created_is_no_late_comer(
    serve: Callable[..., Sandbox],
) -> None:
    sandbox = serve(contacts=20)
    fresh = sandbox.store.create(from_datetime(utc_now() - timedelta(minutes=5)))
    stream = run(config_for(sandbox)).out.encode().splitlines()
    lost = [line for line in stream if fresh.contact.id.encode() not in line]
    assert len(lost) == len(stream) - 1
    recorded = Validation(options(sandbox), "a file", live=False)
    assert "missing" in codes(recorded.stream([lost], lambda _: None))


def test_findings_count_more_than_what_could_not_be_done(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=30, reading=Reading(list_mode=ListMode.FORBIDDEN))
    stream = run(config_for(sandbox)).out.encode().splitlines()
    assert judge(sandbox, stream).exit_code == 2
    assert judge(sandbox, [*stream, stream[1]]).exit_code == 1


def test_the_budget_bounds_the_calls_and_leaves_the_sample_its_share(
    serve: Callable[..., Sandbox],
) -> None:
    sandbox = serve(contacts=300, quotas=Quotas(exports=None))
    stream = run(config_for(sandbox, export_limit=100)).out.encode().splitlines()
    for budget in (1, 10, 25, 60):
        before = len(sandbox.calls)
        outcome = judge(sandbox, stream[::2], max_calls=budget, sample=10, by_month=True)
        assert outcome.exit_code == 1
        assert outcome.calls == len(sandbox.calls) - before <= budget
    assert outcome.contents is not None
    assert len(outcome.contents.compared) == 10


def test_leadlex_s_clock_decides_what_is_in_the_future(serve: Callable[..., Sandbox]) -> None:
    behind = timedelta(minutes=2)
    sandbox = serve(contacts=20, clock=lambda: utc_now() - behind)
    stream = run(config_for(sandbox)).out.encode().splitlines()
    without_records = [line for line in stream if b"RECORD" not in line]
    assert "future-bookmark" not in codes(judge(sandbox, without_records))
    early = (utc_now() - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S")
    moved = [
        re.sub(rb'(replication_key_value":")[^.]+', rb"\g<1>" + early.encode(), line)
        for line in without_records
    ]
    assert "future-bookmark" in codes(judge(sandbox, moved))
    assert "future-bookmark" not in codes(judge(sandbox, moved, api_key=None))


def test_a_lost_contact_is_one_finding(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=30)
    stream = run(config_for(sandbox)).out.encode().splitlines()
    outcome = judge(sandbox, [*stream[:5], *stream[6:]])
    assert codes(outcome) == ["missing"]
    assert any("lost after it" in note for note in outcome.notes)
    assert codes(judge(sandbox, [*stream[:5], *stream[6:]], api_key=None)) == ["uncounted"]


def test_gaps_are_joined_and_in_order_of_time(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=5000, quotas=Quotas(exports=None))
    stream = run(config_for(sandbox)).out.encode().splitlines()
    lost = [*stream[:1000], *stream[2000:3000], *stream[3010:]]
    for content in ("none", "all"):
        outcome = judge(sandbox, lost, content=content)
        assert outcome.comparison is not None
        starts = [gap.start for gap in outcome.comparison.gaps]
        assert starts == sorted(starts)
        assert sum(gap.short for gap in outcome.comparison.gaps) == 1010
        assert sum(found.count for found in outcome.findings) == 1010
    assert len(judge(sandbox, lost, content="none").findings) <= 3


@pytest.mark.parametrize("error", [-5, 5])
def test_a_total_that_is_off_is_noticed_although_the_counts_agree(
    serve: Callable[..., Sandbox], error: int
) -> None:
    sandbox = serve(contacts=300, defects=Defects(total_error=error))
    stream = run(config_for(sandbox, check_drift=False)).out.encode().splitlines()
    outcome = judge(sandbox, stream)
    assert Check.COMPLETENESS in outcome.stopped
    assert outcome.exit_code == 2


def test_a_list_that_refuses_deep_pages_leaves_the_total_unverified(
    serve: Callable[..., Sandbox],
) -> None:
    sandbox = serve(contacts=300, quotas=Quotas(exports=None))
    stream = run(config_for(sandbox)).out.encode().splitlines()
    # The list answers the counts, then refuses the pages that would verify its total.
    refused = dict.fromkeys(range(4, 99), ListFault.FORBIDDEN)
    listed = sum(call.is_list for call in sandbox.calls)
    sandbox.workspace.list_faults = {number + listed: fault for number, fault in refused.items()}
    outcome = judge(sandbox, stream)
    assert codes(outcome) == []
    assert outcome.comparison is not None
    assert not outcome.comparison.verified
    assert outcome.exit_code == 0
    assert "the total of LeadLex's list is not verified" in " ".join(outcome.not_checked)


def test_a_refused_list_leaves_the_content_checked(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=20, reading=Reading(list_mode=ListMode.FORBIDDEN))
    stream = run(config_for(sandbox)).out.encode().splitlines()
    sandbox.store.delete(next(iter(sandbox.store.rows())).contact.id)
    outcome = judge(sandbox, stream)
    assert set(outcome.stopped) == {Check.COMPLETENESS}
    assert outcome.contents is not None
    assert len(outcome.contents.compared) == 20


@pytest.mark.parametrize("deleted", [True, False])
def test_only_deleted_contacts_may_be_dropped_by_an_activation(
    serve: Callable[..., Sandbox], *, deleted: bool
) -> None:
    sandbox = serve(contacts=30, quotas=Quotas(exports=None))
    config = config_for(sandbox)
    messages = without_counts(run(config, catalog=full_refresh(config)).messages)
    for at in states(messages):
        for refresh in entry(messages[at]).get("refresh") or ():
            refresh.pop("delivered")
            refresh.pop("ledger", None)
    # It came with the news of the run, and the refresh did not bring it again.
    last = max(records(messages), key=lambda at: str(messages[at]["record"]["created_at"]))
    news = messages.pop(last)
    del news["version"]
    messages.insert(min(records(messages)), news)
    validation = Validation(options(sandbox), "lines", live=True)
    if deleted:
        sandbox.store.delete(news["record"]["id"])

    outcome = validation.stream([lines(messages)], lambda _: None)

    assert codes(outcome) == ([] if deleted else ["activation-drops"])
    assert ("Contacts deleted before the refresh read them: 1." in outcome.notes) == deleted
