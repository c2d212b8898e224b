"""Our hubs by the tools of others: the official schemas and hubverse's own reader in Python."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hubdata import connect_hub, connect_target_data

from flows.edges.files.targets import publish
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import HORIZONS, LEVELS
from pipeline.hub.files import hub_files, target_data_files
from pipeline.hub.metadata import metadata_faults
from pipeline.page.merging import merge_hub
from pipeline.recipes.base import Recipe
from pipeline.series import Series

SCHEMAS = Path(__file__).resolve().parents[4] / "shared" / "hubverse" / "v6.0.0"
MODEL = "coincast-range_lstm"
SERIES = Series("binance", "BTCUSDT")
FIRST = date(2026, 3, 28)
DAYS = (FIRST, FIRST + timedelta(days=1))


def files_of(day: date, *, late: int = 0) -> dict[str, bytes]:
    forecast = Forecast(SERIES, day, MODEL, 1.0, np.tile(1 + np.array(LEVELS), (7, 1)))
    now = datetime(day.year, day.month, day.day, 0, 20, tzinfo=UTC) + timedelta(days=1 + late)
    recipe = Recipe(name="range-lstm", kind="range", title="A network")
    return hub_files([forecast], now=now, recipes=[recipe]) | target_data_files({(day, SERIES.slug): 1.5})


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Both hubs after two days, the second of them published twice."""
    for day, late in ((DAYS[0], 2), (DAYS[1], 0), (DAYS[1], 0)):
        publish(files_of(day, late=late), str(tmp_path), merge=merge_hub)
    return tmp_path


def strays(site: Path) -> Iterator[Path]:
    for path in site.rglob("*"):
        if path.is_file() and "model-output" in path.parts:
            model = path.parent.name
            if path.name not in {f"{day}-{model}.csv" for day in DAYS}:
                yield path


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason="the official schemas are not part of the project")
@pytest.mark.parametrize("folder", ["hub", "hub-backfill"])
@pytest.mark.parametrize("name", ["admin", "tasks", "target-data"])
def test_the_official_schemas_accept_ours(folder: str, name: str) -> None:
    schema = json.loads((SCHEMAS / f"{name}-schema.json").read_text(encoding="utf-8"))
    value = json.loads(files_of(FIRST, late=2)[f"{folder}/hub-config/{name}.json"])
    jsonschema.validate(value, schema, cls=jsonschema.Draft202012Validator)


def test_our_metadata_says_what_our_schema_requires() -> None:
    files = files_of(FIRST)
    schema = json.loads(files["hub/hub-config/model-metadata-schema.json"])
    content = files[f"hub/model-metadata/{MODEL}.yml"]
    assert list(metadata_faults(content, MODEL, schema)) == []
    cut = b"\n".join(line for line in content.split(b"\n") if not line.startswith(b"designated_model"))
    assert any("designated_model" in message for message in metadata_faults(cut, MODEL, schema))


def test_hubverses_own_reader_opens_both_hubs(site: Path) -> None:
    hub = connect_hub(site / "hub").to_table().to_pandas()
    assert len(hub) == (5 + 7) * len(LEVELS)
    assert set(hub["reference_date"]) == set(DAYS)
    assert set(hub["model_id"]) == {MODEL}
    assert sorted(hub["output_type_id"].astype(float).unique()) == list(LEVELS)
    late = connect_hub(site / "hub-backfill").to_table().to_pandas()
    assert sorted(late["horizon"].unique()) == list(HORIZONS)[:2]
    for target_type in ("time-series", "oracle-output"):
        truth = connect_target_data(site / "hub", target_type).to_table().to_pandas()
        assert sorted(truth["target_end_date"]) == list(DAYS)


def test_a_stray_file_would_hide_a_day_and_we_leave_none(site: Path) -> None:
    assert list(strays(site)) == []
    stray = site / "hub" / "model-output" / MODEL / str(DAYS[1])
    stray.write_text("")
    assert set(connect_hub(site / "hub").to_table().to_pandas()["reference_date"]) == {DAYS[0]}, (
        "else needless"
    )
    assert stray.resolve() in [path.resolve() for path in strays(site)]
