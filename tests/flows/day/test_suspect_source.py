"""Half a file in the place of a whole one: nothing is made of it, an alarm stands, and a person may take it."""

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pandas as pd
import pytest

from flows.backfills.plan import backfill_request, make_plan, open_backfill_stores
from flows.backfills.run import refresh_snapshots
from flows.day.waiting import Waiting
from flows.edges.clock import clock
from flows.edges.configuration import configuration
from flows.edges.http.demo_site import Site, serve_market
from flows.edges.sources.crypto_data_download import file_name
from flows.inputs.history import read_history
from flows.inputs.market import read_market
from flows.inputs.request import plan_jobs
from flows.inputs.stores import Stores, open_stores
from flows.operations.examination import examine
from flows.publishing.alarms import series_alarms
from pipeline.candles.columns import CLOSE, DATE
from pipeline.errors import SourceError, StaleSourceError
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_harness")]

SERIES = Series("simulated", "HALFUSDT")
FIRST, LAST = date(2023, 10, 1), date(2026, 3, 29)
NEXT = LAST + timedelta(days=1)


def market_file(last: date) -> bytes:
    return wire_format(simulate_candles(seed=12, first=FIRST, last=last, price=20_000.0), SERIES)


def half(content: bytes, share: float = 0.6) -> bytes:
    """Cut at the end of a line: of a file that begins with the newest day the oldest days are gone."""
    return content[: content.rindex(b"\n", 0, int(share * len(content))) + 1]


HALF = half(market_file(NEXT))


@pytest.fixture
def files() -> dict[str, bytes]:
    return {file_name(SERIES): market_file(LAST)}


@pytest.fixture
def site(files: dict[str, bytes]) -> Iterator[Site]:
    with serve_market(files) as served:
        yield served


class Deployment:
    """The daily run against a source whose file changes: a site, or a folder.

    By a baseline, whose fit takes no time, unless models are looked at.
    """

    def __init__(self, source: str, change: Callable[[bytes], None]) -> None:
        self.source, self.serve = source, change
        self.overrides = {"source": source, "recipe": "har-range"}

    def run(self, last: date) -> list:
        from flows.daily import daily

        return daily(
            series=[str(SERIES)], now=f"{last + timedelta(days=1)}T00:15:00Z", overrides=self.overrides
        )

    @property
    def stores(self) -> Stores:
        return open_stores(configuration().places)

    def ledger_rows(self) -> pd.DataFrame:
        return self.stores.ledger.forecasts(SERIES, latest_only=False)

    def versions(self) -> list[tuple[int, tuple[str, ...]]]:
        from flows.edges.machine.locks import locks_of
        from flows.edges.tracking.registry import RegisteredModel

        places = configuration().places
        model = RegisteredModel(self.stores.tracking, SERIES, lock=locks_of(places))
        return [(one.version, tuple(sorted(one.aliases))) for one in model.versions()]

    def alarms(self) -> dict[str, str]:
        stores = self.stores
        now = datetime.combine(NEXT + timedelta(days=1), time(0, 15), UTC)
        settings = configuration(self.overrides).settings
        found = series_alarms(stores.ledger, stores.snapshots, SERIES, settings=settings, now=now)
        return {alarm.kind: alarm.message for alarm in found}


@pytest.fixture(params=["site", "folder"])
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Deployment:
    """Either kind of source, with a whole file."""
    if request.param == "site":
        files: dict[str, bytes] = request.getfixturevalue("files")
        url = request.getfixturevalue("site").url
        return Deployment(url, lambda content: files.update({file_name(SERIES): content}))
    folder = tmp_path / "vendor"
    folder.mkdir()
    made = Deployment(str(folder), lambda content: (folder / file_name(SERIES)).write_bytes(content))
    made.serve(market_file(LAST))
    return made


