"""One machine's servers and worker: started where they do not run, and waited for."""

import os
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Final

from flows.edges.configuration import Places
from flows.edges.credentials import full_address
from flows.edges.files.file_store import is_local, open_file_store
from flows.edges.machine.background import RunFolder, Service, require_free
from flows.edges.machine.resources import host_name
from flows.edges.machine.services import (
    client_variables,
    database_variables,
    is_protected,
    page_variables,
    require_database,
)
from flows.edges.prefect_api import ask, prefect_credentials
from flows.edges.tracking.experiments import open_tracking
from flows.operations.server_setup import POOL, Setup, set_up
from flows.operations.shutdown import resume_pool
from flows.operations.supervision import Program, Standing, answering, begin
from pipeline.addresses.address import Address
from pipeline.errors import InputError, SettingsError

_LOCAL: Final = "127.0.0.1"
LOOPBACK: Final = frozenset({_LOCAL, "localhost", "::1"})
_RECEIPT: Final = "deployed"


@dataclass(frozen=True)
class ServerOptions:
    """What is to run.

    Attributes:
        host: Address that Prefect's server listens on; MLflow's, which has no authentication, is on loopback.
        prefect_port: Prefect's.
        mlflow_port: MLflow's.
        site_port: Of the published site, on loopback too.
        postgres: URL of Prefect's database; empty for its SQLite.
        chunks: Runs of the queue `backfill-chunks` that may go on at once.
        patience_s: Seconds that each may take to answer.
    """

    host: str
    prefect_port: int
    mlflow_port: int
    site_port: int
    postgres: Address
    chunks: int
    patience_s: float

    @property
    def api(self) -> str:
        """Prefect's API as this machine reaches it."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.prefect_port}/api"

    @property
    def mlflow_url(self) -> str:
        """MLflow's server."""
        return f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def site_url(self) -> str:
        """The published site."""
        return f"http://127.0.0.1:{self.site_port}"

    @property
    def variables(self) -> dict[str, str]:
        """What a process must find in its environment to use them."""
        return {"PREFECT_API_URL": self.api, "MLFLOW_TRACKING_URI": self.mlflow_url}


def variables_in_use(places: Places) -> dict[str, str]:
    """What a shell must export to use what runs, the server's password included.

    Raises:
        InputError: Nothing of it runs.
    """
    folder = RunFolder(places.home)
    running = {one.name: one.url for one in folder.services() if one.leader() is not None and one.url}
    if "prefect" not in running:
        raise InputError("No server of `coincast up` runs; start it by `coincast up`.")
    known = {
        "PREFECT_API_URL": running["prefect"],
        "PREFECT_API_AUTH_STRING": folder.credentials(),
        "MLFLOW_TRACKING_URI": running.get("mlflow", ""),
    }
    return {name: value for name, value in known.items() if value}


def start_all(options: ServerOptions, places: Places) -> tuple[tuple[Standing, ...], Setup]:
    """Start what does not run, wait until it answers, and set the server up.

    Raises:
        InputError: A port is taken, or something runs already with other options.
        SettingsError: It would listen beyond this machine without a password.
        ServiceError: Something died or did not answer in time.
    """
    if options.host not in LOOPBACK and not is_protected():
        raise SettingsError(
            f"--host {options.host} lets other machines in: set PREFECT_SERVER_API_AUTH_STRING=user:password first."
        )
    _require_own_ports(options)
    folder = RunFolder(places.home)
    with folder.lock():
        # MLflow's tables are made while Prefect's server gets ready.
        begun = [begin(_prefect(options, folder), folder)]
        begun.append(begin(_mlflow(options, folder, places), folder))
        if site := _site_folder(places):
            begun.append(begin(_site(options, folder, site), folder))
        servers = [answering(one, folder, options.patience_s) for one in begun]
        folder.give_credentials(options.api)
        setup = set_up(options.api, chunks=options.chunks, receipt=folder.path / _RECEIPT)
        resume_pool(options.api)
        worker = answering(begin(_worker(options, folder), folder), folder, options.patience_s)
    return (*servers, worker), setup


def _prefect(options: ServerOptions, folder: RunFolder) -> Program:
    wanted = {"url": options.api, "host": options.host, "store": options.postgres.stored}

    def start() -> Service:
        require_database(options.postgres, named="--postgres")
        require_free(options.host, options.prefect_port, name="Prefect's server", option="--prefect-port")
        command = ("flows.edges.machine.guarded_server", options.host, str(options.prefect_port))
        credentials = folder.protect(os.environ.get("PREFECT_SERVER_API_AUTH_STRING", ""))
        environment = {
            "PREFECT_API_URL": options.api,
            "PREFECT_SERVER_API_AUTH_STRING": credentials,
            "PREFECT_API_AUTH_STRING": credentials,
            "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": options.api.removesuffix("/api"),
            **page_variables(),
            **database_variables(options.postgres),
        }
        return folder.start("prefect", command, environment=environment, **wanted)

    return Program("prefect", wanted, start, lambda _: ask(f"{options.api}/health").fine)


