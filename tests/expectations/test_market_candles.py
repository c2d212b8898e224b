from datetime import datetime, timedelta
from pathlib import Path

import pytest

from expectations.checking import check_candles
from pipeline.candles import read_candles
from pipeline.errors import CandleFileError
from pipeline.evaluation.holdout import ENOUGH_DAYS
from pipeline.series import Series

pytestmark = pytest.mark.slow


def test_usable_real_files_are_never_stopped_and_name_few_days(market: Path) -> None:
    checked = 0
    for path in sorted(market.glob("*/*.csv")):
        try:
            reading = read_candles(path.read_bytes())
        except CandleFileError:
            continue
        series = Series("any", reading.account.series.symbol, reading.account.series.timeframe)
        candles = reading.candles
        if series.timeframe != "1d" or len(candles) < 30:
            continue
        as_of = candles["date"].iloc[-1].date()
        now = datetime(as_of.year, as_of.month, as_of.day) + timedelta(days=1, minutes=20)
        verdict = check_candles(candles, series=series, as_of=as_of, now=now, account=reading.account)
        assert verdict.severity != "critical", (path.name, verdict.failures)
        named = {check.name: len(check.days) for check in verdict.failures}
        short = {"enough_history"} if len(candles) < ENOUGH_DAYS else set()
        assert set(named) - short <= {
            "dates_are_continuous",
            "moves_are_ordinary",
            "wicks_are_ordinary",
            "market_moves",
        }
        assert max(named.values(), default=0) < 30, (path.name, named)
        checked += 1
    assert checked >= 20
