"""coincast in a notebook: candles, forecasts, scores and studies as pandas tables.

Settings and places are those of the `coincast` command: coincast.toml and the environment.

Example:
    >>> import coincast
    >>> table = coincast.forecasts("binance/BTCUSDT/1d", mode="live")
    >>> scored = table.dropna(subset=["y"])
"""

from coincast.notebook import backtest, compare, forecasts, read_candles, runs, scores, truth

__all__ = ["backtest", "compare", "forecasts", "read_candles", "runs", "scores", "truth"]
