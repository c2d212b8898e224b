"""Every recipe that can be published is: by the day and the backfill alike, and a baseline without a model."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.backfills.execution import Execution
from flows.backfills.plan import backfill_request, make_plan, open_backfill_stores
from flows.backfills.run import execute_plan, refresh_snapshots
from flows.edges.clock import clock
from flows.edges.configuration import configuration
from flows.edges.files.recipe_files import named_recipe
from flows.edges.http.demo_site import serve_market
from flows.edges.ledger.publications import Publication
from flows.edges.ledger.store import Ledger
from flows.edges.machine.locks import locks_of
from flows.edges.snapshots.store import SnapshotStore
from flows.edges.sources.crypto_data_download import file_name
from flows.edges.sql.database import open_database
from flows.edges.tracking.aliases import promote
from flows.edges.tracking.experiments import open_tracking
from flows.edges.tracking.registry import RegisteredModel
from flows.publishing.reproduction import reproduce
from pipeline.errors import CoincastError, InputError
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.columns import BY_GATE, BY_RECIPE, RANDOM_WALK
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import HORIZONS
from pipeline.hub.validation import Fault, validate_hub
from pipeline.models.catalogue import catalogue
from pipeline.models.fitting import Model
from pipeline.models.registry import BASELINES, issued_recipes
from pipeline.recipes.base import Recipe
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_harness")]

SERIES = Series("simulated", "BTCUSDT")
FIRST, LAST = date(2023, 6, 1), date(2025, 6, 30)
NEXT = LAST + timedelta(days=1)
# A recipe whose fit takes long is tried by one that differs in size alone.
SMALL = 'based_on = "{name}"\nname = "small-{name}"\nlookback = 4\nunits = [2, 2]\nmembers = 1\nepochs = 1\n'
OWN = 'based_on = "{name}"\nname = "own-{name}"\n'
ACCUSATIONS = ("does not beat", "Nothing beats", "earned its place", "no longer kept", "has shown no skill")


def publishable() -> list[str]:
    """Names of the catalogue's recipes that forecast a range, and of a baseline that a user wrote."""
    names = [recipe.name for recipe in catalogue() if recipe.kind not in ("point", "peer")]
    return [*names, "own-har-range"]


@pytest.fixture
def chosen(tmp_path: Path) -> Callable[[str], str]:
    """The name of a recipe as a setting, or the path of a small one that stands for it."""

    def choose(name: str) -> str:
        text = OWN.format(name=name.removeprefix("own-")) if name.startswith("own-") else ""
        if name in ("range-lstm", "pooled-blend"):
            text = SMALL.format(name=name)
        if not text:
            return name
        path = tmp_path / f"{name}.toml"
        path.write_text(text)
        return str(path)

    return choose


@pytest.fixture
def run() -> Iterator[Callable[..., Any]]:
    """The flow at a quarter past midnight after a day whose candle is the file's newest."""
    from flows.daily import daily

    files: dict[str, bytes] = {}
    with serve_market(files) as site:

        def work(recipe: str, last: date = LAST) -> Any:
            candles = simulate_candles(seed=12, first=FIRST, last=last, price=20_000.0)
            files[file_name(SERIES)] = wire_format(candles, SERIES)
            overrides = {"source": site.url, "recipe": recipe}
            (outcome,) = daily(
                series=[str(SERIES)], now=f"{last + timedelta(days=1)}T00:15:00Z", overrides=overrides
            )
            return outcome

        yield work


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    engine = open_database(configuration().places.database_url)
    yield Ledger(engine)
    engine.dispose()


@pytest.fixture
def registered() -> RegisteredModel:
    places = configuration().places
    return RegisteredModel(open_tracking(places), SERIES, lock=locks_of(places))


def site_file(name: str) -> bytes:
    return (Path(configuration().places.publish_url) / name).read_bytes()


def page() -> str:
    return site_file(f"{SERIES.slug}.html").decode()


def latest() -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(site_file("latest.json"))["series"][SERIES.slug]
    return entry


def hub_faults() -> tuple[Fault, ...]:
    folder = Path(configuration().places.publish_url) / "hub"
    paths = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert paths
    return validate_hub(paths, lambda path: (folder / path).read_bytes())


