import pytest

from flows.command.output import print_table, stacked


def test_a_verdict_is_wrapped_between_its_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A backtest's table on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    heads = ("ahead", "days", "relative WIS", "less har-range", "50 %", "80 %", "90 %", "95 %", "MAPE %")
    verdict = stacked("1.0118 ± 0.0161", "no clear difference"), stacked("−0.1194 ± 0.0429", "too few days")
    print_table("a title", heads, [("+7", 44, *verdict, "56.8", "86.4", "97.7", "100.0", "3.636")])
    shown = capsys.readouterr().out
    assert max(len(line) for line in shown.splitlines()) <= 80
    for word in ("difference", "clear", "few", "days", "1.0118", "0.0429", "100.0", "3.636"):
        assert word in shown


def test_a_long_word_is_cut_where_there_is_no_room(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    print_table("", ("name", "what"), [("x" * 100, "a word")])
    shown = capsys.readouterr().out
    assert max(len(line) for line in shown.splitlines()) <= 40
    assert shown.count("x") == 100
