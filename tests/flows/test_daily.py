"""The whole day against a simulated market on loopback, with the recipe that fits in a second."""

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from flows.edges.configuration import configuration
from flows.edges.http.demo_site import Site, serve_market
from flows.edges.ledger.store import Ledger
from flows.edges.snapshots import readings
from flows.edges.sources.crypto_data_download import file_name
from flows.edges.sql.database import open_database
from flows.publishing import vendor_revisions
from pipeline.candles.columns import DATE
from pipeline.errors import CoincastError
from pipeline.features import feature_grid
from pipeline.models.registry import BASELINES
from pipeline.scores.formulas import weighted_interval_score
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_harness")]

SERIES = Series("simulated", "BTCUSDT")
FIRST = date(2023, 1, 1)
LAST = date(2026, 3, 29)
MODELS = {"coincast-tiny_range", *(recipe.model_id for recipe in BASELINES)}


def market_file(last: date, series: Series = SERIES, first: date = FIRST) -> bytes:
    return wire_format(simulate_candles(seed=12, first=first, last=last, price=20_000.0), series)


@pytest.fixture
def files() -> dict[str, bytes]:
    return {file_name(SERIES): market_file(LAST)}


@pytest.fixture
def site(files: dict[str, bytes]) -> Iterator[Site]:
    with serve_market(files) as served:
        yield served


@pytest.fixture
def run(site: Site) -> Callable[..., list]:
    """The flow at a quarter past midnight after `last`, or at another `now`."""
    from flows.daily import daily

    def work(*, series: list[str] | None = None, as_of: str | None = None, last: date = LAST) -> list:
        return daily(
            series=series or [str(SERIES)],
            as_of=as_of,
            now=f"{last + timedelta(days=1)}T00:15:00Z",
            overrides={"source": site.url, "recipe": "tiny-range"},
        )

    return work


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    engine = open_database(configuration().places.database_url)
    yield Ledger(engine)
    engine.dispose()


