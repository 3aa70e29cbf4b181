"""The catalogue of planted defects: each spoils the output of a real sync in one way."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tap_leadlex.validation.catalogue import Check
from tap_leadlex.validation.claims import Claim, Instant

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

Messages = list[dict[str, Any]]


@dataclass(frozen=True)
class Defect:
    """One defect.

    Attributes:
        name: What happened to the stream.
        check: The check that must catch it.
        code: The finding that says so.
        spoil: What does it to the messages.
        raw: What does it to their lines, afterwards.
        options: What the validator is told besides.
    """

    name: str
    check: Check
    code: str
    spoil: Callable[[Messages, Random], Messages] = lambda messages, _: messages
    raw: Callable[[list[bytes]], list[bytes]] = lambda lines: lines
    options: dict[str, Any] = field(default_factory=dict)


def records(messages: Messages) -> list[int]:
    """Give the positions of the records."""
    return [at for at, message in enumerate(messages) if message["type"] == "RECORD"]


def states(messages: Messages) -> list[int]:
    """Give the positions of the states."""
    return [at for at, message in enumerate(messages) if message["type"] == "STATE"]


def entry(message: dict[str, Any]) -> dict[str, Any]:
    """Give what a STATE says of the contacts."""
    claimed: dict[str, Any] = message["value"]["bookmarks"]["contacts"]
    return claimed


def lose(choose: Callable[[Messages, Random], list[int]]) -> Callable[[Messages, Random], Messages]:
    """Leave messages out."""

    def spoil(messages: Messages, random: Random) -> Messages:
        lost = choose(messages, random)
        return [message for at, message in enumerate(messages) if at not in lost]

    return spoil


def edge(messages: Messages, _: Random) -> list[int]:
    """The last record of the second window."""
    return [states(messages)[1] - 1]


def first_of_window(messages: Messages, _: Random) -> list[int]:
    """The first record of the second window."""
    return [states(messages)[0] + 1]


def window(messages: Messages, _: Random) -> list[int]:
    """The second window, with its STATE."""
    return list(range(states(messages)[0] + 1, states(messages)[1] + 1))


def first_window(messages: Messages, _: Random) -> list[int]:
    """The first window, with its STATE."""
    return list(range(records(messages)[0], states(messages)[0] + 1))


def of_type(kind: str) -> Callable[[Messages, Random], list[int]]:
    """All messages of a type."""
    return lambda messages, _: [at for at, one in enumerate(messages) if one["type"] == kind]


def change(
    edit: Callable[[dict[str, Any]], dict[str, Any]],
    where: Callable[[dict[str, Any]], object] = lambda _: True,
) -> Callable[[Messages, Random], Messages]:
    """Change the values of a random record, of those that qualify."""

    def spoil(messages: Messages, random: Random) -> Messages:
        at = random.choice([at for at in records(messages) if where(messages[at]["record"])])
        messages[at]["record"] = edit(messages[at]["record"])
        return messages

    return spoil


def change_all(
    edit: Callable[[dict[str, Any]], dict[str, Any]],
) -> Callable[[Messages, Random], Messages]:
    """Change the values of every record."""

    def spoil(messages: Messages, _: Random) -> Messages:
        for at in records(messages):
            messages[at]["record"] = edit(messages[at]["record"])
        return messages

    return spoil


def restate(number: int, **values: Any) -> Callable[[Messages, Random], Messages]:  # noqa: ANN401
    """Change what a STATE says of the contacts."""

    def spoil(messages: Messages, _: Random) -> Messages:
        entry(messages[states(messages)[number]]).update(values)
        return messages

    return spoil


def move_bookmark(number: int, by: float) -> Callable[[Messages, Random], Messages]:
    """Move a bookmark by seconds."""

    def spoil(messages: Messages, _: Random) -> Messages:
        claimed = entry(messages[states(messages)[number]])
        claimed["replication_key_value"] = shifted(
            claimed["replication_key_value"], by, "%Y-%m-%dT%H:%M:%S.%fZ"
        )
        return messages

    return spoil


def shifted(printed: str, by: float, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    """Print an instant that many seconds later."""
    return (datetime.fromisoformat(printed) + timedelta(seconds=by)).strftime(form)


def describe(**values: Any) -> Callable[[Messages, Random], Messages]:  # noqa: ANN401
    """Change the SCHEMA."""

    def spoil(messages: Messages, _: Random) -> Messages:
        messages[0] |= values
        return messages

    return spoil


def insert(message: dict[str, Any], at: int = 3) -> Callable[[Messages, Random], Messages]:
    """Put a message in."""
    return lambda messages, _: [*messages[:at], message, *messages[at:]]


def repeat(offset: int) -> Callable[[Messages, Random], Messages]:
    """Put a record in once more, behind a record that comes later."""

    def spoil(messages: Messages, _: Random) -> Messages:
        places = records(messages)
        return [
            *messages[: places[offset] + 1],
            messages[places[0]],
            *messages[places[offset] + 1 :],
        ]

    return spoil


def state_first(messages: Messages, _: Random) -> Messages:
    """Move a STATE before the records that it vouches for."""
    first, second = states(messages)[:2]
    messages.insert(first + 1, messages.pop(second))
    return messages


def swap_companies(messages: Messages, _: Random) -> Messages:
    """Give two contacts each other's company, as a shifted column would."""
    one, two = distinct(messages, "company_name")
    one["company_name"], two["company_name"] = two["company_name"], one["company_name"]
    return messages


