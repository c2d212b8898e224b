from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from pipeline.forecasts.current import current_forecasts, current_rows

MODEL = "coincast-range_lstm"


def ledger_rows(
    modes: dict[int, tuple[str, ...]], *, model_id: str = MODEL, first_walk: int | None = None
) -> pd.DataFrame:
    """A row for each horizon and mode; live quantiles begin at 1, backfilled ones at 100."""
    as_of = pd.Timestamp("2026-03-29")
    rows = [
        {
            "series": "binance/BTCUSDT/1d",
            "as_of": as_of,
            "horizon": horizon,
            "target_date": as_of + timedelta(days=horizon),
            "model_id": model_id,
            "mode": mode,
            "last_close": 50.0,
            "random_walk_from": first_walk,
            "quantiles": np.arange(23.0) + (1 if mode == "live" else 100),
        }
        for horizon, each in modes.items()
        for mode in each
    ]
    return pd.DataFrame(rows).astype({"random_walk_from": "Int64"})


def test_what_was_said_in_time_stands_before_what_was_made_afterwards() -> None:
    rows = ledger_rows({1: ("backfill",), **dict.fromkeys(range(2, 8), ("backfill", "live"))}, first_walk=5)
    assert current_rows(rows)["mode"].tolist() == ["backfill"] + ["live"] * 6
    forecast = current_forecasts(rows)[MODEL]
    assert forecast.quantiles[:, 0].tolist() == [100.0] + [1.0] * 6
    assert (str(forecast.series), forecast.as_of.isoformat()) == ("binance/BTCUSDT/1d", "2026-03-29")
    assert (forecast.last_close, forecast.random_walk_from) == (50.0, 5)


@pytest.mark.parametrize("horizons", [range(1, 7), range(2, 8)])
def test_a_model_without_all_horizons_has_no_forecast(horizons: range) -> None:
    whole = ledger_rows(dict.fromkeys(range(1, 8), ("live",)))
    part = ledger_rows(dict.fromkeys(horizons, ("live",)), model_id="coincast-gru")
    found = current_forecasts(pd.concat([part, whole]))
    assert list(found) == [MODEL]
    assert found[MODEL].random_walk_from is None