def published() -> dict[str, str]:
    """sha256 of every published file by its path."""
    site = Path(configuration().places.publish_url)
    paths = [path for path in site.rglob("*") if path.is_file() and ".releases" not in path.parts]
    return {str(path.relative_to(site)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def figures(folder: Path, *, label: str) -> dict[tuple[str, str], float]:
    """Of the metrics file, by name and by what the label says."""
    text = (folder / "coincast.prom").read_text()
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    return {(one.name.removeprefix("coincast_"), one.labels.get(label, "")): one.value for one in samples}


def test_a_day_is_published_and_the_same_day_again_changes_nothing(
    run: Callable, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.edges.machine.locks import locks_of
    from flows.edges.tracking.experiments import open_tracking
    from flows.edges.tracking.registry import RegisteredModel

    built = []
    build = feature_grid.build_features
    monkeypatch.setattr(feature_grid, "build_features", lambda days: built.append(days) or build(days))
    (outcome,) = run()
    assert len(built) == 1
    assert (outcome.outcome, outcome.as_of, outcome.simulated) == ("published", LAST.isoformat(), True)
    rows = ledger.forecasts(SERIES)
    assert set(rows["model_id"]) == MODELS
    assert len(rows) == 7 * len(MODELS)
    assert set(rows["mode"]) == {"live"}
    assert rows["simulated_data"].all()
    metrics = outcome.metrics
    for name in ("test_mse_price", "test_mape_price_pct", "test_mse_scaled", "test_mape_scaled_pct"):
        assert np.isfinite([metrics[name], metrics[f"random_walk_{name}"]]).all()
    latest = json.loads((Path(configuration().places.publish_url) / "latest.json").read_text())
    entry = latest["series"][SERIES.slug]
    own = rows[(rows["model_id"] == outcome.champion) & (rows["horizon"] == 1)].iloc[0]
    assert entry["forecasts"][0]["quantiles"] == own["quantiles"].tolist()

    tracking = open_tracking(configuration().places)
    (run_record,) = tracking.experiment(SERIES.slug).find_runs(tags={"as_of": LAST.isoformat()})
    assert run_record.status == "FINISHED"
    registered = RegisteredModel(tracking, SERIES, lock=locks_of(configuration().places))
    assert [version.version for version in registered.versions()] == [1]

    before = published()
    (again,) = run()
    assert again.outcome == "nothing new, nothing changed"
    assert published() == before
    assert len(ledger.forecasts(SERIES, latest_only=False)) == len(rows)
    assert len(tracking.experiment(SERIES.slug).find_runs()) == 1
    assert [version.version for version in registered.versions()] == [1]


def test_a_run_beside_another_one_that_was_first_chooses_nothing_again(
    run: Callable, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    # What it saw when it looked, before the other one wrote.
    monkeypatch.setattr("flows.day.series_day.is_issued", lambda *_: False)
    run()
    with sqlite3.connect(configuration().places.home / "coincast.db") as database:
        (count,) = database.execute("SELECT count(*) FROM publications").fetchone()
    database.close()
    assert count == 1
    publication = ledger.publication(SERIES)
    assert publication is not None
    assert set(ledger.forecasts(SERIES)["run_id"]) == {publication.run_id}


def test_the_next_day_scores_what_was_said_and_a_replay_sees_no_younger_model(
    run: Callable, files: dict[str, bytes], ledger: Ledger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COINCAST_METRICS_FILE", str(tmp_path / "coincast.prom"))
    run()
    assert ("coverage_ratio", "80") not in figures(tmp_path, label="range")
    parsed: list[bytes] = []
    compared: list[object] = []
    read, compare = readings.read_candles, vendor_revisions.compare_candles
    monkeypatch.setattr(
        readings, "read_candles", lambda data, **told: parsed.append(data) or read(data, **told)
    )
    monkeypatch.setattr(vendor_revisions, "compare_candles", lambda *of: compared.append(of) or compare(*of))
    old, files[file_name(SERIES)] = files[file_name(SERIES)], market_file(LAST + timedelta(days=1))
    (outcome,) = run(last=LAST + timedelta(days=1))
    assert sorted(parsed) == sorted([old, files[file_name(SERIES)]]), "each of the two files once"
    assert len(compared) == 1
    assert outcome.scored == len(MODELS)
    scores = ledger.scores(SERIES, mode="live")
    candles = simulate_candles(seed=12, first=FIRST, last=LAST + timedelta(days=1), price=20_000.0)
    closes = candles.set_index(candles[DATE].dt.date)["close"]
    moved = np.log(closes[LAST + timedelta(days=1)] / closes[LAST])
    said = ledger.forecasts(SERIES, since=LAST, until=LAST)
    for row in scores.itertuples():
        mine = said[(said["model_id"] == row.model_id) & (said["horizon"] == 1)].iloc[0]
        expected = weighted_interval_score(moved, np.log(mine["quantiles"] / closes[LAST]))
        assert row.wis == pytest.approx(float(expected), rel=1e-9)

    (own,) = [row for row in scores.itertuples() if row.model_id == outcome.champion]
    told = figures(tmp_path, label="range")
    assert [told["coverage_ratio", name] for name in ("50", "95")] == [own.hit_50, own.hit_95]
    assert told["source_timestamp_seconds", ""] == datetime(2026, 3, 31, tzinfo=UTC).timestamp()
    assert abs(told["last_success_timestamp_seconds", ""] - time.time()) < 600
    assert figures(tmp_path, label="stage")["stage_seconds", "train"] == pytest.approx(
        outcome.seconds["train"]
    )
    assert figures(tmp_path, label="kind")["alarm", "stale-source"] == 0
    earlier = LAST - timedelta(days=30)
    page = published()[f"{SERIES.slug}.html"]
    (replayed,) = run(as_of=earlier.isoformat(), last=LAST + timedelta(days=1))
    assert replayed.as_of == earlier.isoformat()
    assert replayed.vintage == "latest"
    rows = ledger.forecasts(SERIES, since=earlier, until=earlier)
    manifests = {ledger.manifest(one).trained_as_of for one in rows["manifest_id"]}
    assert max(manifests) <= earlier
    assert set(rows["mode"]) == {"backfill"}
    assert published()[f"{SERIES.slug}.html"] == page


def test_one_series_that_fails_does_not_stop_the_others(
    run: Callable, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.inputs.failures import SeriesFailedError

    monkeypatch.setenv("COINCAST_METRICS_FILE", str(tmp_path / "coincast.prom"))
    other = Series("simulated", "NOSUCHUSDT")
    with pytest.raises(SeriesFailedError, match="1 of 2 series failed") as failed:
        run(series=[str(other), str(SERIES)])
    assert failed.value.exit_code == 1
    assert str(other) in str(failed.value)
    assert [outcome.series for outcome in failed.value.outcomes] == [str(SERIES)]
    assert len(ledger.forecasts(SERIES)) == 7 * len(MODELS)
    told = figures(tmp_path, label="series")
    assert (told["last_run_failed", str(other)], told["last_run_failed", str(SERIES)]) == (1, 0)
    assert ("last_success_timestamp_seconds", str(other)) not in told


def test_a_series_that_fails_in_a_way_that_nobody_foresaw_does_not_stop_the_others(
    run: Callable, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.inputs.failures import SeriesFailedError
    from flows.tasks import day as tasks

    sound, other = tasks.download, Series("simulated", "NOSUCHUSDT")

    def broken(job: Any, stores: Any) -> Any:
        if job.series == other:
            raise TimeoutError("Task run exceeded timeout of 600.0 second(s)")
        return sound(job, stores)

    monkeypatch.setattr(tasks, "download", broken)
    with pytest.raises(SeriesFailedError, match="TimeoutError: Task run exceeded timeout of 600") as failed:
        run(series=[str(other), str(SERIES)])
    assert [outcome.series for outcome in failed.value.outcomes] == [str(SERIES)]
    assert len(ledger.forecasts(SERIES)) == 7 * len(MODELS)


@pytest.mark.parametrize(
    ("as_of", "content", "said"),
    [
        ("2026-04-10", None, "is not complete"),
        ("2019-01-01", None, "outside"),
        ("2023-06-01", None, "candles"),
        (None, b"<!DOCTYPE html><html><body>Just a moment</body></html>", "web page"),
        (None, b"", "empty"),
        (None, b"\x00\x01\x02" * 100, ""),
    ],
)
def test_bad_input_is_one_line_and_publishes_nothing(
    run: Callable,
    files: dict[str, bytes],
    as_of: str | None,
    content: bytes | None,
    said: str,
    ledger: Ledger,
) -> None:
    if content is not None:
        files[file_name(SERIES)] = content
    with pytest.raises(CoincastError, match=said or None) as refused:
        run(as_of=as_of)
    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)
    assert ledger.forecasts(SERIES).empty
    assert published() == {}
