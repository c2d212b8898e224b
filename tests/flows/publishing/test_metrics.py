"""What a machine's monitoring is told of a run."""

import pytest

from flows.publishing.metrics import figures_of_run

pytestmark = pytest.mark.slow

BTC, ETH = "binance/BTCUSDT/1d", "binance/ETHUSDT/1d"


@pytest.mark.parametrize(
    ("failed", "expected"),
    [((), 0.0), ((ETH,), 0.0), ((BTC,), 1.0), ((f"{BTC} as of 2026-03-28",), 1.0), (("publication",), 1.0)],
)
def test_a_run_failed_for_a_series_by_itself_or_by_the_publication_of_all(
    failed: tuple[str, ...], expected: float
) -> None:
    (figure, stage) = figures_of_run(BTC, {BTC: {"train": 1.5}}, failed)
    assert (figure.name, figure.value) == ("last_run_failed", expected)
    assert (stage.labels["stage"], stage.value) == ("train", 1.5)
