from dataclasses import replace
from datetime import date

from pipeline.forecasts.manifest import Manifest

MANIFEST = Manifest(
    recipe={"name": "tiny-range", "lookback": 5},
    seed=1,
    trained_as_of=date(2026, 3, 29),
    series=("binance/BTCUSDT/1d",),
    snapshots=("ab" * 32,),
    vintage="known",
    code="0.1.0",
    packages={"numpy": "2.4.6"},
)


def test_a_manifest_survives_its_json() -> None:
    assert Manifest.from_json(MANIFEST.as_json()) == MANIFEST


def test_the_id_tells_every_input_apart() -> None:
    others = [replace(MANIFEST, seed=2), replace(MANIFEST, vintage="latest"), replace(MANIFEST, code="0.1.1")]
    assert len({MANIFEST.id, *(other.id for other in others)}) == 4


def test_days_of_another_source_are_told_and_a_manifest_without_any_stays_as_it_was() -> None:
    told = replace(MANIFEST, filled_from={"binance-archive": ["2026-03-28", "2026-03-29"]})
    assert Manifest.from_json(told.as_json()) == told
    assert told.id != MANIFEST.id
    assert "filled_from" not in MANIFEST.as_json()
    # Computed with the manifest as it was before it could tell of other sources.
    assert MANIFEST.id == "e14e5718a754a6fce431c7c03684548b0b89a0f8aa78964bc65d9c84120bd8bd"


def test_what_a_pooled_fit_read_later_is_told_and_only_then() -> None:
    told = replace(MANIFEST, read={"binance/ETHUSDT/1d": "cd" * 32})
    assert Manifest.from_json(told.as_json()) == told
    assert told.id != MANIFEST.id
    assert "read" not in MANIFEST.as_json()
