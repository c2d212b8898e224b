"""The gate inside the daily flow: a fit made bad on purpose is refused, and a rollback lasts."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.edges.configuration import configuration
from flows.edges.http.demo_site import serve_market
from flows.edges.ledger.store import Ledger
from flows.edges.machine.locks import turns_of
from flows.edges.snapshots.store import SnapshotStore
from flows.edges.sql.database import open_database
from flows.edges.tracking.aliases import CHAMPION, promote, rollback
from flows.edges.tracking.experiments import open_tracking
from flows.edges.tracking.registry import RegisteredModel
from flows.publishing.reproduction import reproduce
from pipeline.features.feature_grid import FeatureGrid
from pipeline.models.fitting import Model
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_harness")]

SERIES = Series("simulated", "BTCUSDT")
FIRST, LAST = date(2022, 1, 1), date(2026, 3, 29)
TINY = "coincast-tiny_range"


@pytest.fixture
def run() -> Iterator[Callable[[int], Any]]:
    """The flow on the night after LAST and so many days."""
    from flows.daily import daily

    files: dict[str, bytes] = {}
    with serve_market(files) as site:

        def work(later: int) -> Any:
            last = LAST + timedelta(days=later)
            candles = simulate_candles(seed=12, first=FIRST, last=last, price=20_000.0)
            files[SERIES.source_name] = wire_format(candles, SERIES)
            (outcome,) = daily(
                series=[str(SERIES)],
                now=f"{last + timedelta(days=1)}T00:15:00Z",
                overrides={"source": site.url, "recipe": "tiny-range"},
            )
            return outcome

        yield work


@pytest.fixture(params=["embedded", "on servers"])
def model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> RegisteredModel:
    """In SQLite, and in an MLflow server on PostgreSQL whose files lie in an object store."""
    if request.param == "on servers":
        monkeypatch.setenv("MLFLOW_TRACKING_URI", request.getfixturevalue("tracking_server"))
    places = configuration().places
    return RegisteredModel(open_tracking(places), SERIES, turn=turns_of(places))


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
    """Versions whose forecasts the ledger has of a night, the recipe's alone."""
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
