"""Rounding that a reader expects, from Bitcoin to Shiba Inu."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.page.prices import coin_name, format_price, market_name, rounding_step
from pipeline.series import Series


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        (64123.4, 69187.2, ("64,100", "69,200")),
        (64123.4, 65080.0, ("64,120", "65,080")),
        (2251.0, 2653.7, ("2,250", "2,650")),
        (0.00001234321, 0.00001301234, ("0.00001234", "0.00001301")),
        (0.00000000123, 0.00000000201, ("0.00000000123", "0.00000000201")),
        (0.9987, 1.0012, ("0.9987", "1.0012")),
        (99.5, 1240.0, ("100", "1,200")),
        (50000.0, 50000.0, ("50,000", "50,000")),
    ],
)
def test_a_range_is_told_in_the_digits_that_matter(
    lower: float, upper: float, expected: tuple[str, str]
) -> None:
    step = rounding_step(lower, upper)
    assert (format_price(lower, step), format_price(upper, step)) == expected


@given(lower=st.floats(1e-12, 1e9), width=st.floats(0.001, 3.0))
def test_rounding_moves_an_end_by_less_than_a_tenth_of_the_width(lower: float, width: float) -> None:
    upper = lower * (1 + width)
    step = rounding_step(lower, upper)
    for end in (lower, upper):
        assert abs(float(format_price(end, step).replace(",", "")) - end) <= 0.051 * (upper - lower)


def test_names() -> None:
    assert coin_name(Series("binance", "BTCUSDT")) == "Bitcoin"
    assert coin_name(Series("binance", "PEPEUSDT")) == "PEPE"
    assert market_name(Series("kraken", "ETHUSD")) == "ETH/USD on Kraken"
    assert market_name(Series("binance", "WEIRD")) == "WEIRD on Binance"
