"""Fits made ahead in processes beside the run: the same bits and epochs, the same errors, and nothing left running."""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import psutil
import pytest

from flows.day.fits import FEWEST_SERIES, DayFits, fit_processes
from flows.edges.configuration import configuration
from flows.edges.http.demo_site import serve_market
from flows.edges.ledger.store import Ledger
from flows.edges.machine.warm_processes import warm_processes
from flows.edges.sources.crypto_data_download import file_name
from flows.edges.sql.database import open_database
from flows.inputs.request import Job, plan_jobs
from pipeline.candles import daily_grid
from pipeline.errors import TooLittleHistoryError
from pipeline.evaluation.holdout import evaluate
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.columns import MODEL_ID, SERIES, quantile_matrix
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = pytest.mark.slow

LAST = date(2026, 3, 29)
SERIES_NAMES = tuple(f"simulated/{symbol}/1d" for symbol in ("BTCUSDT", "ETHUSDT", "LTCUSDT"))
# A parent that is killed while its process is at work.
PARENT = """
import sys, time
from flows.edges.machine.warm_processes import warm_processes
if __name__ == "__main__":
    pool = warm_processes(2)
    pids = [pool.submit(__import__("os").getpid) for _ in range(2)]
    [one.result() for one in pids]
    print(*pool._processes, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def grid() -> FeatureGrid:
    candles = simulate_candles(seed=12, first=date(2024, 3, 1), last=LAST, price=20_000.0)
    return FeatureGrid.of(daily_grid(candles))


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    with warm_processes(1) as processes:
        yield processes


@pytest.fixture
def job() -> Job:
    return jobs_of(SERIES_NAMES[:1], recipe="tiny-range")[0]


def jobs_of(names: tuple[str, ...], **settings: object) -> tuple[Job, ...]:
    return plan_jobs(configuration(settings), [Series.parse(one) for one in names], as_of=None, now=None)


def test_a_fit_made_ahead_has_the_bits_and_epochs_of_one_made_here(
    job: Job, grid: FeatureGrid, pool: ProcessPoolExecutor
) -> None:
    ahead, here = DayFits(job, grid, pool), DayFits(job, grid, None)
    ahead.begin(job.recipe, LAST - timedelta(days=90), watched=True)
    told = [
        evaluate(job.recipe, grid, as_of=LAST, seed=job.seed, fit=fits, on_epoch=lambda *_: None)
        for fits in (ahead, here)
    ]
    first, second = told
    assert first.model.learned_.quantiles(grid, np.array([-1])).tobytes() == (
        second.model.learned_.quantiles(grid, np.array([-1])).tobytes()
    )
    assert first.history == second.history
    assert set(first.history) == {"loss", "val_loss"}
    assert first.metrics == second.metrics


def test_a_fit_from_elsewhere_is_written_without_tensorflow(
    job: Job, grid: FeatureGrid, pool: ProcessPoolExecutor, tmp_path: Path
) -> None:
    fits = DayFits(job, grid, pool)
    (tmp_path / "model").write_bytes(pickle.dumps(fits(job.recipe, grid, as_of=LAST, seed=job.seed)))
    script = """
import pickle, sys
from pathlib import Path
from pipeline.models.bundle import load_bundle, save_bundle
folder = Path(sys.argv[1])
save_bundle(pickle.loads((folder / "model").read_bytes()), folder / "bundle")
save_bundle(load_bundle(folder / "bundle"), folder / "again")
assert "tensorflow" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    for name in ("network.json", "model.json"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "bundle" / name).read_bytes()


def test_what_is_asked_for_unforeseen_is_made_too_and_errors_are_those_of_here(
    job: Job, grid: FeatureGrid, pool: ProcessPoolExecutor
) -> None:
    fits = DayFits(job, grid, pool)
    day = LAST - timedelta(days=7)
    assert fits(job.recipe, grid, as_of=day, seed=job.seed).trained_as_of == day
    too_early = date(2024, 6, 9)
    for _ in range(2):
        with pytest.raises(TooLittleHistoryError, match="needs 400 daily candles"):
            fits(job.recipe, grid, as_of=too_early, seed=job.seed)


