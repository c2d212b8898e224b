"""The plan of a backfill beside a naive reading of the rules, and what must hold whatever is asked."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.backfill.description import Timings, differences, estimated_seconds, status_rows, stretches
from pipeline.backfill.plan import (
    BackfillRequest,
    Known,
    Plan,
    Unit,
    View,
    plan_units,
)
from pipeline.features.day_axis import day_number

DAY = timedelta(days=1)
START = date(2024, 1, 1)
NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
ONE = "binance/BTCUSDT/1d"
TWO = "binance/ETHUSDT/1d"


def view_of(first: date, last: date, holes: tuple[date, ...] = (), sha256: str = "a" * 64) -> View:
    days = [first + n * DAY for n in range((last - first).days + 1)]
    return View(sha256, [day_number(day) for day in days if day not in holes])


def request_of(first: date, last: date, **choices: object) -> BackfillRequest:
    values = {
        "series": (ONE,),
        "first": first,
        "last": last,
        "source": "x",
        "recipe": "range-lstm",
        **choices,
    }
    return BackfillRequest(**values)  # type: ignore[arg-type]


def known_of(view: View | None, done: tuple[date, ...] = (), failed: tuple[date, ...] = ()) -> Known:
    return Known(lambda _day: view, frozenset(done), frozenset(failed))


def plan_of(request: BackfillRequest, known: dict[str, Known]) -> Plan:
    units = plan_units(request, known, now=NOW)
    return Plan(request=request, recipe={"name": "range-lstm"}, now=NOW, code="1", packages={}, units=units)


def test_each_day_has_the_outcome_that_it_deserves() -> None:
    hole = date(2025, 12, 20)
    view = view_of(START, date(2026, 1, 5), holes=(hole,))
    known = known_of(view, done=(date(2025, 12, 30),), failed=(date(2025, 12, 31),))
    outcomes = {
        unit.as_of: (unit.outcome, unit.why)
        for unit in plan_units(request_of(date(2023, 12, 30), date(2026, 1, 12)), {ONE: known}, now=NOW)
    }
    assert outcomes[date(2023, 12, 31)] == ("refuse", "before the first candle")
    assert outcomes[date(2024, 6, 1)] == ("refuse", "fewer than 400 candles before its fit")
    # 2024-01-01 and the 399 days after it are 400 candles.
    assert outcomes[START + 398 * DAY] == ("refuse", "fewer than 400 candles before its fit")
    assert outcomes[START + 399 * DAY] == ("create", "")
    assert outcomes[hole] == ("refuse", "in a hole of the candles")
    assert outcomes[date(2025, 12, 30)] == ("skip", "done")
    assert outcomes[date(2025, 12, 31)] == ("retry", "failed")
    assert outcomes[date(2026, 1, 6)] == ("refuse", "after the last candle")
    assert outcomes[date(2026, 1, 9)] == ("refuse", "after the last candle")
    assert outcomes[date(2026, 1, 10)] == ("refuse", "not complete yet")


def test_a_day_too_soon_after_a_long_hole_is_refused_before_it_is_tried() -> None:
    view, after = view_of(START, date(2026, 1, 5)), date(2025, 6, 2)
    known = known_of(View(view.sha256, view.days, {day_number(after)}))
    units = plan_units(request_of(after - DAY, after + DAY), {ONE: known}, now=NOW)
    assert {unit.as_of: (unit.outcome, unit.why) for unit in units} == {
        after - DAY: ("create", ""),
        after: ("refuse", "too soon after a hole of more than 12 days"),
        after + DAY: ("create", ""),
    }


@pytest.mark.parametrize(
    ("vintage", "view", "why"),
    [
        ("latest", None, "no snapshot is stored"),
        ("known", None, "no snapshot was known by then"),
        ("latest", View("a" * 64, ()), "its snapshot's file is not stored any more"),
    ],
)
def test_without_a_snapshot_it_is_said_which_is_missing(vintage: str, view: View | None, why: str) -> None:
    request = request_of(date(2025, 6, 1), date(2025, 6, 2), vintage=vintage)
    units = plan_units(request, {ONE: known_of(view)}, now=NOW)
    assert {(unit.outcome, unit.why) for unit in units} == {("refuse", why)}


@pytest.mark.parametrize(
    ("reprocess", "expected"),
    [
        ("missing", ["skip", "retry", "create"]),
        ("failed", ["skip", "retry", "skip"]),
        ("all", ["create", "retry", "create"]),
    ],
)
def test_what_is_processed_again(reprocess: str, expected: list[str]) -> None:
    first = date(2025, 6, 1)
    known = known_of(view_of(START, date(2026, 1, 9)), done=(first,), failed=(first + DAY,))
    request = request_of(first, first + 2 * DAY, reprocess=reprocess)
    units = sorted(plan_units(request, {ONE: known}, now=NOW), key=lambda unit: unit.as_of)
    assert [unit.outcome for unit in units] == expected


requests = st.builds(
    lambda start, length, every, chunk, order, both: request_of(
        START + start * DAY,
        START + (start + length) * DAY,
        refit_every=every,
        chunk_days=chunk,
        order=order,
        series=(ONE, TWO) if both else (ONE,),
    ),
    st.integers(300, 700),
    st.integers(0, 120),
    st.integers(1, 40),
    st.integers(1, 60),
    st.sampled_from(["oldest", "newest"]),
    st.booleans(),
)
marked = st.sets(st.integers(300, 820), max_size=40).map(lambda days: tuple(START + n * DAY for n in days))


@settings(max_examples=150)
@given(requests, marked, marked, marked)
def test_every_fit_is_in_one_chunk_and_work_is_in_order(
    request: BackfillRequest, holes: tuple[date, ...], done: tuple[date, ...], failed: tuple[date, ...]
) -> None:
    view = view_of(START, date(2026, 1, 5), holes=holes)
    known = {name: known_of(view, done, failed) for name in request.series}
    plan = plan_of(request, known)
    assert sorted((unit.series, unit.as_of) for unit in plan.units) == sorted(
        (name, day) for name in request.series for day in request.days
    )
    chunk_of_fit: dict[tuple[str, date], int | None] = {}
    for unit in plan.to_do:
        assert day_number(unit.fit_day) % request.refit_every == 0
        assert timedelta(0) <= unit.as_of - unit.fit_day < request.refit_every * DAY
        assert chunk_of_fit.setdefault((unit.series, unit.fit_day), unit.chunk) == unit.chunk
    assert plan.fits == len(chunk_of_fit)
    chunks = [unit.chunk for unit in plan.to_do]
    assert chunks == sorted(chunks, key=lambda chunk: -1 if chunk is None else chunk)
    assert set(chunks) == set(range(len(set(chunks))))
    for name in request.series:
        days = [unit.as_of for unit in plan.to_do if unit.series == name]
        assert days == sorted(days, reverse=request.order == "newest")
    assert all(unit.chunk is None for unit in plan.units if not unit.to_do)
    drawn = list(stretches(plan.units))
    assert sum(one.days for one in drawn) == len(plan.units) == sum(plan.counts.values())


@settings(max_examples=60)
@given(requests, st.integers(0, 60))
def test_a_fits_chunk_mates_do_not_depend_on_where_the_request_begins(
    request: BackfillRequest, later: int
) -> None:
    view = view_of(START, date(2026, 1, 5))
    shorter = request.model_copy(update={"first": min(request.first + later * DAY, request.last)})
    groups = []
    for one in (request, shorter):
        units = [u for u in plan_units(one, dict.fromkeys(one.series, known_of(view)), now=NOW) if u.to_do]
        chunks: dict[int | None, set[tuple[str, date]]] = {}
        for unit in units:
            if unit.as_of >= shorter.first:
                chunks.setdefault(unit.chunk, set()).add((unit.series, unit.as_of))
        groups.append({frozenset(chunk) for chunk in chunks.values()})
    assert groups[0] == groups[1]


def test_a_chunk_is_a_whole_number_of_fits() -> None:
    view = view_of(START, date(2026, 1, 5))
    request = request_of(date(2025, 2, 5), date(2025, 12, 31), refit_every=7, chunk_days=20)
    units = plan_units(request, {ONE: known_of(view)}, now=NOW)
    sizes = [
        sum(unit.chunk == number for unit in units) for number in range(max(u.chunk or 0 for u in units))
    ]
    assert set(sizes[1:]) == {21}


def test_a_plan_goes_through_its_file_and_says_what_changed_since() -> None:
    view = view_of(START, date(2026, 1, 5))
    first = date(2025, 6, 1)
    request = request_of(first, first + 3 * DAY)
    plan = plan_of(request, {ONE: known_of(view)})
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    meanwhile = plan_of(request, {ONE: known_of(view, done=(first,), failed=(first + DAY,))})
    assert differences(plan, meanwhile) == []
    other = plan_of(request, {ONE: known_of(view_of(START, date(2026, 1, 5), sha256="b" * 64))})
    assert differences(plan, other)[0] == (
        f"{ONE} 2025-06-01 was create (snapshot aaaaaaaa) and is create (snapshot bbbbbbbb)"
    )
    gone = plan_of(request, {ONE: known_of(View("a" * 64, ()))})
    assert "is refuse: its snapshot's file is not stored any more" in differences(plan, gone)[3]
    assert differences(plan, plan.model_copy(update={"code": "2"})) == ["code was 1 and is 2"]


def test_a_plan_whose_file_holds_other_units_than_its_request_is_told() -> None:
    first = date(2025, 6, 1)
    known = {ONE: known_of(view_of(START, date(2026, 1, 5)))}
    plan, wider = (plan_of(request_of(first, first + n * DAY), known) for n in (2, 3))

    def holding(units: tuple[Unit, ...]) -> Plan:
        return plan.model_copy(update={"units": units})

    assert differences(holding(plan.units[:2]), plan) == [f"{ONE} 2025-06-03 is missing"]
    beyond = [f"{ONE} 2025-06-04 is more than its request asks for"]
    assert differences(holding(wider.units), plan) == beyond
    twice = [f"{ONE} 2025-06-01 is more than its request asks for"]
    assert differences(holding((*plan.units, plan.units[0])), plan) == twice


def test_the_estimate_is_of_fits_and_units_and_says_when_nothing_is_known() -> None:
    view = view_of(START, date(2026, 1, 5))
    plan = plan_of(request_of(date(2025, 6, 1), date(2025, 6, 30), refit_every=10), {ONE: known_of(view)})
    assert (plan.fits, len(plan.to_do)) == (3, 30)
    assert estimated_seconds(plan, Timings(fit=10.0, rest=0.5), workers=1) == pytest.approx(45.0)
    assert estimated_seconds(plan, Timings(fit=10.0, rest=0.5), workers=2) == pytest.approx(22.5)
    assert estimated_seconds(plan, None, workers=1) is None


@pytest.mark.parametrize(
    "fault",
    [
        {"refit_every": 0},
        {"vintage": "guessed"},
        {"order": "random"},
        {"reprocess": "some"},
        {"chunk_days": 0},
        {"x": 1},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(fault: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        request_of(START, START, **fault)


def test_the_status_of_several_series_has_the_same_columns() -> None:
    units = [
        {"series": series, "as_of": date(2025, 1, day), "status": status, "attempts": 1, "total_s": 0.5}
        for series, statuses in (("a", ("done", "done")), ("b", ("failed", "done")))
        for day, status in enumerate(statuses, start=1)
    ]
    first, second = status_rows(units)
    assert list(first) == list(second)
    assert (first["done"], first["failed"], second["done"], second["failed"]) == (2, 0, 1, 1)
    assert (second["first"], second["last"], second["attempts"], second["seconds"]) == (
        "2025-01-01",
        "2025-01-02",
        2,
        1.0,
    )
