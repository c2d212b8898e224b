"""Every way a hub can be broken, and the fault that names it."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime

import numpy as np
import pytest

from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import LEVELS
from pipeline.hub.files import hub_files, target_data_files
from pipeline.hub.validation import Fault, validate_hub
from pipeline.recipes.base import Recipe
from pipeline.series import Series

MODEL = "coincast-range_lstm"
CSV = f"model-output/{MODEL}/2026-03-29-{MODEL}.csv"
Hub = dict[str, bytes]


@pytest.fixture
def hub() -> Hub:
    series, as_of = Series("binance", "BTCUSDT"), date(2026, 3, 29)
    quantiles = 64000 + 1000 * np.tile(np.array(LEVELS), (7, 1))
    files = hub_files(
        [Forecast(series, as_of, MODEL, 64500.0, quantiles)],
        now=datetime(2026, 3, 30, tzinfo=UTC),
        recipes=[Recipe(name="range-lstm", kind="range", title="A network")],
    )
    files |= target_data_files({(as_of, series.slug): 64500.0, (date(2026, 3, 28), series.slug): 64000.0})
    return {path.removeprefix("hub/"): content for path, content in files.items() if path.startswith("hub/")}


def faults(hub: Hub) -> tuple[Fault, ...]:
    return validate_hub(list(hub), hub.__getitem__)


def line(number: int, old: str, new: str) -> Callable[[Hub], None]:
    """A change of one line of the forecasts' file; the header is line 1."""

    def change(hub: Hub) -> None:
        lines = hub[CSV].decode().split("\n")
        assert old in lines[number - 1]
        lines[number - 1] = lines[number - 1].replace(old, new)
        hub[CSV] = "\n".join(lines).encode()

    return change


def whole(change: Callable[[bytes], bytes], path: str = CSV) -> Callable[[Hub], None]:
    def apply(hub: Hub) -> None:
        hub[path] = change(hub[path])

    return apply


def move(old: str, new: str) -> Callable[[Hub], None]:
    def apply(hub: Hub) -> None:
        hub[new] = hub.pop(old)

    return apply


def configure(path: str, **values: object) -> Callable[[Hub], None]:
    return whole(lambda content: json.dumps({**json.loads(content), **values}).encode(), path)


def test_a_sound_hub_has_no_fault(hub: Hub) -> None:
    assert faults(hub) == ()


def test_line_ends_and_the_order_of_columns_do_not_matter(hub: Hub) -> None:
    reversed_columns = [",".join(reversed(row.split(","))) for row in hub[CSV].decode().splitlines()]
    hub[CSV] = "\r\n".join(reversed_columns).encode()
    assert faults(hub) == ()


