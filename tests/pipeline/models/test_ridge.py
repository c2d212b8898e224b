"""The ridge regression against scikit-learn's, and markets whose return and range are known."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from pipeline.candles import daily_grid
from pipeline.errors import TooLittleHistoryError
from pipeline.features.feature_grid import FeatureGrid
from pipeline.features.ridge_inputs import reversal_inputs, ridge_inputs
from pipeline.features.volatility import log_range_ahead
from pipeline.forecasts.quantiles import LEVELS
from pipeline.models.ridge import RidgeRange
from pipeline.simulation import simulate_candles

FIT = {"penalty": 200.0, "half_life_days": 1000.0}


@pytest.fixture(scope="module")
def learned(simulated: FeatureGrid) -> RidgeRange:
    return RidgeRange.learn(simulated, **FIT)


@pytest.mark.parametrize("horizon", [1, 7])
def test_it_is_scikit_learns_ridge_on_scaled_inputs_weighted_by_age(learned, simulated, horizon):
    inputs = ridge_inputs(simulated.days, simulated.features)
    whole = np.isfinite(inputs).all(axis=1)
    scaled = np.clip((inputs - inputs[whole].mean(0)) / inputs[whole].std(0), -4, 4)
    level = simulated.features.long_run
    target = log_range_ahead(simulated.days, simulated.features.log_range)[:, horizon - 1] - level
    rows = np.flatnonzero(whole & np.isfinite(target))
    weights = 0.5 ** ((len(inputs) - 1 - rows) / 1000.0)
    oracle = Ridge(alpha=200.0).fit(scaled[rows], target[rows], sample_weight=weights)
    assert learned.coefficients_[horizon - 1] == pytest.approx([oracle.intercept_, *oracle.coef_])
    places = rows[-40:]
    deviation = np.exp(oracle.predict(scaled[places]) + level[places])
    assert learned.deviation(simulated, places)[:, horizon - 1] == pytest.approx(deviation)
    outcome = simulated.days.log_returns_ahead(horizon)[rows]
    units = outcome / np.exp(oracle.predict(scaled[rows]) + level[rows])
    units = units[np.isfinite(units)]
    assert learned.shape_[horizon - 1] == pytest.approx(np.quantile([*units, *-units], LEVELS))


def test_the_expected_return_is_a_ridge_through_zero_of_bounded_returns(learned, simulated):
    places = np.arange(100, 900)
    inputs, deviation = (
        reversal_inputs(simulated.features.scaled_return),
        learned.deviation(simulated, places)[:, 0],
    )
    whole = np.isfinite(inputs).all(axis=1) & np.isfinite(simulated.days.log_returns_ahead(1))
    rows = np.flatnonzero(whole & np.isfinite(ridge_inputs(simulated.days, simulated.features)).all(axis=1))
    units = simulated.days.log_returns_ahead(1)[rows] / learned.deviation(simulated, rows)[:, 0]
    oracle = Ridge(alpha=200.0, fit_intercept=False).fit(inputs[rows], np.clip(units, -1, 1))
    assert learned.reversal_ == pytest.approx(oracle.coef_)
    expected = oracle.predict(inputs[places]) * deviation
    assert learned.return_ahead(simulated, places) == pytest.approx(expected)


def test_what_reverses_is_found_and_what_does_not_is_left(simulated_grid):
    """Half of each day's return is taken back the next day; in the market as it is, nothing is."""
    noise = np.diff(
        np.log(simulated_grid["close"].to_numpy()), prepend=np.log(simulated_grid["close"].iloc[0])
    )
    returns = noise.copy()
    for day in range(1, len(returns)):
        returns[day] -= 0.5 * returns[day - 1]
    factor = np.exp(np.cumsum(returns) - np.cumsum(noise))
    prices = ["open", "high", "low", "close"]
    reversing = simulated_grid.assign(**{name: simulated_grid[name] * factor for name in prices})
    # Opens follow the close before; the range holds both.
    reversing["open"] = reversing["close"].shift(1).fillna(reversing["open"])
    reversing["high"] = reversing[prices].max(axis=1)
    reversing["low"] = reversing[prices].min(axis=1)
    market = FeatureGrid.of(reversing)
    places = np.arange(500, 900)
    expected = RidgeRange.learn(market, **FIT).return_ahead(market, places)
    outcome = market.days.log_returns_ahead(1)[places]
    assert np.corrcoef(expected, outcome)[0, 1] > 0.3
    still = FeatureGrid.of(simulated_grid)
    as_it_is = RidgeRange.learn(still, **FIT).return_ahead(still, places)
    assert np.abs(as_it_is).mean() < 0.25 * np.abs(expected).mean()


def test_quantiles_are_symmetric_rise_and_are_nan_without_history(learned, broken):
    quantiles = learned.quantiles(broken, np.array([10, 450, 610, 900]))
    assert np.isnan(quantiles[[0, 2]]).all()
    known = quantiles[[1, 3]]
    assert known == pytest.approx(-known[:, :, ::-1])
    assert (np.diff(known, axis=2) > 0).all()


def test_holes_that_leave_too_little_are_told():
    candles = simulate_candles(seed=1, first=date(2022, 1, 1), last=date(2024, 1, 1), price=100.0)
    kept = pd.concat([candles.iloc[start : start + 24] for start in range(0, len(candles), 60)])
    with pytest.raises(TooLittleHistoryError, match="needs 100 days with a whole month before them"):
        RidgeRange.learn(FeatureGrid.of(daily_grid(kept.reset_index(drop=True))), **FIT)
