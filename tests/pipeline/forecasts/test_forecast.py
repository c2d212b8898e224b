from datetime import date

import numpy as np
import pytest

from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import LEVELS
from pipeline.series import Series

RAMP = np.outer(np.arange(1.0, 8.0), 1 + np.array(LEVELS))


def forecast(quantiles: np.ndarray) -> Forecast:
    return Forecast(Series("binance", "BTCUSDT"), date(2026, 2, 26), "coincast-x", 1.0, quantiles)


def test_horizons_are_calendar_days() -> None:
    assert forecast(RAMP).target_date(3) == date(2026, 3, 1)
    np.testing.assert_allclose(forecast(RAMP).median, 1.5 * np.arange(1, 8))


@pytest.mark.parametrize(
    ("quantiles", "said"),
    [(RAMP[:6], "shape"), (RAMP[:, ::-1], "cross"), (RAMP - 5, "positive"), (RAMP * np.nan, "finite")],
)
def test_what_is_no_distribution_of_prices_is_refused(quantiles: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        forecast(quantiles)
