"""The hub's files read back as what was forecast; several runs add up; the validator names what is broken."""

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import HORIZONS, LEVELS
from pipeline.hub.files import COLUMNS, hub_files, join_hub_files, merge_hub_file, target_data_files
from pipeline.hub.validation import Fault, validate_hub
from pipeline.recipes.base import Recipe
from pipeline.series import Series

AS_OF = date(2026, 3, 29)
IN_TIME = datetime(2026, 3, 30, 0, 20, tzinfo=UTC)
BITCOIN, ETHER = Series("binance", "BTCUSDT"), Series("kraken", "ETHUSD")
RECIPES = (
    Recipe(name="range-lstm", kind="range", title="A network on ranges"),
    Recipe(name="random-walk", kind="baseline", title='The random walk: "as today"'),
)
MODEL = "coincast-range_lstm"


def forecast(
    series: Series = BITCOIN, *, as_of: date = AS_OF, model: str = MODEL, price: float = 64000.0
) -> Forecast:
    """A fan of prices that widens by the day."""
    spread = 0.02 * np.sqrt(np.array(HORIZONS))[:, None] * (np.array(LEVELS) - 0.5)
    return Forecast(series, as_of, model, price, price * np.exp(spread))


def files_of(*forecasts: Forecast, now: datetime = IN_TIME) -> dict[str, bytes]:
    return hub_files(forecasts, now=now, recipes=RECIPES)


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def folder(files: dict[str, bytes], name: str = "hub") -> dict[str, bytes]:
    return {
        path.removeprefix(f"{name}/"): content
        for path, content in files.items()
        if path.startswith(f"{name}/")
    }


def faults(files: dict[str, bytes]) -> tuple[Fault, ...]:
    return validate_hub(list(files), files.__getitem__)


def test_a_file_says_exactly_what_was_forecast() -> None:
    stated = forecast()
    content = files_of(stated)[f"hub/model-output/{MODEL}/2026-03-29-{MODEL}.csv"]
    assert (
        content.splitlines()[0].decode()
        == "reference_date,horizon,target_end_date,location,output_type,output_type_id,value"
    )
    table = rows(content)
    assert len(table) == 7 * 23
    values = np.array([float(row["value"]) for row in table]).reshape(7, 23)
    assert (values == stated.quantiles).all(), "every digit comes back"
    assert [float(row["output_type_id"]) for row in table[:23]] == list(LEVELS)
    for row in table:
        assert date.fromisoformat(row["target_end_date"]) == AS_OF + timedelta(days=int(row["horizon"]))
        assert (row["reference_date"], row["location"], row["output_type"]) == (
            "2026-03-29",
            "binance-btcusdt-1d",
            "quantile",
        )


def test_forecasts_issued_too_late_lie_in_the_other_hub() -> None:
    """Issued on 1 April: the closes of 30 and 31 March were known."""
    files = files_of(forecast(), now=datetime(2026, 4, 1, 0, 20, tzinfo=UTC))
    horizons = {
        name: sorted(
            {
                int(row["horizon"])
                for path in files
                if path.startswith(f"{name}/model-output")
                for row in rows(files[path])
            }
        )
        for name in ("hub", "hub-backfill")
    }
    assert horizons == {"hub": [3, 4, 5, 6, 7], "hub-backfill": [1, 2]}


def test_what_is_written_is_valid() -> None:
    files = files_of(forecast(), forecast(ETHER, price=2.5e-7), forecast(model="coincast-random_walk"))
    assert faults(folder(files)) == ()
    assert "hub-backfill" not in {path.split("/")[0] for path in files}, "no forecast, no hub"
    truth = target_data_files({(AS_OF, BITCOIN.slug): 64000.0, (AS_OF, ETHER.slug): 2.5e-7})
    assert faults(folder({**files, **truth})) == ()


def test_a_made_up_market_is_called_so() -> None:
    files = hub_files([forecast()], now=IN_TIME, recipes=RECIPES, simulated=True)
    assert "simulated" in json.loads(files["hub/hub-config/admin.json"])["name"]
    assert b"simulated" in files[f"hub/model-metadata/{MODEL}.yml"]


def test_series_published_one_after_another_end_as_if_at_once() -> None:
    apart = join_hub_files(files_of(forecast(ETHER)), files_of(forecast(BITCOIN)))
    assert apart == files_of(forecast(BITCOIN), forecast(ETHER))


def test_days_published_one_after_another_end_as_if_at_once() -> None:
    later = AS_OF + timedelta(days=1)
    both = [forecast(as_of=AS_OF), forecast(as_of=later)]
    now = IN_TIME + timedelta(days=1)
    assert (
        join_hub_files(files_of(both[1], now=now), files_of(both[0], now=IN_TIME))[
            f"hub/model-output/{MODEL}/2026-03-29-{MODEL}.csv"
        ]
        == files_of(both[0])[f"hub/model-output/{MODEL}/2026-03-29-{MODEL}.csv"]
    )
    everything = join_hub_files(files_of(both[0]), files_of(both[1], now=now))
    assert faults(folder(everything)) == ()


def test_a_new_issue_replaces_what_it_speaks_of_and_nothing_else() -> None:
    path = f"hub/model-output/{MODEL}/2026-03-29-{MODEL}.csv"
    reissue = files_of(forecast(price=70000.0), now=datetime(2026, 4, 1, 0, 20, tzinfo=UTC))[path]
    table = rows(merge_hub_file(path, files_of(forecast())[path], reissue))
    medians = {int(row["horizon"]): float(row["value"]) for row in table if row["output_type_id"] == "0.5"}
    assert medians == pytest.approx({1: 64000, 2: 64000, 3: 70000, 4: 70000, 5: 70000, 6: 70000, 7: 70000})


def test_closes_that_were_restated_are_replaced() -> None:
    path = "hub/target-data/time-series.csv"
    first = target_data_files({(AS_OF, BITCOIN.slug): 1.0, (AS_OF, ETHER.slug): 2.0})[path]
    second = target_data_files({(AS_OF, BITCOIN.slug): 3.0})[path]
    table = rows(merge_hub_file(path, first, second))
    assert {row["location"]: row["observation"] for row in table} == {BITCOIN.slug: "3.0", ETHER.slug: "2.0"}


@pytest.mark.parametrize(
    "broken", [b"", b"\xff\xfe", b"a,b\n1,2\n", ",".join(COLUMNS).encode() + b"\n1,2\n", b'"\x00']
)
def test_a_published_file_that_cannot_be_read_is_replaced(broken: bytes) -> None:
    for path, content in files_of(forecast()).items():
        if path.endswith((".csv", "tasks.json")):
            assert merge_hub_file(path, broken, content) == content


@given(
    seed=st.integers(0, 2**32),
    price=st.floats(min_value=1e-12, max_value=1e9),
    symbol=st.sampled_from(["BTCUSDT", "SHIBUSDT", "ETHBTC"]),
)
def test_any_forecast_comes_back_and_is_valid(seed: int, price: float, symbol: str) -> None:
    quantiles = price * np.sort(np.random.default_rng(seed).lognormal(size=(7, 23)), axis=1)
    files = files_of(Forecast(Series("binance", symbol), AS_OF, MODEL, price, quantiles))
    assert faults(folder(files)) == ()
    table = rows(files[f"hub/model-output/{MODEL}/2026-03-29-{MODEL}.csv"])
    assert [float(row["value"]) for row in table] == quantiles.ravel().tolist()
