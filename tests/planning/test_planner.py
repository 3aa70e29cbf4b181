"""The planner against a model of LeadLex without HTTP: complete, in order, in few exports."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from tap_leadlex import timestamps
from tap_leadlex.errors import DenseInstantError, GatewayError, ListError
from tap_leadlex.planning.planner import Planner
from tap_leadlex.planning.proof import Grade, Prover
from tap_leadlex.planning.windows import (
    BEGINNING,
    Boundary,
    ExportRequest,
    ExportResult,
    Listed,
    ListPage,
    Window,
)
from tap_leadlex.resources import CONTACTS
from tap_leadlex.sandbox import History, Reading, Store, listing
from tap_leadlex.sandbox.histories import make
from tap_leadlex.sandbox.instants import from_datetime, to_datetime
from tap_leadlex.sandbox.model import Model as LeadLex
from tap_leadlex.sandbox.model import ModelExport
from tap_leadlex.sandbox.readings import Bound, ListMode, Order, Precision, Rounding, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SECOND = 1_000_000
DAY = 86_400 * SECOND
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
CUTOFF = datetime(2026, 7, 1, tzinfo=UTC)
EVERYTHING = Window(None, CUTOFF)


@pytest.fixture(autouse=True, scope="module")
def _shallow() -> Iterator[None]:
    """Make the list mode `shallow` matter to workspaces as small as these."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "SHALLOW_ROWS", 20)
        yield


class KilledError(Exception):
    """The run dies here."""


class Model(LeadLex):
    """LeadLex, checking what the planner asks for, and killing a run on demand.

    Attributes:
        wild: Draws nonsensical answers of the list; `None` for what the reading says.
        kill_at: The number of the export, of all runs, at whose end the run dies.
        most: After this many exports the planner counts as spinning.
        open: Windows that a kill left open although their records were delivered.
        at: Where the next window must begin.
        resolution: The finest resolution that the last export showed.
        request: The last request that was not made to settle a doubt about another.
    """

    request: ExportRequest

    def __init__(
        self,
        store: Store,
        listed: Store | None = None,
        *,
        largest: int | None = None,
        wild: Random | None = None,
    ) -> None:
        super().__init__(store, listed=listed, largest=largest)
        self.wild = wild
        self.kill_at: int | None = None
        self.most = 10_000
        self.open: list[Window] = []
        self.at: datetime | None = None
        self.resolution = timestamps.SECOND
        self._asking = 0

    def run(
        self,
        whole: Window,
        limit: int,
        *,
        whole_first: bool = False,
        use_list: bool = True,
        kill_at: int | None = None,
        most: int = 10_000,
    ) -> bool:
        """Sync a range; return whether all its windows are closed."""
        self.kill_at, self.most, self.at = kill_at, most, whole.start
        self._whole, self._limit = whole, limit
        try:
            done = self.sync(whole, limit, whole_first=whole_first, use_list=use_list)
        except KilledError:
            return False
        assert not done or self.at == whole.end
        return done

    @contextmanager
    def export(self, request: ExportRequest) -> Iterator[ModelExport | None]:
        """Check a request and carry it out."""
        if not self._asking:  # otherwise it settles a doubt about the one that is open
            assert request.window.start == self.at, "a gap or an overlap"
            assert request.window.end > (self.at or BEGINNING)
            assert request.window.end <= self._whole.end
            self.request = request
        assert 1 <= request.limit <= self._limit
        assert len(self.requests) < self.most, "it spins"
        self._asking += 1
        try:
            with super().export(request) as result:
                self.resolution = result.resolution if result else timestamps.SECOND
                yield result
        finally:
            self._asking -= 1

    def close(self, parts: Sequence[ModelExport], plan: Sequence[Boundary], *, done: bool) -> None:
        """Close a window; a kill comes before the state has moved."""
        window = parts[0].window
        if len(self.requests) == self.kill_at:
            self.open.append(window)
            raise KilledError
        super().close(parts, plan, done=done)
        assert done == (window.end >= self._whole.end)
        self.at = window.end

    def save(self, plan: Sequence[Boundary]) -> None:
        """Save the plan, unless a kill comes first."""
        if len(self.requests) == self.kill_at:
            raise KilledError
        super().save(plan)

    def page(self, start: datetime | None, number: int, per_page: int) -> ListPage:
        """Read a page of the list, or make one up."""
        if self.wild is None or self.listed.reading.list_mode in {
            ListMode.FORBIDDEN,
            ListMode.MISSING,
            ListMode.LIMITED,
        }:
            return super().page(start, number, per_page)
        self.look_ups += 1
        if self.wild.random() < 0.1:
            msg = "nonsense"
            raise ListError(msg)
        span = int((CUTOFF - BEGIN).total_seconds())
        anywhere = BEGIN + timedelta(seconds=self.wild.randint(-span, 2 * span))
        return ListPage(
            self.wild.choice([[], *[[Listed(anywhere, "made up")]] * 3]),
            self.wild.choice([None, 0, 1, self.wild.randint(0, 200)]),
        )

    def numbers(self, whole: Window) -> list[int]:
        """Return the numbers of all records of a range, by the instants that LeadLex prints."""
        columns = self.store.export(limit=len(self.store) + 1)
        pairs = zip(columns.times, columns.numbers, strict=True)
        return sorted(number for time, number in pairs if self._printed(time) in whole)

    def assert_delivered(self, whole: Window) -> None:
        """Check that each record of a range was delivered once, and no other."""
        assert sorted(self.delivered) == self.numbers(whole)

    def held(self, low: datetime, high: datetime) -> int:
        """Count the records that LeadLex keeps between two instants, both included."""
        first, last = from_datetime(low), from_datetime(high)
        return sum(first <= row.created <= last for row in self.store.rows())


