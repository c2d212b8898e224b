import json
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from flows.command import main
from flows.edges.ledger.store import Ledger
from flows.edges.snapshots.download import download
from flows.edges.snapshots.store import SnapshotStore
from flows.edges.sources.crypto_data_download import file_name
from flows.edges.sql.database import open_database
from pipeline.candles.columns import DATE
from pipeline.forecasts.columns import IssueContext
from pipeline.forecasts.forecast import Forecast
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = pytest.mark.slow

BTC = Series("binance", "BTCUSDT")
MARKET = simulate_candles(seed=5, first=date(2026, 1, 1), last=date(2026, 3, 12), price=50_000.0)
LAST_DAYS = (date(2026, 3, 10), date(2026, 3, 11), date(2026, 3, 12))
Run = Callable[..., tuple[object, str, str]]


def file_of(last: date) -> bytes:
    return wire_format(MARKET[MARKET[DATE] <= pd.Timestamp(last)], BTC)


@pytest.fixture
def series() -> Series:
    """The settings' default."""
    return BTC


@pytest.fixture
def store(own_state: Path, tmp_path: Path) -> SnapshotStore:
    """Three vintages of one series in the state folder."""
    store = SnapshotStore(
        open_database(f"sqlite:///{own_state / 'coincast.db'}"), str(own_state / "snapshots")
    )
    for last in LAST_DAYS:
        (tmp_path / file_name(BTC)).write_bytes(file_of(last))
        seen = datetime(2026, 3, last.day + 1, 0, 20, tzinfo=UTC)
        download(BTC, str(tmp_path), store, now=seen, limit_mb=1)
    return store


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


def test_list_fits_a_terminal_and_has_a_row_for_each_snapshot(store: SnapshotStore, run: Run) -> None:
    code, out, error = run("snapshots", "list")
    assert (code, error) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    for snapshot in store.list():
        assert snapshot.sha256[:12] in out
    assert "2026-03-13" in out
    assert run("snapshots", "list", "--series", "binance/ETHUSDT/1d", "--json")[1] == '{"snapshots": []}\n'


def test_list_as_json_has_the_index(store: SnapshotStore, run: Run) -> None:
    code, out, _ = run("snapshots", "list", "--json")
    rows = json.loads(out)["snapshots"]
    assert code == 0
    assert [row["last"] for row in rows] == ["2026-03-10", "2026-03-11", "2026-03-12"]
    assert rows[0] == {
        "sha256": store.list()[0].sha256,
        "series": "binance/BTCUSDT/1d",
        "url": store.list()[0].url,
        "fetched_at": "2026-03-11T00:20:00+00:00",
        "etag": "",
        "last_modified": "",
        "size": len(file_of(LAST_DAYS[0])),
        "rows": 69,
        "first": "2026-01-01",
        "last": "2026-03-10",
        "last_seen_at": "2026-03-11T00:20:00+00:00",
        "stored": True,
        "status": "usable",
        "reason": "",
    }


def test_show_tells_the_account_and_gives_the_file_back(
    store: SnapshotStore, run: Run, tmp_path: Path
) -> None:
    sha256 = store.list()[1].sha256
    code, out, _ = run("snapshots", "show", sha256[:8], "--json", "--out", str(tmp_path / "file.csv"))
    told = json.loads(out)
    assert (code, told["sha256"], told["account"]["rows_kept"]) == (0, sha256, 70)
    assert told["seen"] == ["2026-03-12T00:20:00+00:00"]
    assert (tmp_path / "file.csv").read_bytes() == file_of(LAST_DAYS[1])
    assert "2026-03-12 00:20" in run("snapshots", "show", sha256)[1]


