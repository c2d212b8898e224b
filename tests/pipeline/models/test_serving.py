"""What is served are the ledger's numbers, or a sentence that says what is missing."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from pipeline.candles.grid import daily_grid
from pipeline.errors import CandleFileError, InputError, TooLittleHistoryError
from pipeline.features.feature_grid import FeatureGrid
from pipeline.models.catalogue import find_recipe
from pipeline.models.fitting import Model, fit, issue
from pipeline.models.serving import INPUT_COLUMNS, OUTPUT_COLUMNS, QUANTILE_COLUMNS, serve
from pipeline.series import Series
from pipeline.simulation import simulate_candles

SERIES = Series.parse("binance/BTCUSDT/1d")
AS_OF = date(2026, 3, 29)
LOST = tuple(date(2026, 1, 8) + timedelta(days=step) for step in range(4))


@pytest.fixture(scope="module")
def candles() -> pd.DataFrame:
    whole = simulate_candles(seed=3, first=date(2023, 10, 1), last=AS_OF, price=50_000.0)
    return whole[~whole["date"].dt.date.isin(LOST)].reset_index(drop=True)


@pytest.fixture(scope="module")
def model(candles: pd.DataFrame) -> Model:
    return fit(find_recipe("har-range"), FeatureGrid.of(daily_grid(candles)), as_of=AS_OF, seed=1)


@pytest.fixture(scope="module")
def rows(candles: pd.DataFrame) -> pd.DataFrame:
    posted = candles.rename(columns={"volume_base": "volume"})[list(INPUT_COLUMNS)]
    return posted.assign(date=posted["date"].dt.strftime("%Y-%m-%d"))


@pytest.mark.parametrize("days", [400, 401, 600, None])
def test_the_same_bits_as_the_daily_job_however_much_is_sent(
    model: Model, candles: pd.DataFrame, rows: pd.DataFrame, days: int | None
) -> None:
    expected = issue(model, FeatureGrid.of(daily_grid(candles)), series=SERIES, as_of=AS_OF)
    sent = rows if days is None else rows.tail(days - len(LOST))
    served = serve(model, sent.iloc[::-1], series=SERIES, missing=frozenset(LOST))
    assert tuple(served.columns) == OUTPUT_COLUMNS
    assert np.array_equal(served[list(QUANTILE_COLUMNS)].to_numpy(), expected.quantiles)
    assert np.array_equal(served["median"].to_numpy(), expected.median)
    assert served["date"].tolist() == [f"2026-03-{day}" for day in (30, 31)] + [
        f"2026-04-0{d}" for d in range(1, 6)
    ]
    assert served["horizon"].tolist() == [1, 2, 3, 4, 5, 6, 7]


def refusal(model: Model, rows: pd.DataFrame) -> str:
    with pytest.raises(InputError) as caught:
        serve(model, rows, series=SERIES, missing=frozenset(LOST))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_each_fault_is_told(model: Model, rows: pd.DataFrame) -> None:
    last = rows.index[-1]
    assert refusal(model, rows.tail(100)) == (
        "400 daily candles are needed; got 100, from 2025-12-16 to 2026-03-29."
    )
    assert refusal(model, rows.head(0)) == "400 daily candles are needed; none was sent."
    assert "have a hole: 2026-03-28. Send" in refusal(model, rows.drop(index=last - 1))
    gone = rows["date"].between("2025-02-23", "2025-03-01")
    assert "hole: 2025-02-23, 2025-02-24, 2025-02-25, 2025-02-26, 2025-02-27 and 2 more." in refusal(
        model, rows[~gone]
    )
    assert "2026-03-29 is there twice" in refusal(model, pd.concat([rows, rows.tail(1)]))
    assert "got '29.03.2026'" in refusal(model, rows.replace({"date": {"2026-03-29": "29.03.2026"}}))


@pytest.mark.parametrize(
    "written",
    [
        "2026-03",
        "2026",
        "2026/3/29",
        "20260329",
        20260329,
        "now",
        "today",
        "2026-03-29T12:00:00Z",
        "2026-03-29T00:00:00+02:00",
        "2026-02-30",
        "0000-01-01",
        "2026-W13-7",
        " 2026-03-29",
        "２０２６-03-29",
        None,
        np.nan,
        pd.NaT,
        True,
        pd.Timestamp("2026-03-29", tz="Europe/Berlin"),
        pd.Timestamp("2026-03-29T00:00:00.000000001"),
    ],
)
def test_what_is_no_day_is_told_whatever_the_other_dates_look_like(
    model: Model, rows: pd.DataFrame, written: object
) -> None:
    broken = rows.astype({"date": object})
    broken.loc[broken.index[-1], "date"] = written
    assert refusal(model, broken).startswith(
        "A date is written YYYY-MM-DD, as 2026-03-29, or is a midnight UTC;"
    )
    broken["date"] = [f"{day}T00:00:00Z" for day in rows["date"][:-1]] + [written]
    assert refusal(model, broken).startswith("A date is written YYYY-MM-DD")


@pytest.mark.parametrize(
    "form", ["{}T00:00:00Z", "{}T00:00:00.000Z", "{} 00:00:00+00:00", "{}T00:00", "mixed"]
)
def test_midnights_are_days_alone_and_mixed(model: Model, rows: pd.DataFrame, form: str) -> None:
    forms = ["{}", "{}T00:00:00Z"] if form == "mixed" else [form]
    dates = [forms[at % len(forms)].format(day) for at, day in enumerate(rows["date"])]
    expected = serve(model, rows, series=SERIES, missing=frozenset(LOST))
    for given in (dates, pd.to_datetime(rows["date"]), pd.to_datetime(rows["date"], utc=True)):
        served = serve(model, rows.assign(date=given), series=SERIES, missing=frozenset(LOST))
        pd.testing.assert_frame_equal(served, expected)


@pytest.mark.parametrize("column", INPUT_COLUMNS[1:])
@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_a_value_that_is_none_is_named(model: Model, rows: pd.DataFrame, column: str, value: float) -> None:
    broken = rows.copy()
    broken.loc[broken.index[-30], column] = value
    assert refusal(model, broken).startswith(f"Every {column} is a finite number")
    assert f"2026-02-28 has {value}" in refusal(model, broken)


@pytest.mark.parametrize(("one", "other"), [("high", "low"), ("low", "close"), ("open", "high")])
def test_prices_that_contradict_each_other_are_told(
    model: Model, rows: pd.DataFrame, one: str, other: str
) -> None:
    swapped = rows.rename(columns={one: other, other: one})
    assert "Open and close lie between low and high; " in refusal(model, swapped)
    day = rows.index[-1]
    scaled = rows.copy()
    scaled.loc[day, one] *= 100.0 if one != "high" else 0.01
    assert f"{rows['date'][day]} has open " in refusal(model, scaled)


def test_a_hole_before_the_days_that_matter_is_no_matter(model: Model, rows: pd.DataFrame) -> None:
    whole = serve(model, rows, series=SERIES, missing=frozenset(LOST))
    cut = serve(model, rows.drop(index=range(100, 150)), series=SERIES, missing=frozenset(LOST))
    pd.testing.assert_frame_equal(whole, cut)


def test_the_errors_are_those_of_the_pipeline(model: Model, rows: pd.DataFrame) -> None:
    with pytest.raises(TooLittleHistoryError):
        serve(model, rows.tail(399 - len(LOST)), series=SERIES, missing=frozenset(LOST))
    with pytest.raises(CandleFileError):
        serve(model, rows, series=SERIES, missing=frozenset())
