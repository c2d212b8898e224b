import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from expectations import checking
from expectations.checking import Verdict, check_candles, check_forecasts
from expectations.forecast_table import forecast_table
from pipeline.candles import candles_csv, read_candles
from pipeline.candles.account import AFTER_AS_OF, BLANK, Account
from pipeline.evaluation.holdout import ENOUGH_DAYS, TEST_DAYS
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import HORIZONS, LEVELS
from pipeline.models.fitting import MINIMUM_DAYS
from pipeline.series import Series
from pipeline.simulation import simulate_candles

pytestmark = pytest.mark.slow

BITCOIN = Series("binance", "BTCUSDT")
AS_OF = date(2026, 3, 29)
NOW = datetime(2026, 3, 30, 0, 20, tzinfo=UTC)
FLAT = ["open", "high", "low", "close"]
Table = pd.DataFrame


@pytest.fixture
def candles() -> Table:
    return simulate_candles(seed=3, first=AS_OF - timedelta(days=499), last=AS_OF, price=30_000.0)


@pytest.fixture
def forecasts() -> Table:
    spread = 0.03 * np.sqrt(np.array(HORIZONS))[:, None] * norm.ppf(LEVELS)
    quantiles = 60_000 * np.exp(spread)
    models = ("coincast-range_lstm", "coincast-random_walk")
    return forecast_table([Forecast(BITCOIN, AS_OF, model, 60_000.0, quantiles) for model in models])


def verdict(candles: object, *, as_of: date = AS_OF, now: datetime = NOW, **options: object) -> Verdict:
    return check_candles(candles, series=BITCOIN, as_of=as_of, now=now, **options)


def failed(verdict: Verdict) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {check.name: (check.severity, check.days) for check in verdict.failures}


def forecast_verdict(table: object, *, as_of: date = AS_OF, last_close: float = 60_000.0) -> Verdict:
    return check_forecasts(table, series=BITCOIN, as_of=as_of, last_close=last_close)


def put(table: Table, row: int | slice, columns: str | list[str], value: float) -> Table:
    changed = table.copy()
    changed.loc[row, columns] = value
    return changed


def day(candles: Table, row: int) -> str:
    return str(candles["date"][row].date())


def test_good_candles_pass_every_check_and_stay_as_they_are(candles: Table) -> None:
    before = candles.copy()
    found = verdict(candles)
    assert found.severity == "ok"
    assert found.counts() == {"checks": 28, "critical": 0, "warnings": 0}
    pd.testing.assert_frame_equal(candles, before)


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("open", 0.0, "positive"),
        ("high", np.nan, "present"),
        ("low", -1.0, "positive"),
        ("close", np.inf, "positive"),
        ("close", np.nan, "present"),
    ],
)
def test_a_price_that_is_none_is_critical(candles: Table, column: str, value: float, check: str) -> None:
    found = verdict(put(candles, 7, column, value))
    assert found.severity == "critical"
    assert failed(found)[f"{column}_is_{check}"] == ("critical", (day(candles, 7),))


def test_a_date_twice_is_critical(candles: Table) -> None:
    table = candles.copy()
    table.loc[100, "date"] = table.loc[99, "date"]
    found = failed(verdict(table))
    assert found["date_is_unique"] == ("critical", (day(candles, 99),))
    assert found["dates_ascend"] == ("critical", (day(candles, 99),))


def test_newest_first_is_critical(candles: Table) -> None:
    assert "dates_ascend" in failed(verdict(candles.iloc[::-1]))


def test_a_high_below_its_low_is_critical_and_a_body_outside_a_warning(candles: Table) -> None:
    swapped = put(candles, 50, "high", 0.9 * candles["low"][50])
    assert failed(verdict(swapped))["high_is_not_below_low"] == ("critical", (day(candles, 50),))
    outside = put(
        candles, 50, "high", 0.5 * (candles["low"][50] + candles[["open", "close"]].max(axis=1)[50])
    )
    assert verdict(outside).severity == "warning"


