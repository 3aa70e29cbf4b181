"""Random defects: planted in a stream or in a table, each with the findings that name it."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

from tap_leadlex.sandbox import Quotas, Sandbox
from tap_leadlex.validation.claims import Claim, Instant
from tap_leadlex.validation.destination import Destination
from tap_leadlex.validation.validation import Validation
from tests.support import config_for, run
from tests.validation.defects import entry, mojibake, records, shifted, states
from tests.validation.syncs import full_refresh, judge, options

if TYPE_CHECKING:
    from random import Random

    from tap_leadlex.validation.outcome import Outcome

Messages = list[dict[str, Any]]


class Plant(Protocol):
    """Spoils messages; returns the codes of which one must be found."""

    __name__: str

    def __call__(self, messages: Messages, random: Random, /) -> set[str]: ...  # noqa: D102


TEXTS = ("full_name", "email", "phone", "job_title", "company_name", "linkedin_url")
CONTACTS = 60


def some_record(messages: Messages, random: Random, needs: str = "id") -> dict[str, Any]:
    """Return the values of a random record that has a value for a property."""
    able = [at for at in records(messages) if messages[at]["record"].get(needs)]
    record: dict[str, Any] = messages[random.choice(able)]["record"]
    return record


def change_text(messages: Messages, random: Random) -> set[str]:
    """Change a text of a contact in one of the ways in which programs do."""
    name = random.choice(TEXTS)
    record = some_record(messages, random, name)
    before = record[name]
    ways = [
        None,
        before[:-1] or None,
        f"{before} ",
        before + "x",
        before.swapcase(),
        mojibake(before),
        before.encode("ascii", "replace").decode(),
        "somebody@example.com",
    ]
    record[name] = random.choice([way for way in ways if way != before])
    return {"different-value"}


def change_tags(messages: Messages, random: Random) -> set[str]:
    """Lose or add a tag."""
    record = some_record(messages, random, "tags")
    record["tags"] = random.choice([record["tags"][1:], [*record["tags"], "another"]])
    return {"different-value"}


def change_date(messages: Messages, random: Random) -> set[str]:
    """Print a creation date up to a year off."""
    record = some_record(messages, random)
    seconds = random.choice([-1, 1]) * random.choice([60, 3600, 7200, 86_400, 30_000_000])
    record["created_at"] = shifted(record["created_at"], seconds)
    return {"different-value"}


def change_id(messages: Messages, random: Random) -> set[str]:
    """Change an id on the way."""
    record = some_record(messages, random)
    record["id"] = random.choice([f"x{record['id']}", record["id"][:-1], "stranger"])
    return {"missing"}


def blank_id(messages: Messages, random: Random) -> set[str]:
    """Lose an id."""
    some_record(messages, random)["id"] = random.choice(["", " ", None])
    return {"empty-id"}


def lose_records(messages: Messages, random: Random) -> set[str]:
    """Lose some contacts, together or not."""
    places = records(messages)
    number = random.choice([1, 1, 2, 5, 20])
    first = random.randrange(len(places) - number)
    lost = random.choice([places[first : first + number], random.sample(places, number)])
    for at in sorted(lost, reverse=True):
        del messages[at]
    return {"missing"}


def repeat_record(messages: Messages, random: Random) -> set[str]:
    """Send a contact once more, as it was or otherwise."""
    at = random.choice(records(messages))
    again = deepcopy(messages[at])
    changed = random.random() < 0.5
    if changed:
        again["record"]["phone"] = "+1-555-000-0000"
    messages.insert(at + 1, again)
    return {"conflict" if changed else "repeat"}


def retype(messages: Messages, random: Random) -> set[str]:
    """Send a value of another type."""
    some_record(messages, random)[random.choice(TEXTS)] = random.choice([5, True, [], {}])
    return {"invalid-record"}


def empty_for_null(messages: Messages, random: Random) -> set[str]:
    """Send what is empty in another way than the tap."""
    name = random.choice([*TEXTS, "tags"])
    some_record(messages, random)[name] = None if name == "tags" else ""
    return {"null-tags" if name == "tags" else "empty-text"}


def drop_property(messages: Messages, random: Random) -> set[str]:
    """Drop or rename a property, in one record or in all."""
    name = random.choice([*TEXTS, "tags"])
    places = records(messages)
    for at in random.choice([places, [random.choice(places)]]):
        value = messages[at]["record"].pop(name)
        if random.random() < 0.3:
            messages[at]["record"][f"{name}_2"] = value
    return {"uneven-record"}


def spoil_schema(messages: Messages, random: Random) -> set[str]:
    """Change what the SCHEMA says."""
    schema = next(each for each in messages if each["type"] == "SCHEMA")
    properties = schema["schema"]["properties"]
    match random.randrange(5):
        case 0:
            properties["id"]["type"] = ["string", "null"]
            return {"nullable-key"}
        case 1:
            del properties["created_at"]["format"]
            return {"undated-key"}
        case 2:
            schema["key_properties"] = random.choice([[], ["email"]])
            return {"schema-without-key"}
        case 3:
            schema["bookmark_properties"] = random.choice([None, [], ["id"]])
            return {"schema-without-replication-key"}
        case _:
            properties["email"] = {"type": ["integer"]}
            return {"invalid-record"}


def claim_of(message: dict[str, Any]) -> dict[str, Any]:
    """Return what a STATE says of the refresh under way, or else of the bookmark."""
    claimed = entry(message)
    (refresh,) = claimed.get("refresh") or [claimed]
    return cast("dict[str, Any]", refresh)


def move_bookmark(messages: Messages, random: Random) -> set[str]:
    """Move a bookmark by up to a year."""
    at = random.choice(_closing(messages))
    claimed = claim_of(messages[at])
    name = "until" if "until" in claimed else "replication_key_value"
    before = claimed[name]
    seconds = random.choice([240, 86_400, 30_000_000]) * random.choice([-1, 1])
    claimed[name] = shifted(before, seconds, "%Y-%m-%dT%H:%M:%S.%fZ")
    following = [each["record"]["created_at"] for each in messages[at:] if "record" in each]
    earlier = [each["record"]["created_at"] for each in messages[:at] if "record" in each]
    crossed = [
        each
        for each in (earlier if seconds < 0 else following)
        if min(before, claimed[name]) <= each < max(before, claimed[name])
    ]
    later = [_position(messages[one]) for one in _closing(messages) if one > at]
    if not crossed and not any(each < claimed[name] for each in later) and seconds < 0:
        return set()  # no contact is between: the state is as true as before
    return {
        *("bookmark-ahead", "record-ahead", "bookmark-back", "future-bookmark", "before-resume"),
        "ledger",
    }


def recount(messages: Messages, random: Random) -> set[str]:
    """Change how many contacts a state counts as delivered."""
    claim_of(messages[_closing(messages)[-1]])["delivered"] += random.choice([-20, -1, 1, 20])
    return {"uncounted", "miscounted"}


def lose_states(messages: Messages, _: Random) -> set[str]:
    """Lose all states but what the run was given."""
    start = next(at for at, each in enumerate(messages) if each["type"] == "SCHEMA")
    messages[start:] = [each for each in messages[start:] if each["type"] != "STATE"]
    return {"no-state", "unclosed"}


def state_early(messages: Messages, random: Random) -> set[str]:
    """Move a STATE before the contacts that it covers."""
    closing = [at for at in _closing(messages) if messages[at - 1]["type"] == "RECORD"]
    at = random.choice(closing)
    records_before = 1
    while messages[at - records_before - 1]["type"] == "RECORD":
        records_before += 1
    messages.insert(at - random.randint(1, records_before), messages.pop(at))
    return {"bookmark-ahead"}


def spoil_line(messages: Messages, random: Random) -> set[str]:
    """Put something else between the messages."""
    unknown: dict[str, Any] = random.choice(
        [
            {"type": "METRIC"},
            {"type": "RECORD", "stream": "contacts"},
            {"type": "BATCH", "stream": "contacts", "manifest": []},
            {"type": "ACTIVATE_VERSION", "stream": "contacts", "version": 5},
        ]
    )
    messages.insert(random.choice(records(messages)), unknown)
    return {"unknown-message", "malformed-message", "batch", "stray-activation"}


def mix_versions(messages: Messages, random: Random) -> set[str]:
    """Lose or change the version of some records of a refresh."""
    versioned = [at for at in records(messages) if "version" in messages[at]]
    for at in random.sample(versioned, len(versioned) // random.randint(2, 9)):
        messages[at].pop("version")
        if random.random() < 0.3:
            messages[at]["version"] = 5
    return {"mixed-versions", "activation-drops"}


IN_RECORDS: list[Plant] = [change_text, change_tags, change_date, change_id, blank_id, lose_records]
IN_RECORDS += [repeat_record]
IN_STREAMS: list[Plant] = [
    *IN_RECORDS,
    retype,
    empty_for_null,
    drop_property,
    spoil_schema,
    move_bookmark,
]
IN_STREAMS += [recount, lose_states, state_early, spoil_line]
TOGETHER: list[Plant] = [change_text, repeat_record, empty_for_null, recount]
"""Kinds that leave what names the others as it is."""


@dataclass(frozen=True)
class Planted:
    """What came of one planting: who planted, the sets of codes that name it, what was found."""

    names: list[str]
    expected: list[set[str]]
    outcome: Outcome

    @property
    def missed(self) -> list[set[str]]:
        """The sets of which no code was found."""
        found = {finding.kind.code for finding in self.outcome.findings}
        return [codes for codes in self.expected if codes and not codes & found]


class Field:
    """A sandbox with real syncs of it, to plant defects in."""

    def __init__(self) -> None:
        self.sandbox = Sandbox(contacts=CONTACTS, seed=5, quotas=Quotas(exports=None))

    def __enter__(self) -> Self:
        """Sync the sandbox in several windows, and refresh it."""
        self.sandbox.__enter__()
        config = config_for(self.sandbox, export_limit=20)
        first = run(config)
        refresh = run(config, state=first.state, catalog=full_refresh(config))
        self.first, self.refresh = first.messages, refresh.messages
        return self

    def __exit__(self, *error: object) -> None:
        """Stop the sandbox."""
        self.sandbox.__exit__(None, None, None)

    def plant(self, random: Random) -> Planted:
        """Plant one defect, or some at once, and validate."""
        kind = random.choice(["stream", "stream", "refresh", "table"])
        messages = deepcopy(self.refresh if kind == "refresh" else self.first)
        able: dict[str, list[Plant]] = {
            "stream": IN_STREAMS,
            "refresh": [*IN_STREAMS, mix_versions],
            "table": IN_RECORDS,
        }
        plants = [random.choice(able[kind])]
        if random.random() < 0.25 and kind != "table":
            plants = random.sample(TOGETHER, random.randint(2, 3))
        expected = [plant(messages, random) for plant in plants]
        if len(plants) > 1:
            # A later defect may change one of the two copies of a contact.
            expected = [{*codes, "conflict"} if "repeat" in codes else codes for codes in expected]
        names = [kind, *(plant.__name__ for plant in plants)]
        if kind == "table":
            return Planted(names, expected, self.validate_table(messages))
        lines = [json.dumps(message, ensure_ascii=False).encode() for message in messages]
        return Planted(names, expected, judge(self.sandbox, lines, content="all"))

    def validate_table(self, messages: Messages) -> Outcome:
        """Fill a table with the records and validate it."""
        rows = [messages[at]["record"] for at in records(messages)]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "warehouse.db"
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.execute(f"CREATE TABLE contacts ({', '.join(rows[0])})")
                for row in rows:
                    values = [
                        json.dumps(value) if isinstance(value, list) else value
                        for value in row.values()
                    ]
                    marks = ", ".join("?" * len(values))
                    connection.execute(f"INSERT INTO contacts VALUES ({marks})", values)  # noqa: S608
            place = Destination([f"sqlite:///{path}"], "contacts")
            # The table is the whole of history: contacts lost at its end are in its range as well.
            now = self.sandbox.workspace.now() / 1_000_000
            told = options(self.sandbox, content="all", state=Claim(position=Instant(now)))
            return Validation(told, place.name, live=False).destination(place, lambda _: None)


def _closing(messages: Messages) -> list[int]:
    """Give the positions of the states that close a window of this run."""
    start = next(at for at, each in enumerate(messages) if each["type"] == "SCHEMA")
    return [at for at in states(messages) if at > start and _position(messages[at])]


def _position(message: dict[str, Any]) -> str:
    claimed = claim_of(message)
    return claimed.get("until" if "version" in claimed else "replication_key_value") or ""
