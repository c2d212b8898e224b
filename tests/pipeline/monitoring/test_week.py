"""A week's summary against plain loops over the rows."""

import math
import random
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from pipeline.forecasts.quantiles import COVERAGES, HORIZONS
from pipeline.monitoring.week import last_whole_week, missing_days, score_week, week_name
from pipeline.series import Series

MONDAY = date(2026, 3, 23)
SERIES = Series("binance", "BTCUSDT")
LSTM, HAR, WALK = "coincast-range_lstm", "coincast-har_range", "coincast-random_walk"
# The champion changed in the middle of the week; of the Saturday nothing was published.
PUBLISHED = {MONDAY + timedelta(days=number): (HAR if number >= 2 else LSTM) for number in range(-7, 5)}


def rows() -> list[dict]:
    """Three weeks of all horizons; every third day was issued afterwards, one day of the walk is missing."""
    chance = random.Random(5)
    found = []
    for number in range(-14, 10):
        day = MONDAY + timedelta(days=number)
        for horizon in HORIZONS:
            for model in (LSTM, HAR, WALK):
                if model == WALK and number == 1 and horizon == 1:
                    continue
                found.append(
                    {
                        "series": str(SERIES),
                        "as_of": pd.Timestamp(day),
                        "horizon": horizon,
                        "target_date": pd.Timestamp(day + timedelta(days=horizon)),
                        "model_id": model,
                        "mode": "backfill" if number % 3 == 0 else "live",
                        "wis": chance.uniform(0.01, 0.05) * math.sqrt(horizon),
                        **{f"hit_{coverage}": chance.random() < coverage / 100 for coverage in COVERAGES},
                    }
                )
    return found


@pytest.mark.parametrize("mode", ["live", "backfill"])
def test_a_week_is_the_published_forecasts_whose_day_is_in_it(mode: str) -> None:
    table = rows()
    walk = {(one["as_of"], one["horizon"]): one["wis"] for one in table if one["model_id"] == WALK}
    mine = [
        one
        for one in table
        if one["mode"] == mode
        and MONDAY <= one["target_date"].date() <= MONDAY + timedelta(days=6)
        and one["model_id"] == PUBLISHED.get(one["as_of"].date(), LSTM)
    ]
    tomorrow = [one for one in mine if one["horizon"] == 1]
    score = score_week(
        pd.DataFrame(table), series=SERIES, monday=MONDAY, mode=mode, published=PUBLISHED, usual=LSTM
    )
    assert score is not None
    assert (score.mode, score.scored, score.days) == (mode, len(mine), len(tomorrow))
    assert score.held == {coverage: sum(one[f"hit_{coverage}"] for one in tomorrow) for coverage in COVERAGES}
    for told, some in ((score.relative_wis, tomorrow), (score.relative_wis_all, mine)):
        both = [one for one in some if (one["as_of"], one["horizon"]) in walk]
        own = sum(one["wis"] / math.sqrt(one["horizon"]) for one in both)
        baseline = sum(walk[one["as_of"], one["horizon"]] / math.sqrt(one["horizon"]) for one in both)
        assert told == pytest.approx(own / baseline, rel=1e-12)


def test_a_week_of_the_random_walk_alone_is_told_from_others() -> None:
    arguments = {"series": SERIES, "monday": MONDAY, "mode": "live", "usual": WALK}
    walk = score_week(pd.DataFrame(rows()), published={}, **arguments)
    mixed = score_week(pd.DataFrame(rows()), published=PUBLISHED, **arguments)
    assert walk is not None
    assert mixed is not None
    assert (walk.of_random_walk, mixed.of_random_walk, walk.relative_wis) == (True, False, 1.0)


def test_nothing_scored_is_no_score() -> None:
    arguments = {"series": SERIES, "mode": "live", "published": {}, "usual": LSTM}
    assert score_week(pd.DataFrame(), monday=MONDAY, **arguments) is None
    later = MONDAY + timedelta(days=70)
    assert score_week(pd.DataFrame(rows()), monday=later, **arguments) is None


@pytest.mark.parametrize(
    ("now", "monday"),
    [
        (datetime(2026, 3, 30, tzinfo=UTC), date(2026, 3, 23)),
        (datetime(2026, 3, 29, 23, 59, tzinfo=UTC), date(2026, 3, 16)),
        (datetime(2026, 1, 5, 8, tzinfo=UTC), date(2025, 12, 29)),
    ],
)
def test_the_last_whole_week(now: datetime, monday: date) -> None:
    assert last_whole_week(now) == monday


def test_a_week_has_the_number_of_its_thursday() -> None:
    assert week_name(date(2025, 12, 29)) == "2026-W01"
    assert week_name(MONDAY) == "2026-W13"


def test_days_without_a_forecast() -> None:
    said = [MONDAY + timedelta(days=number) for number in (0, 1, 3, 4, 5, 9)]
    assert missing_days(MONDAY, said) == (date(2026, 3, 25), date(2026, 3, 29))
