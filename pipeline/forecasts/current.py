"""From the ledger's rows of a day back to the forecasts that stand for it."""

from typing import TYPE_CHECKING

from pipeline.forecasts.columns import (
    AS_OF,
    HORIZON,
    LAST_CLOSE,
    MODE,
    MODEL_ID,
    RANDOM_WALK_FROM,
    SERIES,
    quantile_matrix,
)
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import HORIZONS
from pipeline.series import Series

if TYPE_CHECKING:
    from pandas import DataFrame


def current_rows(rows: "DataFrame") -> "DataFrame":
    """One row a model and horizon: what was said in time where anything was, else the backfill.

    Args:
        rows: Rows of one series and day as `Ledger.forecasts` gives them.

    Returns:
        By model_id and horizon.
    """
    ordered = rows.sort_values([MODEL_ID, HORIZON, MODE], ascending=[True, True, False])
    return ordered.drop_duplicates([MODEL_ID, HORIZON]).reset_index(drop=True)


def current_forecasts(rows: "DataFrame") -> dict[str, Forecast]:
    """The same as forecasts, by model_id; a model without all seven horizons is left out."""
    groups = current_rows(rows).groupby(MODEL_ID)
    return {str(model_id): _forecast(group) for model_id, group in groups if len(group) == len(HORIZONS)}


def _forecast(group: "DataFrame") -> Forecast:
    from pandas import isna

    head = group.iloc[0]
    first_walk = head[RANDOM_WALK_FROM]
    return Forecast(
        series=Series.parse(head[SERIES]),
        as_of=head[AS_OF].date(),
        model_id=head[MODEL_ID],
        last_close=float(head[LAST_CLOSE]),
        quantiles=quantile_matrix(group),
        random_walk_from=None if isna(first_walk) else int(first_walk),
    )