@pytest.mark.parametrize("days", [-1, 1])
def test_the_newest_candle_must_be_that_of_as_of(candles: Table, days: int) -> None:
    found = verdict(candles, as_of=AS_OF + timedelta(days=days), now=NOW + timedelta(days=2))
    assert failed(found)["newest_is_as_of"][0] == "critical"


def test_an_unfinished_day_is_no_candle(candles: Table) -> None:
    assert (
        failed(verdict(candles, now=datetime(2026, 3, 29, 23, 59, tzinfo=UTC)))["newest_is_complete"][0]
        == "critical"
    )
    assert verdict(candles, now=datetime(2026, 3, 30, tzinfo=UTC)).severity == "ok"


def test_now_in_another_zone_is_the_same_instant(candles: Table) -> None:
    tokyo = datetime.fromisoformat("2026-03-30T08:59:00+09:00")
    assert "newest_is_complete" in failed(verdict(candles, now=tokyo))


def test_too_few_rows_are_critical_and_less_than_enough_a_warning(candles: Table) -> None:
    assert failed(verdict(candles.tail(29)))["enough_rows"][0] == "critical"
    assert failed(verdict(candles.tail(30))) == {"enough_history": ("warning", ())}


def test_a_hole_is_a_warning_that_names_its_days(candles: Table) -> None:
    found = verdict(candles.drop(index=[100, 101, 102, 200]))
    lost = tuple(day(candles, row) for row in (100, 101, 102, 200))
    assert failed(found) == {"dates_are_continuous": ("warning", lost)}
    assert found.failures[0].observed == 4


def test_many_days_are_counted_and_the_newest_named(candles: Table) -> None:
    found = verdict(candles.drop(index=range(10, 110))).failures[0]
    assert found.observed == 100
    assert found.days == tuple(day(candles, row) for row in range(50, 110))
    assert len(found.message) <= 300


@pytest.mark.parametrize(
    ("change", "check", "rows"),
    [
        (lambda t: put(t, 90, "close", 2.5 * t["high"][90]), "moves_are_ordinary", [90, 91]),
        (lambda t: put(t, 90, "high", 1e7), "wicks_are_ordinary", [90]),
        (lambda t: put(t, 90, "low", 0.06), "wicks_are_ordinary", [90]),
        (lambda t: put(t, slice(90, 93), FLAT, 30_000.0), "market_moves", [90, 91, 92, 93]),
        (lambda t: put(t, slice(90, 91), "volume_base", 0.0), "market_moves", [90, 91]),
        (lambda t: put(t, 499, "volume_base", 1.0), "newest_volume_is_usual", [499]),
        (lambda t: put(t, 90, "volume_base", -1.0), "volume_base_is_not_negative", [90]),
        (lambda t: put(t, 90, "volume_quote", np.inf), "volume_quote_is_not_negative", [90]),
    ],
)
def test_oddities_are_warnings_that_name_their_days(
    candles: Table, change: Callable[[Table], Table], check: str, rows: list[int]
) -> None:
    found = failed(verdict(change(candles)))
    assert found[check] == ("warning", tuple(day(candles, row) for row in rows))


def test_volumes_that_no_file_tells_are_no_fault(candles: Table) -> None:
    unknown = candles.assign(volume_base=np.nan, volume_quote=np.nan, trades=np.nan)
    assert verdict(unknown).severity == "ok"


def test_a_stale_source_is_a_warning(candles: Table) -> None:
    assert verdict(candles, now=NOW + timedelta(days=1.5)).severity == "ok"
    late = verdict(candles, now=NOW + timedelta(days=9))
    assert failed(late) == {"source_is_fresh": ("warning", ())}
    assert late.failures[0].observed == pytest.approx(9.01, abs=0.01)
    assert verdict(candles, now=NOW + timedelta(days=9), stale_after_days=10).severity == "ok"


def account(rows_read: int, dropped: dict[str, int]) -> Account:
    return Account("CryptoDataDownload", BITCOIN, rows_read, 500, dropped)


