"""The examples on the pages in docs/ do what the pages say."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from typing import TYPE_CHECKING

import yaml

from tap_leadlex.sandbox.faults import ListFault
from tests.environments import ROOT, environment
from tests.support import FIELDS, TIMEOUT, Json, by_id, catalog_without, config_for, pages, run
from tests.support.messages import SOURCES, messages, normal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_leadlex.sandbox import Sandbox

# Runs in the environment of target-duckdb.
QUERY = """
import duckdb, json, sys
print(json.dumps(duckdb.sql(sys.argv[1]).project("id::text, job_title").fetchall()))
"""
REFRESH = {"replication-method": "FULL_TABLE", "selected": True}


def blocks(page: str, language: str) -> list[str]:
    """Return the content of a page's code blocks in one language."""
    return pages.blocks((ROOT / "docs" / page).read_text("utf-8"), language)


def digest(method: str, text: str) -> str:
    """Give the hash of a text."""
    return hashlib.new(method, text.encode()).hexdigest()


def keys_of(*states: Json) -> set[str]:
    """Give what stands in states of the stream."""
    return {key for state in states for key in state["bookmarks"]["contacts"]}


def test_the_example_of_a_state_is_one(serve: Callable[..., Sandbox]) -> None:
    example, enough = map(json.loads, blocks("states.md", "json"))
    sandbox = serve(contacts=120_000)
    config = config_for(sandbox)

    stopped = run({**config, "max_exports": 2})
    state = stopped.state
    state["bookmarks"]["contacts"]["largest"][1] = "2026-11-24T02:00:00.000000Z"  # it was now
    assert state == example

    rest = run(config, state=example)
    assert len(stopped.records) + len(rest.records) == 120_000

    assert run(config, state=enough).exit_code == 0
    created_after = enough["bookmarks"]["contacts"]["replication_key_value"][:4]
    assert f"created_after={int(created_after) - 1}-12-31T23" in sandbox.exports[-1].query


def test_every_key_of_a_state_is_explained(serve: Callable[..., Sandbox]) -> None:
    text = (ROOT / "docs/states.md").read_text("utf-8")
    explained = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    sandbox = serve(contacts=300)
    config = config_for(sandbox)
    catalog = catalog_without(config)
    catalog["streams"][0]["metadata"][-1]["metadata"] |= REFRESH

    stopped = run({**config, "export_limit": 100, "max_exports": 1})
    done = run(config, state=stopped.state)
    refreshed = run(config, state=done.state, catalog=catalog)
    listless = serve(contacts=300, list_faults={1: ListFault.FORBIDDEN})
    planned = run({**config_for(listless), "export_limit": 100, "max_exports": 1})

    mirrored = run({**config, "full_refresh_days": 0}, state=done.state)

    states = [
        state for each in (stopped, done, refreshed, planned, mirrored) for state in each.states
    ]
    assert keys_of(*states) == explained - {"starting_replication_value"}


def test_every_key_of_a_run_report_is_explained(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    path = tmp_path / "runs.jsonl"

    run(config_for(serve(contacts=1), run_report=str(path)))

    text = (ROOT / "docs/operation.md").read_text("utf-8")
    section = text.split("\n## Run report\n")[1].split("\n## ")[0]
    report = json.loads(path.read_text("utf-8"))
    (example,) = map(json.loads, pages.blocks(section, "json"))
    rows = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
    assert example.keys() == report.keys()
    assert example["streams"][0].keys() == report["streams"][0].keys()
    assert re.findall(r"`(\w+)`", " ".join(rows)) == [*report, "proven", "refresh"]


def test_the_query_keeps_the_last_line_of_each_contact(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    (query,) = blocks("states.md", "sql")
    sandbox = serve(contacts=300)
    first = run(config_for(sandbox)).records
    row = next(sandbox.store.rows())
    sandbox.store.edit(row.contact.id, {"job_title": "Judge"}, row.created)
    last = run(config_for(sandbox)).records
    file = tmp_path / "output/contacts.jsonl"
    file.parent.mkdir()
    file.write_text("".join(json.dumps(record) + "\n" for record in first + last))

    out = subprocess.check_output(  # noqa: S603
        [environment("targets") / "bin/python", "-c", QUERY, query], cwd=tmp_path, timeout=TIMEOUT
    )

    kept = [{"id": key, "job_title": title} for key, title in json.loads(out)]
    assert by_id(kept) == [
        {"id": record["id"], "job_title": record["job_title"]} for record in by_id(last)
    ]


def test_hashing_hides_what_the_page_says(serve: Callable[..., Sandbox]) -> None:
    (text,) = blocks("privacy.md", "json")
    sandbox = serve(contacts=300)
    config = json.loads(text)
    seed = config["stream_map_config"]["hash_seed"]
    plain = by_id(run(config_for(sandbox)).records)

    done = run({**config_for(sandbox), **config})

    kept = {"id", "job_title", "company_name", "tags", "created_at", "email_hash", "domain_hash"}
    hashes = 0
    for before, after in zip(plain, by_id(done.records), strict=True):
        email = before["email"]
        domain = email and email.lower().partition("@")[2]
        assert after.keys() == kept
        assert after["email_hash"] == (email and digest("sha256", seed + email.lower()))
        assert after["domain_hash"] == (email and digest("md5", seed + domain))
        hashes += email is not None
    assert 0 < hashes < 300


def test_the_selection_leaves_the_rest_with_leadlex(serve: Callable[..., Sandbox]) -> None:
    (text,) = blocks("privacy.md", "yaml")
    (tap,) = yaml.safe_load(text)["plugins"]["extractors"]
    selected = {pattern.removeprefix("contacts.") for pattern in tap["select"]}
    sandbox = serve(contacts=10)
    catalog = catalog_without(config_for(sandbox), *(set(FIELDS) - selected))

    run(config_for(sandbox), catalog=catalog)

    asked = sandbox.exports[-1].query.replace("%2C", ",")
    (promised,) = re.findall("`(fields=[^`]*)`", (ROOT / "docs/privacy.md").read_text("utf-8"))
    assert f"&{promised}&" in asked


def test_tags_become_a_text(serve: Callable[..., Sandbox]) -> None:
    (text,) = blocks("compatibility.md", "json")
    sandbox = serve(contacts=300)
    plain = run(config_for(sandbox))

    done = run({**config_for(sandbox), **json.loads(text)})

    assert done.of_type("SCHEMA")[0]["schema"]["properties"]["tags"]["type"] == ["string", "null"]
    assert [record["tags"] for record in done.records] == [
        "|".join(record["tags"]) for record in plain.records
    ]


def test_the_log_lines_are_lines_of_the_tap() -> None:
    said = set().union(*map(messages, SOURCES))
    whole = "|".join(re.escape(text).replace("…", ".*") for text in said)

    lines = "".join(blocks("quota.md", "log")).splitlines()

    assert len(lines) > 10
    assert [line for line in lines if line != "…" and not re.fullmatch(whole, normal(line))] == []
