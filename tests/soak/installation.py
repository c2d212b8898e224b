"""Stores of a test's own, the commands that work on them, and what must be true of them whatever happened."""

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from jsonschema import validate

from pipeline.forecasts.quantiles import HORIZONS, LEVELS
from pipeline.page import latest
from tests.soak.processes import Command, Ended

SCHEMA: Final = json.loads((Path(latest.__file__).parent / "latest.schema.json").read_text(encoding="utf-8"))
_LINK: Final = re.compile(r"""(?:href|src)=["']([^"'#:?]+)["']""")
_COMPARED: Final = ("manifests", "scores", "publications", "decisions", "snapshots", "alarms")
SEED: Final = int(os.environ.get("SOAK_SEED", "1"))
DAY: Final = date(2026, 3, 29)
Rows = Counter[tuple[Any, ...]]


def daily(day: date = DAY) -> tuple[str, ...]:
    """The words of the daily run after a day."""
    return ("daily", "--now", f"{day + timedelta(days=1)}T00:20:00Z")


def backfill(*, until: date = DAY) -> tuple[str, ...]:
    """The words of a backfill of six days with two fits."""
    return ("backfill", "--from", str(until - timedelta(days=5)), "--to", str(until), "--refit-every", "3")


@dataclass(frozen=True)
class Installation:
    """A state folder, MLflow's store, and the variables of commands on them."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """Of the ledger, the snapshots and the publication."""
        return self.folder / "home"

    @property
    def database(self) -> str:
        """The ledger's."""
        return self.variables.get("COINCAST_DATABASE_URL", f"sqlite:///{self.home / 'coincast.db'}")

    @property
    def environment(self) -> dict[str, str]:
        """What is foreign is left out."""
        foreign = ("PREFECT_", "COINCAST_", "MLFLOW_")
        own = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        places = {
            "COINCAST_HOME": str(self.home),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.folder / 'mlruns' / 'mlflow.db'}",
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        }
        return own | places | self.variables

    def begin(self, *words: str, killed_at: int = 0) -> Command:
        """A command on these stores."""
        # Beside the stores, which may lie on a disk that is full.
        number = len(list(self.folder.parent.glob(f"{self.folder.name}-said-*")))
        said = self.folder.with_name(f"{self.folder.name}-said-{number}")
        return Command(words, self.environment, said=said, killed_at=killed_at)

    def run(self, *words: str) -> Ended:
        """The same, to its end."""
        return self.begin(*words).end()

    def copy(self, folder: Path) -> "Installation":
        """As it stands; MLflow goes on to write its files where the former one lies."""
        shutil.copytree(self.folder, folder, symlinks=True, dirs_exist_ok=True)
        return replace(self, folder=folder)

    def require_whole(self) -> None:
        """The database keeps its own laws, and readers find one publication without a gap."""
        engine = sa.create_engine(self.database, poolclass=sa.NullPool)
        if engine.dialect.name != "sqlite" or (self.home / "coincast.db").exists():
            _require_whole_database(engine)
            self._require_runs(engine)
        if (self.home / "site" / ".releases" / "current").exists():
            require_whole_site(self.home / "site")

    def _require_runs(self, engine: sa.Engine) -> None:
        """MLflow knows every run that the ledger names."""
        store = self.folder / "mlruns" / "mlflow.db"
        with engine.connect() as connection:
            if not store.exists() or not sa.inspect(connection).has_table("issuances"):
                return
            named = set(connection.exec_driver_sql("SELECT run_id FROM issuances").scalars())
        with sa.create_engine(f"sqlite:///{store}", poolclass=sa.NullPool).connect() as connection:
            assert named <= {"", "-", *connection.exec_driver_sql("SELECT run_uuid FROM runs").scalars()}

    def hub(self) -> dict[str, bytes]:
        """The published forecasts, by file."""
        site = self.home / "site"
        found = site.glob("hub*/model-output/*/*.csv")
        return {one.relative_to(site).as_posix(): one.read_bytes() for one in found}

    def require_same(self, other: "Installation") -> None:
        """The ledgers say the same, and so do the published forecasts."""
        done, wanted = self.contents(), other.contents()
        for name, rows in wanted.items():
            assert done[name] == rows, f"{name}: {done[name] - rows} too many, {rows - done[name]} missing"
        assert self.hub() == other.hub()

    def contents(self) -> dict[str, Rows]:
        """What the ledger says, without numbers of rows, names of runs and times."""
        engine = sa.create_engine(self.database, poolclass=sa.NullPool)
        tables = sa.MetaData()
        tables.reflect(engine)
        with engine.connect() as connection:
            found = {
                name: Counter(tuple(map(repr, row)) for row in connection.execute(query))
                for name, query in _queries(tables.tables)
            }
        # One for each fit, and the fit of a killed run has one too.
        return found | {"decisions": Counter(set(found["decisions"]))}


def _queries(tables: Any) -> Iterator[tuple[str, Any]]:
    def columns(name: str) -> list[Any]:
        times = (sa.DateTime, sa.TIMESTAMP)
        return [
            one for one in tables[name].columns if not isinstance(one.type, times) and not _is_a_number(one)
        ]

    yield from ((name, sa.select(*columns(name))) for name in _COMPARED)
    joined = tables["forecasts"].join(tables["issuances"])
    both = (*columns("forecasts"), *columns("issuances"), tables["issuances"].c.manifest_id)
    yield "forecasts", sa.select(*both).select_from(joined)
    units = tables["backfill_units"].c
    yield "backfill_units", sa.select(units.series, units.as_of, units.status)


def _is_a_number(column: Any) -> bool:
    """Of a row, of another's, or of a run."""
    return column.name.endswith("_id") or (column.name == "id" and column.table.name != "manifests")


def _require_whole_database(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalars().all() == ["ok"]
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        if not sa.inspect(connection).has_table("forecasts"):
            return
        query = "SELECT series, as_of, model_id, issue, mode, horizon, quantiles FROM forecasts"
        horizons: dict[tuple[Any, ...], list[int]] = {}
        for *key, _mode, horizon, quantiles in connection.exec_driver_sql(query):
            assert len(quantiles) == 8 * len(LEVELS)
            horizons.setdefault(tuple(key), []).append(horizon)
    for key, found in horizons.items():
        # Those whose target has passed are a backfill, the others live.
        assert set(found) == set(HORIZONS), key


def require_whole_site(site: Path) -> None:
    """`latest.json` keeps its schema, and what pages link to exists."""
    assert {date.fromisoformat(one.name[:10]) for one in site.glob("hub*/model-output/*/*.csv")}
    # A backfill publishes no page.
    if {one.name for one in site.iterdir()} == {".releases", "hub-backfill"}:
        return
    told = json.loads((site / "latest.json").read_text(encoding="utf-8"))
    validate(told, SCHEMA)
    pages = sorted(site.glob("*.html"))
    assert site / "index.html" in pages
    for page in pages:
        for link in _LINK.findall(page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
