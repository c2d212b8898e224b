"""Scores of backfilled forecasts by model and by day, beside the random walk's of the same days."""

from typing import TYPE_CHECKING, Any, Final

from pipeline.record import ABSOLUTE_ERROR, AS_OF, HORIZON, MODEL_ID, RANDOM_WALK, SERIES, WIS, hit

if TYPE_CHECKING:
    from pandas import DataFrame

_FORECAST: Final = [SERIES, AS_OF, HORIZON]
_HELD: Final = hit(80)


def leaderboard(scores: "DataFrame") -> list[dict[str, Any]]:
    """A row a model, the smallest error first.

    Args:
        scores: Rows of one mode, as `Ledger.scores` gives them.

    Returns:
        model_id; n, forecasts scored; wis, their mean; relative_wis, that over the random walk's mean on the same
        series, days and horizons; absolute_error, mean in quote currency; hit_80, share of outcomes inside.
    """
    walk = scores[scores[MODEL_ID] == RANDOM_WALK].set_index(_FORECAST)[WIS]
    rows = []
    for model_id, own in scores.groupby(MODEL_ID):
        mine = own.set_index(_FORECAST)[WIS]
        both = mine.index.intersection(walk.index)
        rows.append(
            {
                "model_id": str(model_id),
                "n": len(own),
                "wis": float(mine.mean()),
                "relative_wis": float(mine[both].mean() / walk[both].mean()),
                "absolute_error": float(own[ABSOLUTE_ERROR].mean()),
                "hit_80": float(own[_HELD].mean()),
            }
        )
    return sorted(rows, key=lambda row: row["wis"])


def scores_by_day(scores: "DataFrame") -> "DataFrame":
    """A row for each series, day and model: horizons scored, mean WIS, share of outcomes inside the 80 % range."""
    groups = scores.groupby([SERIES, AS_OF, MODEL_ID])
    table = groups.agg(n=(WIS, "size"), wis=(WIS, "mean"), hit_80=(_HELD, "mean")).reset_index()
    return table.assign(**{AS_OF: table[AS_OF].dt.strftime("%Y-%m-%d")})
