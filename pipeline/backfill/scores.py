"""Scores of backfilled forecasts by model and by day, all models on the same series, days and horizons."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.forecasts.columns import ABSOLUTE_ERROR, AS_OF, MODEL_ID, RANDOM_WALK, SERIES, WIS, hit
from pipeline.scores.common_days import CELL, common_forecasts, with_score
from pipeline.scores.metrics import LEADERBOARD, measure
from pipeline.scores.scored import Issued

if TYPE_CHECKING:
    from pandas import DataFrame

_HELD: Final = hit(80)


def compared_models(scores: "DataFrame", own: Collection[str]) -> tuple[str, ...]:
    """Which models are compared: a backfill's own, and others that have a score wherever all of these have one.

    A model that was backfilled before on a part of the days would take the others' days from the comparison.

    Args:
        scores: Rows of one mode, as `Ledger.scores` gives them.
        own: Model ids that the backfill made; those without any score are left out.
    """
    known = with_score(scores)
    there = [str(name) for name in dict.fromkeys(known[MODEL_ID])]
    mine = [name for name in there if name in own]
    wanted = common_forecasts(known, mine)[list(CELL)].drop_duplicates()
    having = known.merge(wanted, on=list(CELL)).groupby(MODEL_ID).size()
    return tuple(name for name in there if name in mine or having.get(name, 0) == len(wanted) > 0)


def leaderboard(scores: "DataFrame", *, models: Collection[str] | None = None) -> list[dict[str, Any]]:
    """A row a model, the smallest error first, all of the same series, days and horizons.

    Args:
        scores: Rows of one mode, as `Ledger.scores` gives them.
        models: Model ids to compare; None compares all that have a score.

    Returns:
        model_id; n, forecasts compared; days, of which they are; the metrics of `LEADERBOARD`, over all horizons, None
        where nothing is common, and what is relative also where the random walk is not among them.
    """
    known = with_score(scores)
    names = sorted(set(known[MODEL_ID]) if models is None else models)
    compared = common_forecasts(known, names)
    rows = [_row(compared, name) for name in names]
    return sorted(rows, key=lambda row: (row["wis"] is None, row["wis"]))


def scores_by_day(scores: "DataFrame", *, models: Collection[str] | None = None) -> "DataFrame":
    """A row for each series, day and model: horizons scored, mean WIS, share of outcomes inside the 80 % range.

    Args:
        scores: Rows of one mode, as `Ledger.scores` gives them.
        models: As `leaderboard`.
    """
    known = with_score(scores)
    compared = common_forecasts(known, set(known[MODEL_ID]) if models is None else models)
    groups = compared.groupby([SERIES, AS_OF, MODEL_ID])
    table = groups.agg(n=(WIS, "size"), wis=(WIS, "mean"), hit_80=(_HELD, "mean")).reset_index()
    return table.assign(**{AS_OF: table[AS_OF].dt.strftime("%Y-%m-%d")})


def _row(compared: "DataFrame", model_id: str) -> dict[str, Any]:
    own, walk = (compared[compared[MODEL_ID] == name] for name in (model_id, RANDOM_WALK))
    wis, error, held = (own[name].to_numpy(dtype=float) for name in (WIS, ABSOLUTE_ERROR, _HELD))
    walk_wis = walk[WIS].to_numpy(dtype=float) if len(walk) else np.full(len(own), np.nan)
    values = measure(LEADERBOARD, Issued(wis, walk_wis, error, held))
    return {
        "model_id": model_id,
        "n": len(own),
        "days": len(own[[SERIES, AS_OF]].drop_duplicates()),
        **{metric.name: values.get(metric.name) for metric in LEADERBOARD},
    }
