from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from flows.edges.configuration import configuration
from flows.edges.snapshots.store import SnapshotStore
from flows.edges.sql.database import open_database
from flows.inputs.history import History, read_history, with_others
from pipeline.candles import read_candles
from pipeline.errors import CandleFileError, DateError, InputError
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

SERIES = Series("binance", "BTCUSDT")
FIRST, LAST = date(2024, 1, 1), date(2024, 3, 31)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "My Candles.csv"
    path.write_bytes(wire_format(simulate_candles(seed=1, first=FIRST, last=LAST, price=100.0), SERIES))
    return path


def read(file: Path | None, *, series: Series | None = None, as_of: date | None = None) -> History:
    return read_history(file=file, series=series, as_of=as_of, configuration=configuration())


def test_a_file_is_known_by_its_name_until_its_series_is_told(file: Path) -> None:
    assert read(file).name == "my-candles"
    told = read(file, series=SERIES)
    assert (told.name, told.series) == ("binance-btcusdt-1d", SERIES)
    assert (told.first, told.as_of) == (FIRST, LAST)
    assert len(told.grid) == len(told.candles) == 91


def test_later_candles_are_left_out(file: Path) -> None:
    history = read(file, as_of=date(2024, 2, 1))
    assert history.as_of == date(2024, 2, 1)
    for outside in (date(2023, 12, 31), date(2024, 4, 1)):
        with pytest.raises(DateError, match="2024-01-01 to 2024-03-31"):
            read(file, as_of=outside)


def test_what_cannot_be_read_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--file"):
        read(None)
    with pytest.raises(InputError, match=r"missing\.csv cannot be read"):
        read(tmp_path / "missing.csv")
    page = tmp_path / "page.csv"
    page.write_text("<html>not candles</html>")
    with pytest.raises(CandleFileError):
        read(page)


def test_a_series_is_read_from_its_newest_snapshot(file: Path) -> None:
    places = configuration().places
    engine = open_database(places.database_url)
    account = read_candles(file.read_bytes(), series=SERIES).account
    SnapshotStore(engine, places.snapshots_url).add(
        file,
        series=SERIES,
        url="http://vendor.test/Binance_BTCUSDT_d.csv",
        fetched_at=datetime(2024, 3, 31, 12, tzinfo=UTC),
        etag="",
        last_modified="",
        account=account,
    )
    engine.dispose()
    history = read(None, series=SERIES)
    assert history.origin == "http://vendor.test/Binance_BTCUSDT_d.csv"
    # Fetched at noon: that day's candle was not complete.
    assert history.as_of == date(2024, 3, 30)


def test_a_series_without_a_snapshot_says_how_to_get_one() -> None:
    with pytest.raises(InputError, match="coincast daily --series binance/BTCUSDT/1d"):
        read(None, series=SERIES)


def test_the_others_of_a_pool_stand_beside_it_up_to_its_last_day(file: Path, tmp_path: Path) -> None:
    ethereum = Series("binance", "ETHUSDT")
    beside = tmp_path / "eth.csv"
    longer = simulate_candles(seed=2, first=FIRST, last=date(2024, 5, 31), price=10.0)
    beside.write_bytes(wire_format(longer, ethereum))
    own = read(file, series=SERIES)
    history = with_others(own, [str(beside)], configuration())
    assert list(history.pool) == ["eth"]
    pool = history.features.pool
    assert pool is not None
    assert {one.last_day for one in pool.members.values()} == {LAST}
    assert own.features.pool is None
    with pytest.raises(InputError, match="is there twice"):
        with_others(own, [str(beside), str(beside)], configuration())
    with pytest.raises(InputError, match="has no snapshot yet"):
        with_others(own, ["binance/SOLUSDT/1d"], configuration())


def test_two_vintages_of_one_file_are_no_pool(file: Path, tmp_path: Path) -> None:
    """The bytes tell no exchange, so the names of the files differ; the vendor restated a day in ten."""
    candles = simulate_candles(seed=1, first=FIRST, last=date(2024, 2, 15), price=100.0)
    candles.loc[::10, ["open", "high", "low", "close"]] *= 1.001
    earlier, other = tmp_path / "earlier.csv", tmp_path / "other.csv"
    earlier.write_bytes(wire_format(candles, SERIES))
    other.write_bytes(
        wire_format(simulate_candles(seed=2, first=FIRST, last=LAST, price=100.0), Series("x", "ETHUSDT"))
    )
    with pytest.raises(InputError, match="my-candles and earlier hold the same closes"):
        with_others(read(file), [str(other), str(earlier)], configuration())
    assert len(with_others(read(file), [str(other)], configuration()).others) == 1
