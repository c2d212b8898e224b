"""The gate inside the daily flow: what it refuses, that a rollback lasts, and that its decision outlasts the run."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from flows.edges.configuration import configuration
from flows.edges.http.demo_site import serve_market
from flows.edges.ledger.store import Ledger
from flows.edges.machine.locks import locks_of
from flows.edges.snapshots.store import SnapshotStore
from flows.edges.sources.crypto_data_download import file_name
from flows.edges.sql import database
from flows.edges.sql.database import open_database
from flows.edges.tracking.aliases import CHAMPION, promote, rollback
from flows.edges.tracking.experiments import open_tracking
from flows.edges.tracking.registry import RegisteredModel
from flows.edges.tracking.retention import plan_pruning, prune
from flows.inputs.stores import open_stores
from flows.publishing.reproduction import reproduce
from flows.publishing.weeks import sum_up_week
from pipeline.errors import TimeLimitError
from pipeline.evaluation.gate import REFERENCE_FIGURES
from pipeline.features.feature_grid import FeatureGrid
from pipeline.models.fitting import Model
from pipeline.monitoring.week import GateDay
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_harness")]

SERIES = Series("simulated", "BTCUSDT")
FIRST, LAST = date(2022, 1, 1), date(2026, 3, 29)
TINY = "coincast-tiny_range"


@pytest.fixture
def run() -> Iterator[Callable[[int], Any]]:
    """The flow on the daily run after LAST and so many days."""
    from flows.daily import daily

    files: dict[str, bytes] = {}
    with serve_market(files) as site:

        def work(later: int, **overrides: object) -> Any:
            last = LAST + timedelta(days=later)
            candles = simulate_candles(seed=12, first=FIRST, last=last, price=20_000.0)
            files[file_name(SERIES)] = wire_format(candles, SERIES)
            (outcome,) = daily(
                series=[str(SERIES)],
                now=f"{last + timedelta(days=1)}T00:15:00Z",
                overrides={"source": site.url, "recipe": "tiny-range", **overrides},
            )
            return outcome

        yield work


@pytest.fixture(params=["embedded", "on servers"])
def model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> RegisteredModel:
    """In SQLite, and in an MLflow server on PostgreSQL whose files lie in an object store."""
    if request.param == "on servers":
        monkeypatch.setenv("MLFLOW_TRACKING_URI", request.getfixturevalue("tracking_server"))
    places = configuration().places
    return RegisteredModel(open_tracking(places), SERIES, lock=locks_of(places))


@pytest.fixture
def either_database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The ledger on SQLite and on PostgreSQL, where each connection must be closed before its database is dropped."""
    made: list[sa.Engine] = []
    work = database._engine

    def watched(address: sa.URL) -> sa.Engine:
        made.append(work(address))
        return made[-1]

    monkeypatch.setattr(database, "_engine", watched)
    monkeypatch.setenv("COINCAST_DATABASE_URL", database_url)
    yield
    for engine in made:
        engine.dispose()


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    engine = open_database(configuration().places.database_url)
    yield Ledger(engine)
    engine.dispose()


@pytest.fixture
def snapshots() -> Iterator[SnapshotStore]:
    places = configuration().places
    engine = open_database(places.database_url)
    yield SnapshotStore(engine, places.snapshots_url)
    engine.dispose()


def versions_issued(ledger: Ledger, later: int) -> set[str]:
    """Versions whose forecasts the ledger has of a day, the recipe's alone."""
    day = LAST + timedelta(days=later)
    return set(ledger.forecasts(SERIES, since=day, until=day, model_ids=[TINY])["model_version"])


def page() -> str:
    return (Path(configuration().places.publish_url) / f"{SERIES.slug}.html").read_text()


def test_a_fit_on_shuffled_labels_is_refused_and_the_page_says_why(
    model: RegisteredModel,
    run: Callable[[int], Any],
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    shuffle_days: Callable[..., FeatureGrid],
) -> None:
    from pipeline.models import fitting as forecasting

    run(0)
    promote(model, 1)
    sound = forecasting.fit

    def unsound(recipe: Any, grid: FeatureGrid, *, as_of: date, **options: Any) -> Model:
        bad = recipe.kind == "range"
        return sound(recipe, shuffle_days(grid, until=as_of) if bad else grid, as_of=as_of, **options)

    for place in ("flows.day.stages.fit", "pipeline.evaluation.holdout.fit", "flows.day.judging.fit"):
        monkeypatch.setattr(place, unsound)
    run(1)
    champion = model.at(CHAMPION)
    assert champion is not None
    assert champion.version == 1
    bad = model.find(2)
    assert bad.tags["gate"] == "refused"
    reason = bad.tags["gate_reasons"].partition(". ")[0]
    assert reason in page()
    assert versions_issued(ledger, 1) == {"1"}


