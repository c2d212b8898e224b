import numpy as np

from pipeline.candles.cleaning.volumes import describe_swap, swapped_rows


def swapped(base, quote, price):
    """Rows of bars that move by 1 % around their price."""
    base, quote, price = (np.array(values, dtype=np.float64) for values in (base, quote, price))
    return swapped_rows(base, quote, price * 0.99, price * 1.01).tolist()


def test_the_ratio_decides_far_from_one():
    assert swapped([10, 1000], [1000, 10], [100, 100]) == [False, True]
    assert swapped([10, 0.1], [0.1, 10], [0.01, 0.01]) == [False, True]


def test_a_price_near_one_follows_the_older_rows_and_never_newer_ones():
    assert swapped([10, 1000, 10], [10, 10, 10.2], [1, 100, 1.0]) == [False, True, True]
    assert swapped([10, 10, 1000], [10, 10.2, 10], [1, 1, 100]) == [False, False, True]


def test_no_volume_says_nothing():
    assert swapped([1000, 0, np.nan], [10, 0, 5], [100, 100, 100]) == [True, True, True]


def test_volumes_that_fit_neither_way_keep_their_labels():
    assert swapped([10], [10], [100]) == [False]


def test_wide_bars_are_given_room():
    assert swapped_rows(np.array([1.0]), np.array([2.0]), np.array([1.1]), np.array([400.0])).tolist() == [
        False
    ]


def test_switches_are_named():
    days = np.arange(4, dtype=np.int64) * 86_400_000_000
    assert describe_swap(np.array([False] * 4), days) == ()
    assert "every row" in describe_swap(np.array([True] * 4), days)[0]
    assert (
        "2 of 4 rows; the labels switch on 1970-01-03"
        in describe_swap(np.array([True, True, False, False]), days)[0]
    )
