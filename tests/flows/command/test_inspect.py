"""`coincast inspect` as a person and as a program use it."""

import json
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from flows.command import app, main
from flows.command.output import print_table
from pipeline.candles import read_candles
from pipeline.series import Series
from pipeline.simulation import simulate_candles, simulate_unfinished, wire_format

SERIES = Series.parse("binance/BTCUSDT/1d")
KEYS = (
    *("format", "series", "rows_read", "rows_kept", "dropped"),
    *("first", "last", "missing", "widened", "warnings", "verdict"),
)
MARKET = {"seed": 1, "first": date(2025, 1, 1), "price": 50_000.0}


@pytest.fixture
def candles() -> pd.DataFrame:
    return simulate_candles(**MARKET, last=date(2025, 6, 30))


@pytest.fixture
def file(candles, tmp_path) -> Path:
    """A vendor's file with ten days missing and the running day."""
    running = simulate_unfinished(**MARKET, day=date(2025, 7, 1), elapsed=0.01)
    path = tmp_path / "Binance_BTCUSDT_d.csv"
    path.write_bytes(wire_format(candles.drop(index=range(40, 50)), SERIES, unfinished=running))
    return path


def refusal(arguments: list[str], monkeypatch, capsys) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of the whole command."""
    monkeypatch.setattr("sys.argv", ["coincast", "inspect", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    captured = capsys.readouterr()
    return exit_.value.code, captured.out, captured.err


def test_a_file_that_is_too_short_for_a_day_says_so(file, tmp_path):
    from pipeline.evaluation.holdout import ENOUGH_DAYS

    said = f"`coincast daily` needs {ENOUGH_DAYS} daily candles; these are 171."
    assert said in CliRunner().invoke(app, ["inspect", str(file)]).output
    enough = tmp_path / "enough.csv"
    candles = simulate_candles(**MARKET, last=date(2025, 1, 1) + timedelta(days=ENOUGH_DAYS - 1))
    enough.write_bytes(wire_format(candles, SERIES))
    assert "coincast daily" not in CliRunner().invoke(app, ["inspect", str(enough)]).output


def test_json_is_one_object_with_every_key(file):
    done = CliRunner().invoke(app, ["inspect", str(file), "--json"])
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert tuple(found) == KEYS
    assert found["series"] == {"exchange": "binance", "symbol": "BTCUSDT", "timeframe": "1d"}
    assert (found["rows_read"], found["rows_kept"], found["dropped"]) == (172, 171, {"unfinished": 1})
    assert (found["first"], found["last"], len(found["missing"])) == ("2025-01-01", "2025-06-30", 10)
    assert found["verdict"] == "usable with warnings"


def test_people_read_a_table_and_sentences(file):
    done = CliRunner().invoke(app, ["inspect", str(file)])
    assert done.exit_code == 0
    for words in (
        "binance/BTCUSDT/1d",
        "2025-01-01 to 2025-06-30",
        "dropped: unfinished",
        "Missing: 2025-02-10",
    ):
        assert words in done.stdout


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_out_writes_the_candles(file, candles, tmp_path, suffix):
    target = tmp_path / f"candles{suffix}"
    assert CliRunner().invoke(app, ["inspect", str(file), "--out", str(target), "--json"]).exit_code == 0
    written = read_candles(target.read_bytes()).candles if suffix == ".csv" else pd.read_parquet(target)
    pd.testing.assert_frame_equal(written, candles.drop(index=range(40, 50)).reset_index(drop=True))


def test_a_fetch_before_the_last_day_ended(file):
    done = CliRunner().invoke(app, ["inspect", str(file), "--json", "--fetched-at", "2025-06-30T12:00:00Z"])
    assert json.loads(done.stdout)["dropped"] == {"in the future": 1, "unfinished": 1}


def test_columns_by_other_names(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("Day;Price\n" + "\n".join(f"2025-01-{day:02d};{100 + day}" for day in range(1, 31)))
    done = CliRunner().invoke(app, ["inspect", str(path), "--json", "--map", "date=Day,close=Price"])
    assert json.loads(done.stdout)["rows_kept"] == 30


def test_a_refused_file_is_exit_2_and_still_an_account(tmp_path, monkeypatch, capsys):
    path = tmp_path / "page.csv"
    path.write_text("<html><body>503</body></html>")
    code, out, error = refusal([str(path), "--json"], monkeypatch, capsys)
    found = json.loads(out)
    assert (code, tuple(found), found["verdict"]) == (2, KEYS, "refused")
    assert error.startswith("coincast: The file is a web page")
    assert error.count("\n") == 1


def test_several_markets_and_the_one_that_is_named(tmp_path, candles, monkeypatch, capsys):
    path = tmp_path / "both.csv"
    other = (
        wire_format(candles, Series.parse("binance/BTCUSDC/1d"))
        .replace(b"USDC", b"USDT")
        .replace(b"BTC", b"ETH")
    )
    path.write_bytes(wire_format(candles, SERIES) + other.split(b"\n", 2)[2])
    code, out, _ = refusal([str(path), "--json"], monkeypatch, capsys)
    refused = json.loads(out)
    assert code == 2
    assert refused["rows_read"] == sum(refused["dropped"].values()) == 2 * len(candles)
    done = CliRunner().invoke(app, ["inspect", str(path), "--json", "--series", "binance/ETHUSDT/1d"])
    assert json.loads(done.stdout)["dropped"] == {"other symbol": len(candles)}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.csv"], "cannot be read"),
        (["."], "cannot be read"),
        (["pyproject.toml", "--map", "date"], "role=Column"),
        (["pyproject.toml", "--series", "BTC"], "exchange/SYMBOL/timeframe"),
        (["pyproject.toml", "--fetched-at", "yesterday"], "ISO instant"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_2(arguments, words, monkeypatch, capsys):
    monkeypatch.chdir(Path(__file__).resolve().parents[3])
    code, _, error = refusal(arguments, monkeypatch, capsys)
    assert code == 2
    assert words in error
    assert error.count("\n") == 1


def test_names_that_hold_commas_and_columns_by_number(tmp_path):
    path = tmp_path / "mine.csv"
    rows = [f"2025-01-{day:02d},{100 + day},{200 + day}" for day in range(1, 31)]
    path.write_text("\n".join(['Day,"Price, USD","Top, of the day"', *rows]))
    for mapping in ("date=Day,close=Price, USD,high=Top, of the day", "date=1, close=2, high=3"):
        done = CliRunner().invoke(app, ["inspect", str(path), "--json", "--map", mapping])
        assert json.loads(done.stdout)["rows_kept"] == 30


def test_a_file_beyond_the_limit_of_a_download(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COINCAST_DOWNLOAD_LIMIT_MB", "1")
    path = tmp_path / "large.csv"
    path.write_bytes(b"date,close\n" + b"\n" * (2**20 - 11))
    assert "empty" not in refusal([str(path)], monkeypatch, capsys)[2]
    with path.open("ab") as file:
        file.write(b"\n")
    code, _, error = refusal([str(path)], monkeypatch, capsys)
    assert (code, "larger than the limit of 1 MiB" in error) == (2, True)
    code, _, error = refusal(["/dev/zero"], monkeypatch, capsys)
    assert (code, "larger than the limit of 1 MiB" in error) == (2, True)


@pytest.mark.parametrize("text", [":x:", "[red]", "[/]", "[link=https://a.b]c[/link]", ":smiley:"])
def test_text_of_a_file_is_shown_as_it_is(tmp_path, monkeypatch, capsys, text):
    path = tmp_path / "markup.csv"
    path.write_text(f"a {text},{text}\nfoo,bar\n")
    _, out, error = refusal([str(path)], monkeypatch, capsys)
    assert (out, text in error) == ("", True)


def test_tables_show_text_as_it_is(capsys):
    print_table("[red]:x:", ("[b]", ":x:"), [("[/]", ":smiley:")])
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("[red]:x:", "[b]", ":x:", "[/]", ":smiley:"))


def test_a_refusal_is_told_once_with_what_was_asked(file, monkeypatch, capsys):
    code, out, error = refusal([str(file), "--map", "date=Day,close=Price"], monkeypatch, capsys)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert "date Day, close Price" in error


@pytest.mark.parametrize(("days", "told"), [(12, False), (13, True)])
def test_a_hole_that_is_not_filled_is_told(tmp_path, candles, days, told):
    path = tmp_path / "hole.csv"
    path.write_bytes(wire_format(candles.drop(index=range(40, 40 + days)), SERIES))
    warnings = json.loads(CliRunner().invoke(app, ["inspect", str(path), "--json"]).stdout)["warnings"]
    assert any("1 hole of more than 12 days, the last after 2025-02-09" in text for text in warnings) is told


def test_dates_after_today_are_told(tmp_path):
    path = tmp_path / "future.csv"
    days = pd.date_range(pd.Timestamp.now().normalize(), periods=30)
    path.write_text(
        "\n".join(["Date,Close", *(f"{day:%Y-%m-%d},{place + 100}" for place, day in enumerate(days))])
    )
    told = json.loads(CliRunner().invoke(app, ["inspect", str(path), "--json"]).stdout)["warnings"]
    assert any("candles dated after today" in warning for warning in told)


def test_a_series_that_rests_on_weekends_is_exit_2(tmp_path, monkeypatch, capsys):
    path = tmp_path / "index.csv"
    days = pd.bdate_range("2023-01-02", periods=300)
    path.write_text(
        "\n".join(["Date,Close", *(f"{day:%Y-%m-%d},{place + 100}" for place, day in enumerate(days))])
    )
    code, out, error = refusal([str(path), "--json"], monkeypatch, capsys)
    assert (code, json.loads(out)["verdict"]) == (2, "refused")
    assert "no bar on any Saturday or Sunday" in error
