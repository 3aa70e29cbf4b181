"""The checks of the stream alone: what each finds, and that it finds nothing in a clean one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.validation import claims
from tap_leadlex.validation.findings import Findings
from tap_leadlex.validation.options import Options
from tap_leadlex.validation.stream import StreamValidator
from tests.validation.streams import SCHEMA, clean, codes, lines, record, state

if TYPE_CHECKING:
    from collections.abc import Callable

Messages = list[dict[str, Any]]
FEBRUARY = "2026-02-01T00:00:00.000000Z"


def test_a_clean_run_gives_no_findings() -> None:
    assert codes(lines(clean())) == []


def test_a_clean_run_is_summed_up() -> None:
    validator = StreamValidator(Findings(), Options(sample=2))
    for line in lines(clean()):
        validator.line(line)
    validator.end()
    windows = validator.bookmarks.windows
    assert [(window.contacts, window.exports) for window in windows] == [(2, 1), (1, 0)]
    assert validator.bookmarks.position == datetime(2026, 3, 1, tzinfo=UTC).timestamp()
    assert len(validator.delivered) == validator.records == 3
    assert len(validator.arrived.sample.drawn) == 2


def without(messages: Messages, *numbers: int) -> Messages:
    return [message for number, message in enumerate(messages) if number not in numbers]


def edited(number: int, **values: Any) -> Callable[[Messages], Messages]:  # noqa: ANN401
    def edit(messages: Messages) -> Messages:
        messages = json.loads(json.dumps(messages))
        part = messages[number]
        part["record" if part["type"] == "RECORD" else "value"] |= values
        return messages

    return edit


def schema(**values: Any) -> Callable[[Messages], Messages]:  # noqa: ANN401 - any value
    return lambda messages: [messages[0] | values, *messages[1:]]


DEFECTS: list[tuple[Callable[[Messages], Messages], set[str]]] = [
    (lambda _: [], {"empty-stream", "no-state"}),
    (lambda m: m[1:], {"record-before-schema"}),
    (lambda m: [*m[:3], {"type": "BATCH", "stream": "contacts"}, *m[3:]], {"batch"}),
    (lambda m: [*m, {"type": "SCHEMA", "stream": "invoices", "schema": {}}], {"unknown-stream"}),
    (lambda m: [*m, {"type": "LOG"}], {"unknown-message"}),
    (lambda m: [*m, {"type": "STATE"}], {"malformed-message"}),
    (lambda m: [*m, {"type": "RECORD", "stream": "contacts"}], {"malformed-message"}),
    (
        lambda m: [*m, {"type": "RECORD", "stream": "contacts", "record": []}],
        {"malformed-message"},
    ),
    (schema(schema={"type": "nonsense"}), {"bad-schema"}),
    (schema(key_properties=[]), {"schema-without-key"}),
    (schema(bookmark_properties=None), {"schema-without-replication-key"}),
    (
        lambda m: [*m, m[0] | {"key_properties": ["id", "tags"]}],
        {"schema-changed", "schema-without-key"},
    ),
    (lambda m: [*m, m[0]], set()),
    (edited(2, full_name=5), {"invalid-record"}),
    (edited(2, created_at="2026-01-02"), {"invalid-record"}),
    (edited(2, created_at="soon"), {"invalid-record", "bad-date"}),
    (edited(2, name="Ann"), {"uneven-record"}),
    (edited(2, id=""), {"empty-id"}),
    (edited(2, id="  "), {"empty-id"}),
    (edited(2, id="id-1"), {"conflict"}),
    (lambda m: [*m[:3], m[1], *m[3:]], {"repeat"}),
    (lambda m: [*m[:3], m[5], m[4]], {"bookmark-ahead"}),
    (lambda m: without(m, 5), {"unclosed"}),
    (lambda m: without(m, 3, 5), {"no-state"}),
    (lambda m: without(m, 3), set()),
    (lambda m: [*m[:3], state("2026-02-01T00:00:01.000000Z"), *m[4:]], {"bookmark-ahead"}),
    (lambda m: [*m[:3], state("2026-01-02T00:00:00.000000Z"), *m[4:]], {"record-ahead"}),
    (lambda m: [*m[:5], state("2026-03-01T00:00:00Z")], {"bad-state"}),
    (lambda m: [*m[:5], state("2026-03-01 00:00:00")], {"bad-state"}),
    (lambda m: [*m[:5], state("soon")], {"bad-state"}),
    (lambda m: [*m, {"type": "STATE", "value": {"bookmarks": []}}], {"bad-state"}),
    (lambda m: [*m, {"type": "STATE", "value": {}}], {"bookmark-back"}),
    (lambda m: [*m, state("2027-01-01T00:00:00.000000Z")], {"future-bookmark"}),
    (
        lambda m: [*m[:5], state("2026-03-01T00:00:00.000000Z", replication_key="updated_date")],
        {"bad-state"},
    ),
    (
        lambda m: [
            *m[:3],
            state(FEBRUARY, filters={"list_id": "a"}),
            *m[4:5],
            state("2026-03-01T00:00:00.000000Z", filters={"list_id": "b"}),
        ],
        {"filters-changed"},
    ),
    (lambda m: [state("2026-01-05T00:00:00.000000Z"), *m], {"before-resume"}),
    (
        lambda m: [*m[:3], state(FEBRUARY, delivered=3), *m[4:]],
        {"uncounted"},
    ),
    (
        lambda m: [*m, {"type": "ACTIVATE_VERSION", "stream": "contacts", "version": 1}],
        {"stray-activation"},
    ),
]


@pytest.mark.parametrize(("spoil", "expected"), DEFECTS)
def test_each_defect_is_found(spoil: Callable[[Messages], Messages], expected: set[str]) -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC).timestamp()
    assert set(codes(lines(spoil(clean())), latest=lambda: now)) == expected


@pytest.mark.parametrize(
    "line", [b"", b"Syncing", b'{"type": "STATE"', b'{"type": "STATE"}\xff', b"[" * 9999]
)
def test_a_line_that_is_no_json_is_found(line: bytes) -> None:
    assert codes([*lines(clean()), line]) == ["not-json"]


def test_a_value_nested_beyond_measure_is_found() -> None:
    deep = lines([record(1, "2026-01-01T00:00:00Z")])[0].replace(b"[]", b"[" * 500 + b"]" * 500)
    assert "invalid-record" in codes([*lines([SCHEMA]), deep, *lines([state(FEBRUARY)])])


def test_bytes_that_are_no_utf_8_are_found() -> None:
    broken = lines(clean())[1].replace(b"Ann", b"J\xfcrgen")
    assert set(codes([lines([SCHEMA])[0], broken, *lines(clean()[3:])])) == {"not-json"}


def test_a_property_that_is_missing_is_named() -> None:
    messages = clean()
    del messages[2]["record"]["created_at"]
    assert {"record-without-key", "uneven-record", "invalid-record", "bad-date"} == set(
        codes(lines(messages))
    )


def refreshing(until: str | None, delivered: int) -> Messages:
    refresh: dict[str, Any] = {
        "version": 7,
        "until": until,
        "delivered": delivered,
        "filters": {},
        "since": None,
    }
    return [state("2026-03-01T00:00:00.000000Z", refresh=refresh)]


def full_refresh() -> Messages:
    records = [record(number, f"2026-01-0{number}T00:00:00Z") | {"version": 7} for number in (1, 2)]
    return [
        state("2026-03-01T00:00:00.000000Z"),
        SCHEMA,
        records[0],
        *refreshing("2026-01-02T00:00:00.000000Z", 1),
        records[1],
        *refreshing("2026-04-01T00:00:00.000000Z", 2),
        {"type": "ACTIVATE_VERSION", "stream": "contacts", "version": 7},
        state("2026-04-01T00:00:00.000000Z", filters={}, delivered=2, since=None),
    ]


def test_a_full_refresh_begins_anew_below_the_bookmark() -> None:
    assert codes(lines(full_refresh())) == []


def test_a_full_refresh_goes_on_where_it_was_stopped() -> None:
    messages = full_refresh()
    given = refreshing("2026-01-02T00:00:00.000000Z", 1)
    assert codes(lines([*given, SCHEMA, *messages[4:]])) == []
    assert codes(lines([*given, SCHEMA, *messages[2:]])) == ["before-resume"]


def test_a_refresh_that_ends_below_the_bookmark_leaves_it_there() -> None:
    messages = full_refresh()
    messages[5:] = [
        *refreshing("2026-02-01T00:00:00.000000Z", 2),
        state("2026-03-01T00:00:00.000000Z"),
    ]
    messages[0] = state("2026-03-01T00:00:00.000000Z")
    assert codes(lines(messages)) == []


def test_a_lost_record_of_a_refresh_is_found_by_its_count() -> None:
    messages = full_refresh()
    assert codes(lines(without(messages, 4))) == ["uncounted"]


def test_a_version_activated_before_its_last_record_is_found() -> None:
    messages = full_refresh()
    messages.insert(4, messages.pop(6))
    assert codes(lines(messages)) == ["early-activation"]


def resumed(bookmark: str, lookback: float = 0.0, **more: Any) -> Options:  # noqa: ANN401
    claim = claims.read(state(bookmark, **more)["value"])
    return Options(state=claim, lookback_seconds=lookback)


def test_a_run_may_begin_where_the_last_ended() -> None:
    assert codes(lines(clean()), resumed("2026-01-01T00:00:00.000000Z")) == []


def test_a_run_that_begins_before_the_last_ended_is_found() -> None:
    assert codes(lines(clean()), resumed("2026-01-01T00:00:01.000000Z")) == ["before-resume"]


def test_a_run_that_was_given_another_state_is_found() -> None:
    stream = [state("2026-01-01T00:00:00.000000Z"), *clean()]
    assert codes(lines(stream), resumed("2026-01-01T00:00:00.000000Z")) == []
    assert codes(lines(stream), resumed("2025-12-01T00:00:00.000000Z")) == ["resumed-elsewhere"]


def test_the_count_of_earlier_runs_is_taken_over() -> None:
    given = state("2026-01-01T00:00:00.000000Z", delivered=40)
    stream = [given, *clean()[:-1], state("2026-03-01T00:00:00.000000Z", delivered=42)]
    stream[4] = state(FEBRUARY, delivered=42)
    stream[6] = state("2026-03-01T00:00:00.000000Z", delivered=43)
    assert codes(lines(stream)) == []
    assert codes(lines(without(stream, 3))) == ["uncounted"]


def test_a_bookmark_behind_the_last_run_is_found() -> None:
    stream = [SCHEMA, record(1, "2026-02-15T00:00:00Z"), state("2026-02-16T00:00:00.000000Z")]
    assert "bookmark-back" in codes(lines(stream), resumed("2026-03-01T00:00:00.000000Z"))


def test_a_lookback_repeats_on_purpose() -> None:
    bookmark = "2026-02-01T00:00:00.000000Z"
    messages = [
        SCHEMA,
        record(1, "2026-01-31T00:00:00Z"),
        state(bookmark),
        record(2, "2026-01-31T23:00:00Z"),
        record(3, "2026-02-02T00:00:00Z"),
        state("2026-03-01T00:00:00.000000Z"),
    ]
    assert codes(lines(messages), resumed(bookmark, lookback=86_400)) == []
    assert codes(lines(messages), resumed(bookmark, lookback=3_600)) == ["before-resume"]


def test_other_filters_than_those_of_the_last_run_are_found() -> None:
    before = resumed("2026-01-01T00:00:00.000000Z", filters={"list_id": None, "tags": ["a"]})
    stream = [SCHEMA, state(FEBRUARY, filters={"list_id": None, "tags": ["b"]})]
    assert codes(lines(stream), before) == ["filters-changed"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_json_upsets_the_validator(value: object) -> None:
    for line in (
        value,
        {"type": "STATE", "value": value},
        state("x") | {"value": {"bookmarks": value}},
    ):
        codes([*lines([SCHEMA]), json.dumps(line).encode()])
    claim = {"bookmarks": {"contacts": value}}
    codes(lines([SCHEMA, {"type": "STATE", "value": claim}]))


def test_very_many_windows_are_joined() -> None:
    findings = Findings()
    validator = StreamValidator(findings)
    for line in lines([SCHEMA]):
        validator.line(line)
    for number in range(2000):
        hour, minute = divmod(number, 60)
        day, hour = divmod(hour, 24)
        moment = f"2026-01-{day + 1:02}T{hour:02}:{minute:02}:"
        for line in lines([record(number, moment + "00Z"), state(moment + "30.000000Z")]):
            validator.line(line)
    windows = validator.bookmarks.windows
    assert len(windows) < 300
    assert sum(window.contacts for window in windows) == 2000
    assert not findings


def versions(*given: int | None, activate: int | None = None) -> Messages:
    """Give a refresh whose records have these versions, and perhaps its activation."""
    until = "2026-04-01T00:00:00.000000Z"
    messages: Messages = [SCHEMA]
    for number, version in enumerate(given, start=1):
        message = record(number, f"2026-01-0{number}T00:00:00Z")
        messages.append(message if version is None else message | {"version": version})
    messages += refreshing(until, len(given))
    if activate is not None:
        messages.append({"type": "ACTIVATE_VERSION", "stream": "contacts", "version": activate})
        messages.append(state(until, filters={}, delivered=len(given), since=None))
    return messages


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (versions(7, 7, 7, activate=7), set()),
        (versions(None, None, 7, 7, activate=7), {"activation-drops"}),
        (versions(7, 7, None, None, activate=7), {"activation-drops", "mixed-versions"}),
        (versions(7, 8, 7, 8), {"mixed-versions"}),
        (versions(8, 8, 7, 7, activate=7), {"activation-drops"}),
        (versions(7, 7, activate=8), {"stray-activation"}),
    ],
)
def test_versions_that_do_not_fit_are_found(messages: Messages, expected: set[str]) -> None:
    assert set(codes(lines(messages))) - {"uncounted", "miscounted"} == expected


def test_news_between_the_runs_of_a_refresh_belong_to_it() -> None:
    bookmark, refresh = "2026-03-01T00:00:00.000000Z", {"version": 7, "filters": {}, "since": None}
    under_way = refresh | {"until": "2026-01-02T00:00:00.000000Z", "delivered": 1}
    given = state(bookmark, filters={}, since=None, delivered=5, refresh=under_way)
    after = state(
        "2026-04-01T00:00:00.000000Z", filters={}, since=None, delivered=6, refresh=under_way
    )
    news = record(9, "2026-03-02T00:00:00Z") | {"version": 7}
    assert codes(lines([given, SCHEMA, news, after])) == []
    assert codes(lines([given, SCHEMA, after])) == ["uncounted"]
    assert codes(lines([given, SCHEMA, news, news, after])) == ["repeat"]


def test_a_refresh_may_follow_the_news_of_its_run() -> None:
    news = record(1, "2026-01-01T00:00:00Z")
    last = "2026-02-01T00:00:00.000000Z"
    refresh = {"version": 7, "until": last, "delivered": 1, "filters": {}, "since": None}
    messages = [
        SCHEMA,
        news,
        state(last, filters={}, since=None, delivered=1),
        news | {"version": 7},
        state(last, filters={}, since=None, delivered=1, refresh=refresh),
        {"type": "ACTIVATE_VERSION", "stream": "contacts", "version": 7},
        state(last, filters={}, since=None, delivered=1),
    ]
    assert codes(lines(messages)) == []


JANUARY = "2026-01-01T00:00:00.000000Z"


def repaired(before: str, count: int) -> Messages:
    """Give a run that reads January again after its news, and the states around it."""
    kept: dict[str, Any] = {"filters": {}, "since": None}
    last = "2026-03-01T00:00:00.000000Z"
    old = [[FEBRUARY, 2, before], [last, 1, "ok"]]
    new = [[FEBRUARY, count, "ok"], [last, 1, "ok"]]
    return [
        state(last, **kept, delivered=3, ledger=old),
        SCHEMA,
        record(1, "2026-01-05T00:00:00Z", full_name="Ann Newer"),
        state(last, **kept, delivered=1 + count, ledger=new),
    ]


def test_a_stretch_that_is_read_again_is_no_finding() -> None:
    assert codes(lines(repaired("stale", 2))) == []
    assert codes(lines(repaired("ok", 1))) == []
    assert codes(lines(repaired("ok", 2))) == ["before-resume"]
    elsewhere = repaired("stale", 2)
    elsewhere[2] = record(1, "2026-02-25T00:00:00Z")
    assert codes(lines(elsewhere)) == ["before-resume"]


@pytest.mark.parametrize("change", [{}, {"full_name": "Ann Newer"}])
def test_a_stretch_that_is_read_again_in_its_own_run_is_no_finding(change: dict[str, str]) -> None:
    first, second = record(1, "2026-01-05T00:00:00Z"), record(2, "2026-01-06T00:00:00Z")
    before = state(FEBRUARY, delivered=2, ledger=[[FEBRUARY, 2, "stale"]])
    after = state(FEBRUARY, delivered=3, ledger=[[FEBRUARY, 3, "ok"]])
    new = record(3, "2026-01-07T00:00:00Z")
    again = record(1, "2026-01-05T00:00:00Z", **change)
    assert codes(lines([SCHEMA, first, second, before, again, second, new, after])) == []
    kind = "conflict" if change else "repeat"
    unchanged = state(FEBRUARY, delivered=2, ledger=[[FEBRUARY, 2, "ok"]])
    found = codes(lines([SCHEMA, first, second, unchanged, again, unchanged]))
    assert found == ["bookmark-ahead", kind]


@pytest.mark.parametrize("named", [{"delivered": 5}, {}])
def test_a_ledger_counts_the_news(named: dict[str, int]) -> None:
    kept: dict[str, Any] = {"filters": {}, "since": None}
    last = "2026-03-01T00:00:00.000000Z"
    old = [[FEBRUARY, 2, "ok"]]
    new = [*old, [last, 3, "ok"]]
    news = [record(number, f"2026-02-0{number}T00:00:00Z") for number in (1, 2, 3)]
    messages = [
        state(FEBRUARY, **kept, ledger=old, **({"delivered": 2} if named else {})),
        SCHEMA,
        *news,
        state(last, **kept, ledger=new, **named),
    ]
    assert codes(lines(messages)) == []
    assert codes(lines(without(messages, 3))) == ["uncounted"]


@pytest.mark.parametrize(
    "more",
    [
        {"under_way": None, "plan": None, "cap": None, "largest": [1, JANUARY], "withheld": 0},
        {"ledger": None, "refresh": None, "filters": None, "since": None, "delivered": None},
        {"unheard_of": {"of": []}},
    ],
)
def test_keys_that_are_null_or_unknown_are_passed_over(more: dict[str, Any]) -> None:
    messages = [*clean()[:-1], state("2026-03-01T00:00:00.000000Z", **more)]
    assert codes(lines(messages)) == []


MARCH = "2026-03-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("ledger", "expected"),
    [
        ([[FEBRUARY, 2, "ok"], [MARCH, 1, "stale 2"]], []),
        # The bookmark was set back: the ledger reaches beyond it.
        ([[FEBRUARY, 2, "ok"], ["2026-04-01T00:00:00.000000Z", 1, "stale"]], []),
        ([[FEBRUARY, 3, "ok"]], ["ledger"]),
        ([[FEBRUARY, 2, "ok"], [MARCH, 2, "ok"]], ["ledger"]),
        ([[FEBRUARY, 2, "ok"], [FEBRUARY, 0, "ok"], [MARCH, 1, "ok"]], ["bad-state"]),
        ([[MARCH, 2, "ok"], [FEBRUARY, 1, "ok"]], ["bad-state"]),
        ([["soon", 3, "ok"]], ["bad-state"]),
        ([[MARCH, -3, "ok"]], ["bad-state"]),
        ([[MARCH, 3, "fresh"]], ["bad-state"]),
        ("of another form", ["bad-state"]),
        (
            [[f"2026-02-01T00:{n // 60:02}:{n % 60:02}.000000Z", 0, "ok"] for n in range(257)],
            ["bad-state"],
        ),
    ],
    ids=range(11),
)
def test_a_ledger_must_fit_the_bookmark_and_the_count(ledger: object, expected: list[str]) -> None:
    messages = [*clean()[:-1], state(MARCH, ledger=ledger, delivered=3)]
    assert codes(lines(messages)) == expected


def test_contacts_that_the_list_alone_shows_are_in_the_ledger() -> None:
    messages = [*clean()[:-1], state(MARCH, ledger=[[MARCH, 5, "ok"]], delivered=3, withheld=2)]
    assert codes(lines(messages)) == []


def test_a_bookmark_set_back_counts_what_is_beyond_it() -> None:
    messages = [SCHEMA, *(record(n, f"2026-01-{n:02}T00:00:00Z") for n in range(1, 29))]
    findings = Findings()
    validator = StreamValidator(findings)
    for line in lines([*messages, state("2026-01-08T00:00:00.000000Z")]):
        validator.line(line)
    validator.end()
    (found,) = findings.worst_first()
    assert (found.kind.code, found.count) == ("record-ahead", 21)
    back = Findings()
    validator = StreamValidator(back)
    for line in lines([*messages, state(FEBRUARY), state("2026-01-08T00:00:00.000000Z")]):
        validator.line(line)
    validator.end()
    (found,) = back.worst_first()
    assert (found.kind.code, found.count) == ("bookmark-back", 28)


def test_a_bookmark_later_than_its_last_export_is_found() -> None:
    late = [*clean()[:-1], state("2026-05-01T00:04:00.000000Z")]
    assert codes(lines(late)) == ["future-bookmark"]


def test_only_another_resource_or_none_of_leadlex_is_unknown() -> None:
    described = SCHEMA | {"stream": "people"}
    renamed = [each | {"stream": "people"} if "stream" in each else each for each in clean()]
    assert codes(lines(renamed)) == []
    assert codes(lines([*clean()[:1], described, *clean()[1:]])) == []
    odd = described | {"key_properties": ["number"]}
    assert codes(lines([*clean()[:1], odd, *clean()[1:]])) == ["unknown-stream"]


@pytest.mark.parametrize(
    "form", [lambda refresh: [refresh], lambda refresh: refresh], ids=["array", "object"]
)
def test_a_refresh_that_was_read_to_its_end_may_end_in_the_next_run(
    form: Callable[[Any], Any],
) -> None:
    refresh = {"version": 7, "until": FEBRUARY, "delivered": 3, "filters": {}, "since": None}
    given: dict[str, Any] = {"type": "STATE", "value": {"bookmarks": {"contacts": {}}}}
    given["value"]["bookmarks"]["contacts"]["refresh"] = form(refresh)
    activate = {"type": "ACTIVATE_VERSION", "stream": "contacts", "version": 7}
    ended = state(FEBRUARY, filters={}, since=None, delivered=3, refresh=None, version=7)
    findings = Findings()
    validator = StreamValidator(findings)
    for line in lines([given, SCHEMA, activate, ended]):
        validator.line(line)
    validator.end()
    assert not findings
    # What the run before delivered is not expected of this one.
    assert validator.bookmarks.track.origin.position is not None


def test_the_stream_of_refreshes_is_known() -> None:
    assert (
        codes(lines([*clean(), SCHEMA | {"stream": "refreshes", "key_properties": ["stream"]}]))
        == []
    )
