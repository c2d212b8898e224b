"""One Prefect server for all commands, and candles up to any day."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path

import pytest

from flows.edges.sources.crypto_data_download import file_name
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format
from tests.soak.installation import Installation

SERIES = Series("simulated", "BTCUSDT")


@pytest.fixture(scope="session")
def prefect_api(
    tmp_path_factory: pytest.TempPathFactory, run_server: Callable[..., AbstractContextManager[str]]
) -> Iterator[str]:
    """Address of its API."""
    folder = tmp_path_factory.mktemp("prefect")
    order = ["flows.edges.machine.guarded_server", "127.0.0.1", "{port}"]
    environment = {
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PYTHONPATH": str(Path.cwd()),
    }
    with run_server(order, health="/api/health", log=folder / "log", environment=environment) as url:
        yield f"{url}/api"


@pytest.fixture(scope="session")
def source_until(tmp_path_factory: pytest.TempPathFactory) -> Callable[[date], Path]:
    """A folder with candles up to a day."""

    def make(last: date) -> Path:
        folder = tmp_path_factory.getbasetemp() / f"source-{last}"
        folder.mkdir(exist_ok=True)
        candles = simulate_candles(seed=3, first=date(2024, 6, 1), last=last, price=2e4)
        (folder / file_name(SERIES)).write_bytes(wire_format(candles, SERIES))
        return folder

    return make


@pytest.fixture(scope="session")
def installation(prefect_api: str, source_until: Callable[[date], Path]) -> Callable[..., Installation]:
    """Makes one in a folder, with variables of its own besides the usual ones."""

    def make(folder: Path, *, until: date, recipe: str = "har-range", **variables: str) -> Installation:
        folder.mkdir(parents=True, exist_ok=True)
        usual = {
            "COINCAST_SERIES": str(SERIES),
            "COINCAST_SOURCE": str(source_until(until)),
            "COINCAST_RECIPE": recipe,
            "PREFECT_API_URL": prefect_api,
        }
        return Installation(folder, usual | variables)

    return make
