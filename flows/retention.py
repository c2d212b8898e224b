"""What the ledger names is kept: the schedule's and the command's one way to prune a registered model."""

from flows.edges.configuration import Places
from flows.edges.database import open_database
from flows.edges.ledger import Ledger
from flows.edges.registry import RegisteredModel
from flows.edges.retention import Pruning, plan_pruning, prune
from flows.edges.tracking import Tracking
from flows.edges.turns import turns_of
from pipeline.series import Series


def prune_series(series: Series, tracking: Tracking, places: Places, *, keep: int, dry_run: bool) -> Pruning:
    """Delete versions that are old, not aliased, and not named by a forecast of the ledger.

    Args:
        series: Whose model.
        tracking: Where it is registered.
        places: Where the ledger is.
        keep: Newest versions to keep in any case.
        dry_run: Only say what would go.

    Raises:
        RegistryError: MLflow refused.
        StoreError: The ledger cannot be read; nothing was deleted.
    """
    issued = Ledger(open_database(places.database_url)).forecasts(series, latest_only=False)
    model = RegisteredModel(tracking, series, turn=turns_of(places))
    planned = plan_pruning(
        model,
        keep=keep,
        published_versions={int(text) for text in set(issued["model_version"]) if text.isdecimal()},
        published_runs=set(issued["run_id"]),
    )
    return planned if dry_run else prune(model, tracking, planned)
