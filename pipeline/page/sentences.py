"""What the figures say, in whole sentences; the same ones on the page and in latest.json."""

from datetime import UTC, date, datetime
from math import isnan
from typing import Final, Literal, NamedTuple

from pipeline.forecasts.columns import HAR_RANGE, LIVE, RANDOM_WALK
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import interval
from pipeline.page.content import Record, SeriesContent
from pipeline.page.prices import coin_name, format_price, rounding_step
from pipeline.scores.differences import NO_CLEAR_DIFFERENCE, Difference
from pipeline.scores.formulas import FEWEST_TESTED
from pipeline.scores.scorecard import ScoreLine

# Fewer outcomes than this are counted, not given in percent, and not drawn.
FEW: Final = 30

_HONEST: Final = "Do the ranges hold as often as they should?"
_SKILFUL: Final = "Is it better than the random walk?"

Tone = Literal["good", "neutral", "bad"]


class Verdict(NamedTuple):
    """A judgement: its tone, a few words, the figures behind them as a sentence; the same as question and answer."""

    tone: Tone
    words: str
    figures: str
    question: str = ""
    answer: str = ""


def reader_sentence(content: SeriesContent) -> str:
    """Tomorrow's 80 percent range in words, and how often such ranges held; simulated data are named so."""
    sentence = range_sentence(content.forecast, mode=content.mode(1), live=content.live)
    return f"{sentence} [Simulated data]" if content.simulated else sentence


def range_sentence(forecast: Forecast, *, mode: str, live: Record | None) -> str:
    """The 80 percent range of the day after as_of in words, and how often such ranges held.

    Args:
        forecast: What was said.
        mode: `live` while that day is not over: then it is called tomorrow.
        live: Record of the model's forecasts issued in time; None before the first.
    """
    return f"{range_clause(forecast, mode=mode)}; {_held(live)}."


def range_clause(forecast: Forecast, *, mode: str) -> str:
    """The 80 percent range of the day after as_of in words, without a full stop.

    Args:
        forecast: What was said.
        mode: `live` while that day is not over: then it is called tomorrow.
    """
    lower, upper = next(zip(*interval(forecast.quantiles, 80), strict=True))
    step = rounding_step(lower, upper)
    currency = f" {forecast.series.quote}" if forecast.series.quote else ""
    return (
        f"{_when(forecast.target_date(1), mode)} {coin_name(forecast.series)} most likely closes between "
        f"{format_price(lower, step)} and {format_price(upper, step)}{currency} (80 %)"
    )


def calibration_verdict(record: Record | None, *, late: Record | None = None) -> Verdict:
    """Whether the one-day-ahead ranges of a record are honest; without one, how those made afterwards did."""
    verdict = _calibration(record)
    coverage = late.coverage(80) if late and record is None else None
    if late and late.next_day and coverage:
        held = f"Of {late.next_day.n} made afterwards, {coverage.hits} held."
        verdict = verdict._replace(figures=f"{verdict.figures} {held}")
    answers = {"good": "Yes", "bad": f"No: {verdict.words[:1].lower()}{verdict.words[1:]}"}
    return verdict._replace(question=_HONEST, answer=answers.get(verdict.tone, verdict.words))


def _calibration(record: Record | None) -> Verdict:
    line = record.next_day if record else None
    coverage = record.coverage(80) if record else None
    if record is not None and line is None:
        return Verdict(
            "neutral", "No record yet", "No range of the next day has been scored against what came."
        )
    if line is None or coverage is None:
        return Verdict("neutral", "No record yet", "No range issued in time has been scored yet.")
    if line.n < FEW:
        held = f"80 % ranges held on {coverage.hits} of {days(line.n)}."
        return Verdict("neutral", "Too early to tell", held)
    lower, upper = (f"{100 * end:.0f}" for end in coverage.interval)
    share = percent(coverage.share)
    figures = f"80 % ranges held on {share} of {days(line.n)}; chance allows {lower} to {upper} %."
    if coverage.interval.lower <= coverage.nominal / 100 <= coverage.interval.upper:
        return Verdict("good", "Ranges hold as often as they should", figures)
    fault = "narrow" if coverage.share < coverage.nominal / 100 else "wide"
    return Verdict("bad", f"Ranges are too {fault}", figures)


def skill_verdict(
    model_id: str, record: Record | None, *, configured: bool = False, late: Record | None = None
) -> Verdict:
    """Whether the model's one-day-ahead forecasts of a record beat the random walk's.

    Better and worse need a difference of more than two standard errors; the figures tell that from har-range too.

    Args:
        model_id: Whose.
        record: What became of them; None before the first.
        configured: The recipe is a baseline: then the random walk is what was asked for, not what was left.
        late: Forecasts made afterwards, which answer for themselves where there is no record.
    """
    verdict = _skill(model_id, record, configured=configured)
    if record is None and late is not None and model_id != RANDOM_WALK:
        answer = skill_verdict(model_id, late).answer
        figures = f"{verdict.figures} Made afterwards: {answer[:1].lower()}{answer[1:]}."
        return verdict._replace(question=_SKILFUL, answer=verdict.words, figures=figures)
    line = record.next_day if record else None
    walk = line.beside(RANDOM_WALK) if line else None
    clear = walk is not None and not isnan(walk.value) and walk.days >= FEWEST_TESTED
    answer = _answer(walk) if walk is not None and clear and model_id != RANDOM_WALK else verdict.words
    return verdict._replace(question=_SKILFUL, answer=answer)


