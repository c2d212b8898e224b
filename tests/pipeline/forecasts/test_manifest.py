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
