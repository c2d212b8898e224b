"""What `pooled-blend` promises: its own day alone where it has no other series, one fit, and no leak through any."""

from datetime import date, timedelta

import numpy as np
import pytest

from pipeline.candles import daily_grid, read_candles
from pipeline.errors import TooLittleHistoryError
from pipeline.evaluation.leak import check_pool_leaks
from pipeline.features.feature_grid import FeatureGrid, Pool
from pipeline.models.bundle import load_bundle, save_bundle
from pipeline.models.fitting import fit, issue
from pipeline.models.lstm.blend import _pooled_ridge
from pipeline.models.ridge import RidgeRange
from pipeline.recipes.ranges import POOLED_BLEND, RANGE_BLEND
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = pytest.mark.slow

SMALL = {"epochs": 1, "units": (4,), "lookback": 4}
POOLED = POOLED_BLEND.model_copy(update=SMALL)
BTC, ETH, SOL = (Series("binance", f"{coin}USDT") for coin in ("BTC", "ETH", "SOL"))
AS_OF = date(2024, 2, 1)
SPANS = {BTC: date(2022, 1, 1), ETH: date(2022, 6, 1), SOL: date(2023, 1, 1)}


@pytest.fixture(scope="module")
def files():
    """Candles and bytes by name; the markets are independent, so that what one says of another is chance."""
    made = {
        one.slug: wire_format(simulate_candles(seed=20 + number, first=first, last=date(2024, 6, 30), price=50.0), one)
        for number, (one, first) in enumerate(SPANS.items())
    }  # fmt: skip
    return {name: (read_candles(data).candles, data) for name, data in made.items()}


@pytest.fixture(scope="module")
def grids(files):
    return {name: FeatureGrid.of(daily_grid(candles)) for name, (candles, _) in files.items()}


@pytest.fixture(scope="module")
def grid(grids):
    return Pool.of(grids).grid(BTC.slug)


@pytest.fixture(scope="module")
def model(grid):
    return fit(POOLED, grid, as_of=AS_OF, seed=1)


def test_alone_it_is_the_single_series_fit_bit_for_bit(grids):
    own = grids[BTC.slug]
    alone = fit(POOLED, Pool.of({BTC.slug: own}).grid(BTC.slug), as_of=AS_OF, seed=1)
    single = fit(RANGE_BLEND.model_copy(update=SMALL), own, as_of=AS_OF, seed=1)
    rows = np.arange(500, 900, 7)
    assert np.array_equal(alone.log_return_quantiles(own, rows), single.log_return_quantiles(own, rows))
    arrays = single.learned_.arrays()
    assert {name: value.tobytes() for name, value in alone.learned_.arrays().items() if name in arrays} == {
        name: value.tobytes() for name, value in arrays.items()
    }


def test_the_order_of_the_series_changes_no_bit(grids, grid, model):
    turned = Pool.of(dict(reversed(grids.items()))).grid(BTC.slug)
    again = fit(POOLED, turned, as_of=AS_OF, seed=1)
    rows = np.arange(700, 900, 20)
    assert np.array_equal(again.log_return_quantiles(turned, rows), model.log_return_quantiles(grid, rows))


def test_a_series_twice_is_one_with_half_the_penalty(grids):
    """A closed form: doubled rows and a doubled penalty have the same minimum."""
    own = grids[BTC.slug]
    once = RidgeRange.learn(own, penalty=200.0, half_life_days=1000.0)
    twice = RidgeRange.learn_together(
        [own, own], [own.features.scaled_return] * 2, penalty=400.0, half_life_days=1000.0
    )
    for name in ("centre_", "spread_", "coefficients_", "reversal_"):
        assert getattr(twice, name) == pytest.approx(getattr(once, name), rel=1e-6, abs=1e-9), name


def test_all_members_share_one_ridge_and_differ_in_the_rest(grids, model):
    pool = Pool.of(grids)
    _pooled_ridge.cache_clear()
    both = [fit(POOLED, pool.grid(one.slug), as_of=AS_OF, seed=1).learned_ for one in (BTC, ETH)]
    assert both[0].ridge_ is both[1].ridge_
    assert not np.array_equal(both[0].base_.coefficients_, both[1].base_.coefficients_)
    # One for the fit and one for the days before those that calibrate.
    assert _pooled_ridge.cache_info().misses == 2


def test_the_others_are_heard(grids, grid, model):
    alone = fit(POOLED, grids[BTC.slug], as_of=AS_OF, seed=1)
    rows = np.arange(700, 740)
    assert (
        not np.isclose(
            alone.log_return_quantiles(grids[BTC.slug], rows),
            model.log_return_quantiles(grid, rows),
            rtol=1e-4,
        )
        .all(axis=(1, 2))
        .any()
    )


def test_no_bit_depends_on_what_comes_after_as_of_in_any_series(files):
    report = check_pool_leaks(POOLED, files, [AS_OF], series=BTC, seed=1)
    assert report.leaks == ()
    assert report.comparisons == 3 * 3


def test_a_leak_through_another_series_is_found_and_named(files, monkeypatch):
    monkeypatch.setattr(Pool, "until", lambda pool, _as_of: pool)
    others = {name: files[name] for name in (BTC.slug, ETH.slug)}
    report = check_pool_leaks(POOLED, others, [AS_OF], series=BTC, seed=1)
    assert f"garbage in {ETH.slug}" in {leak.change for leak in report.leaks}


def test_a_bundle_says_up_to_its_day_what_the_pool_did_and_no_more(grids, grid, model, tmp_path):
    save_bundle(model, tmp_path)
    again, own = load_bundle(tmp_path), grids[BTC.slug]
    until = own.days.place_of(AS_OF)
    rows = np.arange(until - 50, until + 1)
    expected = model.log_return_quantiles(grid, rows)
    assert np.isfinite(expected).all()
    assert np.array_equal(again.log_return_quantiles(own, rows), expected)
    issued = issue(again, own, series=BTC, as_of=AS_OF)
    assert np.array_equal(issued.quantiles, issue(model, grid, series=BTC, as_of=AS_OF).quantiles)

    later = AS_OF + timedelta(days=1)
    assert np.array_equal(
        issue(again, grid, series=BTC, as_of=later).quantiles, issue(model, grid, series=BTC, as_of=later).quantiles
    )  # fmt: skip
    with pytest.raises(TooLittleHistoryError, match=f"learned from other series too.*Ask for {AS_OF}"):
        issue(again, own, series=BTC, as_of=later)
