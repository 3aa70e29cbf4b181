"""The planner against a model of LeadLex without HTTP: complete, in order, in few exports."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from tap_leadlex import timestamps
from tap_leadlex.errors import DenseInstantError
from tap_leadlex.planning.planner import Sweep
from tap_leadlex.planning.windows import Answer, Ask, Edge, Fence, Listed, Remark, Window
from tap_leadlex.sandbox import History, Reading, Store
from tap_leadlex.sandbox.histories import make
from tap_leadlex.sandbox.instants import from_datetime, to_datetime
from tap_leadlex.sandbox.readings import Bound, ListMode, Order, Precision

if TYPE_CHECKING:
    from collections.abc import Sequence

SECOND = 1_000_000
DAY = 86_400 * SECOND
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
CUTOFF = datetime(2026, 7, 1, tzinfo=UTC)
EVERYTHING = Window(None, CUTOFF)

# Modes that the model itself answers: the sandbox does so in its HTTP layer.
REFUSED = {ListMode.FORBIDDEN, ListMode.MISSING, ListMode.LIMITED}
SHALLOW_ROWS = 20


class GatewayDownError(Exception):
    """The model could not give an export however small: the run ends."""


@dataclass
class Model:
    """LeadLex, with what a run has had from it.

    Attributes:
        store: The contacts that exports show.
        listed: The contacts that the list shows: more of them where it knows no tags.
        largest: The most rows that the gateway can stream; `None` for any.
        wild: Draws nonsensical answers of the list; `None` for what the reading says.
        exports: Windows asked for, in order.
        lists: How many list calls there were.
        closed: The closed windows of all runs.
        delivered: How often each contact was handed out, by its printed instant.
        open: Windows that a kill left open with their contacts out already.
        resolution: The finest step of time that the last export showed.
        plan: What the last run that was stopped had found out.
    """

    store: Store = field(repr=False)
    listed: Store = field(repr=False)
    largest: int | None = None
    wild: Random | None = None
    exports: list[Ask] = field(default_factory=list)
    lists: int = 0
    closed: list[Window] = field(default_factory=list)
    delivered: Counter[datetime] = field(default_factory=Counter)
    open: list[Window] = field(default_factory=list)
    resolution: timedelta = timestamps.SECOND
    plan: Sequence[Fence] = ()

    def run(
        self,
        whole: Window,
        limit: int,
        *,
        whole_first: bool = False,
        use_list: bool = True,
        kill_at: int | None = None,
        stop_at: int | None = None,
        most: int = 10_000,
    ) -> bool:
        """Run the planner over this model.

        Args:
            whole: The range of the run.
            limit: The rows asked for in one export.
            whole_first: Whether to try the whole range in one export first.
            use_list: Whether the list may be asked.
            kill_at: The number of the export, of all runs, at whose end the run dies.
            stop_at: The number of the export, of all runs, before which the run stops.
            most: After so many exports the planner counts as spinning.

        Returns:
            Whether the run came to its end.
        """
        sweep = Sweep(whole, limit, whole_first=whole_first, use_list=use_list, plan=self.plan)
        steps = sweep.steps()
        end = whole.start
        step = next(steps, None)
        while step is not None:
            reply: Answer | Listed | None = None
            if isinstance(step, Ask):
                assert step.window.start == end, "a gap or an overlap"
                assert step.window.end > (end or datetime.min.replace(tzinfo=UTC))
                assert step.window.end <= whole.end
                assert 1 <= step.limit <= limit
                self.plan = sweep.plan
                if len(self.exports) + 1 == stop_at:
                    return False
                self.exports.append(step)
                assert len(self.exports) <= most, "it spins"
                reply = self._export(step)
                if not reply.full and not reply.too_big:
                    self.delivered.update(reply.seen)
                    if len(self.exports) == kill_at:
                        self.open.append(step.window)
                        return False
                    end = step.window.end
                    self.closed.append(step.window)
            elif isinstance(step, Edge):
                self.lists += 1
                reply = self._edge(step)
            else:
                assert isinstance(step, Remark)
            if len(self.exports) == kill_at:
                return False
            try:
                step = steps.send(reply)
            except StopIteration:
                step = None
        assert end == whole.end
        return True

    def truth(self, whole: Window) -> Counter[datetime]:
        """Give the printed instants of all contacts of a range."""
        printed = (self._printed(row.created) for row in self.store.rows())
        return Counter(instant for instant in printed if instant in whole)

    def held(self, low: datetime, high: datetime) -> int:
        """Count the contacts that LeadLex keeps between two instants, both included."""
        first, last = from_datetime(low), from_datetime(high)
        return sum(first <= row.created <= last for row in self.store.rows())

    def _export(self, ask: Ask) -> Answer:
        """Do what `Exporter` does, without its HTTP."""
        window = ask.window
        after = None if window.start is None else from_datetime(window.start - window.unit)
        rows = self.store.export(after=after, before=from_datetime(window.end), limit=ask.limit)
        if self.largest is not None and len(rows) > self.largest:
            if not ask.divisible:
                raise GatewayDownError
            return Answer(full=False, too_big=True)
        printed = [self._printed(time) for time in rows.times]
        self.resolution = min(map(timestamps.resolution, printed), default=timestamps.SECOND)
        return Answer(
            full=len(rows) >= ask.limit,
            seen=[instant for instant in printed if instant in window],
            resolution=self.resolution,
        )

    def _edge(self, edge: Edge) -> Listed | None:
        """Do what `ContactList` does, without its HTTP."""
        mode = self.listed.reading.list_mode
        if mode in REFUSED:
            return None
        if self.wild:
            return self._nonsense(self.wild)
        after = None if edge.start is None else from_datetime(edge.start - timestamps.SECOND)
        rows, total = self.listed.page(page=edge.rank, per_page=1, after=after)
        counted = {
            ListMode.WRONG_TOTAL: total // 2,
            ListMode.NEAR_TOTAL: total + 3,
            ListMode.NO_TOTAL: None,
        }.get(mode, total)
        too_deep = mode is ListMode.SHALLOW and edge.rank > SHALLOW_ROWS
        if not len(rows) or too_deep or mode is ListMode.EMPTY:
            return Listed(None, counted)
        earlier = DAY if mode is ListMode.DATE_BEFORE_WINDOW and after is not None else 0
        return Listed(self._printed(rows.times[0] - earlier), counted)

    def _printed(self, kept: int) -> datetime:
        """Give the instant that LeadLex prints for one that it keeps."""
        shown_as_s = self.store.reading.precision is Precision.US_SHOWN_AS_S
        return to_datetime(kept - kept % SECOND if shown_as_s else kept)

    @staticmethod
    def _nonsense(random: Random) -> Listed | None:
        """Say anything at all."""
        if random.random() < 0.1:
            return None
        span = int((CUTOFF - BEGIN).total_seconds())
        anywhere = BEGIN + timedelta(seconds=random.randint(-span, 2 * span))
        return Listed(
            random.choice([None, anywhere, anywhere, anywhere]),
            random.choice([None, 0, 1, random.randint(0, 200)]),
        )


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
    window, limit = model.exports[-1].window, model.exports[-1].limit
    assert window.start is not None
    # A finer precision shows only where there are fractions.
    assert window.end - window.start <= max(model.resolution, timestamps.MILLISECOND)
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
        assert is_dense(model)
        whole = Window(start, model.exports[-1].window.start or CUTOFF)
    except GatewayDownError:
        event("gateway down")
        assert model.largest is not None
        assert model.exports[-1].limit > model.largest
        whole = Window(start, model.closed[-1].end) if model.closed else Window(BEGIN, BEGIN)
    else:
        event("done")

    assert_gapless(model)
    assert model.delivered == model.truth(whole)
    assert model.lists <= 2 * max(len(model.exports), 1)


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
        assert is_dense(model)
        assume(False)  # noqa: FBT003 - hypothesis's own

    assert_gapless(model)
    truth = model.truth(Window(start, CUTOFF))
    assert model.delivered.keys() == truth.keys()
    for instant, count in model.delivered.items():
        repeats = sum(instant in window for window in model.open)
        assert count == truth[instant] * (1 + repeats)


@given(
    contacts=times(5_000, per_second=3),
    reading=readings(),
    seed=st.integers(0, 3),
    start=starts,
    quota=st.integers(1, 10),
    days_between=st.integers(0, 40),
    whole_first=st.booleans(),
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
    while not model.run(
        Window(at, end),
        limit,
        whole_first=whole_first and not model.exports,
        stop_at=len(model.exports) + quota + 1,
        most=most,
    ):
        at = model.closed[-1].end if model.closed else start
        end += timedelta(days=days_between)

    assert_gapless(model)
    assert model.delivered == model.truth(Window(start, end))


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

    assert model.delivered == model.truth(EVERYTHING)
    assert len(model.exports) <= len(store) / (0.95 * limit) + 2
    assert model.lists <= 2 * len(model.exports)


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

    assert model.delivered == model.truth(EVERYTHING)
    assert len(model.exports) <= 5_000 / (0.95 * limit) + 2


@given(
    contacts=times(100),
    reading=readings(),
    start=starts.filter(bool),
    seed=st.integers(0, 3),
)
@example(contacts=[], reading=Reading(), start=BEGIN, seed=0)
def test_news_that_fit_take_one_export_and_no_list_call(
    contacts: list[int], reading: Reading, start: datetime, seed: int
) -> None:
    store = Store(contacts, reading=reading, seed=seed)
    model = Model(store, store)
    whole = Window(start, CUTOFF)

    model.run(whole, 101, whole_first=True)

    assert model.delivered == model.truth(whole)
    assert [ask.window for ask in model.exports] == [whole]
    assert model.lists == 0


@given(contacts=times(100), reading=readings(ListMode.OK))
def test_a_small_backfill_takes_one_list_call_and_one_export(
    contacts: list[int], reading: Reading
) -> None:
    store = Store(contacts, reading=reading)
    model = Model(store, store)

    model.run(EVERYTHING, 150)

    assert (len(model.exports), model.lists) == (1, 1)


@pytest.mark.parametrize("order", Order)
def test_a_refused_list_is_asked_once_and_a_remark_says_so(order: Order) -> None:
    store = Store(make(History.EVEN, 2_000), reading=Reading(order=order))
    steps = Sweep(EVERYTHING, 500, whole_first=False, use_list=True).steps()

    assert next(steps) == Edge(None, 487)
    remark = steps.send(None)

    assert isinstance(remark, Remark)
    assert "refused" in remark.text
    model = Model(store, Store([], reading=Reading(list_mode=ListMode.FORBIDDEN)))
    model.run(EVERYTHING, 500)
    assert model.lists == 1
    assert model.delivered == model.truth(EVERYTHING)


@pytest.mark.parametrize("use_list", [True, False])
@pytest.mark.parametrize("order", Order)
def test_more_contacts_in_one_instant_than_an_export_holds_end_loudly(
    *, order: Order, use_list: bool
) -> None:
    dense = from_datetime(datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC))
    before = make(History.EVEN, 300, 0, from_datetime(BEGIN), dense)
    store = Store([*before, *[dense] * 100, dense + DAY], reading=Reading(order=order))
    model = Model(store, store)

    with pytest.raises(DenseInstantError, match=r"\(100\).*2024-02-03T04:05:06Z.*export_limit"):
        model.run(EVERYTHING, 100, use_list=use_list)

    # All before it is out, nothing behind it.
    assert model.closed[-1].end == to_datetime(dense)
    assert sum(model.delivered.values()) == 300


def test_an_instant_that_just_fits_an_export_is_no_error() -> None:
    dense = from_datetime(datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC))
    store = Store([dense] * 99 + [dense + DAY, dense - DAY])
    model = Model(store, store)

    model.run(EVERYTHING, 100)

    assert model.delivered == model.truth(EVERYTHING)


@pytest.mark.parametrize("precision", [Precision.MS, Precision.US])
@pytest.mark.parametrize("order", Order)
def test_fractions_split_a_second(order: Order, precision: Precision) -> None:
    reading = Reading(order=order, precision=precision, lower=Bound.EXCLUSIVE)
    store = Store(make(History.SECOND, 900), reading=reading)
    model = Model(store, store)

    model.run(EVERYTHING, 100)

    assert model.delivered == model.truth(EVERYTHING)
    assert sum(model.delivered.values()) == 900


def test_a_server_deaf_to_fractions_loses_nothing_silently() -> None:
    with pytest.raises(DenseInstantError, match="heed fractions"):
        sweep_a_server_deaf_to_fractions()


def sweep_a_server_deaf_to_fractions() -> None:
    """Sweep one that prints fractions, yet compares its bounds by the second, both exclusive."""
    shown = [BEGIN + timedelta(milliseconds=i) for i in range(900)]
    whole = Window(BEGIN - timedelta(seconds=5), CUTOFF)
    steps = Sweep(whole, 100, whole_first=True, use_list=False).steps()
    step = next(steps)
    for _ in range(100):
        assert isinstance(step, Ask)
        assert step.window.start
        low = timestamps.floor(step.window.start - step.window.unit)
        high = timestamps.floor(step.window.end)
        rows = [instant for instant in shown if low < timestamps.floor(instant) < high][:100]
        seen = [instant for instant in rows if instant in step.window]
        step = steps.send(Answer(len(rows) == 100, seen, timestamps.MILLISECOND))


def test_a_gateway_that_streams_only_little_gets_smaller_exports() -> None:
    store = Store(make(History.EVEN, 2_000))
    model = Model(store, store, largest=300)

    model.run(EVERYTHING, 500)

    assert model.delivered == model.truth(EVERYTHING)
    # Twice halved it fits at the latest; each window costs no more trouble after that.
    assert [ask.limit for ask in model.exports[:3]] == [500, 250, 250]
    assert len(model.exports) <= 2_000 / (0.95 * 250) + 3


def test_a_gateway_that_streams_nothing_is_down_and_not_asked_for_ever() -> None:
    store = Store(make(History.EVEN, 50))
    model = Model(store, store, largest=0)

    with pytest.raises(GatewayDownError):
        model.run(EVERYTHING, 48)

    assert [ask.limit for ask in model.exports] == [48, 24, 12]
    assert [ask.divisible for ask in model.exports] == [True, True, False]


@pytest.mark.parametrize("history", [History.EVEN, History.GROWING])
@pytest.mark.parametrize("order", Order)
def test_without_the_list_smooth_histories_take_at_most_twice_the_fewest(
    history: History, order: Order
) -> None:
    store = Store(make(history, 10_000), reading=Reading(order=order))
    model = Model(store, store)

    model.run(EVERYTHING, 1_000, use_list=False)

    assert model.delivered == model.truth(EVERYTHING)
    assert len(model.exports) <= 2 * 10
    assert model.lists == 0


def test_the_share_that_a_filter_leaves_is_learnt() -> None:
    """One contact in fifty carries the tags, of which the list knows nothing."""
    everyone = make(History.EVEN, 50_000)
    model = Model(Store(everyone[::50]), Store(everyone))

    model.run(EVERYTHING, 500, whole_first=True)

    assert model.delivered == model.truth(EVERYTHING)
    assert len(model.exports) <= 6
