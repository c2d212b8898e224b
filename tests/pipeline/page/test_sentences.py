"""The reader's sentence and the verdicts say what the figures say, and no more."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from math import nan

import numpy as np
import pytest

from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import LEVELS
from pipeline.page.content import Record, SeriesContent
from pipeline.page.sentences import (
    calibration_verdict,
    horizon_note,
    percent,
    reader_sentence,
    skill_verdict,
)
from pipeline.scores.differences import Difference
from pipeline.scores.scorecard import Comparison, Coverage, ScoreLine, Skill
from pipeline.scores.uncertainty import Interval, wilson_interval
from pipeline.series import Series

MakeContent = Callable[..., SeriesContent]
BITCOIN = Series("binance", "BTCUSDT")


WALK, HAR = "coincast-random_walk", "coincast-har_range"


def record(hits: int, n: int, *differences: tuple[str, Difference]) -> Record:
    """One-day-ahead scores: of n days, `hits` inside the 80 percent range; how far from which baseline."""
    share = hits / n
    coverage = Coverage(80, hits, share, wilson_interval(share, n))
    line = ScoreLine(
        series=str(BITCOIN),
        model_id="coincast-range_lstm",
        mode="live",
        horizon=1,
        n=n,
        first=date(2025, 3, 30),
        last=date(2026, 3, 29),
        coverage=(coverage,),
        mean_wis=0.01,
        mae=900.0,
        pit=(n,) + (0,) * 9,
        skill=_skill(dict(differences)[WALK]) if differences else None,
        simulated_time=0,
        simulated_data=False,
        comparisons=tuple(Comparison(name, difference) for name, difference in differences),
    )
    return Record("live", 365, (line,))


def _skill(walk: Difference) -> Skill:
    return Skill(walk.days, 1 + walk.value, Interval(nan, nan), nan, nan)


def beside(value: float, error: float, days: int = 365, other: str = WALK) -> tuple[str, Difference]:
    return other, Difference(value, error, days)


@pytest.fixture(scope="module")
def content(make_content: MakeContent) -> SeriesContent:
    """Bitcoin between 64,123 and 69,187 tomorrow; nothing scored yet."""
    lower, upper = LEVELS.index(0.1), LEVELS.index(0.9)
    quantiles = np.interp(np.arange(23), [0, lower, upper, 22], [60000, 64123.4, 69187.2, 72000])
    forecast = Forecast(
        BITCOIN, date(2026, 3, 29), "coincast-range_lstm", 66000.0, np.tile(quantiles, (7, 1))
    )
    return make_content(live=0, forecast=forecast)


@pytest.mark.parametrize(
    ("live", "tail"),
    [
        (None, "there is no record of such ranges yet."),
        (record(296, 365), "such ranges held on 81 % of the last 365 days."),
        (record(160, 200), "such ranges held on 80 % of the 200 days scored in the last 365."),
        (record(4, 5), "such ranges held on 4 of the 5 days scored so far."),
        (record(1, 1), "such ranges held on 1 of the 1 day scored so far."),
        (record(365, 365), "such ranges held on 100 % of the last 365 days."),
    ],
)
def test_the_readers_sentence(content: SeriesContent, live: Record | None, tail: str) -> None:
    head = "Tomorrow (30 March) Bitcoin most likely closes between 64,100 and 69,200 USDT (80 %); "
    assert reader_sentence(replace(content, live=live)) == head + tail


def test_a_made_up_market_is_called_so_in_the_sentence(content: SeriesContent) -> None:
    assert reader_sentence(replace(content, simulated=True)).endswith(" [Simulated data]")


def test_a_forecast_issued_too_late_does_not_speak_of_tomorrow(content: SeriesContent) -> None:
    late = replace(content.issue, now=datetime(2026, 3, 31, tzinfo=UTC))
    assert reader_sentence(replace(content, issue=late)).startswith(
        "Seen from the day before, on 30 March 2026 Bitcoin most likely closes"
    )


@pytest.mark.parametrize(
    ("given", "tone", "words"),
    [
        (None, "neutral", "No record yet"),
        (record(20, 25), "neutral", "Too early to tell"),
        (record(292, 365), "good", "Ranges hold as often as they should"),
        (record(250, 365), "bad", "Ranges are too narrow"),
        (record(350, 365), "bad", "Ranges are too wide"),
    ],
)
def test_whether_the_ranges_are_honest(given: Record | None, tone: str, words: str) -> None:
    assert calibration_verdict(given)[:2] == (tone, words)


@pytest.mark.parametrize(
    ("given", "tone", "words"),
    [
        (None, "neutral", "No record yet"),
        (beside(-0.06, nan, days=20), "neutral", "Too early to tell"),
        (beside(nan, nan), "neutral", "Too early to tell"),
        (beside(-0.06, 0.02), "good", "Better than the random walk"),
        (beside(-0.06, 0.03), "neutral", "No clear difference from the random walk"),
        (beside(0.0, nan), "neutral", "No clear difference from the random walk"),
        (beside(0.06, 0.02), "bad", "No skill: worse than the random walk"),
    ],
)
def test_whether_there_is_skill(given: tuple[str, Difference] | None, tone: str, words: str) -> None:
    told = skill_verdict("coincast-range_lstm", record(80, 100, *([given] if given else [])))
    assert told[:2] == (tone, words)
    assert "nan" not in told.figures


@pytest.mark.parametrize(
    ("value", "error", "days", "answer"),
    [
        (-0.025, 0.01, 365, "Yes, by 2.5 % ± 1.0"),
        (0.025, 0.01, 365, "No, it is worse by 2.5 % ± 1.0"),
        (-0.015, 0.01, 365, "Not clearly: better by 1.5 % ± 1.0"),
        (0.001, 0.01, 365, "Not clearly: worse by 0.1 % ± 1.0"),
        (-0.025, nan, 12, "Too early to tell"),
    ],
)
def test_a_chip_of_skill_is_question_and_answer(value: float, error: float, days: int, answer: str) -> None:
    told = skill_verdict("coincast-range_lstm", record(80, 100, beside(value, error, days=days)))
    assert (told.question, told.answer) == ("Is it better than the random walk?", answer)


@pytest.mark.parametrize(
    ("hits", "answer"),
    [(80, "Yes"), (50, "No: ranges are too narrow"), (99, "No: ranges are too wide")],
)
def test_a_chip_of_calibration_is_question_and_answer(hits: int, answer: str) -> None:
    told = calibration_verdict(record(hits, 100))
    assert (told.question, told.answer) == ("Do the ranges hold as often as they should?", answer)
    assert calibration_verdict(None).answer == "No record yet"


def test_without_a_record_those_made_afterwards_answer_for_themselves() -> None:
    late = record(78, 100, beside(-0.034, 0.014))
    honest = calibration_verdict(None, late=late)
    assert honest.answer == "No record yet"
    assert honest.figures.endswith("Of 100 made afterwards, 78 held.")
    skilful = skill_verdict("coincast-range_lstm", None, late=late)
    assert skilful.answer == "No record yet"
    assert skilful.figures.endswith("Made afterwards: yes, by 3.4 % ± 1.4.")
    # A record issued in time speaks alone.
    live = record(20, 25)
    assert calibration_verdict(live, late=late) == calibration_verdict(live)
    assert skill_verdict("coincast-range_lstm", live, late=late) == skill_verdict("coincast-range_lstm", live)


@pytest.mark.parametrize(
    ("har", "clause"),
    [
        (beside(-0.004, 0.001, other=HAR), "; better than har-range's (−0.0040 ± 0.0010)."),
        (beside(0.004, 0.001, other=HAR), "; worse than har-range's (+0.0040 ± 0.0010)."),
        (beside(-0.004, 0.002, other=HAR), "; no clear difference from har-range's (−0.0040 ± 0.0020)."),
        (beside(-0.004, nan, days=29, other=HAR), "."),
    ],
)
def test_the_figures_tell_the_difference_and_that_from_har_range(
    har: tuple[str, Difference], clause: str
) -> None:
    told = skill_verdict("coincast-range_lstm", record(80, 100, beside(-0.025, 0.01), har))
    figures = "Its error is 0.975 times the random walk's (difference −0.0250 ± 0.0100, 365 days)"
    assert told.figures == figures + clause


def test_a_share_comes_with_what_chance_allows() -> None:
    assert (
        calibration_verdict(record(22, 30)).figures
        == "80 % ranges held on 73 % of 30 days; chance allows 56 to 86 %."
    )
    assert calibration_verdict(record(22, 29)).figures == "80 % ranges held on 22 of 29 days."


def test_a_record_of_later_days_only_is_no_record_of_tomorrow() -> None:
    later = Record("live", 365, tuple(replace(line, horizon=2) for line in record(80, 100).lines))
    assert calibration_verdict(later).figures == "No range of the next day has been scored against what came."
    assert skill_verdict("coincast-range_lstm", later).figures.startswith("Its error one day ahead has not")


def test_an_error_is_not_measured_by_a_random_walk_that_made_none() -> None:
    verdict = skill_verdict("coincast-range_lstm", record(80, 100, beside(nan, nan)))
    assert (verdict.tone, verdict.words) == ("neutral", "Too early to tell")
    assert "nan" not in verdict.figures


def test_the_random_walk_itself_claims_nothing() -> None:
    assert skill_verdict("coincast-random_walk", record(80, 100)).words == "No skill: this is the random walk"


def test_the_random_walk_as_recipe_is_what_was_asked_for(content: SeriesContent) -> None:
    verdict = skill_verdict("coincast-random_walk", record(80, 100), configured=True)
    assert verdict[:2] == ("neutral", "This is the random walk")
    asked = replace(content.forecast, random_walk_from=1)
    assert (
        horizon_note(asked, configured=True)
        == "All seven days are the random walk's forecast, as the recipe says."
    )


def test_where_the_random_walk_takes_over(content: SeriesContent) -> None:
    assert horizon_note(content.forecast) == ""
    for first, words in ((5, "From day 5 on"), (1, "All seven days")):
        forecast = replace(content.forecast, random_walk_from=first)
        assert horizon_note(forecast).startswith(words)


def test_percent_never_claims_all_or_none() -> None:
    assert [percent(share) for share in (0.0, 0.004, 0.5, 0.996, 1.0)] == [
        "0 %",
        "under 1 %",
        "50 %",
        "over 99 %",
        "100 %",
    ]
