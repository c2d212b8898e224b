"""Tomorrow's range in percent of the last close."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import LEVELS
from pipeline.page.changes import change_line, change_words, range_change
from pipeline.page.content import SeriesContent
from pipeline.series import Series

LOWER, UPPER = LEVELS.index(0.1), LEVELS.index(0.9)


def forecast(lower: float, upper: float, *, close: float) -> Forecast:
    quantiles = np.interp(
        np.arange(len(LEVELS)), [0, LOWER, UPPER, 22], [0.9 * lower, lower, upper, 1.1 * upper]
    )
    return Forecast(
        Series("binance", "BTCUSDT"), date(2026, 3, 29), "model", close, np.tile(quantiles, (7, 1))
    )


@pytest.mark.parametrize(
    ("lower", "upper", "close", "words"),
    [
        (64123.4, 69187.2, 66543.2, "−3.6 % to +4.0 %"),
        (100.0, 101.0, 100.0, "+0.0 % to +1.0 %"),
        (0.99988, 1.0, 1.0, "−0.012 % to +0.000 %"),
        (50.0, 300.0, 100.0, "−50.0 % to +200.0 %"),
        (7.0, 7.0, 7.0, "+0.0 % to +0.0 %"),
    ],
)
def test_the_change_is_that_of_the_close(lower: float, upper: float, close: float, words: str) -> None:
    assert change_words(range_change(forecast(lower, upper, close=close))) == words


def test_the_line_names_its_close_and_gives_it_only_where_it_may(
    make_content: Callable[..., SeriesContent],
) -> None:
    content = make_content(live=0, forecast=forecast(64123.4, 69187.2, close=66543.2))
    assert (
        change_line(content)
        == "80 %: −3.6 % to +4.0 % of the close of 29 March; the day closes at 24:00 UTC."
    )
    told = change_line(replace(content, publish_truth=True))
    assert "of the close of 29 March (66,543 USDT); the day" in told
