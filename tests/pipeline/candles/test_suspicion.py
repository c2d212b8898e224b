from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.candles import read_candles
from pipeline.candles.columns import CLOSE, DATE, PRICES
from pipeline.candles.suspicion import (
    FAR_OFF,
    MOST_FAR_OFF,
    MOST_LOST_AT_ENDS,
    MOST_LOST_INSIDE,
    MOST_RESTATED,
    SAME_CLOSE,
    suspect_reasons,
)
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

BTC = Series.parse("binance/BTCUSDT/1d")
FETCHED = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = 300
MARKET = simulate_candles(seed=4, first=date(2025, 1, 1), last=date(2025, 10, 27), price=50_000.0)
OTHER = simulate_candles(seed=5, first=date(2025, 1, 1), last=date(2025, 10, 27), price=1_500.0)
assert len(MARKET) == DAYS


def without(*numbers: int) -> pd.DataFrame:
    return MARKET.drop(index=list(numbers)).reset_index(drop=True)


def moved(numbers: list[int], factor: float) -> pd.DataFrame:
    table = MARKET.copy()
    table.loc[numbers, list(PRICES)] *= factor
    return table


def test_the_same_file_and_one_with_new_and_filled_days_are_usable() -> None:
    assert suspect_reasons(MARKET, MARKET) == ()
    assert suspect_reasons(without(0, 1, 2, *range(50, 70), 298, 299), MARKET) == ()


@given(st.sets(st.integers(0, DAYS - 1), max_size=40))
def test_a_file_is_suspect_exactly_when_more_days_are_gone_than_the_bounds_allow(gone: set[int]) -> None:
    left = sorted(set(range(DAYS)) - gone)
    at_ends = len([number for number in gone if not left[0] < number < left[-1]])
    allowed = at_ends <= MOST_LOST_AT_ENDS and len(gone) - at_ends <= MOST_LOST_INSIDE
    reasons = suspect_reasons(MARKET, without(*gone))
    assert (reasons == ()) == allowed
    assert all(f"{len(gone)} of {DAYS} days are gone" in reason for reason in reasons)


@pytest.mark.parametrize("lost", [range(4), range(DAYS - 4, DAYS), (0, 1, 298, 299), range(100, 113)])
def test_one_day_more_than_allowed_at_either_end_or_inside_is_suspect(lost: range | tuple[int, ...]) -> None:
    assert suspect_reasons(MARKET, without(*lost)) != ()
    assert suspect_reasons(MARKET, without(*list(lost)[1:])) == ()


@given(
    st.sets(st.integers(0, DAYS - 1), max_size=60),
    st.sampled_from([0.5, 0.95, 1.0 + SAME_CLOSE / 2, 1.02, 20.0]),
)
def test_a_file_is_suspect_exactly_when_more_closes_differ_than_the_bounds_allow(
    changed: set[int], factor: float
) -> None:
    size = abs(factor - 1)
    most = MOST_FAR_OFF if size > FAR_OFF else MOST_RESTATED if size > SAME_CLOSE else DAYS
    reasons = suspect_reasons(MARKET, moved(sorted(changed), factor))
    assert (reasons == ()) == (len(changed) <= most)
    assert all(f"{len(changed)} of {DAYS} closes differ" in reason for reason in reasons)


