from types import SimpleNamespace

import pytest

from flows.command.daily import print_outcome

CHAMPION, WALK = "coincast-range_blend", "coincast-random_walk"


def rows(last_close: float) -> list[dict[str, object]]:
    """Seven days whose ranges are 1, 2 and 3 % on either side."""
    bounds = {
        f"{side}_{coverage}": last_close * (1 + sign * spread)
        for coverage, spread in ((50, 0.01), (80, 0.02), (95, 0.03))
        for side, sign in (("lower", -1), ("upper", 1))
    }
    return [
        {"target_date": f"2026-11-{20 + day}", "horizon": day, "median": last_close, **bounds}
        for day in range(1, 8)
    ]


@pytest.mark.parametrize(
    ("last_close", "tomorrow"),
    [
        (140_948.0, "139,539–142,357"),
        (66_010.93, "65,351–66,671"),
        (0.0901, "0.089199–0.091001"),
    ],
)
def test_the_forecast_fits_a_terminal_of_eighty_columns(
    last_close: float, tomorrow: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    outcome = SimpleNamespace(
        series="binance/BTCUSDT/1d", as_of="2026-11-20", outcome="published", vintage="known", simulated=False,
        simulated_time=True, open_with="mlflow ui",
        snapshot="ab" * 32, last_close=last_close, forecasts={CHAMPION: rows(last_close), WALK: rows(last_close)},
        champion=CHAMPION, metrics={}, decision=(), model="", run_url="http://127.0.0.1:5000/x", page="",
        warnings=(), scored=0,
        seconds={"download": 0.1, "train": 7.25, "evaluate": 6.0, "judge": 5.5, "publish": 0.9},
    )  # fmt: skip
    print_outcome(outcome)  # type: ignore[arg-type]
    said = capsys.readouterr().out
    table = [line for line in said.splitlines() if line.startswith("│")]
    assert len(table) == 2 * 7
    assert max(len(line) for line in table) <= 80
    assert table[0].startswith("│ 2026-11-21 +1 │")
    assert table[1].startswith("│ random walk   │")
    assert tomorrow in table[0]
    assert "2026-11-20: published [simulated time]" in said
    assert "MLflow run: http://127.0.0.1:5000/x (opened by `coincast up`, or mlflow ui)" in said
    assert said.splitlines()[-1].endswith("= 19.8, of them training 18.8")