orders = st.sampled_from(Order)
bounds = st.sampled_from(Bound)


@st.composite
def times(draw: st.DrawFn, most: int = 400, *, per_second: int | None = None) -> list[int]:
    """Draw creation instants: ties, bursts, even stretches, gaps of years."""
    span = (CUTOFF - BEGIN) // timedelta(seconds=1)
    groups = draw(
        st.lists(
            st.tuples(
                st.one_of(st.integers(0, span - 1), st.integers(span // 2, span // 2 + 60)),
                st.integers(0, SECOND - 1),
                st.integers(1, most // 4),
                st.sampled_from([0, 1, 7, 1_000, 90_000, SECOND, 13 * SECOND, DAY, 9 * DAY + 77]),
            ),
            max_size=12,
        )
    )
    first, last = from_datetime(BEGIN), from_datetime(CUTOFF) - 1
    drawn = [
        min(first + second * SECOND + fraction + i * step, last)
        for second, fraction, count, step in groups
        for i in range(count)
    ]
    if per_second is None:
        return drawn[:most]
    here: Counter[int] = Counter()
    kept = []
    for time in drawn[:most]:
        here[time // SECOND] += 1
        if here[time // SECOND] <= per_second:
            kept.append(time)
    return kept


@st.composite
def readings(draw: st.DrawFn, *list_modes: ListMode) -> Reading:
    """Draw a reading of the documentation, as far as the planner can tell them apart."""
    return Reading(
        order=draw(orders),
        lower=draw(bounds),
        upper=draw(bounds),
        list_lower=draw(bounds),
        precision=draw(st.sampled_from(Precision)),
        list_mode=draw(st.sampled_from(list_modes or list(ListMode))),
    )


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Draw a LeadLex, with whatever trouble it may give."""
    reading, seed = draw(readings()), draw(st.integers(0, 3))
    reading = replace(
        reading,
        bound_step=draw(st.sampled_from(Step)),
        bound_rounding=draw(st.sampled_from(Rounding)),
    )
    contacts = draw(times())
    others = draw(st.one_of(st.just([]), times()))
    return Model(
        Store(contacts, reading=reading, seed=seed),
        Store(contacts + others, reading=reading, seed=seed),
        largest=draw(st.none() | st.integers(1, 60)),
        wild=Random(seed) if draw(st.booleans()) else None,  # noqa: S311 - a test's
    )


starts = st.none() | st.datetimes(
    BEGIN.replace(tzinfo=None, microsecond=0), CUTOFF.replace(tzinfo=None), timezones=st.just(UTC)
).map(timestamps.floor).filter(lambda start: start < CUTOFF)


def most_exports(model: Model, limit: int) -> int:
    """Bound what any run may take: some halvings of the whole history for each export's worth.

    Where the list shows contacts that no export does, each of them may end a window, too.
    """
    smallest = max(1, min(limit, model.largest or limit) // 4)
    return 30 * (2 + 4 * len(model.store) // smallest) + 4 * len(model.listed)


def assert_gapless(model: Model) -> None:
    """Make sure that the closed windows of all runs follow each other."""
    for earlier, later in pairwise(model.closed):
        assert earlier.end == later.start, "a gap or an overlap"


def is_dense(model: Model) -> bool:
    """Tell whether the last window could not be split, with its neighbours one unit around."""
    window, limit = model.requests[-1].window, model.requests[-1].limit
    assert window.start is not None
    assert window.end - window.start <= timestamps.SECOND
    return model.held(window.start - window.unit, window.end) >= limit


@given(
    model=models(),
    limit=st.integers(2, 60),
    start=starts,
    whole_first=st.booleans(),
    use_list=st.booleans(),
)
@settings(max_examples=100)
def test_every_contact_once_or_a_loud_error(
    *, model: Model, limit: int, start: datetime | None, whole_first: bool, use_list: bool
) -> None:
    whole = Window(start, CUTOFF)
    most = most_exports(model, limit)
    try:
        model.run(whole, limit, whole_first=whole_first, use_list=use_list, most=most)
    except DenseInstantError:
        event("dense")
        assert model.store.reading.bound_step is not Step.US or is_dense(model)
        whole = Window(start, model.request.window.start or CUTOFF)
    except GatewayError:
        event("gateway down")
        assert model.largest is not None
        assert model.requests[-1].limit > model.largest
        whole = Window(start, model.closed[-1].end) if model.closed else Window(BEGIN, BEGIN)
    else:
        event("done")

    assert_gapless(model)
    model.assert_delivered(whole)
    assert model.look_ups <= 2 * max(len(model.requests), 1)


@given(
    model=models(),
    limit=st.integers(2, 60),
    start=starts,
    kills=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    use_list=st.booleans(),
)
@settings(max_examples=60)
def test_a_killed_run_repeats_only_its_open_window(
    *, model: Model, limit: int, start: datetime | None, kills: Sequence[int], use_list: bool
) -> None:
    model.largest = None
    most = most_exports(model, limit) * (len(kills) + 1)
    at, known = start, False
    try:
        for kill_at in [*sorted(kills), None]:
            done = model.run(
                Window(at, CUTOFF),
                limit,
                whole_first=known,
                use_list=use_list,
                kill_at=kill_at,
                most=most,
            )
            if model.closed:
                at, known = model.closed[-1].end, True
            if done:
                break
    except DenseInstantError:
        assert model.store.reading.bound_step is not Step.US or is_dense(model)
        assume(False)  # noqa: FBT003 - hypothesis's own

    assert_gapless(model)
    expected = Counter(model.numbers(Window(start, CUTOFF)))
    for window in model.open:
        expected.update(model.numbers(window))
    assert Counter(model.delivered) == expected


@given(
    contacts=times(5_000, per_second=3),
    reading=readings(),
    seed=st.integers(0, 3),
    start=starts,
    quota=st.integers(1, 10),
    days_between=st.integers(0, 40),
    whole_first=st.booleans(),
)
# A gap of three years, and a list that shows its end again and again.
@example(
    contacts=[from_datetime(BEGIN)]
    + [from_datetime(BEGIN) + 1_186 * DAY + 13 * SECOND * i for i in range(930)],
    reading=Reading(order=Order.DESCENDING, list_mode=ListMode.NEWEST_FIRST),
    seed=0,
    start=BEGIN,
    quota=1,
    days_between=0,
    whole_first=False,
)
@settings(max_examples=100)
def test_runs_that_a_quota_stops_get_there(
    *,
    contacts: list[int],
    reading: Reading,
    seed: int,
    start: datetime | None,
    quota: int,
    days_between: int,
    whole_first: bool,
) -> None:
    """However few exports each may make: a run that began anew might never close a window."""
    limit, end = 60, CUTOFF
    store = Store(contacts, reading=reading, seed=seed)
    model = Model(store, store)
    most = most_exports(model, limit)
    at = start
    model.max_exports = quota
    while not model.run(
        Window(at, end),
        limit,
        whole_first=whole_first and not model.requests,
        most=most,
    ):
        model.max_exports = len(model.requests) + quota
        at = model.closed[-1].end if model.closed else start
        end += timedelta(days=days_between)

    assert_gapless(model)
    model.assert_delivered(Window(start, end))


@given(
    contacts=times(5_000, per_second=10),
    reading=readings(ListMode.OK, ListMode.NEAR_TOTAL, ListMode.NO_TOTAL),
    seed=st.integers(0, 3),
)
@settings(max_examples=50)
def test_a_backfill_with_the_list_takes_close_to_the_fewest_exports(
    contacts: list[int], reading: Reading, seed: int
) -> None:
    limit = 500
    store = Store(contacts, reading=reading, seed=seed)
    model = Model(store, store)

    model.run(EVERYTHING, limit)

    model.assert_delivered(EVERYTHING)
    assert len(model.requests) <= len(store) / (0.95 * limit) + 2
    # One more to learn whether the list's bound is inclusive.
    assert model.look_ups <= 2 * len(model.requests) + 1


@pytest.mark.parametrize("history", [History.EVEN, History.GROWING, History.MIGRATION])
@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("lower", Bound)
def test_the_named_histories_take_close_to_the_fewest_exports(
    history: History, order: Order, lower: Bound
) -> None:
    limit = 500
    reading = Reading(order=order, lower=lower, upper=Bound.INCLUSIVE)
    store = Store(make(history, 5_000), reading=reading)
    model = Model(store, store)

    model.run(EVERYTHING, limit)

    model.assert_delivered(EVERYTHING)
    assert len(model.requests) <= 5_000 / (0.95 * limit) + 2


@given(
    contacts=times(100),
    reading=readings(),
    start=starts.filter(bool),
    seed=st.integers(0, 3),
)
@example(contacts=[], reading=Reading(), start=BEGIN, seed=0)
def test_new_contacts_that_fit_take_one_export_and_one_look_up(
    contacts: list[int], reading: Reading, start: datetime, seed: int
) -> None:
    store = Store(contacts, reading=reading, seed=seed)
    model = Model(store, store)
    whole = Window(start, CUTOFF)

    model.run(whole, 101, whole_first=True)

    model.assert_delivered(whole)
    assert [request.window for request in model.requests if request.window == whole] == [whole]
    assert model.proof is not None
    if reading.list_mode is ListMode.OK:
        assert (len(model.requests), model.proof.grade) == (1, Grade.CONFIRMED)
        # One or two more if it shows contacts of the second before.
        assert 1 <= model.look_ups <= 3
    # Without the list, a round number of rows costs another export.
    assert len(model.requests) <= 1 + (len(model.delivered) >= 50)


@given(contacts=times(100), reading=readings(ListMode.OK))
def test_a_small_backfill_takes_one_export_and_two_look_ups(
    contacts: list[int], reading: Reading
) -> None:
    store = Store(contacts, reading=reading)
    model = Model(store, store)

    model.run(EVERYTHING, 150)

    assert (len(model.requests), model.look_ups) == (1, 2)


@pytest.mark.parametrize("order", Order)
def test_a_refused_list_is_asked_once_and_the_user_is_told(order: Order) -> None:
    store = Store(make(History.EVEN, 2_000), reading=Reading(order=order))
    model = Model(store, Store([], reading=Reading(list_mode=ListMode.FORBIDDEN)))

    model.run(EVERYTHING, 500)

    assert model.look_ups == 1
    model.assert_delivered(EVERYTHING)
    (notice,) = model.notices
    assert notice.startswith("Cannot use the contact list (HTTP 403); planning without it.")


@pytest.mark.parametrize("use_list", [True, False])
@pytest.mark.parametrize("order", Order)
def test_more_contacts_in_one_instant_than_an_export_holds_end_loudly(
    *, order: Order, use_list: bool
) -> None:
    dense = from_datetime(datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC))
    before = make(History.EVEN, 300, 0, from_datetime(BEGIN), dense)
    store = Store([*before, *[dense] * 100, dense + DAY], reading=Reading(order=order))
    model = Model(store, store)

    with pytest.raises(DenseInstantError, match=r"100 or more.*2024-02-03T04:05:06Z.*export_limit"):
        model.run(EVERYTHING, 100, use_list=use_list)

    # All before it is out, nothing behind it.
    assert model.closed[-1].end == to_datetime(dense)
    assert len(model.delivered) == 300


def test_an_instant_that_just_fits_an_export_is_no_error() -> None:
    dense = from_datetime(datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC))
    store = Store([dense] * 99 + [dense + DAY, dense - DAY])
    model = Model(store, store)

    model.run(EVERYTHING, 100)

    model.assert_delivered(EVERYTHING)


@pytest.mark.parametrize("precision", [Precision.MS, Precision.US])
@pytest.mark.parametrize("order", Order)
def test_fractions_split_a_second(order: Order, precision: Precision) -> None:
    reading = Reading(order=order, precision=precision, lower=Bound.EXCLUSIVE)
    store = Store(make(History.SECOND, 900), reading=reading)
    model = Model(store, store)

    model.run(EVERYTHING, 100)

    model.assert_delivered(EVERYTHING)
    assert len(model.delivered) == 900


def test_a_server_that_ignores_fractions_in_bounds_loses_nothing_silently() -> None:
    """It prints fractions, but compares its bounds by the second, both exclusive."""
    shown = [BEGIN + timedelta(milliseconds=i) for i in range(900)]
    whole = Window(BEGIN - timedelta(seconds=5), CUTOFF)
    prover = Prover(CONTACTS, None, lambda _: None)
    planner = Planner(
        CONTACTS, whole, 100, read=None, notify=lambda _: None, prover=prover, whole_first=True
    )

    def answer(request: ExportRequest) -> ExportResult:
        assert request.after
        low, high = timestamps.floor(request.after), timestamps.floor(request.before)
        rows = [instant for instant in shown if low < timestamps.floor(instant) < high][:100]
        created = [instant for instant in rows if instant in request.window]
        return ExportResult(
            request.window,
            full=len(rows) == 100,
            created=created,
            resolution=timestamps.MILLISECOND,
            rows=len(rows),
            keys=[str(instant) for instant in created],
        )

    def run() -> None:
        while request := planner.next():
            planner.learn(request, answer(request), answer)

    with pytest.raises(DenseInstantError, match="ignores fractions"):
        run()


def test_a_gateway_that_streams_only_little_gets_smaller_exports() -> None:
    store = Store(make(History.EVEN, 2_000))
    model = Model(store, store, largest=300)

    model.run(EVERYTHING, 500)

    model.assert_delivered(EVERYTHING)
    # Twice halved it fits at the latest; each window costs no more trouble after that.
    assert [request.limit for request in model.requests[:3]] == [500, 250, 250]
    assert len(model.requests) <= 2_000 / (0.95 * 250) + 3


def test_a_gateway_that_streams_nothing_is_down_and_not_asked_for_ever() -> None:
    store = Store(make(History.EVEN, 50))
    model = Model(store, store, largest=0)

    with pytest.raises(GatewayError):
        model.run(EVERYTHING, 48)

    assert [request.limit for request in model.requests] == [48, 24, 12]
    assert [request.divisible for request in model.requests] == [True, True, False]


@pytest.mark.parametrize("history", [History.EVEN, History.GROWING])
@pytest.mark.parametrize("order", Order)
def test_without_the_list_smooth_histories_take_at_most_twice_the_fewest(
    history: History, order: Order
) -> None:
    store = Store(make(history, 10_000), reading=Reading(order=order))
    model = Model(store, store)

    model.run(EVERYTHING, 1_000, use_list=False)

    model.assert_delivered(EVERYTHING)
    assert len(model.requests) <= 2 * 10
    assert model.look_ups == 0


def test_the_share_that_a_filter_leaves_is_learnt() -> None:
    """One contact in fifty carries the tags, of which the list knows nothing."""
    everyone = make(History.EVEN, 50_000)
    model = Model(Store(everyone[::50]), Store(everyone))

    model.run(EVERYTHING, 500, whole_first=True)

    model.assert_delivered(EVERYTHING)
    assert len(model.requests) <= 6


@pytest.mark.parametrize("order", Order)
def test_a_last_second_that_nearly_fills_an_export_can_be_split_off(order: Order) -> None:
    last = from_datetime(CUTOFF) - SECOND
    contacts = [last - 100 * SECOND * i for i in range(1, 41)] + [last] * 59
    model = Model(Store(contacts, reading=Reading(order=order)))

    model.run(Window(BEGIN, CUTOFF), 60, use_list=False)

    assert sorted(model.delivered) == list(range(99))
