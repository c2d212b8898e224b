from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.candles import daily_grid, read_candles
from pipeline.errors import InputError, TooLittleHistoryError
from pipeline.point.framing import AS_WRITTEN, Cut, frame
from pipeline.point.scores import score_random_walk
from pipeline.recipes.point import AsWritten, Dense, Fitting, PointRecipe
from pipeline.recipes.points import ARTICLE_LSTM, GUIDE_LSTM, LECTURE_LSTM
from pipeline.simulation import simulate_candles
from pipeline.windows.splits import Split


def recipe(**changes: object) -> PointRecipe:
    values = {"name": "ramp", "title": "a ramp", "window": 3, "layers": (Dense(kind="dense", units=1),)}
    return PointRecipe.model_validate(values | changes)


def ramp(rows: int) -> pd.DataFrame:
    """Closes 100, 101, 102, …"""
    close = 100.0 + np.arange(rows)
    table = dict.fromkeys(("open", "high", "low", "close"), close)
    days = pd.date_range("2020-01-01", periods=rows, unit="us")
    return pd.DataFrame({"date": days, **table, "volume_base": 1.0, "volume_quote": close, "trades": np.nan})


def test_each_window_predicts_the_row_after_it() -> None:
    framing = frame(recipe(split=Split(train=0.5)), ramp(13))
    back = framing.scaling.undo(framing.inputs)
    np.testing.assert_allclose(back[0, :, 0], [100, 101, 102])
    assert framing.closes[0] == 103
    assert framing.last_closes[0] == 102
    assert framing.dates[0] == np.datetime64("2020-01-04")
    np.testing.assert_allclose(framing.to_price(framing.targets, slice(None)), framing.closes)
    assert (framing.parts.test.start, framing.parts.n_test) == (5, 5)


def test_the_scaler_sees_fit_rows_only() -> None:
    candles = ramp(23)
    fitting = Fitting(validation=0.5)
    learned = frame(recipe(split=Split(train=0.5), fitting=fitting), candles).scaling
    # 20 windows, 10 of training, 5 of fit: the last fit target is row 7.
    assert learned.centre_[0] == candles["close"][:8].mean()


def test_rows_after_training_change_nothing_that_is_learned() -> None:
    candles = simulate_candles(seed=1, first=date(2020, 1, 1), last=date(2020, 12, 31), price=100.0)
    whole = frame(GUIDE_LSTM, candles)
    spoilt = candles.copy()
    after = spoilt["date"] >= pd.Timestamp(whole.dates[whole.parts.test.start])
    spoilt.loc[after, "close"] *= 17
    other = frame(GUIDE_LSTM, spoilt)
    fit = whole.parts.fit
    np.testing.assert_array_equal(whole.inputs[fit], other.inputs[fit])
    np.testing.assert_array_equal(whole.targets[fit], other.targets[fit])
    assert whole.persistence == other.persistence


def test_as_written_newest_first_runs_backwards_and_tests_on_the_oldest_days() -> None:
    backwards = recipe(split=Split(train=0.5), as_written=AsWritten(scaler_rows="all", order="newest-first"))
    framing = frame(backwards, ramp(13), variant=AS_WRITTEN)
    assert framing.closes[0] == 109
    assert framing.last_closes[0] == 110
    assert framing.dates[framing.parts.test].max() < framing.dates[framing.parts.fit].min()
    np.testing.assert_allclose(framing.scaling.centre_, [106])


def test_log_returns_are_of_neighbouring_rows_and_become_prices_again() -> None:
    framing = frame(recipe(target="log-return", split=Split(train=0.5)), ramp(13))
    np.testing.assert_allclose(
        framing.scaling.undo(framing.inputs)[0, :, 0], np.log([101 / 100, 102 / 101, 103 / 102])
    )
    np.testing.assert_allclose(framing.to_price(framing.targets, slice(None)), framing.closes)
    walk = framing.to_price(framing.random_walk(slice(None)), slice(None))
    np.testing.assert_allclose(walk, framing.last_closes)


@pytest.mark.parametrize("target", ["price", "log-return"])
def test_no_window_spans_a_long_hole_and_no_filled_day_is_a_target(target: str) -> None:
    candles = ramp(80)
    short, long = slice(20, 22), slice(40, 60)
    kept = candles.drop(index=[*range(*short.indices(80)), *range(*long.indices(80))]).reset_index(drop=True)
    framing = frame(recipe(target=target), daily_grid(kept))
    targets = set(framing.dates.astype("datetime64[D]").tolist())
    for row in (*range(20, 22), *range(40, 63)):
        assert candles["date"][row].date() not in targets
    assert candles["date"][23].date() in targets
    # A return needs a row more before the first whole window.
    assert candles["date"][64].date() in targets
    assert np.abs(framing.scaling.undo(framing.inputs)).max() < 200
    if target == "log-return":
        assert framing.scaling.undo(framing.inputs).max() < 0.05


def test_a_cut_gives_recipes_with_other_windows_the_same_days() -> None:
    candles = ramp(60)
    cut = Cut(validation=date(2020, 2, 1), test=date(2020, 2, 15))
    for window in (3, 7, 14):
        framing = frame(recipe(window=window), candles, cut=cut)
        assert framing.dates[framing.parts.test.start] == np.datetime64("2020-02-15")
        assert framing.dates[framing.parts.validation.start] == np.datetime64("2020-02-01")


def test_volumes_are_taken_as_logarithms_and_must_be_told() -> None:
    two = recipe(columns=("close", "volume_base"))
    assert frame(two, ramp(20)).inputs.shape == (17, 3, 2)
    with pytest.raises(InputError, match="volume_base"):
        frame(two, ramp(20).assign(volume_base=np.nan))


def test_too_few_rows_and_a_missing_as_written_are_refused() -> None:
    with pytest.raises(TooLittleHistoryError):
        frame(recipe(), ramp(3))
    with pytest.raises(InputError, match="as-written"):
        frame(recipe(), ramp(30), variant=AS_WRITTEN)


def test_the_lectures_random_walk(market: Path) -> None:
    data = (market / "yahoo" / "BTC-USD_2016-12-14_2020-12-14.csv").read_bytes()
    framing = frame(LECTURE_LSTM, read_candles(data).candles, variant=AS_WRITTEN)
    scores = score_random_walk(framing)
    assert framing.parts.n_test == 481
    assert scores["test_mse_scaled"] == pytest.approx(0.00732, abs=5e-6)
    assert scores["test_mape_scaled_pct"] == pytest.approx(39.05, abs=5e-3)


def test_the_articles_random_walk(market: Path) -> None:
    candles = read_candles((market / "heartbeat" / "btc.csv").read_bytes()).candles
    framing = frame(ARTICLE_LSTM, candles, variant=AS_WRITTEN)
    assert (framing.parts.n_fit, framing.parts.n_test) == (1018, 248)
    assert score_random_walk(framing)["train_mse_scaled"] == pytest.approx(0.00662, abs=5e-6)
    assert framing.dates[0] == np.datetime64("2018-05-19")


def test_the_leak_free_random_walk_is_on_the_newest_days(market: Path) -> None:
    candles = read_candles((market / "heartbeat" / "btc.csv").read_bytes()).candles
    framing = frame(ARTICLE_LSTM, daily_grid(candles))
    assert (framing.parts.n_fit, framing.parts.n_test) == (1018, 248)
    assert framing.dates[-1] == np.datetime64("2018-05-26")
