"""The stores of one deployment, opened once a run."""

from dataclasses import dataclass
from pathlib import Path

from flows.edges.configuration import Places
from flows.edges.ledger.store import Ledger
from flows.edges.private_files import protect_home
from flows.edges.snapshots.store import SnapshotStore
from flows.edges.sql.database import open_database
from flows.edges.tracking.experiments import Tracking, open_tracking
from flows.inputs.failures import explained


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
    """
    with explained():
        protect_home(places.home, public=Path(places.publish_url))
    engine = open_database(places.database_url)
    return Stores(
        snapshots=SnapshotStore(engine, places.snapshots_url),
        ledger=Ledger(engine),
        tracking=open_tracking(places),
    )