def test_a_rollback_lasts_until_a_person_promotes(
    model: RegisteredModel, run: Callable[[int], Any], ledger: Ledger, snapshots: SnapshotStore
) -> None:
    run(0)
    promote(model, 1)
    run(1)
    promote(model, 2)
    assert rollback(model).champion == 1
    run(2)
    champion = model.at(CHAMPION)
    assert champion is not None
    assert champion.version == 1
    assert versions_issued(ledger, 2) == {"1"}
    assert model.find(3).tags["gate"] == "refused"
    assert "A rollback put the champion back" in model.find(3).tags["gate_reasons"]
    assert "A rollback put the champion back" in page()

    promote(model, 1)
    outcome = run(3)
    assert "rollback" not in model.find(4).tags["gate_reasons"]
    assert versions_issued(ledger, 3) == {"4" if model.find(4).tags["gate"] == "promoted" else "1"}
    assert outcome.as_of == (LAST + timedelta(days=3)).isoformat()
    for later in range(4):
        for again in reproduce(
            SERIES, LAST + timedelta(days=later), model_id=None, ledger=ledger, snapshots=snapshots
        ):
            assert again.equal, again


def registered() -> RegisteredModel:
    places = configuration().places
    return RegisteredModel(open_tracking(places), SERIES, lock=locks_of(places))


def site() -> dict[str, bytes]:
    folder = Path(configuration().places.publish_url)
    return {name: (folder / name).read_bytes() for name in ("latest.json", f"{SERIES.slug}.html")}


def gate_shown() -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(site()["latest.json"])["series"][SERIES.slug]["gate"]
    return shown


def week() -> tuple[GateDay, ...]:
    """What the report of the week after LAST says that the gate decided."""
    current, monday = configuration(), LAST + timedelta(days=1)
    now = datetime.combine(monday, time(6), UTC)
    return sum_up_week(SERIES, open_stores(current.places), current, monday=monday, now=now).decisions


def prune_all_runs() -> None:
    """As `coincast models prune` would, had the ledger named none of them."""
    model, tracking = registered(), open_tracking(configuration().places)
    for alias in model.aliases():
        model.client.delete_registered_model_alias(model.name, alias)
    plan = plan_pruning(model, keep=0, published_versions=(), published_runs=())
    assert prune(model, tracking, plan).runs
    assert tracking.experiment(SERIES.slug).find_runs() == ()


def forget_decisions() -> None:
    """A ledger as it was before it kept decisions."""
    with closing(sqlite3.connect(configuration().places.home / "coincast.db")) as kept:
        kept.execute("DROP TRIGGER decisions_refuses_delete")
        kept.execute("DELETE FROM decisions")
        kept.commit()


@pytest.mark.usefixtures("either_database")
def test_a_decision_outlasts_the_run_that_it_was_made_in(run: Callable[..., Any], ledger: Ledger) -> None:
    stages = list(run(0).seconds)
    assert stages[stages.index("evaluate") :][:3] == ["evaluate", "judge", "register"]
    (decision,) = ledger.decisions(SERIES)
    (version,) = registered().versions()
    assert (decision.as_of, decision.model_id, decision.run_id) == (LAST, TINY, version.run_id)
    assert (decision.outcome, decision.publish) == (version.tags["gate"], version.tags["gate_publish"])
    assert decision.text == version.tags["gate_reasons"]
    figures = {name: f"{decision.figures[name]:.6g}" for name in ("fit_sound", *REFERENCE_FIGURES)}
    assert {f"gate_{name}": value for name, value in figures.items()}.items() <= version.tags.items()
    assert decision.simulated_time
    shown, said = site(), week()
    assert gate_shown() == {"promoted": decision.promoted, "reasons": [decision.text]}
    assert said == (GateDay(LAST, decision.promoted, decision.publish, decision.text),)

    prune_all_runs()
    assert run(0).outcome == "nothing new, nothing changed"
    assert site() == shown
    assert week() == said
    assert ledger.decisions(SERIES) == (decision,)


def test_a_ledger_without_decisions_is_read_beside_the_runs_tags(run: Callable[..., Any]) -> None:
    run(0)
    shown, said = site(), week()
    forget_decisions()
    assert run(0).outcome == "nothing new, nothing changed"
    assert site() == shown
    assert week() == said != ()
    prune_all_runs()
    run(0)
    assert gate_shown() == {
        "promoted": False,
        "reasons": ["The run that holds the gate's decision is no longer kept."],
    }
    assert week() == ()


def test_a_week_tells_no_decision_of_a_day_that_is_configured_to_a_baseline(
    run: Callable[..., Any], ledger: Ledger
) -> None:
    run(0)
    said = week()
    assert said != ()
    run(0, recipe="har-range")
    assert week() == ()
    run(0)
    assert week() == said
    assert len(ledger.decisions(SERIES)) == 1


@pytest.mark.parametrize("stage", ["evaluate", "judge"])
def test_a_fit_past_its_limit_fails_the_day_in_whichever_stage_it_is(
    stage: str, run: Callable[..., Any], ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.models.fitting import fit

    def unhurried(*arguments: Any, **options: Any) -> Model:
        return fit(*arguments, **{**options, "time_limit_s": None})

    earlier = {"evaluate": ["flows.day.stages.fit"]}
    earlier["judge"] = [*earlier["evaluate"], "pipeline.evaluation.holdout.fit"]
    for place in earlier[stage]:
        monkeypatch.setattr(place, unhurried)
    with pytest.raises(TimeLimitError, match=r"limit of 1e-06 s in epoch 1; .*fit_limit_s in coincast\.toml"):
        run(0, fit_limit_s=1e-6)
    assert registered().versions() == ()
    assert open_tracking(configuration().places).experiment(SERIES.slug).find_runs() == ()
    assert ledger.forecasts(SERIES).empty
    assert ledger.decisions(SERIES) == ()
