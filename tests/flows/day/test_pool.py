"""A pooled recipe by day: who learns together, what the manifest says of it, and that it is made again from that."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from flows.edges.configuration import configuration
from flows.edges.http.demo_site import serve_market
from flows.edges.sources.crypto_data_download import file_name
from flows.inputs.stores import Stores, open_stores
from flows.publishing.reproduction import reproduce
from pipeline.errors import InputError
from pipeline.features.day_axis import refit_day
from pipeline.forecasts.manifest import Manifest
from pipeline.models.lstm.blend import _pooled_ridge
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_harness")]

BTC, ETH, SOL = (Series("simulated", f"{coin}USDT") for coin in ("BTC", "ETH", "SOL"))
RECIPE = """
name = "tiny-pooled"
based_on = "pooled-blend"
lookback = 4
units = [4]
epochs = 1
"""
MODEL = "coincast-tiny_pooled"
EVERY = 7
FIT_DAY = refit_day(date(2026, 3, 29), EVERY)
DailyRun = Callable[..., None]


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    (tmp_path / "tiny-pooled.toml").write_text(RECIPE)
    return str(tmp_path / "tiny-pooled.toml")


@pytest.fixture
def daily_run(recipe: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[DailyRun]:
    """The run twenty minutes after a day, or long after it; files of `late` end a day before it."""
    from flows.daily import daily

    monkeypatch.setenv("COINCAST_SERIES", f"{BTC},{ETH},{SOL}")
    files: dict[str, bytes] = {}
    with serve_market(files) as site:

        def work(
            last: date, *, late: tuple[Series, ...] = (), stale: bool = False, **overrides: object
        ) -> None:
            for seed, one in {12: BTC, 31: ETH, 32: SOL}.items():
                newest = last - timedelta(days=one in late)
                candles = simulate_candles(seed=seed, first=date(2024, 1, 1), last=newest, price=100.0)
                files[file_name(one)] = wire_format(candles, one)
            now = None if stale else f"{last + timedelta(days=1)}T00:20:00Z"
            daily(now=now, overrides={"source": site.url, "recipe": recipe, **overrides})

        yield work


def manifest_of(stores: Stores, series: Series, as_of: date) -> Manifest:
    rows = stores.ledger.forecasts(series, since=as_of, until=as_of, model_ids=[MODEL])
    (named,) = set(rows["manifest_id"])
    return stores.ledger.manifest(named)


def is_made_again(stores: Stores, series: Series, as_of: date) -> bool:
    (again,) = reproduce(series, as_of, model_id=MODEL, ledger=stores.ledger, snapshots=stores.snapshots)
    return again.equal


def test_one_fit_for_all_and_a_late_file_is_left_out(daily_run: DailyRun) -> None:
    day = date(2026, 3, 28)
    _pooled_ridge.cache_clear()
    daily_run(day)
    learned = _pooled_ridge.cache_info()
    assert learned.hits >= 2 * learned.misses > 0, "learned for the first series, and found by the two others"
    stores = open_stores(configuration().places)
    used = {str(one): stores.snapshots.latest(one).sha256 for one in (BTC, ETH, SOL)}
    for one in (BTC, ETH, SOL):
        manifest = manifest_of(stores, one, day)
        assert manifest.series[0] == str(one)
        assert dict(zip(manifest.series, manifest.snapshots, strict=True)) == used
        assert manifest.read == {}
        assert is_made_again(stores, one, day)

    after = day + timedelta(days=1)
    daily_run(after, late=(SOL,))
    assert set(manifest_of(stores, BTC, after).series) == {str(BTC), str(ETH)}
    assert is_made_again(stores, BTC, after)


def test_series_that_are_as_late_as_each_other_learn_together(daily_run: DailyRun) -> None:
    day = date(2026, 3, 28)
    daily_run(day, stale=True)
    stores = open_stores(configuration().places)
    manifest = manifest_of(stores, BTC, day)
    assert manifest.vintage == "known"
    assert set(manifest.series) == {str(BTC), str(ETH), str(SOL)}


def test_between_two_fits_the_manifest_names_what_was_read(daily_run: DailyRun) -> None:
    first, after = FIT_DAY + timedelta(days=1), FIT_DAY + timedelta(days=2)
    daily_run(first, refit_every=EVERY)
    daily_run(after, refit_every=EVERY)
    stores = open_stores(configuration().places)
    manifest = manifest_of(stores, ETH, after)
    assert manifest.trained_as_of == FIT_DAY
    assert manifest.read == {str(one): stores.snapshots.latest(one).sha256 for one in (BTC, SOL)}
    assert set(manifest.read.values()).isdisjoint(manifest.snapshots), (
        "the fit is of the files of the day before"
    )
    assert is_made_again(stores, ETH, after)


def test_a_backfill_refuses_it_and_says_why(recipe: str) -> None:
    from flows.backfills.plan import backfill_request

    with pytest.raises(InputError, match="learns from several series"):
        backfill_request(
            configuration(), series=[str(BTC)], first="2026-01-01", last="2026-01-02", recipe=recipe
        )
