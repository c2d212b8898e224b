"""The log as JSON: real commands, every line of whose standard error is an object."""

import json
import logging
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from flows.command.json_lines import json_lines
from flows.edges.http.demo_site import serve_market
from flows.edges.sources.crypto_data_download import file_name
from flows.reporting.progress import lines_about, log
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

LAST = date(2026, 3, 29)


def lines_of(text: str) -> list[dict[str, str]]:
    found = [json.loads(line) for line in text.splitlines()]
    for line in found:
        assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)
        assert line["level"] in {"info", "warning", "error"}
    return found


def coincast(*words: str, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": str(Path(sys.executable).parent),
        "HOME": str(home),
        "COINCAST_HOME": str(home / "data"),
        "COINCAST_LOG_FORMAT": "json",
        "MLFLOW_TRACKING_URI": f"sqlite:///{home / 'mlflow.db'}",
        "PREFECT_HOME": str(home / "prefect"),
        **variables,
    }
    command = [sys.executable, "-c", "import sys; from flows.command import main; sys.exit(main())", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_line_tells_what_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    with json_lines(), lines_about(series="binance/BTCUSDT/1d"):
        with lines_about(stage="train", as_of=LAST):
            log.warning("two\nlines of %s", "text")
        logging.getLogger("of.a.library").warning("mind this")
        logging.getLogger("of.a.library").info("not this")
        try:
            raise ValueError("no")
        except ValueError:
            log.exception("failed")
    log.warning("after it")
    first, second, third = lines_of(capsys.readouterr().err)
    assert (first["series"], first["stage"], first["as_of"]) == ("binance/BTCUSDT/1d", "train", "2026-03-29")
    assert first["message"] == "two lines of text"
    assert (second["message"], second["logger"]) == ("mind this", "of.a.library")
    assert "stage" not in second
    assert (third["level"], "ValueError: no" in third["error"]) == ("error", True)


def test_an_error_of_words_is_one_object_too(tmp_path: Path) -> None:
    for words in (("daily", "--series", "binance/BTCUSDT/1h"), ("dialy",)):
        done = coincast(*words, home=tmp_path)
        (line,) = lines_of(done.stderr)
        assert (done.returncode, line["level"]) == (2, "error")
    with_words = coincast("dialy", home=tmp_path, COINCAST_LOG_FORMAT="text")
    assert with_words.stderr.startswith("coincast: ")
    wrong = coincast("forecast", home=tmp_path, COINCAST_LOG_FORMAT="xml")
    assert "log_format" in wrong.stderr


@pytest.mark.slow
def test_every_line_of_a_day_is_an_object(tmp_path: Path) -> None:
    series = Series.parse("simulated/BTCUSDT/1d")
    candles = simulate_candles(seed=3, first=date(2024, 3, 1), last=LAST, price=20_000.0)
    words = ("--now", "2026-03-30T00:30:00Z", "--series", str(series))
    with serve_market({file_name(series): wire_format(candles, series)}) as site:
        done = coincast("daily", *words, "--source", site.url, home=tmp_path, COINCAST_RECIPE="har-range")
        assert done.returncode == 0, done.stderr
        failed = coincast("daily", *words, "--source", f"{site.url}/none", home=tmp_path)
    lines = lines_of(done.stderr)
    stages = [line["stage"] for line in lines if line["message"].endswith(" begins")]
    assert stages[:3] == ["download", "check", "features"]
    assert {"train", "evaluate", "register", "forecast", "score"} <= set(stages)
    of_stages = [line for line in lines if line.get("stage") in {"train", "forecast"}]
    assert {line["series"] for line in of_stages} == {str(series)}
    assert {line["as_of"] for line in of_stages} == {LAST.isoformat()}
    assert len({line["run_id"] for line in lines if "stage" in line}) == 1
    assert failed.returncode == 2
    assert lines_of(failed.stderr)[-1]["level"] == "error"
