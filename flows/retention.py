"""What the ledger names is kept, and of the rest the disk gets its space back: the one way of schedule and commands."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from flows.edges.configuration import Places, configuration
from flows.edges.ledger.store import Ledger
from flows.edges.machine.databases import databases
from flows.edges.machine.locks import locks_of
from flows.edges.machine.runtime import prepare_environment
from flows.edges.sql.database import open_database
from flows.edges.sql.vacuum import Vacuumed, vacuum
from flows.edges.tracking.experiments import Tracking, open_tracking
from flows.edges.tracking.registry import RegisteredModel
from flows.edges.tracking.retention import Pruning, plan_pruning, prune
from flows.inputs.arguments import parse_series
from flows.inputs.failures import kept, raise_failures
from flows.inputs.form_fields import SeriesText
from flows.reporting.artifacts import show_table
from flows.reporting.progress import log
from flows.tasks.flow_policy import flow
from pipeline.errors import CoincastError
from pipeline.series import Series


@dataclass(frozen=True)
class Retention:
    """What went, or would go.

    Attributes:
        pruned: Of each series' model.
        vacuumed: Of each database.
        failures: Why a series' model was left alone.
    """

    pruned: dict[str, Pruning] = field(default_factory=dict)
    vacuumed: tuple[Vacuumed, ...] = ()
    failures: dict[str, CoincastError] = field(default_factory=dict)

    @property
    def freed(self) -> int:
        """Bytes of database files that the disk got back."""
        return sum(one.freed for one in self.vacuumed)


@flow(name="retention")
def retention(
    series: list[SeriesText] | None = None,
    keep: int = 30,
    dry_run: bool = False,
    overrides: dict[str, Any] | None = None,
) -> Retention:
    """Delete old model versions with files and runs, and vacuum SQLite files; what is aliased or published stays.

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
    wanted = parse_series(series, current.settings.series)
    done = retain(wanted, current.places, keep=keep, dry_run=dry_run)
    _show(done, dry_run=dry_run)
    raise_failures(list(done.pruned), done.failures)
    return done


def retain(series: Sequence[Series], places: Places, *, keep: int, dry_run: bool) -> Retention:
    """`prune_series` of each, then `vacuum` of each database: a series that fails stops neither.

    Args:
        series: Whose models.
        places: Where everything is.
        keep: Newest versions to keep in any case.
        dry_run: Only say what would go.

    Raises:
        RegistryError: MLflow's store cannot be opened; nothing was deleted.
    """
    tracking = open_tracking(places)
    done: dict[str, Pruning] = {}
    failures: dict[str, CoincastError] = {}
    for one in series:
        with kept(failures, str(one)):
            done[str(one)] = prune_series(one, tracking, places, keep=keep, dry_run=dry_run)
    vacuumed = tuple(vacuum(name, url, dry_run=dry_run) for name, url in databases(places).items())
    for one_file in vacuumed:
        log.info("%s", told(one_file, dry_run=dry_run))
    return Retention(done, vacuumed, failures)


def told(one: Vacuumed, *, dry_run: bool) -> str:
    """A line for a person: bytes freed and left, or why not."""
    if one.skipped:
        return f"{one.name}, {one.place}: left as it is: {one.skipped}"
    verb = "would free" if dry_run else "freed"
    return (
        f"{one.name}, {one.place}: {verb} {one.freed:,} bytes of {one.size + (0 if dry_run else one.freed):,}"
    )


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


def _show(done: Retention, *, dry_run: bool) -> None:
    """How many versions, runs and files went, by series, and what became of each database."""
    rows: Sequence[Mapping[str, Any]] = [
        {
            "series": name,
            "versions": len(one.versions),
            "without their run": len(one.orphans),
            "runs": len(one.runs),
            "models": len(one.logged_models),
            "collect": one.collect,
        }
        for name, one in done.pruned.items()
    ]
    show_table("retention", rows, "What would be deleted." if dry_run else "What was deleted.")
    show_table("retention-databases", [asdict(one) for one in done.vacuumed], "Bytes that the disk got back.")
