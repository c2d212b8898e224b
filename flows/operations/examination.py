"""A look at a whole deployment that changes nothing: the facts that flows/operations/doctor.py judges."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flows.edges.configuration import Configuration, Places, configuration
from flows.edges.credentials import full_address
from flows.edges.ledger.store import Ledger
from flows.edges.machine.background import RunFolder
from flows.edges.machine.resources import free_bytes, installed_versions, required_packages
from flows.edges.machine.sizes import stores
from flows.edges.prefect_api import ask, prefect_api, prefect_credentials
from flows.edges.snapshots.store import SnapshotStore
from flows.edges.sql.database import find_database, public_name, revision_of
from flows.edges.words import one_line
from flows.operations.doctor import (
    Finding,
    judge_alarms,
    judge_automation,
    judge_clock,
    judge_deployment,
    judge_disk,
    judge_packages,
    judge_service,
    judge_sizes,
)
from flows.operations.server_setup import ZOMBIES
from flows.publishing.alarms import series_alarms
from flows.reporting.progress import log
from pipeline.addresses.address import Address
from pipeline.errors import CoincastError, SettingsError
from pipeline.forecasts.columns import BY_RECIPE
from pipeline.series import Series

NOTHING_YET: Final = "nothing has run yet"
_FIRST_RUN: Final = "run `coincast daily`, or `coincast demo` without a network"
_PLACES: Final = "do what is said of it, or correct the places that `coincast settings` shows"


@dataclass(frozen=True, eq=False)
class Records:
    """What a deployment has written so far."""

    current: Configuration
    snapshots: SnapshotStore
    ledger: Ledger


def examine(*, now: datetime) -> tuple[Finding, ...]:
    """Every finding, in the order in which a person should read them; nothing is made, migrated or repaired.

    Args:
        now: The clock's instant.
    """
    required = required_packages()
    packages = judge_packages(required, installed_versions(required))
    try:
        current = configuration()
    except SettingsError as error:
        remedy = "correct coincast.toml or the variable, then ask again"
        return packages, Finding("settings", "failed", str(error), remedy)
    return packages, *_deployment(current, now)


def _deployment(current: Configuration, now: datetime) -> Iterator[Finding]:
    settings, places = current.settings, current.places
    yield Finding("settings", "ok", f"recipe {settings.recipe}, series {', '.join(settings.series)}")
    yield judge_disk(str(places.home), free_bytes(places.home))
    yield from _guarded("services", _services(RunFolder(places.home)), "run `coincast up`")
    yield from _guarded(
        "MLflow", _mlflow(places.tracking_uri), "do what is said of it, or correct MLFLOW_TRACKING_URI"
    )
    yield from _prefect(prefect_api())
    yield from _guarded("database", _database(current, now), _PLACES)
    yield from _guarded("growth", _sizes(places, now), _PLACES)


def _guarded(name: str, findings: Iterator[Finding], remedy: str) -> Iterator[Finding]:
    """What was found until a check could not run, which is a failure itself."""
    try:
        yield from findings
    except CoincastError as error:
        yield Finding(name, "failed", str(error), remedy)
    except Exception as error:  # noqa: BLE001 - whatever stops one check, the others are still asked for
        log.exception("%s", name)
        yield Finding(name, "failed", f"{type(error).__name__}: {one_line(error)}", remedy)


def _services(folder: RunFolder) -> Iterator[Finding]:
    for one in folder.services():
        if one.wanted:
            alive = one.leader() is not None
            # Before the first publication there is no page, which is an answer too.
            if one.name == "site" and alive:
                alive = ask(one.url).status in (200, 404)
            yield judge_service(one.name, one.url, one.log, alive=alive)


def _mlflow(address: Address) -> Iterator[Finding]:
    uri = full_address(address)
    if uri.startswith("http"):
        yield _server("MLflow", uri.rstrip("/"), "start it, or check MLFLOW_TRACKING_URI")
    elif revision_of(uri) is None:
        yield Finding("MLflow", "warning", NOTHING_YET, _FIRST_RUN)
    else:
        yield Finding("MLflow", "ok", str(address))


def _prefect(api: str) -> Iterator[Finding]:
    if not api:
        yield Finding("Prefect", "ok", "PREFECT_API_URL is not set: each run starts a server of its own")
        return
    health = _server("Prefect", api, "run `prefect server start`, or check PREFECT_API_URL")
    yield health
    if health.status == "ok":
        answer = ask(f"{api}/deployments/name/daily/daily", credentials=prefect_credentials())
        yield judge_deployment(answer.status, answer.content)
        told = ask(f"{api}/automations/filter", credentials=prefect_credentials(), content={})
        if told.fine:
            yield judge_automation(ZOMBIES, told.rows)


def _sizes(places: Places, now: datetime) -> Iterator[Finding]:
    yield from judge_sizes(tuple(stores(places, now=now)), free_bytes(places.home))


def _server(name: str, address: str, remedy: str) -> Finding:
    answer = ask(f"{address}/health")
    shown = Address(address)
    if answer.fine:
        return Finding(name, "ok", str(shown))
    return Finding(
        name, "failed", f"{shown}: {answer.status or ''} {answer.reason}".replace(":  ", ": "), remedy
    )


def _database(current: Configuration, now: datetime) -> Iterator[Finding]:
    engine = find_database(current.places.database_url)
    if engine is None:
        yield Finding("database", "warning", NOTHING_YET, _FIRST_RUN)
        yield judge_clock(now, None)
        return
    try:
        yield Finding("database", "ok", public_name(engine.url))
        records = Records(current, SnapshotStore(engine, current.places.snapshots_url), Ledger(engine))
        series = [Series.parse(text) for text in current.settings.series]
        yield from _guarded("clock", _clock(records, series, now), _PLACES)
        for one in series:
            yield from _guarded(f"series {one}", _series(records, one, now), _PLACES)
    finally:
        engine.dispose()


def _clock(records: Records, series: Sequence[Series], now: datetime) -> Iterator[Finding]:
    yield judge_clock(now, max(filter(None, (_newest(records, one) for one in series)), default=None))


def _series(records: Records, series: Series, now: datetime) -> Iterator[Finding]:
    """Its last run, whether its newest snapshot can be read, and its alarms."""
    newest, as_of = records.snapshots.latest(series), records.ledger.newest_as_of(series)
    if newest is None and as_of is None:
        yield Finding(f"last run {series}", "warning", NOTHING_YET, f"run `coincast daily --series {series}`")
        return
    written = _newest(records, series)
    yield Finding(
        f"last run {series}",
        "ok",
        f"{f'{written:%Y-%m-%d %H:%M} UTC' if written else 'unknown'}, newest forecast as of {as_of or 'no day'}",
    )
    if newest is not None:
        records.snapshots.read(newest)
        yield Finding(
            f"snapshot {series}", "ok", f"{newest.sha256[:12]}, {newest.rows} candles to {newest.last}"
        )
    settings = records.current.settings
    found = series_alarms(records.ledger, records.snapshots, series, settings=settings, now=now)
    publication = records.ledger.publication(series)
    configured = publication is not None and publication.chosen_by == BY_RECIPE
    yield from judge_alarms(str(series), found, configured=configured)


def _newest(records: Records, series: Series) -> datetime | None:
    """When the series was last downloaded or forecast, by the clock of then."""
    instants = [fetch.fetched_at for fetch in records.snapshots.fetches(series)]
    as_of = records.ledger.newest_as_of(series)
    if as_of is not None:
        instants += (
            records.ledger.forecasts(series, since=as_of, until=as_of)["issued_at"]
            .dt.to_pydatetime()
            .tolist()
        )
    return max(instants, default=None)
