"""The table of streams: another exported stream is an entry of it, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl

from tap_leadlex.resources import CONTACTS, Column, Filter, Kind, Resource
from tap_leadlex.sandbox import History, Quotas, Sandbox, Store
from tap_leadlex.sandbox.histories import make
from tap_leadlex.sandbox.instants import to_datetime
from tap_leadlex.sandbox.workspace import Endpoint
from tap_leadlex.setting import Setting
from tap_leadlex.settings import SettingsReader
from tap_leadlex.tap import TapLeadLex
from tests.sandbox import matters
from tests.support import FakeClock, Json, Run, by_id, config_for, run, truth

if TYPE_CHECKING:
    from collections.abc import Callable

MATTERS = Resource(
    name="matters",
    record="matter",
    records="matters",
    export_path="/matters/export",
    list_path="/matters",
    list_key="matters",
    list_created=("created_at",),
    permission="read:matters",
    columns=(
        Column("id", description="LeadLex's id"),
        Column("title"),
        Column("fee"),
        Column("status"),
        Column("opened_by"),
        Column("created_at", Kind.TIMESTAMP, "Creation, UTC"),
    ),
    filters=(
        Filter(
            "matters_status",
            Setting(
                "Status of matters",
                "Only matters with this status.",
                "open, settled or lost",
                {"type": "string", "enum": list(matters.STATUSES)},
            ),
            parameter="status",
            listed=True,
        ),
    ),
)
READER = SettingsReader((CONTACTS, MATTERS))


class TwoStreams(TapLeadLex):
    """The tap, with one more entry in its table of streams."""

    resources = (CONTACTS, MATTERS)
    settings_reader = READER
    config_jsonschema: ClassVar[Json] = READER.schema


def store_of(count: int, **options: Any) -> Store:  # noqa: ANN401 - of Store
    """Return some matters."""
    return Store(make(History.GROWING, count, 7), resource=matters.MATTERS, **options)


def expected(store: Store) -> list[Json]:
    """Return the records that the matters of a store must become."""
    return [
        {
            "id": row.record.id,
            "title": row.record.title,
            "fee": None if row.record.fee is None else str(row.record.fee),
            "status": row.record.status,
            "opened_by": row.record.opened_by or None,
            "created_at": to_datetime(row.created).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        for row in store.rows()
    ]


def of_stream(done: Run, stream: str) -> list[Json]:
    """Return the records of one stream."""
    return [each["record"] for each in done.of_type("RECORD") if each["stream"] == stream]


def test_a_second_resource_is_synced_beside_contacts(serve: Callable[..., Sandbox]) -> None:
    store = store_of(300)
    sandbox = serve(contacts=200, stores=[store], quotas=Quotas(exports=None))

    done = run(config_for(sandbox, export_limit=100), tap=TwoStreams)

    assert (done.exit_code, done.warnings, done.failures) == (0, [], [])
    assert by_id(of_stream(done, "contacts")) == by_id(truth(sandbox))
    assert by_id(of_stream(done, "matters")) == by_id(expected(store))
    _, schema = done.of_type("SCHEMA")
    assert list(schema["schema"]["properties"]) == [each.name for each in MATTERS.columns]
    assert schema["key_properties"] == ["id"]
    assert done.state["bookmarks"]["matters"]["filters"] == {"matters_status": None}
    assert done.state["bookmarks"]["matters"]["delivered"] == 300


def test_a_filter_of_its_own_reaches_export_list_and_state(
    serve: Callable[..., Sandbox],
) -> None:
    store = store_of(300)
    sandbox = serve(contacts=50, stores=[store], quotas=Quotas(exports=None))
    config = config_for(sandbox, export_limit=60, matters_status="settled", tags=["client"])

    done = run(config, tap=TwoStreams)
    calls = len(sandbox.calls)
    refused = run(config | {"matters_status": "open"}, tap=TwoStreams, state=done.state)

    settled = [record for record in expected(store) if record["status"] == "settled"]
    assert by_id(of_stream(done, "matters")) == by_id(settled)
    queries = {
        (call.endpoint, dict(parse_qsl(call.query)).get("status"))
        for call in sandbox.calls[:calls]
        if call.resource == "matters"
    }
    assert queries == {(Endpoint.EXPORT, "settled"), (Endpoint.LIST, "settled")}
    assert not any("status" in call.query for call in sandbox.calls if call.resource == "contacts")
    (failure,) = refused.failures
    assert refused.exit_code == 1
    assert "different values of matters_status" in failure


def test_quota_and_resume_hold_over_both_streams(serve: Callable[..., Sandbox]) -> None:
    """One warning a run, no call after the refusal, and nothing lost or repeated in the end."""
    clock = FakeClock()
    store = store_of(350)
    sandbox = serve(contacts=400, stores=[store], quotas=Quotas(exports=3), clock=clock)
    config = config_for(sandbox, export_limit=100, check_drift=False)
    records: dict[str, list[str]] = {"contacts": [], "matters": []}
    state: Json | None = None
    stops = 0

    while True:
        before = len(sandbox.exports)
        done = clock.run(config, tap=TwoStreams, state=state)
        assert done.exit_code == 0
        for stream, ids in records.items():
            ids += [record["id"] for record in of_stream(done, stream)]
        state = done.state if done.states else state
        if not done.warnings:
            break
        stops += 1
        (warning,) = done.warnings
        assert warning.startswith("Stopped: the export quota is used up")
        assert [call.status for call in sandbox.exports[before:]] == [200, 200, 200, 429]
        clock.sleep(3_600)

    assert stops >= 2
    assert sorted(records["contacts"]) == sorted(record["id"] for record in truth(sandbox))
    assert sorted(records["matters"]) == sorted(record["id"] for record in expected(store))


def test_max_exports_is_for_the_whole_run(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=250, stores=[store_of(350)], quotas=Quotas(exports=None))

    done = run(config_for(sandbox, export_limit=100, max_exports=5), tap=TwoStreams)

    assert len(sandbox.exports) == 5
    (warning,) = done.warnings
    assert "max_exports is reached (5 export calls)" in warning
    assert len(of_stream(done, "contacts")) == 250
    assert 0 < len(of_stream(done, "matters")) < 350


def test_waits_come_out_of_one_allowance(serve: Callable[..., Sandbox]) -> None:
    """The wait of the first stream leaves too little for the second."""
    clock = FakeClock()
    sandbox = serve(contacts=250, stores=[store_of(350)], quotas=Quotas(exports=3), clock=clock)

    config = config_for(sandbox, export_limit=100, quota_wait_seconds=3_600, check_drift=False)
    done = clock.run(config, tap=TwoStreams)

    assert done.exit_code == 0
    assert [call.status for call in sandbox.exports].count(429) == 2
    (warning,) = done.warnings
    assert "quota_wait_seconds to at least 3600" in warning
