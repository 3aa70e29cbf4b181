"""What the comparison of values proves, and that it says so truthfully."""

from __future__ import annotations

import json
from math import comb
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.sandbox import Fault, Quotas, Reading, Sandbox
from tap_leadlex.sandbox.readings import ListMode, Newline, Presence, Quoting
from tap_leadlex.validation.catalogue import Check
from tap_leadlex.validation.content import Contents, chance_to_miss
from tap_leadlex.validation.layout import Compare, Field, Match
from tap_leadlex.validation.options import Options
from tap_leadlex.validation.validation import Validation
from tests.support import RawServer, config_for, run
from tests.validation.streams import clean, lines
from tests.validation.syncs import judge, options

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_leadlex.validation.outcome import Outcome


def codes(outcome: Outcome) -> set[str]:
    return {finding.kind.code for finding in outcome.findings}


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_the_chance_to_miss_a_defect_is_hypergeometric(given: tuple[int, int]) -> None:
    contacts, drawn = given
    defects = -(-contacts // 100)
    expected = comb(contacts - defects, drawn) / comb(contacts, drawn)
    assert chance_to_miss(contacts, drawn) == pytest.approx(expected)


def test_a_sample_says_what_it_would_miss() -> None:
    assert Contents(contacts=20, of=3000).summary() == (
        "20 of 3,000 contacts compared: a defect in 1 % of the contacts would be missed with 82 %"
    )


def test_the_sample_grows_with_the_calls(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=300, quotas=Quotas(exports=None))
    stream = run(config_for(sandbox)).out.encode().splitlines()
    for calls, drawn in ((100, 20), (400, 80)):
        outcome = judge(sandbox, stream, max_calls=calls)
        assert outcome.contents is not None
        assert outcome.contents.contacts == drawn
        assert outcome.verdict == "nothing found in what was checked"


def test_a_large_sample_leaves_completeness_its_calls(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=300, quotas=Quotas(exports=None))
    stream = run(config_for(sandbox)).out.encode().splitlines()
    outcome = judge(sandbox, [*stream[:50], *stream[51:]], sample=3000)
    assert "missing" in codes(outcome)
    assert outcome.contents is not None
    assert 0 < outcome.contents.contacts < 100


def served(body: object) -> bytes:
    text = json.dumps(body).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
    return head + b"Content-Length: %d\r\n\r\n%b" % (len(text), text)


@pytest.mark.parametrize("data", [{}, {"id": "id-1"}, {"contact": {}}, {"id": "other", "email": 1}])
def test_an_answer_without_fields_is_not_a_comparison(data: dict[str, Any]) -> None:
    with RawServer(served({"data": data})) as server:
        told = options_of(server.url)
        outcome = Validation(told, "lines", live=False).stream([lines(clean())], lambda _: None)
    assert outcome.stopped[Check.CONTENT].startswith("Could not compare")
    assert outcome.exit_code == 2


def options_of(url: str) -> Options:
    return Options(api_url=url, api_key="wbk_x", sample=1)


def test_a_wrapped_contact_is_compared() -> None:
    contact = {"id": "id-1", "full_name": "Somebody Else", "tags": []}
    with RawServer(served({"data": {"contact": contact}})) as server:
        told = options_of(server.url)
        messages = clean()[:2]
        outcome = Validation(told, "lines", live=False).stream([lines(messages)], lambda _: None)
    assert "different-value" in codes(outcome)


READINGS = [
    Reading(),
    Reading(newline=Newline.CRLF, bom=Presence.YES, quoting=Quoting.ALL),
    Reading(list_mode=ListMode.FORBIDDEN),
]


@pytest.mark.parametrize("reading", READINGS)
def test_all_contacts_are_compared_by_one_export(
    serve: Callable[..., Sandbox], reading: Reading
) -> None:
    sandbox = serve(contacts=300, quotas=Quotas(exports=None), reading=reading)
    stream = run(config_for(sandbox)).out.encode().splitlines()
    before = len(sandbox.exports)
    said: list[str] = []
    told = options(sandbox, content="all")
    validation = Validation(told, "lines", live=True, say=said.append)
    outcome = validation.stream([list(stream)], lambda _: None)
    assert codes(outcome) == set()
    assert outcome.exit_code == 0
    assert said == ["--content all takes 1 export call of the ten that LeadLex allows an hour"]
    assert len(sandbox.exports) - before == outcome.exports == 1
    assert outcome.contents is not None
    assert outcome.contents.summary() == "every value of 300 contacts compared"
    assert outcome.comparison is not None
    assert outcome.comparison.by == "id"
    listed = reading.list_mode is ListMode.OK
    assert outcome.verdict == ("clean" if listed else "nothing found in what was checked")


def test_tags_are_counted_by_the_export(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=300, quotas=Quotas(exports=None))
    stream = run(config_for(sandbox, tags=["lead"])).out.encode().splitlines()
    outcome = judge(sandbox, stream, content="all")
    assert outcome.exit_code == 0
    assert outcome.comparison is not None
    assert outcome.comparison.leadlex == outcome.comparison.sync > 0
    lost = judge(sandbox, [*stream[:5], *stream[6:]], content="all")
    assert "missing" in codes(lost)


def test_more_exports_than_allowed_are_not_begun(
    serve: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tap_leadlex.validation.exports.EXPORT_LIMIT", 100)
    sandbox = serve(contacts=300, quotas=Quotas(exports=None))
    stream = run(config_for(sandbox)).out.encode().splitlines()
    before = len(sandbox.exports)
    outcome = judge(sandbox, stream, content="all", max_exports=3)
    assert "needs 4 export calls" in outcome.stopped[Check.CONTENT]
    assert len(sandbox.exports) == before
    assert outcome.exit_code == 2
    split = judge(sandbox, stream, content="all", max_exports=4)
    assert split.exports == 4
    assert split.exit_code == 0


FAULTS = [
    Fault.CUT_MID_LINE,
    Fault.CUT_IN_QUOTES,
    Fault.CUT_AT_LINE,
    Fault.RAGGED_ROW,
    Fault.BAD_DATE,
    Fault.JSON_200,
    Fault.RESET_MIDWAY,
    Fault.TOO_MANY,
    Fault.MISSING_COLUMN,
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_export_proves_nothing(serve: Callable[..., Sandbox], fault: Fault) -> None:
    sandbox = serve(contacts=300, quotas=Quotas(exports=None), faults={2: fault})
    stream = run(config_for(sandbox)).out.encode().splitlines()
    outcome = judge(sandbox, stream, content="all")
    assert codes(outcome) == set()
    assert Check.CONTENT in outcome.stopped
    assert outcome.exit_code == 2


def test_a_full_export_proves_nothing(
    serve: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tap_leadlex.validation.exports.EXPORT_LIMIT", 100)
    reading = Reading(list_mode=ListMode.FORBIDDEN)
    sandbox = serve(contacts=300, quotas=Quotas(exports=None), reading=reading)
    stream = run(config_for(sandbox)).out.encode().splitlines()
    first = [line for line in stream if b'"RECORD"' in line][90:]
    outcome = judge(sandbox, [line for line in stream if line not in first], content="all")
    assert "may have truncated it" in outcome.stopped[Check.CONTENT]


def test_a_capped_export_proves_nothing(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=300, quotas=Quotas(exports=None))
    stream = run(config_for(sandbox)).out.encode().splitlines()
    sandbox.workspace.export_cap = 100
    outcome = judge(sandbox, stream, content="all")
    assert "100 of the 300 contacts" in outcome.stopped[Check.CONTENT]
    assert codes(outcome) == set()


@pytest.mark.parametrize("edited", [1, 80])
def test_contacts_edited_since_are_no_finding(serve: Callable[..., Sandbox], edited: int) -> None:
    sandbox = serve(contacts=300, quotas=Quotas(exports=None))
    told = options(sandbox, content="all")
    validation = Validation(told, "lines", live=True)
    stream = run(config_for(sandbox)).out.encode().splitlines()
    later = sandbox.workspace.now() + 1_000_000
    for row in list(sandbox.store.rows())[:edited]:
        sandbox.store.edit(row.contact.id, {"job_title": "Judge"}, later)
    outcome = validation.stream([stream], lambda _: None)
    assert codes(outcome) == set()
    assert f"Contacts that LeadLex changed after the sync: {edited}." in outcome.notes
    spoilt = [line.replace(b'"email":"', b'"email":"x') for line in stream]
    wrong = judge(sandbox, spoilt, content="all")
    assert wrong.findings[0].count > 200


def test_a_stream_without_dates_is_exported_by_the_dates_of_the_list(
    serve: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tap_leadlex.validation.exports.EXPORT_LIMIT", 100)
    sandbox = serve(contacts=300, quotas=Quotas(exports=None))
    config = {"stream_maps": {"contacts": {"id": "id", "email": "email", "__else__": None}}}
    stream = run(config_for(sandbox, **config)).out.encode().splitlines()
    outcome = judge(sandbox, stream, content="all", tap_config=config)
    assert codes(outcome) == set()
    assert outcome.exports == 4
    assert outcome.comparison is not None
    assert outcome.comparison.by == "id"
    strange = [line.replace(b'"id":"', b'"id":"x', 1 + (b"0" in line)) for line in stream[:3]]
    found = judge(sandbox, [*strange, *stream[3:]], content="all", tap_config=config)
    assert codes(found) == {"missing", "surplus"}


TEXT = Field("email")
TAGS = Field("tags")


@pytest.mark.parametrize(
    ("how", "delivered", "leadlex", "match"),
    [
        (TEXT, "a", "a", Match.EQUAL),
        (TEXT, None, "", Match.EQUAL),
        (TEXT, "a\0b", "ab", Match.EQUAL),
        (TEXT, "A", "a", Match.DIFFERENT),
        (TEXT, None, "a", Match.MISSING),
        (TEXT, "a", None, Match.EXTRA),
        (Field("email", Compare.LOOSE), " A  b", "a B", Match.EQUAL),
        (Field("full_name", Compare.WORDS), "Ann Lee", "Lee, Ann", Match.EQUAL),
        (Field("full_name", Compare.WORDS), "Leo", "Lee, Ann", Match.DIFFERENT),
        (TAGS, ["b", "a"], "a,b", Match.EQUAL),
        (TAGS, '["b", "a"]', ["a", "b"], Match.EQUAL),
        (TAGS, "a|b", ["a", "b"], Match.EQUAL),
        (TAGS, "a|b|c", ["a", "b"], Match.DIFFERENT),
        (TAGS, "", [], Match.EQUAL),
        (TAGS, "", ["a"], Match.MISSING),
        (Field("tags", separator=";"), "a;b", ["b", "a"], Match.EQUAL),
        (Field("created_at"), "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", Match.EQUAL),
        (Field("created_at"), "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", Match.DIFFERENT),
        (Field("created_at", format="%m/%d/%Y"), "01/31/2026", "2026-01-31T05:00:00Z", Match.EQUAL),
    ],
)
def test_values_are_compared_as_their_column_asks(
    how: Field, delivered: object, leadlex: object, match: Match
) -> None:
    assert how.match(delivered, leadlex) is match