def test_a_source_that_goes_on_after_as_of_is_fresh(candles: Table) -> None:
    replayed = NOW + timedelta(days=30)
    longer = verdict(candles, now=replayed, account=account(530, {AFTER_AS_OF: 30}))
    assert longer.severity == "ok"
    ended = verdict(candles, now=replayed, account=account(530, {BLANK: 30}))
    assert failed(ended) == {"source_is_fresh": ("warning", ())}


def test_an_account_that_does_not_balance_is_critical(candles: Table) -> None:
    assert verdict(candles, account=account(510, {BLANK: 10})).severity == "ok"
    found = verdict(candles, account=account(510, {BLANK: 9}))
    assert failed(found) == {"account_balances": ("critical", ())}
    assert found.failures[0].observed == 1


def test_ranges_that_intake_widened_are_a_warning_that_names_their_days(candles: Table) -> None:
    days = tuple(day(candles, row) for row in (90, 400))
    told = replace(account(510, {BLANK: 10}), widened=(*days, "2026-04-02"))
    found = verdict(candles, account=told)
    assert failed(found) == {"ranges_hold_open_and_close": ("warning", days)}
    assert found.failures[0].observed == 2


def test_a_file_with_an_open_outside_its_range_makes_the_contract_warn(candles: Table) -> None:
    outside = put(candles, 90, "high", 0.999 * candles[["open", "close"]].max(axis=1)[90])
    outside = put(outside, 90, "low", min(outside["low"][90], outside["high"][90]))
    reading = read_candles(candles_csv(outside))
    assert failed(verdict(reading.candles, account=reading.account)) == {
        "ranges_hold_open_and_close": ("warning", (day(candles, 90),))
    }


def test_enough_history_is_the_number_that_a_day_asks_for() -> None:
    suite = json.loads((Path(checking.__file__).parent / "candles.json").read_text())
    bound = next(one for one in suite["expectations"] if one["meta"]["check"] == "enough_history")
    assert bound["kwargs"]["min_value"] == ENOUGH_DAYS == MINIMUM_DAYS + TEST_DAYS


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (lambda t: None, "columns_are_there"),
        (lambda t: t.drop(columns="close"), "columns_are_there"),
        (lambda t: pd.concat([t, t["close"]], axis=1), "columns_are_there"),
        (lambda t: t.assign(close="dear"), "types_are_right"),
        (lambda t: t.assign(date=t["date"].astype(str)), "types_are_right"),
        (lambda t: t.assign(date=t["date"].dt.tz_localize("UTC")), "types_are_right"),
        (lambda t: t.head(0), "enough_rows"),
        (lambda t: t.assign(date=pd.NaT), "date_is_present"),
    ],
)
def test_what_cannot_be_checked_is_critical(
    candles: Table, spoil: Callable[[Table], object], check: str
) -> None:
    found = verdict(spoil(candles))
    assert found.severity == "critical"
    assert failed(found)[check][0] == "critical"
    json.dumps(found.as_dict(), allow_nan=False)