@pytest.mark.parametrize("days", [5, 8, 20])
def test_of_a_short_series_half_of_the_closes_are_many(days: int) -> None:
    old = MARKET.head(days)
    few = max(MOST_FAR_OFF, days // 2)
    assert suspect_reasons(old, moved(list(range(few)), 1.01)) == ()
    assert suspect_reasons(old, moved(list(range(few + 1)), 1.01)) != () or few == days


def test_the_reason_is_a_bounded_sentence_with_counts_days_and_the_worst_close() -> None:
    joined = pd.concat([OTHER.head(200), MARKET.iloc[250:]], ignore_index=True)
    lost, differ = suspect_reasons(MARKET, joined)
    assert lost == "50 of 300 days are gone (2025-07-20 to 2025-09-07)"
    change = OTHER[CLOSE][:200] / MARKET[CLOSE][:200] - 1
    worst = int(change.abs().argmax())
    day = f"{MARKET[DATE][worst]:%Y-%m-%d}"
    assert differ == f"200 of 250 closes differ, by up to {change[worst] * 100:+.3g} % ({day})"


def test_a_price_of_zero_and_a_file_without_a_common_day_are_judged_too() -> None:
    zero = MARKET.copy()
    zero.loc[:9, CLOSE] = 0.0
    assert suspect_reasons(zero, zero) == ()
    assert "10 of 300 closes differ" in suspect_reasons(zero, MARKET)[0]
    assert suspect_reasons(MARKET.head(150), MARKET.tail(150))[0].startswith("150 of 150 days are gone")
    assert suspect_reasons(MARKET, MARKET.head(0))[0].startswith("300 of 300 days are gone")
    assert suspect_reasons(MARKET.head(0), MARKET) == ()


def candles_of(content: bytes) -> pd.DataFrame:
    return read_candles(content, series=BTC, fetched_at=FETCHED).candles


def cut(content: bytes, share: float) -> bytes:
    """Up to the end of a line; the newest days come first."""
    return content[: content.rindex(b"\n", 0, int(share * len(content))) + 1]


def oldest_first(content: bytes) -> bytes:
    banner, header, *rows = content.splitlines(keepends=True)
    return b"".join([banner, header, *reversed(rows)])


WHOLE = wire_format(MARKET, BTC)
FOREIGN = wire_format(OTHER, BTC)
NEAR = wire_format(
    MARKET.assign(**{name: MARKET[name] * (1.03 if name in PRICES else 2.0) for name in MARKET.columns[1:]}),
    BTC,
)
TWO_MARKETS = wire_format(OTHER, Series.parse("binance/ETHUSDT/1d")).split(b"\n", 2)[2]
ROWS = WHOLE.splitlines(keepends=True)
FOLD = len(ROWS) // 2
DAMAGED: dict[str, bytes] = {
    **{f"cut at {share:.0%}": cut(WHOLE, share) for share in (0.05, 0.3, 0.5, 0.9, 0.97)},
    "oldest first, cut in the middle": cut(oldest_first(WHOLE), 0.5),
    "lines lost in the middle": b"".join(
        WHOLE.splitlines(keepends=True)[:100] + WHOLE.splitlines(keepends=True)[150:]
    ),
    "another market under this name": FOREIGN,
    "a busier exchange's rows joined to the whole file": WHOLE + NEAR.split(b"\n", 2)[2],
    "a busier exchange's rows joined to half of it": cut(WHOLE, 0.5) + NEAR.split(b"\n", 2)[2],
    "half of it, then another market's rows": cut(WHOLE, 0.5) + TWO_MARKETS,
    "every other row of its older half": b"".join(ROWS[:FOLD] + ROWS[FOLD::2]),
    "another scale": wire_format(MARKET.assign(**{name: MARKET[name] / 1000 for name in PRICES}), BTC),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_file_is_suspect(damage: str) -> None:
    assert suspect_reasons(candles_of(WHOLE), candles_of(DAMAGED[damage])) != ()


def test_a_markets_rows_beside_the_whole_file_of_another_take_nothing_from_it() -> None:
    assert suspect_reasons(candles_of(WHOLE), candles_of(WHOLE + TWO_MARKETS)) == ()


VINTAGES = {
    BTC: [
        "edited/binance_BTCUSDT_d__2020-01-09_excel.csv",
        "cdd/binance_BTCUSDT_d__2020-08-12.csv",
        "cdd/binance_BTCUSDT_d__2020-12-30.csv",
        "edited/binance_BTCUSDT_d__2024-05-13_excel.csv",
        "cdd/binance_BTCUSDT_d__2025-05-01.csv",
        "cdd/binance_BTCUSDT_d__2026-03-30.csv",
    ],
    Series("bitstamp", "BTCUSD"): [
        "cdd/bitstamp_BTCUSD_d__2019-05-20.csv",
        "cdd/bitstamp_BTCUSD_d__2025-09-24.csv",
    ],
    Series("gemini", "BTCUSD"): [
        "cdd/gemini_BTCUSD_day__2021-01-01.csv",
        "cdd/gemini_BTCUSD_d__2025-10-20.csv",
    ],
    Series("coinbase", "BTCUSD"): [
        "heartbeat/btc.csv",
        "edited/coinbase_BTCUSD_d__2019-03-16.csv",
        "cdd/coinbase_BTCUSD_d__2019-05-20.csv",
    ],
}


@pytest.fixture
def vintages(market: Path) -> Callable[[Series], list[pd.DataFrame]]:
    def read(series: Series) -> list[pd.DataFrame]:
        files = [(market / name).read_bytes() for name in VINTAGES[series]]
        return [read_candles(file, series=series, fetched_at=FETCHED).candles for file in files]

    return read


@pytest.mark.parametrize("series", VINTAGES, ids=str)
def test_what_vendors_really_changed_is_usable(
    vintages: Callable[[Series], list[pd.DataFrame]], series: Series
) -> None:
    tables = vintages(series)
    assert [suspect_reasons(old, new) for old, new in pairwise(tables)] == [()] * (len(tables) - 1)
    assert suspect_reasons(tables[0], tables[-1]) == ()


@pytest.mark.parametrize("series", VINTAGES, ids=str)
def test_an_old_vintage_in_the_place_of_the_newest_is_suspect(
    vintages: Callable[[Series], list[pd.DataFrame]], series: Series
) -> None:
    tables = vintages(series)
    assert "days are gone" in suspect_reasons(tables[-1], tables[0])[0]


def test_another_exchanges_prices_are_suspect(market: Path) -> None:
    tables = [
        read_candles((market / "cdd" / name).read_bytes(), fetched_at=FETCHED).candles
        for name in ("bitstamp_BTCUSD_d__2019-05-20.csv", "coinbase_BTCUSD_d__2019-05-20.csv")
    ]
    assert any("closes differ" in reason for reason in suspect_reasons(*tables))