def distinct(messages: Messages, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give two contacts that differ in a property."""
    values = [messages[at]["record"] for at in records(messages)]
    return values[0], next(one for one in values if one[name] != values[0][name])


def without_counts(messages: Messages) -> Messages:
    """Take out of the states what only this tap tells."""
    for at in states(messages):
        for name in ("filters", "since", "delivered", "ledger"):
            entry(messages[at]).pop(name, None)
    return messages


def uncounted(
    spoil: Callable[[Messages, Random], Messages],
) -> Callable[[Messages, Random], Messages]:
    """Spoil a stream whose states say nothing but the bookmark."""
    return lambda messages, random: spoil(without_counts(messages), random)


def recount(by: int) -> Callable[[Messages, Random], Messages]:
    """Change how many contacts the states count as delivered."""

    def spoil(messages: Messages, _: Random) -> Messages:
        for at in states(messages):
            entry(messages[at])["delivered"] += by
        return messages

    return spoil


def property_schema(name: str, **values: Any) -> Callable[[Messages, Random], Messages]:  # noqa: ANN401
    """Change what the SCHEMA says of a property; None removes a rule."""

    def spoil(messages: Messages, _: Random) -> Messages:
        rules = messages[0]["schema"]["properties"][name]
        rules |= values
        for rule in [rule for rule, value in rules.items() if value is None]:
            del rules[rule]
        return messages

    return spoil


def change_some(
    edit: Callable[[dict[str, Any]], dict[str, Any]], every: int
) -> Callable[[Messages, Random], Messages]:
    """Change the values of every so many records."""

    def spoil(messages: Messages, _: Random) -> Messages:
        for at in records(messages)[::every]:
            messages[at]["record"] = edit(messages[at]["record"])
        return messages

    return spoil


def replace_by_stranger(messages: Messages, random: Random) -> Messages:
    """Lose a contact and put one with a made-up id into its place."""
    at = random.choice(records(messages))
    messages[at]["record"]["id"] = "00000000-0000-4000-8000-000000000000"
    return messages


def delay_within_window(messages: Messages, random: Random) -> Messages:
    """Print a date an hour late that stays within its window."""
    first, second = states(messages)[:2]
    inner = [at for at in records(messages) if first < at < second - 2]
    record = messages[random.choice(inner)]["record"]
    record["created_at"] = shifted(record["created_at"], 3600)
    return messages


def drop_line_end(lines: list[bytes]) -> list[bytes]:
    """Cut the last line in the middle."""
    return [*lines[:-1], lines[-1][: len(lines[-1]) // 2]]


def latin(lines: list[bytes]) -> list[bytes]:
    """Write a line in Latin-1."""
    text = lines[1].decode()
    values = json.loads(text)
    values["record"]["full_name"] = "Jürgen Müller"
    return [lines[0], json.dumps(values, ensure_ascii=False).encode("latin-1"), *lines[2:]]


def mojibake(text: str) -> str:
    """Read UTF-8 as Latin-1."""
    return text.encode().decode("latin-1")


P, K, B, N, V = Check
FIRST = {"first_sync": True}
ALL = {"sample": 100}
"""Options under which the stream's beginning is checked, and every contact compared."""
EXPORTED = {"content": "all"}
"""Options under which every contact is compared with an export."""

CATALOGUE = [
    # Completeness
    Defect("a row lost at a window's end", N, "missing", lose(edge)),
    Defect("a row lost at a window's beginning", N, "missing", lose(first_of_window)),
    Defect("a row lost that no state counts", N, "missing", uncounted(lose(edge)), options=FIRST),
    Defect("a window never read", N, "missing", lose(window)),
    Defect(
        "the first window never read", N, "missing", uncounted(lose(first_window)), options=FIRST
    ),
    Defect("every third row lost", N, "missing", lose(lambda m, _: records(m)[::3])),
    Defect(
        "a date 400 days off", N, "misdated",
        change(lambda r: r | {"created_at": shifted(r["created_at"], -400 * 86_400)}),
        options={"by_month": True},
    ),
    Defect(
        "a contact that LeadLex never had", N, "surplus",
        lambda m, _: [
            *m[:2], m[1] | {"record": m[1]["record"] | {"id": "stranger"}}, *m[2:],
        ],
    ),
    Defect("an id in capitals", V, "unknown-contact", change(
        lambda r: r | {"id": r["id"].upper()}, lambda r: r["id"] != r["id"].upper()
    ), options=ALL),
    # Content
    Defect("two fields swapped", V, "different-value", change(
        lambda r: r | {"full_name": r["email"], "email": r["full_name"]}, lambda r: r["email"]
    ), options=ALL),
    Defect("a name truncated", V, "different-value", change(
        lambda r: r | {"full_name": r["full_name"][:3]}, lambda r: len(r["full_name"] or "") > 3
    ), options=ALL),
    Defect("tags lost", V, "different-value", change(
        lambda r: r | {"tags": []}, lambda r: r["tags"]
    ), options=ALL),
    Defect("one tag lost", V, "different-value", change(
        lambda r: r | {"tags": r["tags"][1:]}, lambda r: len(r["tags"]) > 1
    ), options=ALL),
    Defect("mojibake", V, "different-value", change(
        lambda r: r | {"full_name": mojibake(r["full_name"])},
        lambda r: not (r["full_name"] or "").isascii(),
    ), options=ALL),
    Defect("letters replaced by question marks", V, "different-value", change(
        lambda r: r | {"full_name": r["full_name"].encode("ascii", "replace").decode()},
        lambda r: not (r["full_name"] or "").isascii(),
    ), options=ALL),
    Defect("companies swapped between contacts", V, "different-value", swap_companies, options=ALL),
    Defect("an email lost", V, "different-value", change(
        lambda r: r | {"email": None}, lambda r: r["email"]
    ), options=ALL),
    Defect("a phone without its plus", V, "different-value", change(
        lambda r: r | {"phone": r["phone"].lstrip("+")}, lambda r: r["phone"]
    ), options=ALL),
    Defect("an address cut at forty characters", V, "different-value", change(
        lambda r: r | {"linkedin_url": r["linkedin_url"][:40]},
        lambda r: len(r["linkedin_url"] or "") > 40,
    ), options=ALL),
    Defect("all ids with a prefix", V, "unknown-contact", change_all(
        lambda r: r | {"id": "x" + r["id"]}
    ), options=ALL),
    Defect("a date shifted by a time zone", V, "different-value", change(
        lambda r: r | {"created_at": shifted(r["created_at"], 7200)}
    ), options=ALL),
    Defect("one email changed", V, "different-value", change(
        lambda r: r | {"email": "somebody@example.com"}
    ), options=EXPORTED),
    Defect("a few emails lost", V, "different-value", change_some(
        lambda r: r | {"email": None}, 40
    ), options=EXPORTED),
    Defect(
        "a date an hour late inside its window", V, "different-value", delay_within_window,
        options=EXPORTED,
    ),
    Defect("texts cut", V, "different-value", change_some(
        lambda r: r | {"linkedin_url": (r["linkedin_url"] or "")[:20] or None}, 30
    ), options=EXPORTED),
    Defect("a stranger in the place of a contact", N, "missing", replace_by_stranger,
           options=EXPORTED),
    Defect("a stranger as well", N, "surplus", replace_by_stranger, options=EXPORTED),
    # Keys
    Defect("a row twice in a row", K, "repeat", repeat(0)),
    Defect("a row twice, windows apart", K, "repeat", repeat(-1)),
    Defect(
        "an id twice with different content", K, "conflict",
        lambda m, _: [*m[:2], m[1] | {"record": m[1]["record"] | {"phone": "0"}}, *m[2:]],
    ),
    Defect("an empty id", K, "empty-id", change(lambda r: r | {"id": ""})),
    Defect("an id of nothing", K, "empty-id", change(lambda r: r | {"id": None})),
    # Protocol
    Defect("no SCHEMA", P, "record-before-schema", lose(of_type("SCHEMA"))),
    Defect(
        "a SCHEMA after its first record", P, "record-before-schema",
        lambda m, _: [m[1], m[0], *m[2:]],
    ),
    Defect("a SCHEMA without key", P, "schema-without-key", describe(key_properties=[])),
    Defect(
        "a SCHEMA without bookmark property", P, "schema-without-replication-key",
        describe(bookmark_properties=None),
    ),
    Defect("a SCHEMA that is none", P, "bad-schema", describe(schema={"type": 5})),
    Defect(
        "a second, other SCHEMA", P, "schema-changed",
        lambda m, _: [*m, m[0] | {"schema": m[0]["schema"] | {"title": "contacts"}}],
    ),
    Defect("a number for a text", P, "invalid-record", change(lambda r: r | {"phone": 1555})),
    Defect("tags as text", P, "invalid-record", change(lambda r: r | {"tags": "lead,client"})),
    Defect(
        "a date without a zone", P, "invalid-record",
        change(lambda r: r | {"created_at": r["created_at"].rstrip("Z")}),
    ),
    Defect(
        "a date as another country writes it", P, "invalid-record",
        change(lambda r: r | {"created_at": "15.04.2026 09:00"}),
    ),
    Defect(
        "a property missing", P, "uneven-record",
        change(lambda r: {name: value for name, value in r.items() if name != "email"}),
    ),
    Defect(
        "a property renamed", P, "uneven-record",
        change(lambda r: {name.replace("job_title", "title"): r[name] for name in r}),
    ),
    Defect(
        "no date at all", P, "record-without-key",
        change(lambda r: {name: value for name, value in r.items() if name != "created_at"}),
    ),
    Defect("a property in no record", P, "uneven-record", change_all(
        lambda r: {name: value for name, value in r.items() if name != "email"}
    )),
    Defect("only id and date left", P, "uneven-record", change_all(
        lambda r: {"id": r["id"], "created_at": r["created_at"]}
    )),
    Defect("an empty text for null", P, "empty-text", change(lambda r: r | {"phone": ""})),
    Defect("null for empty tags", P, "null-tags", change(lambda r: r | {"tags": None})),
    Defect("a key that may be null", P, "nullable-key", property_schema(
        "id", type=["string", "null"]
    )),
    Defect("a date that is a text", P, "undated-key", property_schema("created_at", format=None)),
    Defect("a BATCH", P, "batch", insert({"type": "BATCH", "stream": "contacts", "manifest": []})),
    Defect("another stream", P, "unknown-stream", insert(
        {"type": "SCHEMA", "stream": "invoices", "schema": {}, "key_properties": []}
    )),
    Defect("an unknown message", P, "unknown-message", insert({"type": "METRIC"})),
    Defect("a RECORD without a record", P, "malformed-message", insert(
        {"type": "RECORD", "stream": "contacts"}
    )),
    Defect("a print among the messages", P, "not-json", raw=lambda m: [*m[:3], b"Syncing", *m[3:]]),
    Defect("an empty line", P, "not-json", raw=lambda m: [*m[:3], b"", *m[3:]]),
    Defect("a line cut off", P, "not-json", raw=drop_line_end),
    Defect("a line in Latin-1", P, "not-json", raw=latin),
    Defect("nothing at all", P, "empty-stream", raw=lambda _: []),
    Defect(
        "ACTIVATE_VERSION of an incremental sync", P, "stray-activation",
        insert({"type": "ACTIVATE_VERSION", "stream": "contacts", "version": 1}, at=1),
    ),
    Defect(
        "a time of extraction that is none", P, "bad-time-extracted",
        lambda m, _: [*m[:1], m[1] | {"time_extracted": "now"}, *m[2:]],
    ),
    # Bookmarks
    Defect("a STATE before its records", B, "bookmark-ahead", state_first),
    Defect("a bookmark one second ahead", B, "bookmark-ahead", move_bookmark(1, 1)),
    Defect("a bookmark a day ahead", B, "bookmark-ahead", move_bookmark(0, 86_400)),
    Defect("a bookmark a month behind", B, "record-ahead", move_bookmark(1, -30 * 86_400)),
    Defect(
        "all dates shifted by a time zone", B, "bookmark-ahead",
        change_all(lambda r: r | {"created_at": shifted(r["created_at"], -7200)}),
    ),
    Defect(
        "a bookmark going back", B, "bookmark-back",
        lambda m, _: [*m, m[states(m)[0]]],
    ),
    Defect("a bookmark lost", B, "bookmark-back", restate(-1, replication_key_value=None)),
    Defect("a bookmark in the future", B, "future-bookmark", move_bookmark(-1, 7200)),
    Defect("a bookmark four minutes ahead", B, "future-bookmark", move_bookmark(-1, 240)),
    Defect("contacts that no state counts", B, "miscounted", recount(-3)),
    Defect(
        "a bookmark that does not sort", B, "bad-state",
        restate(-1, replication_key_value="2026-11-01T00:00:00Z"),
    ),
    Defect("a bookmark of another property", B, "bad-state", restate(1, replication_key="id")),
    Defect("the last STATE lost", B, "unclosed", lose(lambda m, _: states(m)[-2:])),
    Defect("no STATE", B, "no-state", lose(of_type("STATE"))),
    Defect(
        "a row that its state counts lost", B, "uncounted", lose(edge), options={"api_key": None}
    ),
    Defect(
        "other filters in the middle", B, "filters-changed",
        restate(2, filters={"list_id": "list-half", "tags": []}),
    ),
    Defect(
        "a year wrong", B, "record-ahead",
        change(lambda r: r | {"created_at": shifted(r["created_at"], 366 * 86_400 * 4)}),
    ),
    Defect(
        "a run that began behind the place where the last ended", B, "resumed-elsewhere",
        lambda m, _: [m[states(m)[0]], m[0], *m[states(m)[0] + 1 :]],
        options={"state": Claim(position=Instant(1.0))},
    ),
    Defect(
        "rows from before the place where the last run ended", B, "before-resume",
        lambda m, _: [m[states(m)[0]], *m[: states(m)[0]], *m[states(m)[0] + 1 :]],
    ),
]  # fmt: skip
