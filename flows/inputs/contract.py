"""Data contract: the one place that holds a market's candles against it."""

from datetime import date

import pandas as pd

from expectations.checking import check_candles
from expectations.verdict import Verdict
from flows.inputs.market import Market
from flows.inputs.request import Job


def check_market(
    job: Job, market: Market, *, candles: pd.DataFrame | None = None, as_of: date | None = None
) -> Verdict:
    """What the contract says of a market as a run sees it.

    Args:
        job: Whose `now` and settings hold.
        market: What was read.
        candles: Those up to an earlier day; None for all of the market's.
        as_of: That day.
    """
    return check_candles(
        market.candles if candles is None else candles,
        series=job.series,
        as_of=as_of or market.as_of,
        now=job.midnight,
        account=market.account,
        stale_after_days=job.configuration.settings.stale_after_days,
    )
