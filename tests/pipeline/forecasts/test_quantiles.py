import numpy as np
import pytest

from pipeline.forecasts.quantiles import COVERAGES, LEVELS, MEDIAN, interval, interval_levels


def test_the_levels_are_the_23_of_the_design() -> None:
    assert len(LEVELS) == 23
    assert LEVELS[MEDIAN] == 0.5
    np.testing.assert_allclose(np.array(LEVELS) + np.array(LEVELS)[::-1], 1.0)


@pytest.mark.parametrize("coverage", COVERAGES)
def test_an_interval_holds_its_share_of_the_levels(coverage: int) -> None:
    lower, upper = interval_levels(coverage)
    assert upper - lower == pytest.approx(coverage / 100)
    low, high = interval(np.array([LEVELS]), coverage)
    assert (low[0], high[0]) == (lower, upper)


def test_a_coverage_between_the_levels_is_refused() -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        interval(np.array([LEVELS]), 55)
