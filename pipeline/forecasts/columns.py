"""What the ledger keeps of a forecast and of its score: the columns, and the rules that need no database."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.forecasts.manifest import Manifest
from pipeline.forecasts.quantiles import COVERAGES, LEVELS, FloatArray

if TYPE_CHECKING:
    from pandas import DataFrame

SERIES: Final = "series"
AS_OF: Final = "as_of"
HORIZON: Final = "horizon"
MODEL_ID: Final = "model_id"
MODE: Final = "mode"
ISSUE: Final = "issue"
KEY: Final = (SERIES, AS_OF, HORIZON, MODEL_ID, MODE, ISSUE)

TARGET_DATE: Final = "target_date"
LAST_CLOSE: Final = "last_close"
QUANTILES: Final = "quantiles"
RANDOM_WALK_FROM: Final = "random_walk_from"
SIMULATED_TIME: Final = "simulated_time"
SIMULATED_DATA: Final = "simulated_data"

ACTUAL_CLOSE: Final = "actual_close"
MEDIAN: Final = "median"
WIS: Final = "wis"
ABSOLUTE_ERROR: Final = "absolute_error"
PIT: Final = "pit"

LIVE: Final = "live"
BACKFILL: Final = "backfill"
VINTAGES: Final = ("known", "latest")

RANDOM_WALK: Final = "coincast-random_walk"
HAR_RANGE: Final = "coincast-har_range"

# Who chose what a day publishes: the gate, or the recipe itself where it is a baseline.
BY_GATE: Final = "gate"
BY_RECIPE: Final = "recipe"

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def hit(coverage: int) -> str:
    """Column that says whether the central `coverage` percent range held, as `hit_80`."""
    return f"hit_{coverage}"


def bounds(coverage: int) -> tuple[str, str]:
    """Columns of that range's ends in quote currency, as `lower_80` and `upper_80`."""
    return f"lower_{coverage}", f"upper_{coverage}"


HITS: Final = tuple(hit(coverage) for coverage in COVERAGES)


def complete_at(day: date) -> datetime:
    """The instant at which the daily candle of `day` is complete: the next midnight, UTC."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def mode_of(target_date: date, *, now: datetime) -> str:
    """`live` when issued before the target's candle was complete, else `backfill`.

    At the very instant of completion the close is known: that is a backfill.

    Example:
        >>> mode_of(date(2026, 3, 30), now=datetime(2026, 3, 30, 23, 59, 59, tzinfo=UTC))
        'live'
        >>> mode_of(date(2026, 3, 30), now=datetime(2026, 3, 31, tzinfo=UTC))
        'backfill'
    """
    return LIVE if now < complete_at(target_date) else BACKFILL


@dataclass(frozen=True)
class IssueContext:
    """What the forecasts of one call share.

    Attributes:
        manifest: What the fit was made of.
        model_version: Version in the registry; `-` for a model that is not registered.
        run_id: MLflow run of the forecast.
        snapshot_sha256: Bytes that the forecast was computed from.
        vintage: `known` or `latest`, of those bytes.
        now: The instant that the run believes in; decides the mode.
        issued_at: The clock's instant.
        simulated_time: The run was given another `now` than the clock's.
        simulated_data: The candles come from the simulated market.
        backfilled: Made by a backfill: no horizon is live, open targets included.
    """

    manifest: Manifest
    model_version: str
    run_id: str
    snapshot_sha256: str
    vintage: str
    now: datetime
    issued_at: datetime
    simulated_time: bool = False
    simulated_data: bool = False
    backfilled: bool = False

    def __post_init__(self) -> None:
        if self.now.tzinfo is None or self.issued_at.tzinfo is None:
            raise ValueError("now and issued_at must carry a time zone")
        if self.vintage not in VINTAGES:
            raise ValueError(f"vintage must be known or latest, got {self.vintage[:20]!r}")
        if not _SHA256.fullmatch(self.snapshot_sha256):
            raise ValueError(f"snapshot_sha256 must be 64 hex digits, got {self.snapshot_sha256[:70]!r}")

    def mode(self, target_date: date) -> str:
        """Of a forecast of that day."""
        return BACKFILL if self.backfilled else mode_of(target_date, now=self.now)


def quantile_matrix(forecasts: "DataFrame") -> FloatArray:
    """The quantiles of each row in quote currency, array of shape (n, 23)."""
    rows = forecasts[QUANTILES].tolist()
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(LEVELS))
