"""The stores of one deployment, opened once a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.edges.configuration import Places
from flows.edges.ledger.store import Ledger
from flows.edges.private_files import protect_home
from flows.edges.snapshots.store import SnapshotStore
from flows.edges.sql.database import open_database
from flows.edges.tracking.experiments import Tracking, open_tracking
from flows.inputs.failures import explained
from flows.inputs.request import Job


@dataclass(frozen=True, eq=False)
class Stores:
    """Where raw bytes, forecasts and runs are kept."""

    snapshots: SnapshotStore
    ledger: Ledger
    tracking: Tracking


def open_stores(places: Places) -> Stores:
    """Open the database, the snapshot store and MLflow, making what is not there.

    Raises:
        StoreError: One of them does not answer or is damaged.
        RegistryError: MLflow refused.
        DiskFullError: There is no room for one of them.
    """
    with explained():
        protect_home(places.home, public=Path(places.publish_url))
        engine = open_database(places.database_url)
        return Stores(
            snapshots=SnapshotStore(engine, places.snapshots_url),
            ledger=Ledger(engine),
            tracking=open_tracking(places),
        )


def is_fit_due(jobs: Sequence[Job], places: Places) -> bool:
    """Whether a run of these jobs is likely to fit: the ledger lacks a newest day that is a fit day.

    Raises:
        StoreError: The ledger does not answer or is damaged.
    """
    with explained():
        protect_home(places.home, public=Path(places.publish_url))
    ledger = Ledger(open_database(places.database_url))

    def is_made(job: Job) -> bool:
        day = job.as_of or job.newest_complete
        made = ledger.complete_days(job.series, model_id=job.recipe.model_id, since=day, until=day)
        return day in made or job.fit_day(day) < day

    return not all(is_made(job) for job in jobs)
