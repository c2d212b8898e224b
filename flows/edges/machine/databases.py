"""Where a deployment's rows lie, as far as this machine knows."""

from flows.edges.configuration import Places
from flows.edges.machine.background import RunFolder
from flows.edges.machine.prefect_settings import apply_prefect_settings, database_url
from pipeline.addresses.address import Address


def databases(places: Places) -> dict[str, Address]:
    """The addresses of the ledger's, MLflow's and Prefect's databases.

    Of a server that `coincast up` started here its record tells; of another MLflow server the address stands for what
    only its own machine knows. Prefect's is that of a server which is started here.
    """
    records = {one.name: one for one in RunFolder(places.home).services()}
    tracking, mlflow, prefect = places.tracking_uri, records.get("mlflow"), records.get("prefect")
    if mlflow is not None and mlflow.store and str(tracking).rstrip("/") == mlflow.url:
        tracking = Address(mlflow.store)
    apply_prefect_settings()
    own = prefect.store if prefect is not None else ""
    return {
        "ledger": places.database_url,
        "MLflow": tracking,
        "Prefect": Address(own or database_url()),
    }
