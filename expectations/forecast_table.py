"""Forecasts as one long table, a row for each model, horizon and level: what the suite `forecasts` checks."""

from collections.abc import Sequence
from typing import Final

import pandas as pd

from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import HORIZONS, LEVELS

MODEL_ID: Final = "model_id"
HORIZON: Final = "horizon"
TARGET_DATE: Final = "target_date"
LEVEL: Final = "level"
VALUE: Final = "value"
FORECAST_COLUMNS: Final = (MODEL_ID, HORIZON, TARGET_DATE, LEVEL, VALUE)


def forecast_table(forecasts: Sequence[Forecast]) -> pd.DataFrame:
    """Forecasts of one series and as_of by several models.

    Returns:
        Table of 7 × 23 rows a model: `model_id` (text), `horizon` (days), `target_date` (midnight, naive),
        `level` (as `LEVELS`), `value` (close, in quote currency).
    """
    rows = [
        (
            forecast.model_id,
            horizon,
            forecast.target_date(horizon),
            level,
            float(forecast.quantiles[row, column]),
        )
        for forecast in forecasts
        for row, horizon in enumerate(HORIZONS)
        for column, level in enumerate(LEVELS)
    ]
    table = pd.DataFrame(rows, columns=list(FORECAST_COLUMNS))
    return table.astype({TARGET_DATE: "datetime64[us]"})
