"""Dates as vendors and spreadsheets write them, and whether day or month comes first."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from pipeline.candles.values.months import month_of
from pipeline.candles.values.timestamps import Written
from pipeline.errors import CandleFileError


class DateText(NamedTuple):
    """A date as read: the clock of its own zone, how it was written, and that zone's offset from UTC."""

    local: datetime
    written: Written
    offset: timedelta = timedelta()


# So few dates that contradict all others are damage to their rows.
_STRAY_SHARE: Final = 0.05
# One date in three fits both readings: turning those that were exchanged makes so many more follow each other.
_FOLLOWING: Final = 0.2
_DATES_ASKED: Final = 400
# Spreadsheets of some countries part hours and minutes by a point; compact times part them by nothing.
_TIME: Final = (
    r"(?:(?:[t ]|,? (?:at )?)\s*(?P<hour>\d{1,2})"
    r"(?:[:.h]?(?P<minute>\d{2})(?:[:.]?(?P<second>\d{2})(?P<fraction>\.\d{1,9})?)?)?"
    r"(?:[- ]?(?P<half>[ap])\.?m\.?)?"
    r"\s*(?P<zone>z|(?:utc|gmt)?[+-]\d{2}(?::?\d{2})?|utc|gmt)?(?: \([\w ]+\))?|t)?"
)
_YEAR_FIRST: Final = re.compile(
    # Without signs months and days have two digits: `2024-115` is no 5 November.
    r"(?P<year>\d{4})(?:(?=\d{4}(?!\d))|(?=[-/.]\d{1,2}[-/.]\d))[-/.]?(?P<month>\d{1,2})[-/.]?(?P<day>\d{1,2})"
    + _TIME,
    re.ASCII,
)
_YEAR_LAST: Final = re.compile(
    r"(?P<one>\d{1,2})(?P<sign>[/.-])(?P<two>\d{1,2})(?P=sign)(?P<year>\d{4}|\d{2})" + _TIME, re.ASCII
)
_NAME: Final = r"(?P<name>[^\W\d_]{3,})\.?"
_DAY_NAMED_MONTH: Final = re.compile(
    rf"(?P<day>[0-9]{{1,2}})(?:\.|er)?[- /]*(?:de )?{_NAME}[- /,]+(?:de )?(?P<year>[0-9]{{4}}|[0-9]{{2}})"
    + _TIME
)
_NAMED_MONTH_DAY: Final = re.compile(
    rf"{_NAME}[- /](?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?[- /,]+(?P<year>[0-9]{{4}}|[0-9]{{2}})" + _TIME
)
# A weekday before any of them, as `Monday, January 15, 2024` and `Mo 15.01.2024`.
_WEEKDAY: Final = re.compile(r"[^\W\d_]{2,}(?:\.,?|,)? ")
# `2024- 03- 15`.
_SPACED: Final = re.compile(r"(?<=\d)([-/.]) (?=\d)")
# `2024年3月15日` and `2024년 3월 15일`.
_CHARACTERS: Final = re.compile(r"\s*[年年월月년]\s*")


def read_date(text: str, *, day_first: bool) -> DateText | None:
    """A date in any of the known forms; None for what is none.

    Args:
        text: As `2020-11-20 07-AM`, `8-Oct-15`, `5/9/2016 4:00`, `2014-09-17 00:00:00+00:00`.
        day_first: What the first number of `5/9/2016` is.
    """
    match = _match(_plain(text))
    if match is None:
        return None
    try:
        return _assemble(match.groupdict(), day_first=day_first)
    except (ValueError, OverflowError):
        return None


def _plain(text: str) -> str:
    """Small letters, numbers parted by signs, without a weekday."""
    lowered = text.strip().strip("\"'").lower()
    if not lowered.isascii():
        lowered = _CHARACTERS.sub("-", lowered).replace("日", "").replace("일", "")
    lowered = _SPACED.sub(r"\1", lowered)
    day = _WEEKDAY.match(lowered)
    return lowered if day is None or _match(lowered) else lowered[day.end() :]


def _match(text: str) -> re.Match[str] | None:
    return (
        _YEAR_FIRST.fullmatch(text)
        or _YEAR_LAST.fullmatch(text)
        or _DAY_NAMED_MONTH.fullmatch(text)
        or _NAMED_MONTH_DAY.fullmatch(text)
    )


