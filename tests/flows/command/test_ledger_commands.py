"""`coincast forecast` and `coincast scorecard`: what they print, for people and for programs, and how soon."""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flows.command import main
from flows.edges.ledger.store import Ledger
from flows.edges.sql.database import open_database
from pipeline.forecasts.columns import IssueContext, quantile_matrix
from pipeline.forecasts.forecast import Forecast
from pipeline.monitoring.alarms import Alarm
from pipeline.series import Series

pytestmark = pytest.mark.slow

BITCOIN = Series("binance", "BTCUSDT")
FIRST, DAYS = date(2026, 2, 1), 40
NEWEST = FIRST + timedelta(days=DAYS - 1)
MODEL, WALK = "coincast-range_blend", "coincast-random_walk"
Run = Callable[..., tuple[object, str, str]]


@pytest.fixture
def series() -> Series:
    """The series of the settings' default; this ledger has no other tests' rows."""
    return BITCOIN


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command: exit status, standard output, standard error."""

    def call(*words: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["coincast", *words])
        monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return call


@pytest.fixture
def filled(
    own_state: Path,
    make_forecast: Callable[..., Forecast],
    make_context: Callable[..., IssueContext],
    make_candles: Callable[..., pd.DataFrame],
) -> Ledger:
    """Forty days, issued live and scored; the newest one's publication is known."""
    engine = open_database(f"sqlite:///{own_state / 'coincast.db'}")
    ledger = Ledger(engine)
    closes = (60_000 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.03, DAYS)))).tolist()
    for offset, close in enumerate(closes):
        day = FIRST + timedelta(days=offset)
        issued = [
            make_forecast(day, model_id=model_id, spread=spread, last_close=close)
            for model_id, spread in ((MODEL, 0.03), (WALK, 0.04))
        ]
        ledger.issue(issued, issue=make_context(day))
    now = datetime.combine(NEWEST + timedelta(days=1), clock_time(0, 20), UTC)
    ledger.score(BITCOIN, make_candles(FIRST, closes), snapshot_sha256="b" * 64, now=now, scored_at=now)
    ledger.publish(BITCOIN, NEWEST, model_id=MODEL, now=now, published_at=now)
    engine.dispose()
    return ledger


@pytest.mark.usefixtures("filled")
def test_the_forecast_for_programs_is_the_ledgers_to_the_last_bit(run: Run, filled: Ledger) -> None:
    code, out, _ = run("forecast", "--json")
    (said,) = json.loads(out)["forecasts"]
    assert code in (0, None)
    assert (said["series"], said["as_of"], said["model_id"]) == (str(BITCOIN), NEWEST.isoformat(), MODEL)
    for model_id, figures in (
        (MODEL, [row["quantiles"] for row in said["horizons"]]),
        (WALK, [row["random_walk"]["quantiles"] for row in said["horizons"]]),
    ):
        rows = filled.forecasts(BITCOIN, since=NEWEST, model_ids=[model_id])
        assert np.array(figures).tobytes() == quantile_matrix(rows).tobytes()
    first = said["horizons"][0]
    assert first["range_80"] == [first["quantiles"][3], first["quantiles"][19]]
    assert (first["mode"], first["issue"]) == ("live", 1)
    assert "Bitcoin most likely closes between" in said["sentence"]


@pytest.mark.usefixtures("filled")
def test_the_forecast_for_people_fits_a_terminal_and_names_the_random_walk(run: Run) -> None:
    code, out, _ = run("forecast", "--series", "binance/BTCUSDT/1d")
    assert code in (0, None)
    assert out.count("walk") == 7
    assert "2026-03-13 +1" in out
    assert max(len(line) for line in out.splitlines() if line.startswith("│")) <= 80


@pytest.mark.usefixtures("filled")
def test_an_older_day_can_be_asked_for(run: Run) -> None:
    _, out, _ = run("forecast", "--as-of", FIRST.isoformat(), "--json")
    (said,) = json.loads(out)["forecasts"]
    assert said["as_of"] == FIRST.isoformat()
    # Nothing was recorded as published that day: the configured recipe's model stands for it.
    assert said["model_id"] == MODEL
    assert said["sentence"].startswith("Seen from the day before, on 2 February 2026")


