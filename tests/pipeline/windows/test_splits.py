import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import TooLittleHistoryError
from pipeline.windows.splits import Split, divide


@pytest.mark.parametrize(
    ("split", "rows", "window", "training", "test"),
    [
        (Split(train=0.8, of="rows"), 1273, 7, 1018, 248),
        (Split(train=0.67), 1462, 7, 974, 481),
        (Split(train=0.85), 1100, 99, 850, 151),
        (Split(train=0.8), 1060, 60, 800, 200),
    ],
    ids=["article", "lecture", "assignment", "guide"],
)
def test_the_texts_counts(split: Split, rows: int, window: int, training: int, test: int) -> None:
    windows = rows - window
    count = split.training_windows(n_windows=windows, n_rows=rows)
    assert (count, windows - count) == (training, test)


@given(
    windows=st.integers(3, 5000),
    share=st.floats(0.05, 0.95),
    validation=st.floats(0.0, 0.5),
)
def test_the_parts_follow_each_other_and_cover_all(windows: int, share: float, validation: float) -> None:
    training = int(share * windows)
    try:
        parts = divide(windows, training=training, validation=validation)
    except TooLittleHistoryError:
        return
    assert parts.fit.start == 0
    assert parts.fit.stop == parts.validation.start
    assert parts.validation.stop == parts.test.start == training
    assert parts.test.stop == windows
    assert parts.n_fit >= 1
    assert parts.n_test >= 1
    assert (parts.n_validation > 0) == (validation > 0)


@pytest.mark.parametrize(("windows", "training"), [(0, 0), (5, 5), (5, 0), (-3, 1)])
def test_nothing_to_learn_from_or_to_score_is_refused(windows: int, training: int) -> None:
    with pytest.raises(TooLittleHistoryError, match="longer file"):
        divide(windows, training=training, validation=0.0)
