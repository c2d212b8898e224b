import csv
import io
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pipeline.candles import read_candles
from pipeline.candles.columns import CANDLE_COLUMNS, DATE
from pipeline.errors import DateError, InputError, UnknownSeriesError
from pipeline.series import Series
from pipeline.simulation import simulate_candles, simulate_unfinished, wire_format

FIRST = date(2019, 1, 1)
BITCOIN = Series("binance", "BTCUSDT")
seeds = st.integers(0, 2**32)


def market(days: int, *, seed: int = 1, price: float = 30_000.0) -> pd.DataFrame:
    return simulate_candles(seed=seed, first=FIRST, last=FIRST + timedelta(days=days - 1), price=price)


@pytest.fixture(scope="module")
def markets() -> list[pd.DataFrame]:
    return [market(3_000, seed=seed) for seed in range(6)]


def log_returns(candles: pd.DataFrame) -> np.ndarray:
    return np.log(candles["close"] / candles["open"]).to_numpy()


def lag_correlation(values: np.ndarray, lag: int) -> float:
    return float(np.corrcoef(values[:-lag], values[lag:])[0, 1])


def half_log_range(candles: pd.DataFrame) -> np.ndarray:
    """Garman and Klass's estimate of the day's log standard deviation, written out row by row."""
    values = []
    for row in candles.itertuples():
        spread = np.log(row.high / row.low)
        move = np.log(row.close / row.open)
        values.append(0.5 * np.log(0.5 * spread**2 - (2 * np.log(2) - 1) * move**2))
    return np.array(values)


@settings(max_examples=25)
@given(seeds, st.integers(1, 40), st.integers(0, 20), st.floats(1e-6, 1e6))
def test_more_days_never_change_earlier_ones(seed: int, days: int, more: int, price: float) -> None:
    short = market(days, seed=seed, price=price)
    long = market(days + more, seed=seed, price=price)
    pd.testing.assert_frame_equal(short, long.head(days), check_exact=True)


@settings(max_examples=25)
@given(seeds, st.integers(1, 60), st.floats(1e-6, 1e6))
def test_candles_hold_together(seed: int, days: int, price: float) -> None:
    candles = market(days, seed=seed, price=price)
    assert tuple(candles.columns) == CANDLE_COLUMNS
    assert candles[DATE].dtype == "datetime64[us]"
    assert (candles.drop(columns=DATE).dtypes == "float64").all()
    assert list(candles[DATE].dt.date) == [FIRST + timedelta(days=k) for k in range(days)]
    assert np.isfinite(candles.drop(columns=DATE)).all(axis=None)
    assert (candles.drop(columns=DATE) > 0).all(axis=None)
    assert (candles["low"] <= candles[["open", "close"]].min(axis=1)).all()
    assert (candles["high"] >= candles[["open", "close"]].max(axis=1)).all()
    assert (candles["open"].to_numpy()[1:] == candles["close"].to_numpy()[:-1]).all()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert wire_format(market(50), BITCOIN) == wire_format(market(50), BITCOIN)
    assert wire_format(market(50), BITCOIN) != wire_format(market(50, seed=2), BITCOIN)


def test_tails_are_fatter_than_normal(markets: list[pd.DataFrame]) -> None:
    for candles in markets:
        assert stats.kurtosistest(log_returns(candles)).statistic > 10
    assert 3 < np.median([stats.kurtosis(log_returns(candles)) for candles in markets]) < 25


def test_volatility_clusters_and_returns_do_not(markets: list[pd.DataFrame]) -> None:
    by_chance = 3 / np.sqrt(3_000)
    for lag in (1, 2, 5):
        assert np.mean([lag_correlation(np.abs(log_returns(c)), lag) for c in markets]) > by_chance
    assert abs(np.mean([lag_correlation(log_returns(c), 1) for c in markets])) < by_chance
    shuffled = np.random.default_rng(1).permutation(np.abs(log_returns(markets[0])))
    assert abs(lag_correlation(shuffled, 1)) < by_chance


def test_weekends_are_quiet(markets: list[pd.DataFrame]) -> None:
    ratios = []
    for candles in markets:
        weekend = np.array([day.weekday() >= 5 for day in candles[DATE].dt.date])
        returns = log_returns(candles)
        assert stats.levene(returns[weekend], returns[~weekend]).pvalue < 1e-6
        ratios.append(returns[weekend].var() / returns[~weekend].var())
    assert 0.35 < np.mean(ratios) < 0.65


def test_the_range_tells_more_of_tomorrow_than_the_return_does(markets: list[pd.DataFrame]) -> None:
    for candles in markets:
        moves = np.log(np.abs(log_returns(candles)) + 1e-4)
        spread = half_log_range(candles)
        assert np.corrcoef(spread[:-1], moves[1:])[0, 1] > np.corrcoef(moves[:-1], moves[1:])[0, 1]
        assert np.mean(np.exp(2 * spread)) == pytest.approx(log_returns(candles).var(), rel=0.25)
    # Large coins measure 0.5 to 0.6 at one day and 0.25 to 0.35 at five.
    assert 0.4 < np.mean([lag_correlation(half_log_range(c), 1) for c in markets]) < 0.6


