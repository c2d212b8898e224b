"""What the ledger names is kept: the schedule's and the command's one way to prune a registered model."""

from collections.abc import Mapping
from typing import Any

from flows.edges.configuration import Places, configuration
from flows.edges.ledger.store import Ledger
from flows.edges.machine.locks import locks_of
from flows.edges.machine.runtime import prepare_environment
from flows.edges.sql.database import open_database
from flows.edges.tracking.experiments import Tracking, open_tracking
from flows.edges.tracking.registry import RegisteredModel
from flows.edges.tracking.retention import Pruning, plan_pruning, prune
from flows.inputs.arguments import SeriesText, parse_series
from flows.inputs.failures import kept, raise_failures
from flows.reporting.artifacts import show_table
from flows.tasks.flow_policy import flow
from pipeline.errors import CoincastError
from pipeline.series import Series


@flow(name="retention")
def retention(
    series: list[SeriesText] | None = None,
    keep: int = 30,
    dry_run: bool = False,
    overrides: dict[str, Any] | None = None,
) -> dict[str, Pruning]:
    """Delete old model versions, their files and their runs; what is aliased or published stays.

    Args:
        series: As `binance/BTCUSDT/1d`; default: the settings'.
        keep: Newest versions to keep in any case.
        dry_run: Only say what would go.
        overrides: Settings that win over coincast.toml and the environment.

    Raises:
        CoincastError: The only series failed.
        SeriesFailedError: Some of several series failed.
    """
    prepare_environment()
    current = configuration(overrides)
    tracking = open_tracking(current.places)
    done: dict[str, Pruning] = {}
    failures: dict[str, CoincastError] = {}
    for one in parse_series(series, current.settings.series):
        with kept(failures, str(one)):
            done[str(one)] = prune_series(one, tracking, current.places, keep=keep, dry_run=dry_run)
    _show(done, dry_run=dry_run)
    raise_failures(list(done), failures)
    return done


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
    model = RegisteredModel(tracking, series, lock=locks_of(places))
    planned = plan_pruning(
        model,
        keep=keep,
        published_versions={int(text) for text in set(issued["model_version"]) if text.isdecimal()},
        published_runs=set(issued["run_id"]),
    )
    return planned if dry_run else prune(model, tracking, planned)


def _show(done: Mapping[str, Pruning], *, dry_run: bool) -> None:
    """How many versions, runs and files went, by series."""
    rows = [
        {
            "series": name,
            "versions": len(one.versions),
            "runs": len(one.runs),
            "models": len(one.logged_models),
            "collect": one.collect,
        }
        for name, one in done.items()
    ]
    show_table("retention", rows, "What would be deleted." if dry_run else "What was deleted.")