def _mlflow(options: ServerOptions, folder: RunFolder, places: Places) -> Program:
    """On the store and the folder of artifacts that commands use without a server.

    Experiments made either way can so be read and written both ways.
    """
    store, artifacts = _store(folder, places, options)
    wanted = {"url": options.mlflow_url, "host": _LOCAL, "store": store.stored}
    names = (_LOCAL, "localhost")

    def start() -> Service:
        require_free(_LOCAL, options.mlflow_port, name="MLflow's server", option="--mlflow-port")
        command = (
            "mlflow", "server", "--host", _LOCAL, "--port", str(options.mlflow_port), "--workers", "1",
            "--default-artifact-root", artifacts, "--no-serve-artifacts",
            "--allowed-hosts", ",".join(f"{name}:{options.mlflow_port}" for name in names),
            "--cors-allowed-origins", ",".join(f"http://{name}:{options.mlflow_port}" for name in names),
        )  # fmt: skip
        environment = {
            "MLFLOW_BACKEND_STORE_URI": full_address(store),
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        return folder.start("mlflow", command, environment=environment, **wanted)

    return Program("mlflow", wanted, start, lambda _: ask(f"{options.mlflow_url}/health").fine)


def _site(options: ServerOptions, folder: RunFolder, site: Path) -> Program:
    wanted = {"url": options.site_url, "host": _LOCAL, "store": str(site)}

    def start() -> Service:
        require_free(_LOCAL, options.site_port, name="The site's server", option="--site-port")
        command = ("flows.edges.machine.site_server", str(options.site_port), str(site))
        return folder.start("site", command, environment={}, **wanted)

    # Before the first publication there is no page, which is an answer too.
    return Program("site", wanted, start, lambda _: ask(options.site_url).status in (200, 404))


def _site_folder(places: Places) -> Path | None:
    """The folder of the publication; None where that lies in an object store, which has servers of its own."""
    store, root = open_file_store(places.publish_url)
    return Path(root) if is_local(store) else None


def _require_own_ports(options: ServerOptions) -> None:
    ports = {
        "--prefect-port": options.prefect_port,
        "--mlflow-port": options.mlflow_port,
        "--site-port": options.site_port,
    }
    for (one, port), (other, its) in combinations(ports.items(), 2):
        if port == its:
            raise InputError(f"{one} and {other} are both {port}; give one another.")


def _worker(options: ServerOptions, folder: RunFolder) -> Program:
    name = f"coincast {host_name()}"
    wanted = {"url": options.api, "host": "", "store": ""}

    def start() -> Service:
        command = ("prefect", "worker", "start", "--pool", POOL, "--type", "process", "--name", name)
        environment = {**options.variables, **client_variables()}
        return folder.start("worker", command, environment=environment, **wanted)

    def answers(service: Service) -> bool:
        return _asks_for_work(options.api, name, since=service.created)

    return Program("worker", wanted, start, answers, keeps=True)


def _store(folder: RunFolder, places: Places, options: ServerOptions) -> tuple[Address, str]:
    """URI of MLflow's database, made where there is none, and of the folder of its artifacts.

    Raises:
        InputError: MLFLOW_TRACKING_URI names another server, which then keeps runs and models itself.
        ServiceError: It names a database that does not let us in.
    """
    uri = places.tracking_uri
    if str(uri).rstrip("/") == options.mlflow_url:
        # Its own line, exported: the store is the one of the last time.
        known = folder.service("mlflow")
        uri = Address((known.store if known else "") or f"sqlite:///{places.mlruns / 'mlflow.db'}")
    elif str(uri).startswith("http"):
        raise InputError(
            f"MLFLOW_TRACKING_URI names the server {uri}; unset it, or name a database, so that "
            "`coincast up` can serve it."
        )
    require_database(uri, named="MLFLOW_TRACKING_URI")
    tracking = open_tracking(replace(places, tracking_uri=uri))
    if tracking.artifacts is None:
        raise InputError(f"{uri} is no database; MLFLOW_TRACKING_URI names one, or nothing.")
    return tracking.uri, tracking.artifacts.as_uri()


def _asks_for_work(api: str, name: str, *, since: float) -> bool:
    """Whether that worker told the server of itself after an instant, in seconds since 1970."""
    workers = f"{api}/work_pools/{POOL}/workers/filter"
    told = ask(workers, credentials=prefect_credentials(), content={})
    return any(
        row["name"] == name and datetime.fromisoformat(row["last_heartbeat_time"]).timestamp() >= since
        for row in told.rows
    )
