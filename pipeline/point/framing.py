"""From candles to what a point recipe learns from: transformed, cut in windows, divided by time, scaled."""

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.candles.columns import CLOSE, DATE, FILLED, PRICES, SEGMENT
from pipeline.errors import InputError, TooLittleHistoryError
from pipeline.forecasts.quantiles import FloatArray
from pipeline.recipes.point import PointRecipe
from pipeline.scores.formulas import one_day_persistence
from pipeline.windows.scaling import Scaling, learn_scaling
from pipeline.windows.sliding import sliding_windows, whole_windows
from pipeline.windows.splits import Parts, divide

Variant = Literal["leak-free", "as-written"]
LEAK_FREE: Final[Variant] = "leak-free"
AS_WRITTEN: Final[Variant] = "as-written"


@dataclass(frozen=True)
class Cut:
    """Days at which validation and test begin, so that recipes with other windows share them.

    Attributes:
        validation: First target day of the validation windows.
        test: First target day of the test windows.
    """

    validation: date
    test: date


@dataclass(frozen=True, eq=False)
class Framing:
    """One recipe's data, window by window; window i predicts `closes[i]` of day `dates[i]`.

    Attributes:
        recipe: What was framed.
        variant: `leak-free`, or `as-written` with the text's leaks.
        dates: Target days, shape (n_windows,), `datetime64[D]`.
        inputs: Scaled, shape (n_windows, window, n_columns); a view where no window had to be left out.
        targets: Scaled, shape (n_windows,).
        closes: Target closes in quote currency, shape (n_windows,).
        last_closes: The close of each window's last row, in quote currency, shape (n_windows,).
        parts: Which windows fit, validate and test.
        scaling: What the scaler learned.
        persistence: Mean absolute change of the close from one training row to the next (fit and
            validation), in quote currency: the scale of MASE.
    """

    recipe: PointRecipe
    variant: Variant
    dates: NDArray[np.datetime64]
    inputs: FloatArray
    targets: FloatArray
    closes: FloatArray
    last_closes: FloatArray
    parts: Parts
    scaling: Scaling
    persistence: float

    def to_price(self, scaled: FloatArray, part: slice) -> FloatArray:
        """Closes in quote currency from scaled predictions of the windows in `part`."""
        values = self.scaling.undo(scaled, column=0)
        return self.last_closes[part] * np.exp(values) if self.recipe.target == "log-return" else values

    def random_walk(self, part: slice) -> FloatArray:
        """The random walk's predictions in scaled units: the last close, or no change of it."""
        still = np.zeros_like(self.last_closes[part])
        values = still if self.recipe.target == "log-return" else self.last_closes[part]
        return self.scaling.apply(values, column=0)


def frame(
    recipe: PointRecipe, candles: pd.DataFrame, *, variant: Variant = LEAK_FREE, cut: Cut | None = None
) -> Framing:
    """Frame candles for a recipe.

    Args:
        recipe: What to frame for.
        candles: Candle table or daily grid, oldest first; windows neither span a hole between segments nor
            predict a filled day.
        variant: `as-written` repeats the leaks that the recipe tells.
        cut: Divide at these days instead of by the recipe's split.

    Raises:
        TooLittleHistoryError: Too few rows for the window and the split.
        InputError: The recipe has nothing as written, or needs a column that the file does not tell.
    """
    leaks = recipe.as_written if variant == AS_WRITTEN else None
    if variant == AS_WRITTEN and leaks is None:
        raise InputError(
            f"{recipe.name} has no as-written variant: its text tells no leak; leave the option."
        )
    rows = candles.iloc[::-1] if leaks is not None and leaks.order == "newest-first" else candles
    values, rows = _values(recipe, rows)
    usable = _usable(rows, recipe.window)
    dates = rows[DATE].to_numpy().astype("datetime64[D]")[recipe.window :][usable]
    parts = _parts(recipe, dates, n_rows=len(rows), cut=cut)
    targets = recipe.window + np.flatnonzero(usable)
    learned_from = values[: targets[parts.fit.stop - 1] + 1]
    if leaks is not None and leaks.scaler_rows == "all":
        learned_from = values
    scaling = learn_scaling(learned_from, recipe.scaler)
    scaled = scaling.apply(values)
    closes = rows[CLOSE].to_numpy(dtype=np.float64)
    return Framing(
        recipe=recipe,
        variant=variant,
        dates=dates,
        inputs=_select(sliding_windows(scaled, recipe.window), usable),
        targets=scaled[recipe.window :, 0][usable],
        closes=closes[recipe.window :][usable],
        last_closes=closes[recipe.window - 1 : -1][usable],
        parts=parts,
        scaling=scaling,
        persistence=one_day_persistence(rows.iloc[: targets[parts.test.start - 1] + 1]),
    )


def _values(recipe: PointRecipe, rows: pd.DataFrame) -> tuple[FloatArray, pd.DataFrame]:
    """Unscaled inputs of shape (n_rows, n_columns) and the rows they stand for; the close is column 0."""
    columns = rows.loc[:, list(recipe.columns)]
    untold = [name for name in recipe.columns if columns[name].isna().any()]
    if untold:
        raise InputError(
            f"{recipe.name} needs {', '.join(untold)}, which the file does not tell in every row."
        )
    table = columns.to_numpy(dtype=np.float64, copy=True)
    volumes = [index for index, name in enumerate(recipe.columns) if name not in PRICES]
    table[:, volumes] = np.log1p(table[:, volumes])
    if recipe.target == "price":
        return table, rows
    prices = [index for index, name in enumerate(recipe.columns) if name in PRICES]
    table[1:, prices] = np.diff(np.log(table[:, prices]), axis=0)
    # A change across a hole between segments is not one day's; nor has the first row a change.
    segment = rows[SEGMENT].to_numpy() if SEGMENT in rows else np.zeros(len(rows))
    within = np.concatenate(([False], segment[1:] == segment[:-1]))
    return table[within], rows[within]


def _usable(rows: pd.DataFrame, window: int) -> NDArray[np.bool_]:
    if len(rows) <= window:
        raise TooLittleHistoryError(
            f"A window of {window} rows and the row it predicts need {window + 1} rows; got {len(rows)}."
        )
    if FILLED not in rows:
        return np.ones(len(rows) - window, dtype=bool)
    return whole_windows(rows[FILLED].to_numpy(dtype=bool), rows[SEGMENT].to_numpy(dtype=np.int64), window)


def _parts(recipe: PointRecipe, dates: NDArray[np.datetime64], *, n_rows: int, cut: Cut | None) -> Parts:
    if cut is None:
        training = recipe.split.training_windows(n_windows=len(dates), n_rows=n_rows)
        return divide(len(dates), training=training, validation=recipe.fitting.validation)
    training = int(np.searchsorted(dates, np.datetime64(cut.test)))
    fit = int(np.searchsorted(dates, np.datetime64(cut.validation)))
    share = 1 - fit / training if training else 0.0
    return divide(len(dates), training=training, validation=share)


def _select(windows: FloatArray, usable: NDArray[np.bool_]) -> FloatArray:
    """All windows stay the view they are; only a choice among them is a copy."""
    return windows if usable.all() else windows[usable]
