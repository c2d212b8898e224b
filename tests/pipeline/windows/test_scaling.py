import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.windows.scaling import ScalerKind, Scaling, learn_scaling

TABLES = arrays(np.float64, st.tuples(st.integers(2, 30), st.integers(1, 3)), elements=st.floats(-1e6, 1e6))


@pytest.mark.parametrize("kind", ["standard", "min-max"])
@given(table=TABLES)
def test_scaling_is_undone_and_travels_as_json(kind: ScalerKind, table: np.ndarray) -> None:
    scaling = learn_scaling(table, kind)
    scaled = scaling.apply(table)
    largest = np.abs(table).max() + 1
    np.testing.assert_allclose(scaling.undo(scaled), table, atol=1e-9 * largest)
    again = Scaling.from_values(json.loads(json.dumps(scaling.as_values())))
    np.testing.assert_array_equal(again.apply(table), scaled)


def test_standard_is_mean_and_population_deviation_of_the_training_rows() -> None:
    scaling = learn_scaling(np.array([[1.0], [3.0]]), "standard")
    np.testing.assert_allclose(scaling.apply(np.array([[1.0], [3.0], [7.0]]))[:, 0], [-1, 1, 5])


def test_min_max_puts_the_training_rows_between_0_and_1_and_others_outside() -> None:
    scaling = learn_scaling(np.array([[2.0, 0.0], [4.0, 5.0]]), "min-max")
    np.testing.assert_allclose(scaling.apply(np.array([[6.0, 5.0]])), [[2, 1]])


def test_one_column_is_scaled_by_its_own_numbers() -> None:
    scaling = learn_scaling(np.array([[0.0, 10.0], [1.0, 30.0]]), "min-max")
    np.testing.assert_allclose(scaling.apply(np.array([20.0]), column=1), [0.5])
    np.testing.assert_allclose(scaling.undo(np.array([0.5]), column=1), [20.0])


def test_a_column_that_never_changes_is_only_shifted() -> None:
    for kind in ("standard", "min-max"):
        np.testing.assert_allclose(
            learn_scaling(np.full((3, 1), 5.0), kind).apply(np.array([[7.0]])), [[2.0]]
        )