@pytest.mark.parametrize(
    ("published", "shown"), [(None, "coincast-tiny_range"), ("coincast-har_range", "coincast-har_range")]
)
def test_a_backfilled_day_of_another_recipe_shows_its_model_or_the_published_one(
    run: Run,
    own_state: Path,
    make_forecast: Callable[..., Forecast],
    make_context: Callable[..., IssueContext],
    published: str | None,
    shown: str,
) -> None:
    engine = open_database(f"sqlite:///{own_state / 'coincast.db'}")
    ledger = Ledger(engine)
    names = ("coincast-ewma_range", "coincast-har_range", "coincast-tiny_range", WALK)
    for day in (FIRST, NEWEST):
        ledger.issue([make_forecast(day, model_id=name) for name in names], issue=make_context(day))
    if published:
        now = make_context(NEWEST).now
        ledger.publish(BITCOIN, NEWEST, model_id=published, now=now, published_at=now)
    engine.dispose()
    _, out, _ = run("forecast", "--as-of", FIRST.isoformat(), "--json")
    assert [one["model_id"] for one in json.loads(out)["forecasts"]] == [shown]


@pytest.mark.usefixtures("filled")
def test_a_day_or_series_without_a_forecast_says_what_to_do(run: Run) -> None:
    code, out, err = run("forecast", "--as-of", "2020-01-01")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "no forecast of binance/BTCUSDT/1d as of 2020-01-01; run `coincast daily" in err
    code, out, err = run("forecast", "--series", "binance/BTCUSDT/1d,binance/ETHUSDT/1d", "--json")
    assert code in (0, None)
    assert json.loads(out)["missing"] == ["binance/ETHUSDT/1d"]


def test_an_empty_ledger_says_what_to_do(run: Run) -> None:
    code, out, err = run("forecast")
    assert (code, out) == (2, "")
    assert "no forecast of binance/BTCUSDT/1d yet; run `coincast daily --series binance/BTCUSDT/1d`" in err
    code, out, _ = run("scorecard")
    assert code in (0, None)
    assert "the ledger has no forecast yet; run `coincast daily --series binance/BTCUSDT/1d`" in out


def test_issued_but_unscored_forecasts_say_when_they_will_be(
    run: Run,
    own_state: Path,
    make_forecast: Callable[..., Forecast],
    make_context: Callable[..., IssueContext],
) -> None:
    engine = open_database(f"sqlite:///{own_state / 'coincast.db'}")
    Ledger(engine).issue([make_forecast(FIRST)], issue=make_context(FIRST))
    engine.dispose()
    code, out, _ = run("scorecard")
    assert code in (0, None)
    assert "no forecast is scored yet" in out


@pytest.mark.usefixtures("filled")
def test_the_scorecard_for_programs_equals_a_count_over_the_ledger(run: Run, filled: Ledger) -> None:
    code, out, _ = run("scorecard", "--json", "--now", f"{NEWEST + timedelta(days=1)}T07:00:00Z")
    said = json.loads(out)
    assert code in (0, None)
    lines = {(line["model_id"], line["horizon"]): line for line in said["lines"]}
    assert len(lines) == 14
    scores = filled.scores(BITCOIN)
    for (model_id, horizon), line in lines.items():
        rows = scores[(scores["model_id"] == model_id) & (scores["horizon"] == horizon)]
        assert line["n"] == len(rows) == DAYS - horizon
        assert line["mean_wis"] == pytest.approx(rows["wis"].mean())
        assert [figure["hits"] for figure in line["coverage"]] == [
            int(rows[f"hit_{coverage}"].sum()) for coverage in (50, 80, 90, 95)
        ]
    assert said["alarms"] == []


