"""The days that forecasters are compared on: those that every one of them has, and no others.

Whatever compares takes its days from here. A forecast that is not there is then nobody's error, and a day that one
forecaster lacks counts for none. `tests/pipeline/scores/test_common_days.py` holds every comparison to that.
"""

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.forecasts.columns import AS_OF, HORIZON, MODE, MODEL_ID, SERIES, WIS
from pipeline.forecasts.quantiles import FloatArray

if TYPE_CHECKING:
    from pandas import DataFrame

BoolArray = NDArray[np.bool_]
DayArray = NDArray[np.datetime64]
# Metrics by name on some target days.
Score = Callable[[DayArray], Mapping[str, float]]

# What two score rows of the ledger must share to be compared: live and backfilled forecasts never are.
CELL: Final = (SERIES, AS_OF, HORIZON, MODE)


def common_cells(*values: FloatArray, axes: int = 1) -> BoolArray:
    """Where every array is known: the days, or days and horizons, that a comparison is on.

    Args:
        values: Arrays whose first `axes` axes are the cells. What further axes hold, such as a forecast's quantiles,
            must be known as a whole.
        axes: How many.

    Example:
        >>> common_cells(np.array([1.0, np.nan, 3.0]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, np.nan]])).tolist()
        [True, False, False]
    """
    known = [np.isfinite(one).all(axis=tuple(range(axes, np.ndim(one)))) for one in values]
    return np.asarray(np.logical_and.reduce(known), dtype=bool)


def on_common_cells(scores: Mapping[str, FloatArray], *, axes: int = 1) -> dict[str, FloatArray]:
    """The same scores, NaN wherever one of the forecasters has none.

    Args:
        scores: By forecaster, arrays of one shape.
        axes: How many of their axes are the cells.
    """
    known = common_cells(*scores.values(), axes=axes)
    return {name: np.where(_as_deep(known, values), values, np.nan) for name, values in scores.items()}


def chosen_days(days: DayArray, among: DayArray) -> BoolArray:
    """Which of the days are among the others, whatever unit either is in."""
    return np.isin(days.astype("datetime64[D]"), among.astype("datetime64[D]"))


def with_score(scores: "DataFrame") -> "DataFrame":
    """The ledger's score rows without those that hold no score."""
    known: DataFrame = scores.loc[np.isfinite(scores[WIS].to_numpy(dtype=float))]
    return known


def common_forecasts(scores: "DataFrame", model_ids: Collection[str]) -> "DataFrame":
    """The score rows of these models, of the series, days, horizons and modes that all of them have.

    Args:
        scores: Rows as `Ledger.scores` gives them: of each forecast one.
        model_ids: Who is compared.
    """
    known = with_score(scores)
    rows = known[known[MODEL_ID].isin(list(model_ids))]
    having = rows.groupby(list(CELL))[MODEL_ID].transform("nunique")
    return rows[having == len(set(model_ids))]


def _as_deep(known: BoolArray, values: FloatArray) -> BoolArray:
    """With an axis of length 1 for each that the values have more."""
    return known.reshape(known.shape + (1,) * (values.ndim - known.ndim))
