"""One candle that is missing from the vendor's file, by the commands that a user gives."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import jsonschema
import pytest

from flows.edges.sources.crypto_data_download import file_name
from pipeline.candles.columns import DATE
from pipeline.page import latest
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

BITCOIN = Series("binance", "BTCUSDT")
MISSING, LAST = "2026-03-25", date(2026, 3, 29)
SCHEMA = json.loads((Path(latest.__file__).parent / "latest.schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "downloads"
    folder.mkdir()
    candles = simulate_candles(seed=12, first=date(2023, 10, 1), last=LAST, price=60_000.0)
    kept = candles[candles[DATE] != MISSING]
    assert len(kept) == len(candles) - 1
    (folder / file_name(BITCOIN)).write_bytes(wire_format(kept, BITCOIN))
    return folder


def daily(source: Path, now: str) -> "subprocess.CompletedProcess[str]":
    order = [
        "-c", "from flows.command import main; main()", "daily", "--series", str(BITCOIN),
        "--source", str(source), "--recipe", "tiny-range", "--now", now, "--quiet",
    ]  # fmt: skip
    return subprocess.run([sys.executable, *order], capture_output=True, text=True, timeout=600, check=False)


def test_a_record_without_tomorrows_score_is_published(source: Path, own_state: Path) -> None:
    """The forecast of the missing day is never scored, those of the days after it are."""
    for now in ("2026-03-25T00:30:00Z", "2026-03-29T00:30:00Z"):
        done = daily(source, now)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    site = own_state / "site"
    document = json.loads((site / "latest.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(document)
    entry = document["series"][BITCOIN.slug]
    assert entry["as_of"] == "2026-03-28"
    assert [line["horizon"] for line in entry["record"]["live"]["horizons"]] == [2, 3, 4]
    assert "undrawn" not in document
    page = (site / f"{BITCOIN.slug}.html").read_text()
    assert "No range of the next day has been scored against what came." in page
    assert "By days ahead, forecasts issued in simulated time" in page