def test_half_a_file_changes_no_forecast_and_no_champion_until_a_person_accepts_it(
    deployment: Deployment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.overrides["recipe"] = "tiny-range"
    (whole,) = deployment.run(LAST)
    rows, versions = deployment.ledger_rows(), deployment.versions()
    assert versions

    deployment.serve(HALF)
    (late,) = deployment.run(NEXT)
    assert (late.as_of, late.snapshot) == (LAST.isoformat(), whole.snapshot)
    assert len(deployment.ledger_rows()) == len(rows), "no second issue"
    assert deployment.versions() == versions
    kept = deployment.stores.snapshots
    suspicion = kept.suspicion(SERIES)
    assert suspicion is not None
    assert kept.read(kept.list(SERIES)[-1]) == HALF
    message = deployment.alarms()["suspect-source"]
    assert "is suspect: 366 of 911 days are gone (2023-10-01 to 2024-09-30)" in message
    assert f"run `coincast snapshots accept {suspicion.sha256[:12]}`" in message
    assert message in late.warnings, "the command prints them, and --json has them"
    assert message not in whole.warnings
    assert len(message) < 400
    assert "\n" not in message
    page = Path(configuration().places.publish_url)
    latest = json.loads((page / "latest.json").read_text())["series"][SERIES.slug]
    assert message in json.dumps(latest, ensure_ascii=False)
    assert "The newest prices look damaged" in (page / f"{SERIES.slug}.html").read_text()

    (again,) = deployment.run(NEXT)
    assert again.outcome == "nothing new, nothing changed"
    assert len(kept.list(SERIES)) == 2

    assert command(monkeypatch, "snapshots", "accept", suspicion.sha256[:8], "--json") == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said == {"sha256": suspicion.sha256, "series": str(SERIES), "outcome": "accepted"}
    (accepted,) = deployment.run(NEXT)
    assert (accepted.as_of, accepted.snapshot) == (NEXT.isoformat(), suspicion.sha256)
    assert "suspect-source" not in deployment.alarms()


def command(monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    import sys

    from flows.command import main

    monkeypatch.setattr(sys, "argv", ["coincast", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_a_source_that_serves_a_whole_file_again_heals_by_itself(deployment: Deployment) -> None:
    deployment.run(LAST)
    deployment.serve(HALF)
    deployment.run(NEXT)
    deployment.serve(market_file(NEXT))
    (healed,) = deployment.run(NEXT)
    assert (healed.outcome, healed.as_of) == ("published", NEXT.isoformat())
    assert "suspect-source" not in deployment.alarms()
    rows = deployment.ledger_rows()
    assert set(rows["issue"]) == {1}
    assert set(rows["snapshot_sha256"]) == {
        one.sha256 for one in deployment.stores.snapshots.list(SERIES)
    } - {next(iter(deployment.stores.snapshots.judgements(SERIES)))}


def test_the_waiting_run_is_late_and_says_why(site: Site, files: dict[str, bytes]) -> None:
    from prefect import flow

    from flows.day.run import run_series

    deployment = Deployment(site.url, lambda content: files.update({file_name(SERIES): content}))
    deployment.run(LAST)
    deployment.serve(HALF)
    moment = [datetime.combine(NEXT + timedelta(days=1), time(0, 20), UTC)]

    def pause(seconds: float) -> None:
        moment[0] += timedelta(seconds=seconds)

    current = configuration(deployment.overrides)
    jobs = plan_jobs(current, [SERIES], as_of=None, now=moment[0])
    waiting = Waiting(timedelta(minutes=15), timedelta(minutes=10), lambda: moment[0], pause)
    daily_run = flow(name="waiting")(lambda: run_series(jobs, open_stores(current.places), waiting))()
    failure = daily_run.failures[str(SERIES)]
    assert isinstance(failure, StaleSourceError)
    assert f"no candle of {NEXT} after 15 minutes of waiting, its newest is of {LAST} (" in str(failure)
    assert "is suspect: 366 of 911 days are gone" in str(failure)
    assert "coincast snapshots accept" in str(failure)
    assert set(deployment.ledger_rows()["as_of"].dt.date) == {LAST}
    assert [one.status for one in site.requests] == [200, 200, 200, 200], "a suspect file is asked for whole"


def test_what_is_no_candle_file_at_all_leaves_the_last_good_one_in_use(deployment: Deployment) -> None:
    (whole,) = deployment.run(LAST)
    deployment.serve(b"\n".join(market_file(NEXT).split(b"\n")[:2]))
    with pytest.raises(SourceError, match="no candle file"):
        deployment.run(NEXT)
    newest = deployment.stores.snapshots.latest(SERIES)
    assert newest is not None
    assert newest.sha256 == whole.snapshot
    assert set(deployment.ledger_rows()["issue"]) == {1}


def test_scores_backfills_studies_and_the_doctor_use_the_last_good_file(
    deployment: Deployment, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.score import score

    (whole,) = deployment.run(LAST)
    wrong = simulate_candles(seed=13, first=FIRST, last=NEXT, price=20_000.0)
    deployment.serve(wire_format(wrong, SERIES))
    assert score(
        series=[str(SERIES)], now=f"{NEXT + timedelta(days=1)}T12:20:00Z", overrides=deployment.overrides
    ) == {str(SERIES): 0}
    assert deployment.stores.ledger.scores(SERIES).empty

    current = configuration(deployment.overrides)
    stores = open_backfill_stores(current)
    asked = {
        "series": [str(SERIES)],
        "first": "2026-03-20",
        "last": NEXT.isoformat(),
        "source": deployment.source,
    }
    for vintage in ("latest", "known"):
        request = backfill_request(current, vintage=vintage, **asked)
        with caplog.at_level(logging.WARNING, "coincast"):
            refresh_snapshots(request, current, stores)
        assert "closes differ, by up to" in caplog.text
        plan = make_plan(request, current, stores, now=clock())
        assert {unit.snapshot for unit in plan.to_do} <= {whole.snapshot}
    history = read_history(file=None, series=SERIES, as_of=None, configuration=current)
    assert history.sha256 == whole.snapshot

    monkeypatch.setenv("COINCAST_SERIES", str(SERIES))
    findings = {one.name: one for one in examine(now=datetime.combine(NEXT, time(12), UTC))}
    told = findings[f"suspect-source {SERIES}"]
    assert (told.status, "coincast snapshots accept" in told.remedy) == ("failed", True)
    assert findings[f"snapshot {SERIES}"].said.startswith(whole.snapshot[:12])


def test_a_file_that_was_accepted_later_is_not_what_was_known(site: Site, files: dict[str, bytes]) -> None:
    deployment = Deployment(site.url, lambda content: files.update({file_name(SERIES): content}))
    deployment.run(LAST)
    stores, current = deployment.stores, configuration(deployment.overrides)
    table = simulate_candles(seed=13, first=FIRST, last=NEXT, price=20_000.0)
    deployment.serve(wire_format(table, SERIES))
    deployment.run(NEXT)
    wrong = stores.snapshots.list(SERIES)[-1]
    before = clock()
    stores.snapshots.accept(wrong, now=before + timedelta(seconds=1))
    vintages = {}
    for now in (before, before + timedelta(seconds=1)):
        (job,) = plan_jobs(current, [SERIES], as_of=None, now=now)
        market = read_market(job, stores.snapshots, wrong)
        vintages[now] = market.vintage
        assert market.candles[CLOSE].tolist() == table[CLOSE].tolist()
        assert market.candles[DATE].iloc[-1] == pd.Timestamp(NEXT)
    assert list(vintages.values()) == ["latest", "known"]
