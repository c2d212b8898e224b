"""`coincast models` and `coincast runs` on a registry with three versions."""

import json
from collections.abc import Callable
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from flows.command import app
from flows.edges.configuration import configuration
from flows.edges.ledger.publications import GateRecord
from flows.edges.ledger.store import Ledger
from flows.edges.machine.locks import locks_of
from flows.edges.sql.database import open_database
from flows.edges.tracking.experiments import open_tracking, tracked_run
from flows.edges.tracking.registry import RegisteredModel
from pipeline.candles.grid import daily_grid
from pipeline.errors import InputError, RegistryError
from pipeline.features.feature_grid import FeatureGrid
from pipeline.models.bundle import save_bundle
from pipeline.models.catalogue import find_recipe
from pipeline.models.fitting import fit
from pipeline.series import Series
from pipeline.simulation import simulate_candles

pytestmark = pytest.mark.slow

BTC = Series.parse("binance/BTCUSDT/1d")


@pytest.fixture(scope="module")
def candles() -> pd.DataFrame:
    last = pd.Timestamp("2026-03-29").date()
    return simulate_candles(seed=5, first=pd.Timestamp("2024-10-01").date(), last=last, price=9e4)


@pytest.fixture
def registered(candles: pd.DataFrame, tmp_path: Path) -> None:
    """Three days' fits: the last one's run failed after its version was made."""
    places = configuration().places
    tracking = open_tracking(places)
    model = RegisteredModel(tracking, BTC, lock=locks_of(places))
    grid = FeatureGrid.of(daily_grid(candles))
    fitted = fit(find_recipe("har-range"), grid, as_of=candles["date"].iloc[-1].date(), seed=1)
    save_bundle(fitted, tmp_path / "bundle")
    for number in range(1, 4):
        tags = {
            "recipe": "har-range",
            "as_of": f"2026-03-2{6 + number}",
            "gate": "refused",
            "gate_reasons": "<b>&",
        }
        with tracked_run(tracking.experiment(BTC.slug), f"{BTC.slug} {number}", tags=tags) as run:
            run.log_metrics({"test_relative_wis": 1 + number / 100, "test_coverage_80_pct": 80.0})
            model.register(
                tmp_path / "bundle", run=run, candles=candles, card="", tags={"recipe": "har-range"}
            )


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False, standalone_mode=False)
    return result.stdout


def values(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def test_versions_are_listed_promoted_rolled_back_and_pruned(registered: None) -> None:
    series = ("--series", str(BTC))
    assert run("models", "promote", "1", *series).strip().endswith("champion is now version 1, previous none")
    moved = {"model": "coincast-binance-btcusdt-1d", "moved": True, "champion": 3, "previous": 1}
    assert values("models", "promote", "3", *series) == moved
    assert "champion" in run("models", "list")
    listed = values("models", "list")["models"]["coincast-binance-btcusdt-1d"]
    assert [(one["version"], one["aliases"]) for one in listed] == [
        (3, ["champion"]),
        (2, []),
        (1, ["previous"]),
    ]
    assert listed[0]["uri"] == "models:/coincast-binance-btcusdt-1d/3"
    assert values("models", "prune", "--keep", "1", "--dry-run")["pruned"][str(BTC)]["versions"] == [2]
    assert run("models", "prune", "--keep", "1").strip() == "binance/BTCUSDT/1d: deleted 2"
    assert values("models", "rollback", *series)["champion"] == 1
    with pytest.raises(RegistryError, match="no previous champion"):
        run("models", "rollback", *series)
    with pytest.raises(RegistryError, match="to promote version 9"):
        run("models", "promote", "9", *series)
    with pytest.raises(InputError):
        run("models", "rollback", "--series", "nonsense")


def test_the_list_says_what_the_ledger_knows_of_the_gate_and_else_the_tags(
    registered: None, make_decision: Callable[..., GateRecord]
) -> None:
    places = configuration().places
    (third, *_) = RegisteredModel(open_tracking(places), BTC, lock=locks_of(places)).versions()
    assert "promoted" not in run("models", "list")
    said = make_decision(date(2026, 3, 29), series=str(BTC), run_id=third.run_id, promoted=True)
    Ledger(open_database(places.database_url)).decide(BTC, said)
    (line,) = (one for one in run("models", "list").splitlines() if "promoted" in one)
    assert line.strip("│").split("│")[0].strip() == "3"


def test_runs_are_compared_on_the_terminal_as_json_and_as_a_page(registered: None, tmp_path: Path) -> None:
    table = run("runs", "compare", "--last", "2", "--report", str(tmp_path / "reports"))
    assert "1.03" in table
    assert "1.01" not in table
    compared = values("runs", "compare", "--recipe", "har-range")["series"][0]
    assert [one["name"] for one in compared["runs"]] == [f"{BTC.slug} {number}" for number in (3, 2, 1)]
    assert compared["runs"][0]["metrics"]["test_relative_wis"] == 1.03
    page = Path(compared["report"]).read_text()
    assert page.count("<svg") == 2
    assert "<summary>refused</summary>&lt;b&gt;&amp;" in page
    assert "src=" not in page
    _Balanced().feed(page)
    with pytest.raises(InputError, match="has no runs yet"):
        run("runs", "compare", "--series", "binance/ETHUSDT/1d")


class _Balanced(HTMLParser):
    """Fails where a tag is closed that was not the last one opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "br", "path", "use"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in ("path", "use") or self.open.pop() == tag