def test_volume_follows_volatility_and_is_traded_inside_the_range(markets: list[pd.DataFrame]) -> None:
    for candles in markets:
        assert np.corrcoef(half_log_range(candles), np.log(candles["volume_quote"]))[0, 1] > 0.4
        average_price = candles["volume_quote"] / candles["volume_base"]
        assert (average_price > candles["low"] * (1 - 1e-6)).all()
        assert (average_price < candles["high"] * (1 + 1e-6)).all()
        assert (candles["trades"] == candles["trades"].round()).all()


@settings(max_examples=25)
@given(seeds, st.integers(1, 20), st.floats(0.001, 1), st.floats(0.001, 1))
def test_an_unfinished_candle_grows_into_the_finished_one(
    seed: int, days: int, one: float, other: float
) -> None:
    finished = market(days, seed=seed).iloc[-1]
    day = FIRST + timedelta(days=days - 1)
    early, late = (
        simulate_unfinished(seed=seed, first=FIRST, day=day, price=30_000.0, elapsed=part).iloc[0]
        for part in sorted((one, other))
    )
    assert early["date"] == late["date"] == finished["date"]
    assert early["open"] == late["open"] == finished["open"]
    assert early["high"] <= late["high"] <= finished["high"]
    assert early["low"] >= late["low"] >= finished["low"]
    assert 0 < early["volume_base"] <= late["volume_base"] <= finished["volume_base"]
    assert 0 < early["trades"] <= late["trades"] <= finished["trades"]


def test_a_whole_day_passed_is_the_finished_candle() -> None:
    whole = simulate_unfinished(seed=1, first=FIRST, day=date(2019, 1, 9), price=30_000.0, elapsed=1.0)
    pd.testing.assert_frame_equal(whole, market(9).tail(1).reset_index(drop=True), check_exact=True)


def test_the_wire_format_is_the_vendors() -> None:
    candles = market(3)
    partial = simulate_unfinished(seed=1, first=FIRST, day=date(2019, 1, 4), price=30_000.0, elapsed=0.02)
    text = wire_format(candles, BITCOIN, unfinished=partial).decode("ascii")
    banner, rest = text.split("\n", 1)
    assert banner == "https://www.CryptoDataDownload.com"
    assert rest.split("\n", 1)[0] == (
        "Unix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount"
    )
    assert text.endswith("\n")
    assert "\r" not in text
    rows = list(csv.DictReader(io.StringIO(rest)))
    assert [row["Date"] for row in rows] == ["2019-01-04", "2019-01-03", "2019-01-02", "2019-01-01"]
    for row, candle in zip(rows, pd.concat([candles, partial]).iloc[::-1].itertuples(), strict=True):
        instant = datetime.fromisoformat(row["Date"]).replace(tzinfo=UTC)
        assert int(row["Unix"]) == 1000 * int(instant.timestamp())
        assert row["Symbol"] == "BTCUSDT"
        assert [float(row[name]) for name in ("Open", "High", "Low", "Close")] == list(candle[2:6])
        assert float(row["Volume BTC"]) == candle.volume_base
        assert float(row["Volume USDT"]) == candle.volume_quote
        assert int(row["tradecount"]) == candle.trades
    assert float(rows[0]["Volume BTC"]) < 0.2 * float(rows[1]["Volume BTC"])


@pytest.mark.parametrize("fetched_at", [None, datetime(2021, 1, 1, 0, 20, tzinfo=UTC)])
def test_intake_reads_the_market_back_without_its_unfinished_day(fetched_at: datetime | None) -> None:
    today = date(2021, 1, 1)
    candles = simulate_candles(seed=1, first=FIRST, last=date(2020, 12, 31), price=30_000.0)
    partial = simulate_unfinished(seed=1, first=FIRST, day=today, price=30_000.0, elapsed=20 / 1440)
    content = wire_format(candles, BITCOIN, unfinished=partial)
    reading = read_candles(content, series=BITCOIN, fetched_at=fetched_at)
    pd.testing.assert_frame_equal(reading.candles, candles, check_exact=True)
    assert dict(reading.account.dropped) == {"unfinished": 1}
    assert reading.account.warnings == () or fetched_at is None


def test_prices_are_written_without_rounding_noise() -> None:
    dear, cheap = wire_format(market(30), BITCOIN).decode(), wire_format(market(30, price=0.09), BITCOIN)
    assert all(len(line.split(",")[6].split(".")[1]) <= 2 for line in dear.splitlines()[2:])
    assert all(len(line.split(",")[6].split(".")[1]) <= 8 for line in cheap.decode().splitlines()[2:])


def test_what_cannot_be_simulated_says_so() -> None:
    with pytest.raises(DateError, match="before it begins"):
        simulate_candles(seed=1, first=FIRST, last=date(2018, 1, 1), price=1.0)
    with pytest.raises(InputError, match="positive number"):
        simulate_candles(seed=1, first=FIRST, last=FIRST, price=float("nan"))
    with pytest.raises(InputError, match="elapsed"):
        simulate_unfinished(seed=1, first=FIRST, day=FIRST, price=1.0, elapsed=0.0)
    with pytest.raises(UnknownSeriesError, match="/1d"):
        wire_format(market(3), Series("binance", "BTCUSDT", "1h"))