def _answer(walk: Difference) -> str:
    """By how much, in percent of the random walk's error, and its standard error."""
    error = "" if isnan(walk.error) else f" ± {100 * walk.error:.1f}"
    much = f"{100 * abs(walk.value):.1f} %{error}"
    if walk.words == "better":
        return f"Yes, by {much}"
    if walk.words == "worse":
        return f"No, it is worse by {much}"
    return f"Not clearly: {'better' if walk.value < 0 else 'worse'} by {much}"


def _skill(model_id: str, record: Record | None, *, configured: bool) -> Verdict:
    if model_id == RANDOM_WALK and configured:
        words = "It is published because it is the recipe, and is what models are compared with."
        return Verdict("neutral", "This is the random walk", words)
    if model_id == RANDOM_WALK:
        words = "No model has earned its place, so the baseline itself is shown."
        return Verdict("neutral", "No skill: this is the random walk", words)
    line = record.next_day if record else None
    if record is not None and line is None:
        return Verdict(
            "neutral",
            "No record yet",
            "Its error one day ahead has not been compared with the random walk's.",
        )
    if line is None or line.skill is None:
        return Verdict("neutral", "No record yet", "No error of one issued in time is known yet.")
    return _judge(line)


def _judge(line: ScoreLine) -> Verdict:
    walk, har = line.beside(RANDOM_WALK), line.beside(HAR_RANGE)
    if line.skill is None or walk is None or isnan(walk.value):
        figures = f"The random walk made no error over {days(line.n)}, so its error is no measure."
        return Verdict("neutral", "Too early to tell", figures)
    error = f"Its error is {times_words(line.skill.relative_wis)} times the random walk's"
    if walk.days < FEWEST_TESTED:
        return Verdict("neutral", "Too early to tell", f"{error} over {days(walk.days)}.")
    figures = f"{error} (difference {walk.figures}, {days(walk.days)}){_beside_har_range(har)}."
    if walk.words == "better":
        return Verdict("good", "Better than the random walk", figures)
    if walk.words == "worse":
        return Verdict("bad", "No skill: worse than the random walk", figures)
    return Verdict("neutral", "No clear difference from the random walk", figures)


def _beside_har_range(difference: Difference | None) -> str:
    """A clause about the regression; empty where too few days can be compared, and for itself."""
    if difference is None or difference.days < FEWEST_TESTED or isnan(difference.value):
        return ""
    if difference.words == NO_CLEAR_DIFFERENCE:
        return f"; no clear difference from har-range's ({difference.figures})"
    return f"; {difference.words} than har-range's ({difference.figures})"


def horizon_note(forecast: Forecast, *, configured: bool = False) -> str:
    """From which day on the forecast is the random walk's; empty where it never is."""
    first = forecast.random_walk_from
    if first is None:
        return ""
    if first == 1 and configured:
        return "All seven days are the random walk's forecast, as the recipe says."
    if first == 1:
        return "All seven days are the random walk's forecast: the model has shown no skill on any of them."
    return (
        f"From day {first} on the forecast is the random walk's: the model has shown no skill that far ahead."
    )


def in_time(*, simulated: bool) -> str:
    """How forecasts before their day are called: those of a run that was told the time were in no reader's hands."""
    return "in simulated time" if simulated else "in time"


def percent(share: float) -> str:
    """A fraction as whole percent; never 0 % or 100 % of what is not none or all."""
    if 0.995 <= share < 1:
        return "over 99 %"
    if 0 < share < 0.005:
        return "under 1 %"
    return f"{share * 100:.0f} %"


def long_date(day: date) -> str:
    """A date in words: `30 March 2026`."""
    return f"{day.day} {day:%B} {day.year}"


def short_date(day: date) -> str:
    """A date within the year: `30 March`."""
    return f"{day.day} {day:%B}"


def instant_words(instant: datetime) -> str:
    """An instant in words, in UTC: `30 March 2026, 00:21 UTC`."""
    utc = instant.astimezone(UTC)
    return f"{long_date(utc.date())}, {utc:%H:%M} UTC"


def times_words(ratio: float) -> str:
    """An error as a multiple of another: with three digits, since most lie near 1."""
    return f"{ratio:.3f}"


def days(count: int) -> str:
    """A number of days in words: `1 day`, `1,240 days`."""
    return "1 day" if count == 1 else f"{count:,} days"


def _when(target: date, mode: str) -> str:
    if mode == LIVE:
        return f"Tomorrow ({short_date(target)})"
    return f"Seen from the day before, on {long_date(target)}"


def _held(record: Record | None) -> str:
    line = record.next_day if record else None
    coverage = record.coverage(80) if record else None
    if record is None or line is None or coverage is None:
        return "there is no record of such ranges yet"
    if line.n < FEW:
        return f"such ranges held on {coverage.hits} of the {days(line.n)} scored so far"
    if line.n == record.window_days:
        return f"such ranges held on {percent(coverage.share)} of the last {line.n} days"
    return f"such ranges held on {percent(coverage.share)} of the {line.n} days scored in the last {record.window_days}"