def test_a_killed_process_costs_no_fit(job: Job, grid: FeatureGrid, caplog: pytest.LogCaptureFixture) -> None:
    with warm_processes(1) as processes:
        fits = DayFits(job, grid, processes)
        processes.submit(os.getpid).result()
        fits.begin(job.recipe, LAST)
        for pid in tuple(processes._processes):
            os.kill(pid, signal.SIGKILL)
        model = fits(job.recipe, grid, as_of=LAST, seed=job.seed)
        another = DayFits(job, grid, processes)
        another.begin(job.recipe, LAST)
        again = another(job.recipe, grid, as_of=LAST, seed=job.seed)
    assert (model.trained_as_of, again.trained_as_of) == (LAST, LAST)
    assert "is fitted in this one" in caplog.text


def test_no_process_outlives_a_killed_run(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    assert parent.stdout is not None
    workers = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
    assert len(workers) == 2
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert alive == []


@pytest.mark.parametrize(
    ("series", "settings", "expected"),
    [
        (SERIES_NAMES[: FEWEST_SERIES - 1], {"recipe": "tiny-range"}, 1),
        (SERIES_NAMES, {"recipe": "har-range"}, 1),
        (SERIES_NAMES, {"recipe": "pooled-blend"}, 1),
        (SERIES_NAMES, {"recipe": "har-range", "fit_processes": 3}, 1),
        (SERIES_NAMES[:1], {"recipe": "tiny-range", "fit_processes": 3}, 3),
        (SERIES_NAMES, {"recipe": "tiny-range", "fit_processes": 1}, 1),
    ],
)
def test_processes_are_begun_where_they_save_time(
    series: tuple[str, ...], settings: dict[str, object], expected: int
) -> None:
    assert fit_processes(jobs_of(series, **settings)) == expected


def test_three_series_have_a_process_for_each_processor_up_to_four(monkeypatch: pytest.MonkeyPatch) -> None:
    for usable, expected in ((1, 1), (2, 2), (16, 4)):
        monkeypatch.setattr("flows.day.fits.processors", lambda usable=usable: usable)
        assert fit_processes(jobs_of(SERIES_NAMES, recipe="tiny-range")) == expected


@pytest.mark.usefixtures("prefect_harness")
def test_a_day_of_several_series_is_the_same_whoever_makes_its_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger's quantiles, publications and gate's figures, with a series among them that fails."""
    from flows.daily import daily
    from flows.inputs.failures import SeriesFailedError

    files = {}
    for seed, name in enumerate(SERIES_NAMES):
        series = Series.parse(name)
        first = LAST - timedelta(days=300 if seed == 1 else 700)
        candles = simulate_candles(seed=seed, first=first, last=LAST, price=500.0)
        files[file_name(series)] = wire_format(candles, series)
    told = []
    with serve_market(files) as site:
        for processes in (1, 2):
            monkeypatch.setenv("COINCAST_HOME", str(tmp_path / str(processes)))
            monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / str(processes)}.db")
            overrides = {"source": site.url, "recipe": "tiny-range", "fit_processes": processes}
            with pytest.raises(SeriesFailedError) as failed:
                daily(list(SERIES_NAMES), now=f"{LAST + timedelta(days=1)}T00:15:00Z", overrides=overrides)
            assert list(failed.value.failures) == [SERIES_NAMES[1]]
            assert "490 daily candles are needed" in failed.value.failures[SERIES_NAMES[1]]
            told.append(
                everything(Ledger(open_database(f"sqlite:///{tmp_path / str(processes) / 'coincast.db'}")))
            )
    assert told[0] == told[1]


def everything(ledger: Ledger) -> tuple[object, ...]:
    """What a day left that does not depend on when it was made."""
    rows = ledger.forecasts().sort_values([SERIES, MODEL_ID, "horizon"], ignore_index=True)
    series = [Series.parse(one) for one in (SERIES_NAMES[0], SERIES_NAMES[2])]
    published = [ledger.publication(one) for one in series]
    decisions = [decision for one in series for decision in ledger.decisions(one)]
    assert len(decisions) == 2
    return (
        rows[[SERIES, MODEL_ID, "horizon"]].to_csv(),
        quantile_matrix(rows).tobytes(),
        [one.model_id for one in published if one],
        [(one.figures, one.reasons, one.publish) for one in decisions],
    )