def test_show_refuses_what_names_no_snapshot_or_several(
    store: SnapshotStore, run: Run, tmp_path: Path
) -> None:
    assert run("snapshots", "show", "xyz")[::2] == (
        2,
        "coincast: No snapshot begins with 'xyz'; `coincast snapshots list` names them.\n",
    )
    assert "3 snapshots begin with ''" in run("snapshots", "show", "")[2]
    code, _, error = run("snapshots", "show", store.list()[0].sha256, "--out", str(tmp_path / "no" / "file"))
    assert (code, "cannot be written" in error) == (2, True)


@pytest.fixture
def suspect(store: SnapshotStore, tmp_path: Path) -> str:
    """sha256 of half a file that came after the three."""
    content = file_of(LAST_DAYS[2])
    (tmp_path / file_name(BTC)).write_bytes(content[: content.rindex(b"\n", 0, len(content) // 2) + 1])
    seen = datetime(2026, 3, 14, 0, 20, tzinfo=UTC)
    assert download(BTC, str(tmp_path), store, now=seen, limit_mb=1).outcome == "suspect"
    return store.list()[-1].sha256


def test_a_suspect_snapshot_is_marked_and_says_why(suspect: str, run: Run) -> None:
    code, out, _ = run("snapshots", "list")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert [
        line for line in out.splitlines() if "suspect" in line and suspect[:12] in line and str(BTC) in line
    ]
    rows = json.loads(run("snapshots", "list", "--json")[1])["snapshots"]
    assert [row["status"] for row in rows] == ["usable", "usable", "usable", "suspect"]
    told = json.loads(run("snapshots", "show", suspect, "--json")[1])
    assert (told["status"], told["reason"]) == ("suspect", rows[-1]["reason"])
    assert told["reason"].startswith("37 of 71 days are gone (2026-01-01 to ")
    assert "days are gone" in " ".join(run("snapshots", "show", suspect)[1].split())


def test_accept_lets_a_suspect_snapshot_be_used_and_says_so_once(
    suspect: str, store: SnapshotStore, run: Run
) -> None:
    assert run("snapshots", "accept", "xyz")[0] == 2
    name = f"{suspect[:12]} of {BTC}"
    assert run("snapshots", "accept", suspect[:8]) == (
        0,
        f"{name}: accepted: run `coincast daily --series {BTC}`\n",
        "",
    )
    newest = store.latest(BTC)
    assert newest is not None
    assert newest.sha256 == suspect
    assert run("snapshots", "accept", suspect) == (0, f"{name}: not suspect: nothing changed\n", "")
    told = json.loads(run("snapshots", "accept", suspect, "--json")[1])
    assert told == {"sha256": suspect, "series": str(BTC), "outcome": "unchanged"}
    assert "suspect" not in run("snapshots", "list")[1]
    assert json.loads(run("snapshots", "list", "--json")[1])["snapshots"][-1]["status"] == "accepted"


def test_a_suspect_snapshot_whose_bytes_are_damaged_is_not_accepted(
    suspect: str, store: SnapshotStore, run: Run, own_state: Path
) -> None:
    next(own_state.rglob(f"{suspect}.csv.gz")).write_bytes(b"damaged")
    code, _, error = run("snapshots", "accept", suspect)
    assert (code, "is damaged" in error) == (1, True)
    assert store.suspicion(BTC) is not None


@pytest.mark.usefixtures("suspect")
def test_revisions_leave_out_what_was_never_used(run: Run) -> None:
    told = json.loads(run("revisions", "--json")[1])["revisions"]
    assert [one["vanished"] for one in told] == [[], []]


def test_verify_is_quiet_about_whole_files_and_names_damaged_ones(
    store: SnapshotStore, run: Run, own_state: Path
) -> None:
    assert run("snapshots", "verify") == (0, "3 whole, 0 damaged, 0 pruned, 0 without an index row\n", "")
    hurt = store.list()[1]
    next(own_state.rglob(f"{hurt.sha256}.csv.gz")).write_bytes(b"damaged")
    code, out, error = run("snapshots", "verify")
    assert code == 1
    assert out.startswith("2 whole, 1 damaged")
    assert f"damaged: {BTC} {hurt.sha256}" in out
    assert error.startswith(f"coincast: 1 of 3 snapshots cannot be used ({hurt.sha256[:12]}): download")
    code, out, _ = run("snapshots", "verify", "--series", str(BTC), "--json")
    assert (code, json.loads(out)["damaged"][0]["sha256"]) == (1, hurt.sha256)
    code, _, error = run("snapshots", "show", hurt.sha256)
    assert (code, "is damaged and was not used" in error) == (1, True)


def test_prune_tells_first_and_keeps_what_a_forecast_was_made_of(
    store: SnapshotStore,
    run: Run,
    own_state: Path,
    make_forecast: Callable[..., Forecast],
    make_context: Callable[..., IssueContext],
) -> None:
    used, unused, latest = store.list()
    day = LAST_DAYS[0]
    ledger = Ledger(open_database(f"sqlite:///{own_state / 'coincast.db'}"))
    ledger.issue([make_forecast(day)], issue=make_context(day, snapshot_sha256=used.sha256))
    code, out, _ = run("snapshots", "prune", "--older-than", "0")
    assert code == 0
    assert unused.sha256[:12] in out
    assert "Files that would be removed: 1 (0.0 MiB); snapshots that stay: 2; --yes removes them" in out
    assert store.stored() == {used.sha256, unused.sha256, latest.sha256}
    told = json.loads(run("snapshots", "prune", "--older-than", "0", "--yes", "--json")[1])
    assert (told["removed"], told["would_remove"], told["kept"]) == ([unused.sha256], [], 2)
    assert store.stored() == {used.sha256, latest.sha256}
    assert "gone" in run("snapshots", "list")[1]
    assert run("snapshots", "verify")[:2] == (0, "2 whole, 0 damaged, 1 pruned, 0 without an index row\n")
    assert "was pruned" in run("snapshots", "show", unused.sha256)[2]


@pytest.mark.usefixtures("store")
def test_revisions_are_told_one_vintage_after_the_other(run: Run) -> None:
    code, out, error = run("revisions")
    assert (code, error) == (0, "")
    assert out.count("1 new day") == 2
    told = json.loads(run("revisions", "--since", "2026-03-13", "--json")[1])["revisions"]
    assert [one["new"] for one in told] == [["2026-03-12"]]
    assert "no change to show" in run("revisions", "--since", "2026-04-01")[1]


@pytest.mark.usefixtures("store")
def test_revisions_refuse_what_cannot_be_asked(run: Run) -> None:
    code, _, error = run("revisions", "--series", "binance/ETHUSDT/1d")
    assert (code, "has no snapshot yet; `coincast daily" in error) == (2, True)
    assert run("revisions", "--since", "yesterday")[0] == 2


def test_a_restated_figure_and_what_it_touches_are_printed(
    store: SnapshotStore,
    run: Run,
    tmp_path: Path,
    own_state: Path,
    make_forecast: Callable[..., Forecast],
    make_context: Callable[..., IssueContext],
) -> None:
    ledger = Ledger(open_database(f"sqlite:///{own_state / 'coincast.db'}"))
    ledger.issue([make_forecast(LAST_DAYS[1])], issue=make_context(LAST_DAYS[1]))
    table = MARKET.copy()
    table.loc[table[DATE] == pd.Timestamp(LAST_DAYS[2]), ["close", "high"]] *= 1.01
    (tmp_path / file_name(BTC)).write_bytes(wire_format(table, BTC))
    download(BTC, str(tmp_path), store, now=datetime(2026, 3, 14, tzinfo=UTC), limit_mb=1)
    code, out, _ = run("revisions", "--since", "2026-03-14")
    assert code == 0
    assert "2 figures of 1 day restated, close by up to +1 % (2026-03-12)" in out
    assert "forecast days whose close changed: 2026-03-12" in out
    assert "│ close │" in out
