"""One published statement: what a model expected of a series on a day."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from pipeline.forecasts.quantiles import HORIZONS, LEVELS, MEDIAN, FloatArray
from pipeline.series import Series


@dataclass(frozen=True, eq=False)
class Forecast:
    """Quantiles of the closes of the next seven days.

    Attributes:
        series: What is forecast.
        as_of: Date of the last complete candle that the forecast saw.
        model_id: As `coincast-range_lstm`.
        last_close: Close at as_of, in quote currency.
        quantiles: Closes in quote currency, array of shape (7, 23): horizon h = row h − 1, levels as `LEVELS`.
        random_walk_from: First horizon that has no skill of its own and is the random walk's; None if all have.
    """

    series: Series
    as_of: date
    model_id: str
    last_close: float
    quantiles: FloatArray
    random_walk_from: int | None = None

    def __post_init__(self) -> None:
        if self.quantiles.shape != (len(HORIZONS), len(LEVELS)):
            raise ValueError(f"quantiles must have shape (7, 23), got {self.quantiles.shape}")
        if not np.isfinite(self.quantiles).all() or (self.quantiles <= 0).any():
            raise ValueError("quantiles must be finite and positive prices")
        if (np.diff(self.quantiles, axis=1) < 0).any():
            raise ValueError("quantiles must not cross: each level's value is at least the one before it")

    def target_date(self, horizon: int) -> date:
        """The day whose close horizon `horizon` forecasts."""
        return self.as_of + timedelta(days=horizon)

    @property
    def median(self) -> FloatArray:
        """Point forecast of each horizon, array of shape (7,)."""
        return self.quantiles[:, MEDIAN]
