"""A ledger with forecasts whose quantiles are known in closed form: log-normal around the last close."""

import itertools
import math
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from flows.edges.database import open_database
from flows.edges.ledger import Ledger
from pipeline.forecast import Forecast
from pipeline.manifest import Manifest
from pipeline.quantiles import HORIZONS, LEVELS
from pipeline.record import IssueContext
from pipeline.series import Series

SPREADS = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
_numbers = itertools.count(1)


@pytest.fixture
def series() -> Series:
    """A series that no other test writes."""
    return Series("binance", f"COIN{next(_numbers)}USDT")


@pytest.fixture(scope="session")
def engine(shared_database_url: str) -> Iterator[sa.Engine]:
    """A migrated database that tests share, one of each kind."""
    opened = open_database(shared_database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def ledger(engine: sa.Engine) -> Ledger:
    """A ledger in which `series` has no rows yet."""
    return Ledger(engine)


@pytest.fixture
def make_forecast(series: Series) -> Callable[..., Forecast]:
    """Forecast of 3 % a day around the last close, unless told otherwise."""
    usual = series

    def make(
        as_of: date,
        *,
        model_id: str = "coincast-range_lstm",
        last_close: float = 100.0,
        spread: float = 0.03,
        series: Series = usual,
        random_walk_from: int | None = None,
    ) -> Forecast:
        quantiles = np.array([last_close * np.exp(spread * math.sqrt(h) * SPREADS) for h in HORIZONS])
        return Forecast(series, as_of, model_id, last_close, quantiles, random_walk_from)

    return make


@pytest.fixture
def make_context() -> Callable[..., IssueContext]:
    """Context of a run twenty minutes after its as_of's candle was complete, by the clock."""

    def make(as_of: date, *, now: datetime | None = None, **changes: object) -> IssueContext:
        believed = now or datetime.combine(as_of + timedelta(days=1), time(0, 20), UTC)
        manifest = Manifest(
            recipe={"name": "tiny-range", "kind": "range"},
            seed=1,
            trained_as_of=as_of,
            series=("binance/BTCUSDT/1d",),
            snapshots=("a" * 64,),
            vintage="known",
            code="0.1.0",
            packages={"numpy": "2.4.6"},
        )
        values: dict[str, object] = {
            "manifest": manifest,
            "model_version": "3",
            "run_id": "run-1",
            "snapshot_sha256": "a" * 64,
            "vintage": "known",
            "now": believed,
            "issued_at": believed + timedelta(minutes=1),
            **changes,
        }
        return IssueContext(**values)  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_candles() -> Callable[..., pd.DataFrame]:
    """Daily candles with these closes, from a first day on; None makes a hole."""

    def make(first: date, closes: list[float | None]) -> pd.DataFrame:
        days = [first + timedelta(days=index) for index in range(len(closes))]
        kept = [(day, close) for day, close in zip(days, closes, strict=True) if close is not None]
        prices = [close for _, close in kept]
        return pd.DataFrame(
            {
                "date": np.array([day for day, _ in kept], dtype="datetime64[us]"),
                **dict.fromkeys(("open", "high", "low", "close"), prices),
                **dict.fromkeys(("volume_base", "volume_quote", "trades"), 1.0),
            }
        )

    return make
