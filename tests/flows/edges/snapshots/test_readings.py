from datetime import UTC, date, datetime
from pathlib import Path

from flows.edges.snapshots.readings import Readings
from pipeline.candles.columns import CLOSE
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

BTC = Series.parse("binance/BTCUSDT/1d")
NOW = datetime(2026, 3, 30, 0, 20, tzinfo=UTC)
FLOWS = Path(__file__).parents[4] / "flows"


def file_of(days: int) -> bytes:
    table = simulate_candles(seed=1, first=date(2026, 1, 1), last=date(2026, 3, 29), price=50_000.0)
    return wire_format(table.iloc[:days], BTC)


def test_bytes_are_parsed_once_for_each_instant_of_their_first_sight() -> None:
    readings = Readings()
    first, other = (readings.of(file_of(days), series=BTC, fetched_at=NOW).account for days in (50, 51))
    assert readings.of(file_of(50), series=BTC, fetched_at=NOW).account is first
    assert readings.of(file_of(51), series=BTC, fetched_at=NOW).account is other
    later = NOW.replace(hour=5)
    assert readings.of(file_of(50), series=BTC, fetched_at=later).account is not first


def test_what_was_not_asked_for_in_a_while_is_let_go() -> None:
    readings = Readings()
    first = {days: readings.of(file_of(days), series=BTC, fetched_at=NOW).account for days in range(50, 58)}
    assert readings.of(file_of(50), series=BTC, fetched_at=NOW).account is first[50]
    readings.of(file_of(58), series=BTC, fetched_at=NOW)
    assert readings.of(file_of(50), series=BTC, fetched_at=NOW).account is first[50]
    assert readings.of(file_of(51), series=BTC, fetched_at=NOW).account is not first[51]


def test_a_reader_that_changes_its_table_changes_nobody_elses() -> None:
    readings = Readings()
    first = readings.of(file_of(50), series=BTC, fetched_at=NOW).candles
    price = first[CLOSE].iloc[0]
    first.loc[0, CLOSE] = -1.0
    first["more"] = 1
    again = readings.of(file_of(50), series=BTC, fetched_at=NOW).candles
    assert again[CLOSE].iloc[0] == price
    assert "more" not in again


def test_stored_bytes_are_read_through_this_door_alone() -> None:
    """A file that a person names is read where it is named; what is stored, here."""
    doors = {
        str(path.relative_to(FLOWS))
        for path in FLOWS.rglob("*.py")
        if "read_candles(" in path.read_text(encoding="utf-8")
    }
    assert doors == {
        "command/inspect.py",
        "edges/snapshots/readings.py",
        "inputs/history.py",
        "studies/leak_check.py",
    }