def choice(ledger: Ledger, day: date) -> Publication:
    found = ledger.publication(SERIES, as_of=day)
    assert found is not None
    return found


def said(ledger: Ledger, day: date) -> dict[tuple[str, int], tuple[Any, ...]]:
    """What the ledger says of a day: values and what they were made of, without the run, by model and horizon."""
    rows = ledger.forecasts(SERIES, since=day, until=day, latest_only=False)
    found = {}
    for row in rows.to_dict("records"):
        made_of = ledger.manifest(row["manifest_id"])
        found[row["model_id"], row["horizon"]] = (
            row["quantiles"].tobytes(), row["last_close"], str(row["random_walk_from"]),
            row["snapshot_sha256"], made_of.recipe, made_of.seed, made_of.trained_as_of,
        )  # fmt: skip
    assert len(found) == len(rows)
    return found


def backfilled(home: Path, source: Path, recipe: str) -> tuple[Ledger, dict[str, int]]:
    """A deployment of its own in which both days are backfilled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COINCAST_HOME", str(home))
        current = configuration()
        stores = open_backfill_stores(current)
        request = backfill_request(
            current, series=[str(SERIES)], first=str(LAST), last=str(NEXT), source=str(source), recipe=recipe
        )
        refresh_snapshots(request, current, stores)
        outcome = execute_plan(make_plan(request, current, stores, now=clock()), current, stores, Execution())
        return stores.ledger, outcome.units


def the_backfill_says_the_same(ledger: Ledger, recipe: str, folder: Path) -> None:
    source = folder / "files"
    source.mkdir()
    candles = simulate_candles(seed=12, first=FIRST, last=NEXT, price=20_000.0)
    (source / file_name(SERIES)).write_bytes(wire_format(candles, SERIES))
    other, units = backfilled(folder / "other", source, recipe)
    assert units["done"] == 2
    assert said(other, NEXT) == said(ledger, NEXT)
    # The day before was forecast from the file of that day: the same rows of other bytes.
    assert {key: values[:3] + values[4:] for key, values in said(other, LAST).items()} == {
        key: values[:3] + values[4:] for key, values in said(ledger, LAST).items()
    }


@pytest.mark.parametrize("name", publishable())
def test_a_recipe_is_published_scored_backfilled_and_reproduced(
    name: str,
    run: Callable[..., Any],
    chosen: Callable[[str], str],
    ledger: Ledger,
    registered: RegisteredModel,
    tmp_path: Path,
) -> None:
    recipe: Recipe = named_recipe(chosen(name), configuration().places)
    models = {one.model_id for one in issued_recipes(recipe)}
    assert models >= {one.model_id for one in BASELINES}

    assert run(chosen(name)).outcome == "published"
    outcome = run(chosen(name), NEXT)
    assert outcome.scored == len(models)
    for day in (LAST, NEXT):
        assert set(said(ledger, day)) == {(one, horizon) for one in models for horizon in HORIZONS}
    assert run(chosen(name), NEXT).outcome == "nothing new, nothing changed"

    if recipe.is_baseline:
        assert registered.versions() == ()
        assert (choice(ledger, NEXT).model_id, choice(ledger, NEXT).chosen_by) == (recipe.model_id, BY_RECIPE)
        assert not [words for words in ACCUSATIONS if words in page() + json.dumps(latest())]
        assert (latest()["gate"]["promoted"], latest()["gate"]["configured"]) == (False, True)
    else:
        assert {one.tags["recipe"] for one in registered.versions()} == {recipe.name}
        assert choice(ledger, NEXT).chosen_by == BY_GATE
        assert "configured" not in latest()["gate"]
    assert latest()["model_id"] == outcome.champion == choice(ledger, NEXT).model_id
    assert hub_faults() == ()

    if recipe.is_pooled:
        with pytest.raises(InputError, match="learns from several series"):
            backfilled(tmp_path / "other", tmp_path, chosen(name))
    else:
        the_backfill_says_the_same(ledger, chosen(name), tmp_path)

    places = configuration().places
    snapshots = SnapshotStore(open_database(places.database_url), places.snapshots_url)
    for model_id in models:
        for again in reproduce(SERIES, NEXT, model_id=model_id, ledger=ledger, snapshots=snapshots):
            assert again.equal, again


def test_the_random_walk_is_not_compared_with_itself(run: Callable[..., Any]) -> None:
    run("random-walk")
    outcome = run("random-walk", NEXT)
    assert not [name for name in outcome.metrics if "random_walk" in name or "relative" in name]
    assert outcome.metrics["test_mse_price"] > 0
    assert latest()["verdicts"]["skill"]["words"] == "This is the random walk"
    assert (
        latest()["verdicts"]["horizons"]
        == "All seven days are the random walk's forecast, as the recipe says."
    )
    assert all(row["skill"] is None for row in latest()["record"]["live"]["horizons"])


def test_a_day_goes_from_the_model_to_a_baseline_and_back(
    run: Callable[..., Any], ledger: Ledger, registered: RegisteredModel
) -> None:
    run("tiny-range")
    promote(registered, 1)
    first, shown = choice(ledger, LAST), page()
    rows = len(ledger.forecasts(SERIES, latest_only=False))
    versions = [vars(one) for one in registered.versions()]

    for baseline in ("har-range", RANDOM_WALK.removeprefix("coincast-").replace("_", "-"), "har-range"):
        outcome = run(baseline)
        assert outcome.outcome == "published"
        assert outcome.champion == choice(ledger, LAST).model_id == f"coincast-{baseline.replace('-', '_')}"
        assert "published as configured" in page()
        assert not [words for words in ACCUSATIONS if words in page()]
        assert run(baseline).outcome == "nothing new, nothing changed"

    back = run("tiny-range")
    assert back.outcome == "published"
    assert (back.champion, choice(ledger, LAST).chosen_by) == (first.model_id, BY_GATE)
    assert choice(ledger, LAST).run_id == first.run_id
    assert page() == shown
    assert run("tiny-range").outcome == "nothing new, nothing changed"
    assert [vars(one) for one in registered.versions()] == versions
    assert len(ledger.forecasts(SERIES, latest_only=False)) == rows


def test_days_of_a_baseline_leave_the_champion_where_it_is(
    run: Callable[..., Any], ledger: Ledger, registered: RegisteredModel
) -> None:
    run("har-range")
    assert registered.versions() == ()
    run("tiny-range")
    by_gate = choice(ledger, LAST)
    assert by_gate.chosen_by == BY_GATE
    tags = open_tracking(configuration().places).experiment(SERIES.slug).run_tags(by_gate.run_id)
    # Also where the gate publishes what a run before it had issued, the page tells the gate's own reasons.
    assert latest()["gate"] == {"promoted": tags["gate"] == "promoted", "reasons": [tags["gate_reasons"]]}

    promote(registered, 1)
    run("har-range", NEXT)
    assert [(one.version, one.aliases) for one in registered.versions()] == [(1, ("champion",))]
    after = NEXT + timedelta(days=1)
    run("tiny-range", after)
    own = ledger.forecasts(SERIES, since=after, until=after, model_ids=["coincast-tiny_range"])
    promoted = registered.find(2).tags["gate"] == "promoted"
    assert set(own["model_version"]) == {"2" if promoted else "1"}
    assert choice(ledger, after).chosen_by == BY_GATE


def test_a_day_whose_forecasts_do_not_hold_registers_nothing(
    run: Callable[..., Any], ledger: Ledger, registered: RegisteredModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.day import issued_fits

    sound = issued_fits.issue

    def absurd(model: Model, grid: FeatureGrid, **options: Any) -> Forecast:
        forecast = sound(model, grid, **options)
        return replace(forecast, quantiles=forecast.quantiles * (1 if model.recipe.is_baseline else 1e4))

    monkeypatch.setattr(issued_fits, "issue", absurd)
    with pytest.raises(CoincastError):
        run("tiny-range")
    assert registered.versions() == ()
    assert open_tracking(configuration().places).experiment(SERIES.slug).find_runs() == ()
    assert ledger.forecasts(SERIES).empty
