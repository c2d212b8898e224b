"""What many nights leave behind: memory of one worker's process, and the sizes of all stores.

    python benchmarks/nights.py [--nights 40] [--series 3] [--recipe har-range]

Runs `daily` night after night in one process, on simulated candles, beside a Prefect server of its own as
`coincast up` starts it; everything lies in a folder that is removed at the end. Afterwards the nights are spread over
a year (Prefect's rows get the dates that they would have), the server is started again, and `coincast retention` runs.
Prints a line of JSON: memory, files and threads after the twentieth night and after the last, and of each store bytes
a night and those of 365 nights, before and after.
"""

import argparse
import gc
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))
FIRST_NIGHT = date(2026, 3, 1)
YEAR = 365
SETTLED = 20
SYMBOLS = ("BTCUSDT", "ETHUSDT", "LTCUSDT", "XRPUSDT")


@dataclass(frozen=True)
class Night:
    """The worker's process after a night.

    Attributes:
        memory: Bytes that are resident.
        files: That are open.
        threads: That are alive.
        cpu_s: Seconds of this process.
        stores: Bytes of each.
    """

    memory: int
    files: int
    threads: int
    cpu_s: float
    stores: dict[str, int]


@contextmanager
def prefect_server(folder: Path, **variables: str) -> Iterator[str]:
    """The server of `coincast up`; its API's address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    with (folder / "server.log").open("ab") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "flows.edges.machine.guarded_server", "127.0.0.1", str(port)],
            cwd=PROJECT, env={**os.environ, "PREFECT_API_URL": api, **variables}, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            wait_for(f"{api}/health")
            yield api
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


def wait_for(address: str) -> None:
    """Until it answers."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"nothing answers at {address}")


def size(place: Path) -> int:
    """Bytes of a file with what SQLite keeps beside it, or of all files in a folder."""
    files = place.rglob("*") if place.is_dir() else place.parent.glob(f"{place.name}*")
    # Releases of the publication share their files.
    return sum({one.stat().st_ino: one.stat().st_size for one in files if one.is_file()}.values())


def sizes(folder: Path) -> dict[str, int]:
    """Of every store."""
    stores = {
        "Prefect's database": folder / "prefect" / "prefect.db",
        "MLflow's database": folder / "mlruns" / "mlflow.db",
        "MLflow's artifacts": folder / "mlruns" / "artifacts",
        "ledger": folder / "home" / "coincast.db",
        "snapshots": folder / "home" / "snapshots",
        "publication": folder / "home" / "site",
    }
    return {name: size(place) for name, place in stores.items()}


def run_nights(nights: int, symbols: tuple[str, ...], recipe: str, folder: Path) -> Iterator[Night]:
    """One after the other, each with a candle more."""
    import psutil

    from flows.daily import daily
    from flows.edges.http.demo_site import serve_market
    from flows.edges.sources.crypto_data_download import file_name
    from pipeline.series import Series
    from pipeline.simulation import simulate_candles, wire_format

    series = [Series("simulated", symbol) for symbol in symbols]
    process, files = psutil.Process(), dict[str, bytes]()
    with serve_market(files) as site:
        for number in range(nights):
            last, started = FIRST_NIGHT + timedelta(days=number), time.process_time()
            for seed, one in enumerate(series, start=12):
                candles = simulate_candles(seed=seed, first=date(2024, 6, 1), last=last, price=20_000.0)
                files[file_name(one)] = wire_format(candles, one)
            daily(
                series=[str(one) for one in series],
                now=f"{last + timedelta(days=1)}T00:20:00Z",
                overrides={"source": site.url, "recipe": recipe},
            )
            gc.collect()
            yield Night(
                process.memory_info().rss, process.num_fds(), process.num_threads(),
                time.process_time() - started, sizes(folder),
            )  # fmt: skip


