"""What a backfill says when it is over: how good its forecasts were, in MLflow and as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from flows.edges.backfill_store.units import Backfill
from flows.edges.ledger.store import Ledger
from flows.edges.tracking.run import Run
from flows.inputs.failures import kept
from flows.publishing.publication import published_recipes
from flows.publishing.reproduction import kept_recipe
from flows.reporting.artifacts import show_link
from flows.reporting.flow_run import name_and_id, ui_url, way_back
from pipeline.backfill.scores import compared_models, leaderboard, scores_by_day
from pipeline.errors import CoincastError
from pipeline.forecasts.columns import AS_OF, BACKFILL, SERIES
from pipeline.scores.metrics import RELATIVE_WIS, WIS
from pipeline.series import Series


@dataclass(frozen=True)
class BackfillOutcome:
    """What became of a backfill.

    Attributes:
        id: By which it is named; empty where nothing was to be done.
        units: How many have each status.
        failed: Series, day and reason of each unit that failed.
        leaderboard: A row a model.
        scored: Forecasts scored at its end.
        published: Files that changed.
        run_url: The MLflow run.
        seconds: Of this drive, and of the fits of all units.
        failures: Why a series is not scored or not published as it should be, by series; the others are.
    """

    id: str
    units: dict[str, int]
    failed: list[dict[str, str]] = field(default_factory=list)
    leaderboard: list[dict[str, Any]] = field(default_factory=list)
    scored: int = 0
    published: int = 0
    run_url: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def backfill_tags(backfill: Backfill) -> dict[str, object]:
    """By which the run is found again, and the way back to the Prefect run."""
    request = backfill.request
    flow_run, flow_run_id = name_and_id()
    return {
        "kind": "backfill",
        "backfill": backfill.id,
        "recipe": backfill.recipe["name"],
        "series": ", ".join(request.series),
        "first_as_of": request.first,
        "last_as_of": request.last,
        "vintage": request.vintage,
        "refit_every": request.refit_every,
        "seed": request.seed,
        "flow_run": flow_run,
        "flow_run_id": flow_run_id,
        "flow_run_url": ui_url(),
        "simulated": str(any(Series.parse(one).simulated for one in request.series)).lower(),
    }


def backfill_scores(
    backfill: Backfill,
    units: Sequence[Mapping[str, Any]],
    ledger: Ledger,
    *,
    failures: dict[str, CoincastError],
) -> pd.DataFrame:
    """Scores of the backfilled forecasts of the days that are done; live ones are not among them.

    Args:
        backfill: Which.
        units: Its units as they stand.
        ledger: Where the scores are.
        failures: Gets why a series' scores cannot be read, by series.
    """
    days = {(unit["series"], pd.Timestamp(unit["as_of"])) for unit in units if unit["status"] == "done"}
    # An empty table has the columns and types of a full one: there may be no other.
    tables = [ledger.scores(model_ids=[])]
    for name in backfill.request.series:
        with kept(failures, name):
            tables.append(ledger.scores(Series.parse(name), since=backfill.request.first, mode=BACKFILL))
    scores = pd.concat(tables, ignore_index=True)
    mine = [key in days for key in zip(scores[SERIES], scores[AS_OF], strict=True)]
    return scores.loc[np.array(mine, dtype=bool)]


def log_backfill(
    run: Run,
    backfill: Backfill,
    scores: pd.DataFrame,
    *,
    counts: Mapping[str, int],
    seconds: Mapping[str, float],
) -> list[dict[str, Any]]:
    """Numbers, the leaderboard and its days into the run; the leaderboard's rows, the best model first."""
    models = compared_models(scores, published_recipes(kept_recipe(backfill.recipe)))
    board = leaderboard(scores, models=models)
    run.log_metrics(
        {
            **{f"backfill_units_{status}": count for status, count in counts.items()},
            **{f"backfill_{name}_s": value for name, value in seconds.items()},
            **{
                f"backfill_{metric.name}_{row['model_id'].removeprefix('coincast-')}": row[metric.name]
                for row in board
                for metric in (WIS, RELATIVE_WIS)
                if row[metric.name] is not None
            },
            **({"backfill_forecasts_compared": board[0]["n"]} if board else {}),
        }
    )
    if board:
        run.log_table(board, "leaderboard")
        run.log_table(scores_by_day(scores, models=models), "leaderboard_by_day")
    if back := way_back():
        run.set_note(back.strip())
    show_link(f"backfill-{backfill.id}-mlflow", run.url, f"MLflow run of backfill {backfill.id}")
    run.log_parameters({**backfill.request.model_dump(mode="json"), "recipe": backfill.recipe})
    return board


def in_words(counts: Mapping[str, int]) -> str:
    """Those that are any, as `3 done, 1 failed`."""
    return ", ".join(f"{count} {status}" for status, count in counts.items() if count)


def reason_of(unit: Mapping[str, Any]) -> dict[str, str]:
    """A unit and why it has not been made, in JSON values."""
    return {"series": unit["series"], "as_of": unit["as_of"].isoformat(), "why": unit["why"]}