@pytest.mark.usefixtures("filled")
def test_the_scorecard_for_people_fits_a_terminal_and_shows_alarms(run: Run) -> None:
    code, out, _ = run("scorecard", "--now", "2026-06-01T12:00:00Z")
    assert code in (0, None)
    assert "binance/BTCUSDT/1d, live, 2026-02-02 to 2026-03-12" in out
    assert "ALARM binance/BTCUSDT/1d no-forecast, since 2026-03-14" in out
    assert max(len(line) for line in out.splitlines() if line.startswith("│")) <= 80
    _, out, _ = run("scorecard", "--since", "2026-03-11", "--json")
    assert {line["n"] for line in json.loads(out)["lines"]} == {2}
    _, out, _ = run("scorecard", "--since", "2026-03-12")
    assert "│  +1 │ 1 │" in out
    assert " nan " not in out
    _, out, _ = run("scorecard", "--since", "2030-01-01")
    assert "no forecast of a day since 2030-01-01 is scored" in out


def test_a_wrong_date_is_one_line_and_exit_2(run: Run) -> None:
    code, _, err = run("scorecard", "--since", "soon")
    assert code == 2
    assert err == "coincast: --since is a date written YYYY-MM-DD, as in 2026-03-29; got 'soon'.\n"


@pytest.mark.slow
@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("verb", ["forecast", "scorecard"])
def test_nothing_slow_is_imported_for_an_answer(verb: str) -> None:
    heavy = ("prefect", "mlflow", "great_expectations", "tensorflow", "keras", "scipy", "sklearn", "altair")
    program = (
        "import sys; from flows.command import app\n"
        f"app([{verb!r}], standalone_mode=False)\n"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_a_damaged_series_is_told_and_hides_no_other(
    run: Run,
    filled: Ledger,
    damaged_forecast: Callable[..., AbstractContextManager[None]],
    make_forecast: Callable[..., Forecast],
    make_context: Callable[..., IssueContext],
) -> None:
    other = Series("binance", "ETHUSDT")
    filled.issue([make_forecast(NEWEST, series=other)], issue=make_context(NEWEST))
    both = ("--series", f"{other},{BITCOIN}", "--json")
    with damaged_forecast(other, as_of=NEWEST, model_id=MODEL, horizon=3):
        code, out, err = run("forecast", *both)
    said = json.loads(out)
    assert (code, [one["series"] for one in said["forecasts"]]) == (1, [str(BITCOIN)])
    assert list(said["failed"]) == [str(other)]
    assert f"1 of 2 series failed. {other}: ValueError" in err.splitlines()[-1]
    code, out, _ = run("forecast", *both)
    assert [one["series"] for one in json.loads(out)["forecasts"]] == [str(other), str(BITCOIN)]
    assert code in (0, None)


@pytest.mark.usefixtures("filled")
def test_alarms_are_those_of_every_series_that_ever_was_the_newest_first(run: Run, filled: Ledger) -> None:
    gone = Series("kraken", "GONEUSD")
    for hour, (series, kind) in enumerate(
        ((gone, "stale-source"), (BITCOIN, "no-forecast"), (gone, "range-misses")), start=1
    ):
        alarm = Alarm(str(series), kind, f"{kind} of {series.symbol}", NEWEST)
        now = datetime(2026, 3, 14, hour, tzinfo=UTC)
        filled.alarms.keep([alarm], now=now, raised_at=now + timedelta(minutes=1))
    code, out, _ = run("alarms", "--json")
    said = json.loads(out)["alarms"]
    assert code in (0, None)
    assert [(one["series"], one["kind"]) for one in said] == [
        (str(gone), "range-misses"),
        (str(BITCOIN), "no-forecast"),
        (str(gone), "stale-source"),
    ]
    assert (said[0]["now"], said[0]["raised_at"], said[0]["since"]) == (
        "2026-03-14T03:00:00+00:00",
        "2026-03-14T03:01:00+00:00",
        NEWEST.isoformat(),
    )
    _, out, _ = run("alarms", "--series", str(BITCOIN))
    assert "no-forecast of BTCUSDT" in " ".join(out.split())
    assert "GONEUSD" not in out
    _, out, _ = run("alarms", "--series", "binance/ETHUSDT/1d")
    assert out.strip() == "No alarm was raised yet."
