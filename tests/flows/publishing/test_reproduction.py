"""A day's forecast is made again from the ledger alone, bit for bit, or it is said what is not as it was."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from flows.command import app
from flows.edges.configuration import configuration
from flows.edges.ledger.store import Ledger
from flows.edges.machine.versions import code_version, package_versions
from flows.edges.snapshots.store import Snapshot, SnapshotStore
from flows.edges.sql.database import open_database
from flows.publishing.reproduction import Reproduction, reproduce
from pipeline.candles import daily_grid, read_candles
from pipeline.errors import InputError, StoreError
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.columns import IssueContext
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.manifest import Manifest
from pipeline.models.catalogue import find_recipe
from pipeline.models.fitting import fit, issue
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = pytest.mark.slow

BTC = Series.parse("binance/BTCUSDT/1d")
LAST = date(2026, 3, 29)


@dataclass
class Deployment:
    """A ledger and snapshots as the daily job leaves them."""

    engine: sa.Engine
    snapshots: SnapshotStore

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.engine)

    def download(self, folder: Path, last: date) -> Snapshot:
        file = folder / "served.csv"
        file.write_bytes(
            wire_format(simulate_candles(seed=5, first=date(2024, 1, 1), last=last, price=9e4), BTC)
        )
        fetched = datetime(last.year, last.month, last.day, 0, 20, tzinfo=UTC) + timedelta(days=1)
        account = read_candles(file.read_bytes(), series=BTC, fetched_at=fetched).account
        return self.snapshots.add(
            file,
            series=BTC,
            url="https://example.org/x.csv",
            fetched_at=fetched,
            etag="",
            last_modified="",
            account=account,
        )

    def grid(self, snapshot: Snapshot) -> FeatureGrid:
        data = self.snapshots.read(snapshot)
        candles = read_candles(data, series=BTC, fetched_at=snapshot.fetched_at).candles
        return FeatureGrid.of(daily_grid(candles))

    def publish(
        self,
        snapshot: Snapshot,
        as_of: date,
        *,
        recipe: str = "har-range",
        fitted_on: Snapshot | None = None,
        fit_day: date | None = None,
        made: Callable[[Manifest], Manifest] = lambda manifest: manifest,
        issued: Callable[[Forecast], Forecast] = lambda forecast: forecast,
        published: bool = True,
    ) -> None:
        source, day = fitted_on or snapshot, fit_day or as_of
        named = find_recipe(recipe)
        model = fit(named, self.grid(source), as_of=day, seed=1)
        manifest = Manifest(
            recipe=named.as_values(),
            seed=1,
            trained_as_of=day,
            series=(str(BTC),),
            snapshots=(source.sha256,),
            vintage="latest",
            code=code_version(),
            packages=package_versions(),
        )
        now = datetime(as_of.year, as_of.month, as_of.day, 0, 20, tzinfo=UTC) + timedelta(days=1)
        context = IssueContext(
            manifest=made(manifest),
            model_version="1",
            run_id="run",
            snapshot_sha256=snapshot.sha256,
            vintage="latest",
            now=now,
            issued_at=now,
        )
        self.ledger.issue([issued(issue(model, self.grid(snapshot), series=BTC, as_of=as_of))], issue=context)
        if published:
            self.ledger.publish(BTC, as_of, model_id=model.model_id, now=now, published_at=now)

    def again(self, as_of: date, model_id: str | None = None) -> tuple[Reproduction, ...]:
        return reproduce(BTC, as_of, model_id=model_id, ledger=self.ledger, snapshots=self.snapshots)


@pytest.fixture
def deployment() -> Deployment:
    places = configuration().places
    engine = open_database(places.database_url)
    return Deployment(engine, SnapshotStore(engine, places.snapshots_url))


def test_each_of_twenty_published_days_is_made_again(deployment: Deployment, tmp_path: Path) -> None:
    snapshot = deployment.download(tmp_path, LAST)
    days = [LAST - timedelta(days=back) for back in range(20)]
    for day in days:
        deployment.publish(snapshot, day)
    for day in days:
        (made,) = deployment.again(day)
        assert (made.equal, made.horizons, made.changed) == (True, (1, 2, 3, 4, 5, 6, 7), ())
        assert made.mode == "live"


def test_a_fit_older_than_its_forecast_is_made_from_the_bytes_of_its_own_day(
    deployment: Deployment, tmp_path: Path
) -> None:
    earlier = deployment.download(tmp_path, LAST - timedelta(days=10))
    later = deployment.download(tmp_path, LAST)
    deployment.publish(later, LAST, fitted_on=earlier, fit_day=LAST - timedelta(days=10))
    (made,) = deployment.again(LAST)
    assert made.equal
    assert made.snapshots == (earlier.sha256, later.sha256)


@pytest.mark.slow
def test_a_network_is_fitted_again_to_the_bit(deployment: Deployment, tmp_path: Path) -> None:
    deployment.publish(deployment.download(tmp_path, LAST), LAST, recipe="tiny-range")
    assert all(made.equal for made in deployment.again(LAST, "coincast-tiny_range"))


def test_other_numbers_and_other_versions_are_told(deployment: Deployment, tmp_path: Path) -> None:
    snapshot = deployment.download(tmp_path, LAST)

    def widened(forecast: Forecast) -> Forecast:
        quantiles = forecast.quantiles.copy()
        quantiles[2, -1] *= 1.001
        return replace(forecast, quantiles=quantiles)

    def older(manifest: Manifest) -> Manifest:
        return replace(
            manifest,
            code="0.0.1+abc",
            packages={**manifest.packages, "numpy": "1.0", "gone": "2.0"},
            arithmetic={"instructions": "X86_V1"},
        )

    deployment.publish(snapshot, LAST, issued=widened, made=older)
    (made,) = deployment.again(LAST)
    assert not made.equal
    assert {horizon for horizon, difference in made.largest.items() if difference} == {3}
    assert made.largest[3] == pytest.approx(0.001, rel=0.01)
    assert made.changed[0].startswith("coincast was 0.0.1+abc and is ")
    assert made.changed[1] == "gone was 2.0 and is not installed."
    assert made.changed[2].startswith("numpy was 1.0 and is ")
    told = {change.partition(" was ")[0]: change for change in made.changed[3:]}
    assert told["The processor's set of instructions"].startswith(
        "The processor's set of instructions was X86_V1 and is "
    )
    assert told["NumPy's BLAS"].startswith("NumPy's BLAS was not set and is ")


@pytest.mark.slow
def test_a_day_of_which_nothing_was_published_takes_the_only_recipes_forecast(
    deployment: Deployment, tmp_path: Path
) -> None:
    snapshot = deployment.download(tmp_path, LAST)
    for name in ("random-walk", "ewma-range"):
        deployment.publish(snapshot, LAST, recipe=name, published=False)
    with pytest.raises(InputError, match="--model coincast-ewma_range or --model coincast-random_walk"):
        deployment.again(LAST)
    deployment.publish(snapshot, LAST, recipe="tiny-range", published=False)
    (made,) = deployment.again(LAST)
    assert (made.model_id, made.equal) == ("coincast-tiny_range", True)


def test_what_is_not_there_is_said(deployment: Deployment, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no forecast of .* as of .*coincast forecast"):
        deployment.again(LAST)
    snapshot = deployment.download(tmp_path, LAST)
    deployment.publish(snapshot, LAST)
    with pytest.raises(InputError, match="there are coincast-har_range"):
        deployment.again(LAST, "coincast-range_blend")
    deployment.publish(snapshot, LAST - timedelta(days=1), made=lambda m: replace(m, snapshots=("0" * 64,)))
    with pytest.raises(StoreError, match="does not know 000000000000"):
        deployment.again(LAST - timedelta(days=1))


@pytest.mark.parametrize(
    ("code", "there"),
    [("0.0.9+abcdef012345.dirty", "`git checkout abcdef012345`"), ("0.0.9", "install 0.0.9")],
)
def test_of_a_recipe_that_is_gone_the_release_that_makes_it_is_named(
    deployment: Deployment, tmp_path: Path, code: str, there: str
) -> None:
    gone = {"name": "old", "kind": "x"}
    deployment.publish(
        deployment.download(tmp_path, LAST), LAST, made=lambda m: replace(m, recipe=gone, code=code)
    )
    with pytest.raises(InputError) as refused:
        deployment.again(LAST)
    assert str(refused.value).startswith("Recipe 'old' is none that coincast ")
    assert str(refused.value).endswith(f"coincast {code} made it and makes it again: {there} and ask there.")


def test_the_command_exits_by_what_it_found(deployment: Deployment, tmp_path: Path) -> None:
    snapshot = deployment.download(tmp_path, LAST)
    deployment.publish(snapshot, LAST)
    deployment.publish(
        snapshot,
        LAST - timedelta(days=1),
        issued=lambda forecast: replace(forecast, quantiles=forecast.quantiles * 1.5, last_close=1.0),
    )
    arguments = ["reproduce", "--series", str(BTC), "--as-of"]
    equal = CliRunner().invoke(app, [*arguments, str(LAST)])
    assert (equal.exit_code, "equal, bit for bit" in equal.stdout) == (0, True)
    differs = CliRunner().invoke(app, [*arguments, str(LAST - timedelta(days=1))])
    assert differs.exit_code == 1
    assert "horizon 7: largest relative difference 0.33" in differs.stdout
    assert "Code, packages and arithmetic are the same" in differs.stdout
    told = CliRunner().invoke(app, [*arguments, str(LAST), "--json"])
    assert json.loads(told.stdout)["equal"] is True
    for wrong in (["--as-of", "29.3.2026"], ["--as-of", "2020-01-01"]):
        with pytest.raises(InputError):
            CliRunner().invoke(
                app,
                ["reproduce", "--series", str(BTC), *wrong],
                catch_exceptions=False,
                standalone_mode=False,
            )
