"""Peers: what holds without their libraries, and, where the extra is installed, that none knows the future."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from pipeline.candles import daily_grid
from pipeline.errors import InputError
from pipeline.evaluation.leak import check_leaks, recipe_forecaster
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.quantiles import LEVELS, FloatArray
from pipeline.models.catalogue import catalogue
from pipeline.models.fitting import fit
from pipeline.models.peers.automatic import FEWEST_CLOSES, ArimaRange, conformal
from pipeline.models.peers.garch import garch_quantiles, known_returns, student_shocks
from pipeline.models.peers.library import peer_library
from pipeline.models.registry import PEERS, RANGE_RECIPES, issued_recipes, require_installed, require_range
from pipeline.models.regression import HAR_RANGE
from pipeline.recipes.base import Recipe
from pipeline.recipes.ranges import PeerRecipe
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

FIRST = date(2022, 1, 1)
FIT_DAY = FIRST + timedelta(days=500)
CANDLES = simulate_candles(seed=11, first=FIRST, last=FIRST + timedelta(days=560), price=20_000.0)
MISSING = [one for one in PEERS if isinstance(one, PeerRecipe) and find_spec(one.library) is None]


def test_peers_are_recipes_that_are_never_issued() -> None:
    assert {peer.name for peer in PEERS} <= {recipe.name for recipe in catalogue()}
    assert not set(PEERS) & {*RANGE_RECIPES, *issued_recipes(HAR_RANGE)}
    for peer in PEERS:
        with pytest.raises(InputError, match="in `coincast backtest` and `coincast compare` only"):
            require_range(peer)


def test_a_library_that_is_not_there_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.models.peers.library.find_spec", lambda name: None)
    for peer in PEERS:
        with pytest.raises(InputError, match=r"is not installed, .*install coincast\[peers\]"):
            require_installed(peer)
    require_installed(HAR_RANGE)


def test_a_library_that_lacks_another_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_there.py").write_text("import a_package_that_is_not_there")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError, match=r"half_there is installed and cannot be imported .*a_package_that"):
        peer_library("half_there")


def test_tomorrow_is_students_t_and_later_days_have_the_variance_that_garch_expects() -> None:
    mean, omega, alpha, beta, freedom = parameters = np.array([0.1, 0.5, 0.1, 0.8, 8.0])
    variance = 9.0
    quantiles = garch_quantiles(parameters, variance, student_shocks(freedom))
    scale = np.sqrt(variance * (freedom - 2) / freedom)
    assert quantiles[0] == pytest.approx(stats.t(freedom, loc=mean, scale=scale).ppf(LEVELS))
    expected, total = variance, 0.0
    for row in quantiles:
        total += expected
        expected = omega + (alpha + beta) * expected
        spread = (np.interp(0.9, LEVELS, row) - np.interp(0.1, LEVELS, row)) / 2
        assert spread == pytest.approx(np.sqrt(total) * 1.25, rel=0.06)
    assert quantiles[6][11] == pytest.approx(7 * mean)
    assert (np.diff(quantiles, axis=1) > 0).all()


def test_returns_are_of_days_whose_two_closes_are_there() -> None:
    broken = CANDLES.drop(index=range(100, 130)).reset_index(drop=True)
    grid = FeatureGrid.of(daily_grid(broken))
    returns, ended = known_returns(grid.days)
    close = grid.days.close
    expected = {
        place: 100 * np.log(close[place] / close[place - 1])
        for place in range(1, len(close))
        if np.isfinite(close[place]) and np.isfinite(close[place - 1])
    }
    assert dict(zip(ended.tolist(), returns.tolist(), strict=True)) == pytest.approx(expected)


@dataclass
class Recorder:
    """Stands in for what statsforecast fits: as today, and says how long the closes were that it was given."""

    lengths: list[int] = field(default_factory=list)

    def forward(self, *, y: FloatArray, h: int) -> dict[str, Any]:
        self.lengths.append(len(y))
        return {"mean": np.full(h, y[-1])}


def test_a_model_that_says_as_today_has_the_random_walks_ranges() -> None:
    grid, recorder = FeatureGrid.of(daily_grid(CANDLES)), Recorder()
    places = np.array([150, 560])
    quantiles = ArimaRange(recorder).quantiles(grid, places)
    assert recorder.lengths == list(range(FEWEST_CLOSES, 562))
    assert np.isnan(quantiles[0]).all()
    errors = np.full((561, 7), np.nan)
    errors[FEWEST_CLOSES - 1 :] = grid.days.outcomes[FEWEST_CLOSES - 1 :]
    assert quantiles[1] == pytest.approx(conformal(errors, np.zeros(7), 560))


def test_a_conformal_range_is_the_mean_and_the_errors_that_were_known() -> None:
    errors = np.arange(500.0)[:, None] * np.ones(7)
    said = conformal(errors, np.full(7, 1000.0), 450)
    for column in range(7):
        known = [float(day) for day in range(450 - column - 365, 450 - column)]
        assert said[column] == pytest.approx(1000 + np.quantile(known, LEVELS))
    assert np.isnan(conformal(errors, np.zeros(7), 99)).all()


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason="the extra coincast[peers] is not installed")
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_is_point_in_time_and_gives_whole_ranges(peer: Recipe) -> None:
    grid = FeatureGrid.of(daily_grid(CANDLES))
    rows = np.array([10, *range(500, 560, 7)])
    quantiles = fit(peer, grid, as_of=FIT_DAY, seed=1).log_return_quantiles(grid, rows)
    assert np.isnan(quantiles[0]).all()
    assert np.isfinite(quantiles[1:]).all()
    assert (np.diff(quantiles[1:], axis=2) >= 0).all()
    series = Series.parse("binance/BTCUSDT/1d")
    forecaster = recipe_forecaster(peer, series=series, seed=1)
    days = [FIT_DAY + timedelta(days=2)]
    assert check_leaks(forecaster, CANDLES, days, seed=1, data=wire_format(CANDLES, series)).leaks == ()