def with_suite(tmp_path, monkeypatch: pytest.MonkeyPatch, *wrong: dict) -> None:
    suite = {
        "name": "candles",
        "expectations": [{"severity": "warning", "description": "A", "notes": "B.", **w} for w in wrong],
    }
    (tmp_path / "candles.json").write_text(json.dumps(suite))
    monkeypatch.setattr(checking, "_SUITES", tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "expect_no_such_thing", "kwargs": {}, "meta": {"check": "x"}},
        {"type": "expect_column_to_exist", "kwargs": {"colum": "close"}, "meta": {"check": "x"}},
        {
            "type": "expect_column_values_to_be_unique",
            "kwargs": {"column": "nowhere"},
            "meta": {"check": "x"},
        },
        {
            "type": "expect_table_row_count_to_equal",
            "kwargs": {"value": {"$PARAMETER": "y"}},
            "meta": {"check": "x"},
        },
    ],
)
def test_an_expectation_that_cannot_run_is_critical_whatever_its_severity(
    candles: Table, tmp_path, monkeypatch: pytest.MonkeyPatch, wrong: dict
) -> None:
    good = {"type": "expect_column_to_exist", "kwargs": {"column": "close"}, "meta": {"check": "good"}}
    with_suite(tmp_path, monkeypatch, good, wrong)
    found = verdict(candles)
    assert found.severity == "critical"
    assert len(found.failures) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"name": "candles"}',
        '{"name": "candles", "expectations": []}',
        '{"name": "candles", "expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "close"}}]}',
    ],
)
def test_a_suite_that_cannot_be_read_or_is_empty_is_critical(
    candles: Table, tmp_path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(checking, "_SUITES", tmp_path)
    (tmp_path / "candles.json").write_text(text)
    assert verdict(candles).severity == "critical"


def test_a_validator_that_cannot_be_imported_is_critical(
    candles: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "great_expectations", None)
    found = verdict(candles)
    assert failed(found) == {"suite_runs": ("critical", ())}
    assert "great_expectations" in found.failures[0].message


def test_threads_get_the_verdicts_that_each_gets_alone(candles: Table) -> None:
    tables = [
        candles,
        put(candles, 7, "close", -1.0),
        candles.drop(index=[100]),
        put(candles, 90, "high", 1e7),
    ]
    alone = [verdict(table) for table in tables]
    assert [v.severity for v in alone] == ["ok", "critical", "warning", "warning"]
    found: dict[int, list[Verdict]] = {}

    def work(number: int) -> None:
        found[number] = [verdict(tables[(number + turn) % 4]) for turn in range(2)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: [alone[(n + turn) % 4] for turn in range(2)] for n in range(8)}


def test_hourly_candles_end_with_the_days_last_hour() -> None:
    hours = pd.date_range("2026-01-01", "2026-03-29 23:00", freq="h", unit="us")
    close = 30_000 * np.exp(np.cumsum(0.004 * np.random.default_rng(1).standard_normal(len(hours))))
    table = Table({"date": hours, "open": close, "high": 1.002 * close, "low": 0.998 * close, "close": close})
    table = table.assign(volume_base=1.0, volume_quote=close, trades=5.0)
    hourly = Series("binance", "BTCUSDT", "1h")

    def check(rows: Table) -> dict:
        return failed(check_candles(rows, series=hourly, as_of=AS_OF, now=NOW))

    assert check(table) == {}
    assert check(table.head(-1))["newest_is_as_of"][0] == "critical"
    assert check(table.drop(index=[30, 31])) == {"dates_are_continuous": ("warning", ("2026-01-02",))}


def test_good_forecasts_pass(forecasts: Table) -> None:
    found = forecast_verdict(forecasts)
    assert (found.severity, found.suite, found.subject) == (
        "ok",
        "forecasts",
        "binance/BTCUSDT/1d 2026-03-29",
    )


def crossed(table: Table) -> Table:
    changed = table.copy()
    changed.loc[[3, 4], "value"] = table.loc[[4, 3], "value"].to_numpy()
    return changed


@pytest.mark.parametrize(
    ("spoil", "check", "days"),
    [
        (lambda t: t.drop(index=5), "all_rows_are_present", ()),
        (lambda t: t[t["horizon"] < 7], "horizons_are_the_seven", ()),
        (lambda t: t[t["level"] != 0.01], "levels_are_the_23", ()),
        (lambda t: pd.concat([t.drop(index=5), t.tail(1)]), "no_value_comes_twice", ("2026-04-05",)),
        (crossed, "quantiles_do_not_cross", ("2026-03-30",)),
        (lambda t: put(t, 5, "value", np.nan), "value_is_present", ("2026-03-30",)),
        (lambda t: put(t, 22, "value", np.inf), "value_is_positive", ("2026-03-30",)),
        (lambda t: put(t, 0, "value", 0.0), "value_is_positive", ("2026-03-30",)),
        (
            lambda t: t.assign(target_date=t["target_date"] + pd.Timedelta(days=1)),
            "targets_follow_as_of",
            None,
        ),
        (lambda t: t.assign(value=2 * t["value"]), "medians_are_sane", None),
        (lambda t: t.head(0), "all_rows_are_present", ()),
        (lambda t: t.drop(columns="level"), "columns_are_there", ()),
        (lambda t: t.assign(model_id=None), "all_rows_are_present", ()),
        (lambda t: [1, 2], "columns_are_there", ()),
    ],
)
def test_forecasts_that_are_not_whole_are_critical(
    forecasts: Table, spoil: Callable[[Table], object], check: str, days: tuple[str, ...] | None
) -> None:
    found = failed(forecast_verdict(spoil(forecasts)))
    assert found[check][0] == "critical"
    if days is not None:
        assert found[check][1] == days


def test_a_message_says_what_a_set_lacks(forecasts: Table) -> None:
    found = forecast_verdict(forecasts[forecasts["horizon"] != 6])
    assert {c.name: c.observed for c in found.failures}[
        "horizons_are_the_seven"
    ] == "missing [6], unexpected []"


def test_odd_forecasts_are_warnings(forecasts: Table) -> None:
    week = tuple(str(AS_OF + timedelta(days=h)) for h in HORIZONS)
    collapsed = forecasts.assign(value=60_000.0)
    assert failed(forecast_verdict(collapsed)) == {"ranges_are_sane": ("warning", week)}
    shifted = forecasts.assign(value=1.2 * forecasts["value"])
    assert failed(forecast_verdict(shifted)) == {"medians_are_ordinary": ("warning", week[:3])}


@pytest.mark.parametrize("last_close", [0.0, -1.0, float("nan"), float("inf")])
def test_a_last_close_that_is_no_price_is_critical(forecasts: Table, last_close: float) -> None:
    assert forecast_verdict(forecasts, last_close=last_close).severity == "critical"


def test_nothing_is_imported_before_a_check_and_nothing_phones_home(tmp_path) -> None:
    program = """
import socket, sys
def refuse(*args, **kwargs):
    raise AssertionError("a check has opened a connection")
socket.socket.connect = socket.getaddrinfo = refuse
from datetime import date, datetime
from expectations.checking import check_candles
from pipeline.series import Series
from pipeline.simulation import simulate_candles
assert "great_expectations" not in sys.modules
candles = simulate_candles(seed=3, first=date(2024, 1, 1), last=date(2026, 3, 29), price=30_000.0)
found = check_candles(candles, series=Series("binance", "BTCUSDT"), as_of=date(2026, 3, 29), now=datetime(2026, 3, 30))
assert found.severity == "ok", found
"""
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("success", [True, False, np.True_, np.False_])
def test_a_numpy_bool_is_an_outcome_as_any_other(
    candles: Table, success: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Great Expectations gives some outcomes as numpy's."""
    validate = checking._validate

    def with_outcomes(*given: object, **named: object) -> object:
        results = validate(*given, **named)
        for result in results.values():
            result.success = success
        return results

    monkeypatch.setattr(checking, "_validate", with_outcomes)
    assert {check.success for check in verdict(candles).checks} == {bool(success)}


def test_days_of_another_source_are_a_warning_that_names_them(candles: Table) -> None:
    days = [day(candles, row) for row in (498, 499)]
    account = Account(
        "CSV", Series("binance", "BTCUSDT"), len(candles), len(candles),
        source="cdd", filled_from={**dict.fromkeys(days, "binance-archive"), "2099-01-01": "binance-archive"},
    )  # fmt: skip
    found = failed(verdict(candles, account=account))
    assert found["days_are_of_first_source"] == ("warning", tuple(days))
    plain = Account("CSV", Series("binance", "BTCUSDT"), len(candles), len(candles))
    names = [check.name for check in verdict(candles, account=plain).checks]
    assert "days_are_of_first_source" not in names
