import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.edges.ledger.publications import GateRecord
from flows.edges.ledger.store import Ledger
from flows.edges.ledger.tables import forecasts, issuances, manifests, pack_quantiles, unpack_quantiles
from flows.edges.sql.database import reading
from pipeline.errors import DateError, InputError, StoreError
from pipeline.forecasts.columns import BY_GATE, BY_RECIPE, IssueContext, quantile_matrix
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import HORIZONS
from pipeline.series import Series

pytestmark = pytest.mark.slow

DAY = date(2026, 3, 29)
MakeForecast = Callable[..., Forecast]
MakeContext = Callable[..., IssueContext]


def midnight_after(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def counts(engine: sa.Engine) -> list[int]:
    with reading(engine) as connection:
        return [
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (manifests, issuances, forecasts)
        ]


def test_a_forecast_is_kept_as_it_was_issued(
    ledger: Ledger, series: Series, make_forecast: MakeForecast, make_context: MakeContext
) -> None:
    forecast, context = make_forecast(DAY, last_close=0.1 + 0.2, random_walk_from=4), make_context(DAY)
    report = ledger.issue([forecast], issue=context)
    assert (report.written, report.unchanged, report.superseded, report.kept) == (7, 0, 0, 0)
    rows = ledger.forecasts(series)
    assert quantile_matrix(rows).tobytes() == forecast.quantiles.tobytes()
    first = rows.iloc[0]
    assert first["series"] == str(series)
    assert (first["as_of"].date(), first["target_date"].date()) == (DAY, date(2026, 3, 30))
    assert (first["model_id"], first["mode"], first["issue"]) == ("coincast-range_blend", "live", 1)
    assert (first["last_close"], first["random_walk_from"]) == (0.1 + 0.2, 4)
    assert (first["model_version"], first["run_id"], first["vintage"]) == ("3", "run-1", "known")
    assert first["snapshot_sha256"] == "a" * 64
    assert (first["now"], first["issued_at"]) == (context.now, context.issued_at)
    assert not first["simulated_time"]
    assert not first["simulated_data"]
    assert rows["horizon"].tolist() == list(HORIZONS)
    assert ledger.manifest(first["manifest_id"]) == context.manifest


def test_an_empty_ledger_has_the_columns_and_types_of_a_full_one(
    ledger: Ledger, series: Series, make_forecast: MakeForecast, make_context: MakeContext
) -> None:
    empty = ledger.forecasts(series)
    ledger.issue([make_forecast(DAY)], issue=make_context(DAY))
    full = ledger.forecasts(series)
    assert empty.dtypes.drop("quantiles").equals(full.dtypes.drop("quantiles"))
    assert quantile_matrix(empty).shape == (0, 23)


def test_the_same_values_again_are_the_same_rows_whichever_run_they_come_from(
    engine: sa.Engine, ledger: Ledger, series: Series, make_forecast: MakeForecast, make_context: MakeContext
) -> None:
    ledger.issue([make_forecast(DAY)], issue=make_context(DAY))
    before, everything = ledger.forecasts(series, latest_only=False), counts(engine)
    later = make_context(DAY, now=midnight_after(DAY) + timedelta(hours=9), run_id="run-2", vintage="latest")
    report = ledger.issue([make_forecast(DAY)], issue=later)
    assert (report.written, report.unchanged) == (0, 7)
    pd.testing.assert_frame_equal(
        ledger.forecasts(series, latest_only=False).drop(columns="quantiles"),
        before.drop(columns="quantiles"),
    )
    assert counts(engine) == everything


def test_other_values_are_the_next_issue_of_the_horizons_that_changed(
    ledger: Ledger, series: Series, make_forecast: MakeForecast, make_context: MakeContext
) -> None:
    first = make_forecast(DAY)
    changed = np.array(first.quantiles)
    changed[2] *= 1.01
    second = Forecast(series, DAY, first.model_id, first.last_close, changed)
    ledger.issue([first], issue=make_context(DAY))
    report = ledger.issue([second], issue=make_context(DAY, run_id="run-2"))
    assert (report.written, report.unchanged, report.superseded) == (1, 6, 1)
    latest = ledger.forecasts(series)
    assert latest["issue"].tolist() == [1, 1, 2, 1, 1, 1, 1]
    assert quantile_matrix(latest).tobytes() == changed.tobytes()
    everything = ledger.forecasts(series, latest_only=False)
    assert len(everything) == 8
    assert everything.loc[everything["issue"] == 2, "run_id"].tolist() == ["run-2"]


def test_going_back_to_the_first_values_is_a_third_issue(
    ledger: Ledger, series: Series, make_forecast: MakeForecast, make_context: MakeContext
) -> None:
    for spread in (0.03, 0.04, 0.03):
        ledger.issue([make_forecast(DAY, spread=spread)], issue=make_context(DAY))
    assert set(ledger.forecasts(series)["issue"]) == {3}


@pytest.mark.parametrize(
    ("moment", "live"),
    [
        (midnight_after(DAY), 7),
        (midnight_after(DAY + timedelta(days=1)) - timedelta(microseconds=1), 7),
        (midnight_after(DAY + timedelta(days=1)), 6),
        (midnight_after(DAY + timedelta(days=3)), 4),
        (midnight_after(DAY + timedelta(days=7)) - timedelta(microseconds=1), 1),
        (midnight_after(DAY + timedelta(days=7)), 0),
        (midnight_after(DAY + timedelta(days=400)), 0),
    ],
)
def test_a_horizon_is_live_until_the_instant_its_target_is_complete(
    moment: datetime,
    live: int,
    ledger: Ledger,
    series: Series,
    make_forecast: MakeForecast,
    make_context: MakeContext,
) -> None:
    ledger.issue([make_forecast(DAY)], issue=make_context(DAY, now=moment))
    modes = ledger.forecasts(series)["mode"].tolist()
    # Rows are ordered by horizon: the near ones are over first.
    assert modes == ["backfill"] * (7 - live) + ["live"] * live


def test_days_end_at_midnight_utc_wherever_the_clock_hangs_and_whatever_the_season(
    ledger: Ledger, series: Series, make_forecast: MakeForecast, make_context: MakeContext
) -> None:
    # Zurich's clocks went from +1 to +2 that night; the target of horizon 1 is complete at 02:00 there.
    zurich = ZoneInfo("Europe/Zurich")
    boundary = datetime(2026, 3, 31, 2, tzinfo=zurich)
    ledger.issue([make_forecast(DAY)], issue=make_context(DAY, now=boundary - timedelta(seconds=1)))
    ledger.issue([make_forecast(DAY, model_id="coincast-har_range")], issue=make_context(DAY, now=boundary))
    rows = ledger.forecasts(series).query("horizon == 1").set_index("model_id")["mode"]
    assert rows.to_dict() == {"coincast-range_blend": "live", "coincast-har_range": "backfill"}


def test_live_and_backfilled_forecasts_of_one_day_stand_beside_each_other(
    ledger: Ledger, series: Series, make_forecast: MakeForecast, make_context: MakeContext
) -> None:
    ledger.issue([make_forecast(DAY)], issue=make_context(DAY))
    much_later = midnight_after(DAY + timedelta(days=30))
    report = ledger.issue([make_forecast(DAY, spread=0.05)], issue=make_context(DAY, now=much_later))
    assert (report.written, report.superseded) == (7, 0)
    assert ledger.forecasts(series, mode="live")["issue"].tolist() == [1] * 7
    assert len(ledger.forecasts(series, mode="backfill")) == 7


def test_hindsight_in_simulated_time_never_takes_the_place_of_what_was_said_in_time(
    ledger: Ledger, series: Series, make_forecast: MakeForecast, make_context: MakeContext
) -> None:
    said = make_forecast(DAY)
    ledger.issue([said], issue=make_context(DAY))
    hindsight = make_context(DAY, simulated_time=True)
    report = ledger.issue([make_forecast(DAY, spread=0.01)], issue=hindsight)
    assert (report.written, report.kept) == (0, 7)
    assert quantile_matrix(ledger.forecasts(series)).tobytes() == said.quantiles.tobytes()
    ledger.issue(
        [make_forecast(DAY + timedelta(days=1))],
        issue=make_context(DAY + timedelta(days=1), simulated_time=True),
    )
    replay = make_context(DAY + timedelta(days=1), simulated_time=True)
    assert ledger.issue([make_forecast(DAY + timedelta(days=1), spread=0.01)], issue=replay).superseded == 7


def test_what_a_rehearsal_said_is_said_anew_when_it_is_said_in_time(
    ledger: Ledger, series: Series, make_forecast: MakeForecast, make_context: MakeContext
) -> None:
    rehearsal = make_context(DAY, simulated_time=True)
    ledger.issue([make_forecast(DAY)], issue=rehearsal)
    report = ledger.issue([make_forecast(DAY)], issue=make_context(DAY))
    assert (report.written, report.superseded) == (7, 7)
    assert not ledger.forecasts(series)["simulated_time"].any()
    assert ledger.issue([make_forecast(DAY)], issue=rehearsal).unchanged == 7
    assert ledger.issue([make_forecast(DAY)], issue=make_context(DAY)).unchanged == 7


def test_an_unfinished_as_of_is_refused_and_the_call_leaves_nothing(
    engine: sa.Engine, ledger: Ledger, series: Series, make_forecast: MakeForecast, make_context: MakeContext
) -> None:
    early, everything = make_context(DAY, now=midnight_after(DAY)), counts(engine)
    with pytest.raises(DateError, match="2026-03-30 is not complete at 2026-03-30 00:00"):
        ledger.issue([make_forecast(DAY), make_forecast(DAY + timedelta(days=1))], issue=early)
    assert counts(engine) == everything


def test_simulated_and_real_forecasts_of_one_series_do_not_mix(
    ledger: Ledger, series: Series, make_forecast: MakeForecast, make_context: MakeContext
) -> None:
    ledger.issue([make_forecast(DAY)], issue=make_context(DAY, simulated_data=True))
    with pytest.raises(
        InputError, match="holds forecasts of the simulated market, these are of a real market"
    ):
        ledger.issue([make_forecast(DAY + timedelta(days=1))], issue=make_context(DAY + timedelta(days=1)))
    other = Series("kraken", series.symbol)
    assert ledger.issue([make_forecast(DAY, series=other)], issue=make_context(DAY)).written == 7


def test_rows_are_selected_by_series_days_models_and_mode(
    ledger: Ledger, series: Series, make_forecast: MakeForecast, make_context: MakeContext
) -> None:
    for offset, model_id in itertools.product(range(4), ("coincast-range_blend", "coincast-random_walk")):
        day = DAY + timedelta(days=offset)
        ledger.issue([make_forecast(day, model_id=model_id)], issue=make_context(day))
    other = Series("kraken", series.symbol)
    ledger.issue([make_forecast(DAY, series=other)], issue=make_context(DAY))
    assert len(ledger.forecasts(other)) == 7
    assert len(ledger.forecasts(series)) == 8 * 7
    assert (
        len(ledger.forecasts(series, since=DAY + timedelta(days=1), until=DAY + timedelta(days=2))) == 4 * 7
    )
    assert len(ledger.forecasts(series, model_ids=["coincast-random_walk"])) == 4 * 7
    assert ledger.forecasts(series, mode="backfill").empty
    everything = ledger.forecasts()["series"].value_counts()
    assert (everything[str(series)], everything[str(other)]) == (8 * 7, 7)


def test_the_newest_and_the_complete_days_are_known_without_reading_rows(
    ledger: Ledger, series: Series, make_forecast: MakeForecast, make_context: MakeContext
) -> None:
    assert ledger.newest_as_of(series) is None
    days = [DAY, DAY + timedelta(days=2)]
    for day in days:
        ledger.issue([make_forecast(day)], issue=make_context(day))
    assert ledger.newest_as_of(series) == days[1]
    assert ledger.newest_as_of(series, mode="backfill") is None
    span = {"since": DAY, "until": DAY + timedelta(days=9)}
    assert ledger.complete_days(series, model_id="coincast-range_blend", **span) == frozenset(days)
    assert ledger.complete_days(series, model_id="coincast-gru", **span) == frozenset()


def test_what_was_published_is_kept_and_the_last_word_counts(ledger: Ledger, series: Series) -> None:
    moment = midnight_after(DAY)
    told = {"now": moment, "published_at": moment}
    assert ledger.publication(series) is None
    assert ledger.publish(series, DAY, model_id="coincast-range_blend", **told)
    assert not ledger.publish(series, DAY, model_id="coincast-range_blend", **told)
    assert ledger.publish(series, DAY, model_id="coincast-random_walk", **told)
    assert ledger.publish(series, DAY - timedelta(days=1), model_id="coincast-har_range", **told)
    newest = ledger.publication(series)
    assert newest is not None
    assert (newest.as_of, newest.model_id, newest.published_at) == (DAY, "coincast-random_walk", moment)
    older = ledger.publication(series, as_of=DAY - timedelta(days=1))
    assert older is not None
    assert older.model_id == "coincast-har_range"


def test_the_gates_choice_stands_behind_a_baseline_that_was_configured(
    ledger: Ledger, series: Series
) -> None:
    moment = midnight_after(DAY)
    told = {"now": moment, "published_at": moment}
    ledger.publish(series, DAY, model_id="coincast-har_range", run_id="judged", **told)
    # The same model, for another reason: that is another publication.
    assert ledger.publish(series, DAY, model_id="coincast-har_range", chosen_by=BY_RECIPE, **told)
    assert not ledger.publish(series, DAY, model_id="coincast-har_range", chosen_by=BY_RECIPE, **told)
    newest, by_gate = ledger.publication(series), ledger.publication(series, chosen_by=BY_GATE)
    assert newest is not None
    assert by_gate is not None
    assert (newest.chosen_by, newest.run_id) == (BY_RECIPE, "")
    assert (by_gate.chosen_by, by_gate.run_id) == (BY_GATE, "judged")
    span = {"since": DAY - timedelta(days=9), "until": DAY}
    assert ledger.published_models(series, **span) == {DAY: "coincast-har_range"}


def test_a_decision_is_kept_once_for_each_fit_and_read_back_whole(
    ledger: Ledger, series: Series, make_decision: Callable[..., GateRecord]
) -> None:
    first, second = make_decision(DAY), make_decision(DAY, run_id="run-2", promoted=True)
    before = make_decision(DAY - timedelta(days=1), run_id="run-3", simulated_time=True)
    assert ledger.decisions(series) == ()
    assert [ledger.decide(series, one) for one in (first, second, before)] == [True] * 3
    assert not ledger.decide(series, first)
    assert not ledger.decide(series, replace(first, decided_at=first.decided_at + timedelta(hours=1)))
    assert ledger.decisions(series) == (before, second, first)
    assert ledger.decisions(series, as_of=DAY) == (second, first)
    assert ledger.decisions(series, run_id="run-1") == (first,)
    assert ledger.decisions(Series("kraken", series.symbol)) == ()


@given(figures=st.dictionaries(st.text("abc_", min_size=1), st.floats(allow_nan=False, allow_infinity=False)))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_decisions_figures_come_back_bit_for_bit(
    ledger: Ledger, series: Series, make_decision: Callable[..., GateRecord], figures: dict[str, float]
) -> None:
    said = make_decision(DAY, run_id=uuid4().hex, figures=figures)
    assert ledger.decide(series, said)
    assert ledger.decisions(series, run_id=said.run_id) == (said,)


def test_an_unknown_manifest_is_a_clear_error(ledger: Ledger) -> None:
    with pytest.raises(StoreError, match="no manifest 'ffff"):
        ledger.manifest("f" * 64)


@given(st.lists(st.floats(min_value=5e-324, allow_infinity=False, allow_nan=False), min_size=23, max_size=23))
def test_quantiles_come_back_bit_for_bit(values: list[float]) -> None:
    array = np.array(values)
    packed = pack_quantiles(array)
    assert len(packed) == 184
    assert unpack_quantiles([packed]).tobytes() == array.tobytes()


def test_any_sequence_of_issues_ends_as_a_plain_dictionary_says(
    ledger: Ledger, series: Series, make_forecast: MakeForecast, make_context: MakeContext
) -> None:
    names = itertools.count()
    step = st.tuples(st.integers(0, 2), st.sampled_from([0.02, 0.03]), st.integers(0, 9))

    @settings(max_examples=20)
    @given(st.lists(step, max_size=10))
    def check(steps: list[tuple[int, float, int]]) -> None:
        own = Series(f"exchange{next(names)}", series.symbol)
        expected: dict[tuple[date, int, str], list[bytes]] = {}
        for offset, spread, delay in steps:
            day = DAY + timedelta(days=offset)
            now = midnight_after(day + timedelta(days=delay))
            forecast = make_forecast(day, spread=spread, series=own)
            ledger.issue([forecast], issue=make_context(day, now=now))
            for horizon in HORIZONS:
                mode = "live" if delay < horizon else "backfill"
                issues = expected.setdefault((day, horizon, mode), [])
                packed = forecast.quantiles[horizon - 1].tobytes()
                if not issues or issues[-1] != packed:
                    issues.append(packed)
        rows = ledger.forecasts(own, latest_only=False)
        found = {
            (row.as_of.date(), row.horizon, row.mode, row.issue): row.quantiles.tobytes()
            for row in rows.itertuples()
        }
        assert found == {
            (*key, number): packed
            for key, issues in expected.items()
            for number, packed in enumerate(issues, start=1)
        }
        assert len(ledger.forecasts(own)) == len(expected)

    check()


def test_a_backfill_is_never_live_and_stands_beside_what_was(
    ledger: Ledger, series: Series, make_forecast: MakeForecast, make_context: MakeContext
) -> None:
    live, afterwards = make_forecast(DAY), make_forecast(DAY, spread=0.04)
    ledger.issue([live], issue=make_context(DAY))
    report = ledger.issue([afterwards], issue=make_context(DAY, backfilled=True))
    assert (report.written, report.superseded) == (7, 0)
    rows = ledger.forecasts(series)
    assert sorted(rows["mode"]) == ["backfill"] * 7 + ["live"] * 7
    assert quantile_matrix(rows[rows["mode"] == "live"]).tobytes() == live.quantiles.tobytes()
    assert quantile_matrix(rows[rows["mode"] == "backfill"]).tobytes() == afterwards.quantiles.tobytes()
    assert ledger.issue([afterwards], issue=make_context(DAY, backfilled=True)).unchanged == 7