def spread_over_a_year(database: Path, nights: int) -> None:
    """Give the rows of night k of n the dates of (n − k) · 365 / n days ago."""
    with closing(sqlite3.connect(database)) as prefect:
        edges = [one for (one,) in prefect.execute("SELECT start_time FROM flow_run ORDER BY start_time")]
        edges = edges[-nights:]
        for number, begun in enumerate(edges):
            back = f"-{(nights - number) * YEAR / nights:.4f} days"
            before = edges[number + 1] if number + 1 < nights else "9999"
            for table, column in (
                ("events", "occurred"),
                ("event_resources", "occurred"),
                ("flow_run", "end_time"),
            ):
                prefect.execute(
                    f"UPDATE {table} SET {column} = strftime('%Y-%m-%d %H:%M:%f', {column}, ?)"
                    f" WHERE {column} >= ? AND {column} < ?",
                    (back, begun, before),
                )
        prefect.commit()


def rows_of(database: Path) -> dict[str, int]:
    """How many rows Prefect's large tables have."""
    with closing(sqlite3.connect(database)) as prefect:
        return {
            table: prefect.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("events", "event_resources", "flow_run", "task_run", "log", "artifact")
        }


def let_go(folder: Path, keep: int) -> dict[str, Any]:
    """What the server deletes by itself, then `retention`."""
    database = folder / "prefect" / "prefect.db"
    before = rows_of(database)
    with prefect_server(folder, PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS="5") as api:
        known, settled = before, 0
        for _ in range(40):
            if settled == 3:
                break
            time.sleep(5)
            now = rows_of(database)
            known, settled = now, settled + 1 if now == known and now != before else 0
        os.environ["PREFECT_API_URL"] = api
        command = "from flows.command import main; main()"
        words = ("retention", "--keep", str(keep), "--json")
        done = subprocess.run(
            [sys.executable, "-c", command, *words], cwd=PROJECT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(done.stderr)
    return {"rows_before": before, "rows_after": known, "retention": json.loads(done.stdout)}


def result(
    asked: argparse.Namespace, nights: list[Night], gone: dict[str, Any], after: dict[str, int]
) -> Any:
    """Memory and sizes as the docstring says; a night's bytes are those between the first and the last."""
    early, last = nights[min(SETTLED, len(nights)) - 1], nights[-1]
    a_night = {
        name: (last.stores[name] - nights[0].stores[name]) / max(1, len(nights) - 1) for name in last.stores
    }
    return {
        **vars(asked),
        "cpu_s_a_night": round(sum(one.cpu_s for one in nights) / len(nights), 2),
        "after_twenty": {name: value for name, value in asdict(early).items() if name != "stores"},
        "after_all": {name: value for name, value in asdict(last).items() if name != "stores"},
        "memory_growth": round(last.memory / early.memory - 1, 4),
        "kb_a_night": {name: round(value / 1000, 1) for name, value in a_night.items()},
        "mb_a_year": {name: round(value * YEAR / 1e6, 1) for name, value in a_night.items()},
        "bytes_before": last.stores,
        "bytes_after": after,
        **gone,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--nights", type=int, default=40)
    parser.add_argument("--series", type=int, default=3, choices=range(1, len(SYMBOLS) + 1))
    parser.add_argument("--recipe", default="har-range")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nights-") as name:
        folder = Path(name)
        nights = measure(asked, folder)
        spread_over_a_year(folder / "prefect" / "prefect.db", asked.nights)
        gone = let_go(folder, keep=max(1, round(30 * asked.nights / YEAR)))
        print(json.dumps(result(asked, nights, gone, sizes(folder))))
    return 0


def measure(asked: argparse.Namespace, folder: Path) -> list[Night]:
    """Run the nights with everything in `folder`, and tell of every tenth."""
    symbols = SYMBOLS[: asked.series]
    os.environ |= {
        "COINCAST_HOME": str(folder / "home"),
        "COINCAST_SERIES": ",".join(f"simulated/{symbol}/1d" for symbol in symbols),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlruns' / 'mlflow.db'}",
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    }
    from flows.edges.machine.prefect_settings import apply_prefect_settings
    from flows.edges.machine.runtime import import_slow_packages, prepare_environment

    prepare_environment()
    apply_prefect_settings()
    nights = []
    with prefect_server(folder) as api:
        os.environ["PREFECT_API_URL"] = api
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()
        import_slow_packages(contract=True)
        for night in run_nights(asked.nights, symbols, asked.recipe, folder):
            nights.append(night)
            if len(nights) % 10 in (0, 1):
                print(len(nights), night, file=sys.stderr, flush=True)
    return nights


if __name__ == "__main__":
    sys.exit(main())