@pytest.mark.parametrize(
    ("breaks", "where", "message"),
    [
        (line(1, "location,", ""), (CSV, 1), "lacks the column location"),
        (line(1, "value", "value,model_id"), (CSV, 1), "does not belong: model_id"),
        (line(1, "horizon", "location"), (CSV, 1), "a column twice: location"),
        (line(5, "0.1", "0.11"), (CSV, 5), "output_type_id '0.11' is not a level"),
        (line(5, "quantile", "mean"), (CSV, 5), "output_type 'mean'"),
        (line(5, ",1,", ",8,"), (CSV, 5), "horizon '8' is not accepted"),
        (
            line(5, "2026-03-30", "2026-03-31"),
            (CSV, 5),
            "target_end_date 2026-03-31 is not reference_date 2026-03-29 and 1 days",
        ),
        (
            line(5, "2026-03-29", "2026-03-28"),
            (CSV, 5),
            "reference_date '2026-03-28' is not the 2026-03-29 of the file's name",
        ),
        (line(5, "2026-03-29", "29/03/2026"), (CSV, 5), "is not accepted by tasks.json"),
        (line(5, "binance-btcusdt-1d", "BTC"), (CSV, 5), "location 'BTC' is not accepted"),
        (line(5, "64100.0", "many"), (CSV, 5), "value is a number, not 'many'"),
        (line(5, "64100.0", "nan"), (CSV, 5), "value is a number, not 'nan'"),
        (line(5, "64100.0", "-1"), (CSV, 5), "value -1 is outside 0 to inf"),
        (line(5, "64100.0", "64000.0"), (CSV, 5), "quantiles cross"),
        (line(5, ",64100.0", ""), (CSV, 5), "has 6 cells where the header has 7"),
        (line(6, "0.15", "0.1"), (CSV, 6), "repeats level 0.1 of line 5"),
        (line(6, "0.15", "0.1"), (CSV, 2), "lacks the level 0.15"),
        (
            whole(lambda content: b"\n".join(content.split(b"\n")[:24])[:-30]),
            (CSV, 24),
            "cells where the header",
        ),
        (
            whole(lambda content: content + content.split(b"\n")[1] + b"\n"),
            (CSV, 163),
            "repeats level 0.01 of line 2",
        ),
        (whole(lambda content: b"\xef\xbb\xbf" + content), (CSV, 1), "byte order mark"),
        (whole(lambda content: content.replace(b"binance", b"bin\xe4nce", 1)), (CSV, 2), "is not UTF-8 text"),
        (whole(lambda content: content.split(b"\n")[0] + b"\n"), (CSV, 0), "has no rows"),
        (whole(lambda _: b""), (CSV, 1), "is empty"),
        (
            move(CSV, f"model-output/{MODEL}/29-03-2026-{MODEL}.csv"),
            (f"model-output/{MODEL}/29-03-2026-{MODEL}.csv", 0),
            "is not named",
        ),
        (
            move(CSV, f"model-output/{MODEL}/2026-03-28-{MODEL}.csv"),
            (f"model-output/{MODEL}/2026-03-28-{MODEL}.csv", 2),
            "of the file's name",
        ),
        (move(CSV, "model-output/loose.csv"), ("model-output/loose.csv", 0), "is not named"),
        (
            move(f"model-metadata/{MODEL}.yml", "model-metadata/other.yml"),
            (f"model-metadata/{MODEL}.yml", 0),
            "is missing",
        ),
        (
            whole(
                lambda content: content.replace(b'"range_lstm"', b'"other"'), f"model-metadata/{MODEL}.yml"
            ),
            (f"model-metadata/{MODEL}.yml", 0),
            "do not make",
        ),
        (move("hub-config/tasks.json", "elsewhere.json"), ("hub-config/tasks.json", 0), "is missing"),
        (whole(lambda _: b"{\n,}", "hub-config/tasks.json"), ("hub-config/tasks.json", 2), "is not JSON"),
        (
            configure("hub-config/tasks.json", rounds=[]),
            ("hub-config/tasks.json", 0),
            "does not describe a round",
        ),
        (
            configure("hub-config/admin.json", file_format=["parquet"]),
            (CSV, 0),
            "is of a format that admin.json does not name: csv",
        ),
        (
            configure("hub-config/admin.json", file_format=["xlsx"]),
            ("hub-config/admin.json", 0),
            "does not name csv",
        ),
        (
            configure("hub-config/admin.json", schema_version="1"),
            ("hub-config/admin.json", 0),
            "names no admin-schema.json",
        ),
        (
            whole(lambda _: b"[]", "hub-config/admin.json"),
            ("hub-config/admin.json", 0),
            "lacks schema_version",
        ),
        (
            whole(lambda content: content.replace(b"64500.0", b"x"), "target-data/oracle-output.csv"),
            ("target-data/oracle-output.csv", 3),
            "oracle_value is a number",
        ),
        (
            whole(lambda content: content.replace(b"-28", b"-29"), "target-data/time-series.csv"),
            ("target-data/time-series.csv", 3),
            "repeats 2026-03-29",
        ),
    ],
)
def test_a_fault_is_named(
    hub: Hub, breaks: Callable[[Hub], None], where: tuple[str, int], message: str
) -> None:
    breaks(hub)
    found = faults(hub)
    assert [fault for fault in found if (fault.path, fault.line) == where and message in fault.message], found


def test_a_folder_without_forecasts_is_no_hub() -> None:
    assert "has no forecasts" in {fault.message for fault in validate_hub([], {}.__getitem__)}
