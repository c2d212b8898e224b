"""A bundle gives the model back bit for bit, without pickles and without TensorFlow."""

import json
import subprocess
import sys
from datetime import date

import numpy as np
import pytest

from pipeline.errors import RegistryError
from pipeline.models.bundle import load_bundle, save_bundle
from pipeline.models.catalogue import find_recipe
from pipeline.models.fitting import fit

AS_OF = date(2024, 3, 1)
NETWORK = ["coefficients", "shape", "centre", "spread", "recent"]
ARRAYS = {
    "random-walk": [],
    "har-range": ["coefficients", "shape"],
    "ewma-range": ["coefficients", "shape"],
    "tiny-range": NETWORK,
    "range-blend": [
        *NETWORK,
        *(f"ridge_{name}" for name in ("centre", "spread", "coefficients", "shape", "reversal")),
    ],
}
PLAIN = ("random-walk", "har-range", "ewma-range")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in PLAIN)) for name in ARRAYS]
)
def test_format_2_has_these_facts_and_arrays(name, simulated, tmp_path):
    """Registered versions are of this format: another one would need another number."""
    save_bundle(fit(find_recipe(name), simulated, as_of=AS_OF, seed=3), tmp_path)
    facts = json.loads((tmp_path / "model.json").read_text())
    assert sorted(facts) == ["format", "random_walk_from", "recipe", "seed", "trained_as_of"]
    assert facts["format"] == 2
    with np.load(tmp_path / "arrays.npz", allow_pickle=False) as arrays:
        assert arrays.files == ARRAYS[name]


@pytest.mark.slow
def test_the_networks_are_keras_files_and_equal_models_are_equal_files(simulated, tmp_path):
    import keras

    models = [fit(find_recipe("tiny-range"), simulated, as_of=AS_OF, seed=3) for _ in range(2)]
    for number, model in enumerate(models):
        save_bundle(model, tmp_path / str(number))
    files = sorted(path.name for path in (tmp_path / "0").iterdir())
    assert files == ["arrays.npz", "model.json", "network.json", "network_1.weights.h5"]
    for name in files:
        assert (tmp_path / "0" / name).read_bytes() == (tmp_path / "1" / name).read_bytes(), name
    network = keras.models.model_from_json((tmp_path / "0" / "network.json").read_text())
    network.load_weights(tmp_path / "0" / "network_1.weights.h5")
    for found, kept in zip(network.get_weights(), models[0].learned_.members_[0], strict=True):
        assert np.array_equal(found, kept.astype("float32"))


@pytest.mark.slow
def test_loading_and_forecasting_import_no_tensorflow(simulated, tmp_path):
    save_bundle(fit(find_recipe("tiny-range"), simulated, as_of=AS_OF, seed=3), tmp_path / "bundle")
    simulated.table.to_pickle(tmp_path / "grid")
    code = (
        "import sys, pandas, numpy; from pathlib import Path; from pipeline.models.bundle import load_bundle;"
        "from pipeline.features.feature_grid import FeatureGrid;"
        "here = Path(sys.argv[1]); model = load_bundle(here / 'bundle');"
        "grid = FeatureGrid.of(pandas.read_pickle(here / 'grid'));"
        "found = model.log_return_quantiles(grid, numpy.array([600]));"
        "assert numpy.isfinite(found).all(); assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def test_what_is_no_bundle_is_refused(simulated, tmp_path):
    with pytest.raises(RegistryError, match="not a whole model bundle"):
        load_bundle(tmp_path)
    save_bundle(fit(find_recipe("har-range"), simulated, as_of=AS_OF, seed=3), tmp_path)
    facts = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(facts | {"format": 99}))
    with pytest.raises(RegistryError, match="format 99"):
        load_bundle(tmp_path)
    for unknown in ({"kind": "oracle"}, {"method": "oracle"}, {"speed": 3}):
        (tmp_path / "model.json").write_text(json.dumps(facts | {"recipe": facts["recipe"] | unknown}))
        with pytest.raises(RegistryError, match="not a whole model bundle"):
            load_bundle(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps(facts))
    (tmp_path / "arrays.npz").write_bytes(b"cut")
    with pytest.raises(RegistryError, match="not a whole model bundle"):
        load_bundle(tmp_path)