def _assemble(parts: dict[str, str | None], *, day_first: bool) -> DateText:
    year = int(parts["year"] or 0)
    year += 2000 if year < 100 else 0
    if "one" in parts:
        day, month = (parts["one"], parts["two"]) if day_first else (parts["two"], parts["one"])
    else:
        day = parts["day"]
        month = str(month_of(parts["name"] or "")) if "name" in parts else parts["month"]
    instant = datetime(year, int(month or 0), int(day or 0))  # noqa: DTZ001 (candle tables are naive UTC)
    if parts["hour"] is None:
        return DateText(instant, Written.DAY)
    hour = int(parts["hour"])
    if parts["half"]:
        if not 1 <= hour <= 12:
            raise ValueError("an hour with AM or PM lies between 1 and 12")
        hour = hour % 12 + (12 if parts["half"] == "p" else 0)
    second = float(f"{parts['second'] or 0}{parts['fraction'] or ''}")
    local = instant.replace(hour=hour, minute=int(parts["minute"] or 0)) + timedelta(seconds=second)
    written = Written.HOUR if parts["half"] and parts["minute"] is None else Written.INSTANT
    return DateText(local, written, _offset(parts["zone"], has_minutes=parts["minute"] is not None))


def _offset(zone: str | None, *, has_minutes: bool) -> timedelta:
    """As `+09:00`, `GMT+0900`, or `+09` behind a time of day with minutes: `7-11` is no zone."""
    sign, digits = (zone or "").lstrip("utcgmz")[:1], re.sub(r"\D", "", zone or "")
    if digits and len(digits) < 4 and not has_minutes:
        raise ValueError("an offset stands behind hours and minutes")
    size = timedelta(hours=int(digits[:2] or 0), minutes=int(digits[2:] or 0))
    return -size if sign == "-" else size


def is_day_first(texts: Sequence[str], unix_days: Sequence[tuple[str, datetime]]) -> bool:
    """Whether the first number of dates such as `5/9/2016` is the day, by all dates of the file together.

    Evidence, strongest first: a number above 12; a unix time beside the date; days that follow each other in one
    reading and lie months apart in the other.

    Args:
        texts: Distinct dates.
        unix_days: Dates with the instant that the same row's unix time tells.

    Raises:
        CandleFileError: The dates contradict each other, or fit both readings.
    """
    numbers = (match for text in texts if (match := _YEAR_LAST.fullmatch(_plain(text))))
    firsts = Counter((int(match["one"]) > 12, int(match["two"]) > 12) for match in numbers)
    if not firsts:
        return False
    day_first, month_first = firsts[True, False], firsts[False, True]
    if min(day_first, month_first) > _STRAY_SHARE * max(day_first, month_first):
        raise CandleFileError(
            "The file writes some dates as day/month and others as month/day. Write them all as YYYY-MM-DD."
        )
    if day_first != month_first:
        if not unix_days and _is_half_turned(texts, day_first=day_first > month_first):
            raise CandleFileError(
                "In the dates whose day is 12 or less, day and month were exchanged by a spreadsheet: they follow each "
                "other only if those are read the other way round. Write them all as YYYY-MM-DD."
            )
        return day_first > month_first
    votes = {first: _agreeing(unix_days, day_first=first) for first in (True, False)}
    if votes[True] != votes[False]:
        return votes[True] > votes[False]
    steps = {first: _daily_share(texts, day_first=first) for first in (True, False)}
    if max(steps.values()) >= 0.5 and min(steps.values()) < 0.1:
        return steps[True] > steps[False]
    example = next(filter(_is_year_last, texts))[:30]
    raise CandleFileError(
        f"Dates such as {example!r} can be day/month or month/day, and nothing in the file tells "
        "which. Write them as YYYY-MM-DD."
    )


def _is_half_turned(texts: Sequence[str], *, day_first: bool) -> bool:
    """Whether days follow each other, in the order of the file, only where dates that fit both readings are turned."""
    dates = [match for text in texts[:_DATES_ASKED] if (match := _YEAR_LAST.fullmatch(_plain(text)))]
    turned = [max(int(date["one"]), int(date["two"])) <= 12 for date in dates]
    shares = []
    for is_turned in (False, True):
        read = [
            read_date(date[0], day_first=day_first ^ (is_turned and can_be))
            for date, can_be in zip(dates, turned, strict=True)
        ]
        days = [date.local.date() for date in read if date]
        steps = [abs(later - earlier) <= timedelta(days=1) for earlier, later in pairwise(days)]
        shares.append(sum(steps) / max(len(steps), 1))
    return shares[1] > shares[0] + _FOLLOWING


def _is_year_last(text: str) -> bool:
    return _YEAR_LAST.fullmatch(_plain(text)) is not None


def _agreeing(unix_days: Sequence[tuple[str, datetime]], *, day_first: bool) -> int:
    read = ((read_date(text, day_first=day_first), instant) for text, instant in unix_days)
    return sum(1 for date, instant in read if date and date.local.date() == instant.date())


def _daily_share(texts: Iterable[str], *, day_first: bool) -> float:
    """Share of one-day steps between the distinct days, of at least three."""
    read = (read_date(text, day_first=day_first) for text in texts if _is_year_last(text))
    days = sorted({date.local.date() for date in read if date})
    if len(days) < 3:
        return 0.0
    return sum(later - earlier == timedelta(days=1) for earlier, later in pairwise(days)) / (len(days) - 1)
