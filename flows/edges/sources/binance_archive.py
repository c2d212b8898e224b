"""Binance's public archive of klines: a ZIP file a month, and a day for the newest, each with its SHA-256 beside it.

What is stored is one CSV file of the series: the rows of every ZIP whose checksum held, under a header. Months that
are held whole are not asked for again, so a usual night costs three small requests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

from flows.edges.http.http_file import Answer, fetch_file
from flows.edges.sources.base import below
from flows.edges.sources.folder_file import copy_file, require_folder
from flows.edges.sources.kline_file import HEADER, KlineFile, checksum_of, rows_of
from flows.edges.sources.source import Look
from pipeline.addresses.address import Address
from pipeline.errors import SourceError, UnknownSeriesError
from pipeline.series import Series

_EXCHANGE: Final = "binance"
# The exchange opened in July 2017.
_OPENED: Final = date(2017, 7, 1)
# A market that pauses, or a month whose file is late, is no end of the history; three months in a row are.
_MOST_ABSENT: Final = 3
# Months from one to the next that is tried for a market whose newest months are absent.
_PROBED: Final = 6
_CHECKSUM_LIMIT: Final = 1024


@dataclass(frozen=True)
class BinanceArchive:
    """The exchange's site, or a folder of the same layout."""

    name: str = "binance-archive"
    attribution: str = (
        "Candles: Binance's public data archive (data.binance.vision), used under its terms of use."
    )

    def place(self, series: Series, base: Address | Path) -> Address | Path:
        """The folder of spot markets, in which a series has a folder of months and one of days.

        Raises:
            UnknownSeriesError: The series is of another exchange.
        """
        if series.exchange != _EXCHANGE:
            raise UnknownSeriesError(
                f"{self.name} has markets of {_EXCHANGE} only, and no {series}; leave it out of `sources` for this one."
            )
        return below(base, "data/spot")

    def fetch(self, look: Look, into: BinaryIO) -> Answer:
        """The rows of every month and day that the archive has; those held already are not asked for again."""
        if isinstance(look.place, Path):
            require_folder(look.place)
        held = _held(look)
        walk = _Walk(look, held, dict(one.split("=", 1) for one in look.etag.split() if "=" in one))
        rows = walk.rows()
        if not rows:
            raise UnknownSeriesError(
                f"The source has no klines of {look.series} in {look.url}. Check the symbol."
            )
        if rows == held:
            return Answer(unchanged=True, etag=walk.etag)
        into.write(b"".join(line + b"\n" for line in (HEADER, *(rows[at] for at in sorted(rows)))))
        return Answer(unchanged=False, etag=walk.etag)


def _held(look: Look) -> dict[int, bytes]:
    """Rows that are stored, by the Unix milliseconds at which they open."""
    lines = look.held().splitlines() if look.held else []
    return {int(line.partition(b",")[0]): line for line in lines[1:]}


@dataclass
class _Walk:
    """One look at the archive's months and days.

    Attributes:
        look: At what.
        held: Rows that are stored.
        known: SHA-256 of the month files that they came from, by month, of the newest months.
        untold: Files whose checksum the archive does not have.
    """

    look: Look
    held: Mapping[int, bytes]
    known: dict[str, str]
    untold: list[KlineFile] = field(default_factory=list)

    @property
    def etag(self) -> str:
        """What the next look is to know of the newest months."""
        return " ".join(f"{month}={sha256}" for month, sha256 in sorted(self.known.items())[-2:])

    def rows(self) -> dict[int, bytes]:
        """Everything that is held and what is new, the file of a month before those of its days."""
        today = self.look.now.astimezone(UTC).date()
        if today < _OPENED:
            raise SourceError(
                f"{_EXCHANGE} opened on {_OPENED}, and this machine's clock says {today}. Set it right."
            )
        this = today.replace(day=1)
        months = self._months(before=this)
        rows = dict(self.held)
        absent, begun = 0, not self.held
        for month in months:
            begun = begun or month > _month_of(max(self.held))
            if begun and absent >= _MOST_ABSENT and month != _before(this):
                continue
            found = self._month(month)
            absent = 0 if found else absent + 1
            rows |= found or (self._days(month, today) if month == _before(this) else {})
        if not (self.held and absent >= _MOST_ABSENT):
            rows |= self._days(this, today)
        self._refuse_unproven(rows)
        return rows

    def _refuse_unproven(self, rows: Mapping[int, bytes]) -> None:
        """Where days are missing between others, a file that lacks only its checksum is no hole of the market's."""
        for file in dict.fromkeys(self.untold):
            begin, end = _ms(file.begin.date()), _ms(file.end.date())
            days = range(begin, end, _step_ms(self.look.series))
            within = rows and min(rows) < days.start < max(rows)
            if (
                within
                and any(at not in rows for at in days)
                and self._get(file.path, self.look.limit) is not None
            ):
                raise SourceError(f"{file.name}: the file is there and its CHECKSUM is not. Run again later.")

    def _months(self, *, before: date) -> list[date]:
        """Months that may have news: back from the newest that is found where nothing is held, else those not held."""
        first = _month_of(min(self.held)) if self.held else _OPENED
        months, month = [], _before(before)
        while month >= first:
            months.append(month)
            month = _before(month)
        if self.held:
            return [one for one in reversed(months) if one == months[0] or not self._is_whole(one)]
        return self._existing(months)

    def _existing(self, months: list[date]) -> list[date]:
        """The newest month, and those up to the newest that has a file; a market that ended is looked for in steps."""
        probes = [*range(len(months))[:_MOST_ABSENT], *range(_MOST_ABSENT, len(months), _PROBED)]
        found = next((place for place in probes if self._has_month(months[place])), None)
        if found is None:
            return months[:1]
        newest = next(
            place for place in range(max(found - _PROBED + 1, 0), found + 1) if self._has_month(months[place])
        )
        return list(dict.fromkeys([months[0], *months[newest:]]))

    def _has_month(self, month: date) -> bool:
        return self._checksum(KlineFile.of_month(self.look.series, month)) is not None

    def _is_whole(self, month: date) -> bool:
        """Whether every bar of a month is held, of the first month from the first bar on."""
        begin, end = max(_ms(month), min(self.held)), _ms(_after(month))
        return all(at in self.held for at in range(begin, end, _step_ms(self.look.series)))

    def _month(self, month: date) -> dict[int, bytes]:
        """Rows of a month's file; those that are held where it is the file that they came from."""
        file = KlineFile.of_month(self.look.series, month)
        checksum = self._checksum(file)
        if checksum is None:
            return {}
        begin, end = _ms(month), _ms(_after(month))
        held = {at: row for at, row in self.held.items() if begin <= at < end}
        rows = held if held and self.known.get(file.period) == checksum else self._rows(file, checksum)
        self.known[file.period] = checksum
        return rows

    def _days(self, month: date, today: date) -> dict[int, bytes]:
        """Rows of the files of a month's days that are not held."""
        rows: dict[int, bytes] = {}
        day = month
        while day < min(today, _after(month)):
            file = KlineFile.of_day(self.look.series, day)
            if not self._has_day(day) and (checksum := self._checksum(file)) is not None:
                rows |= self._rows(file, checksum)
            day += timedelta(days=1)
        return rows

    def _has_day(self, day: date) -> bool:
        return all(
            at in self.held
            for at in range(_ms(day), _ms(day + timedelta(days=1)), _step_ms(self.look.series))
        )

    def _checksum(self, file: KlineFile) -> str | None:
        """SHA-256 that the archive tells of a file; None where it has no such file."""
        content = self._get(f"{file.path}.CHECKSUM", _CHECKSUM_LIMIT)
        if content is None:
            self.untold.append(file)
            return None
        return checksum_of(content, file)

    def _rows(self, file: KlineFile, checksum: str) -> dict[int, bytes]:
        content = self._get(file.path, self.look.limit)
        if content is None:
            raise SourceError(f"{file.name}: its CHECKSUM is there and the file is not. Run again later.")
        return rows_of(content, file, checksum)

    def _get(self, path: str, limit: int) -> bytes | None:
        """One small file; None where the archive does not have it."""
        place, into = below(self.look.place, path), BytesIO()
        try:
            if isinstance(place, Path):
                if not place.is_file():
                    return None
                copy_file(place, into, limit=limit, on_progress=self.look.on_progress)
            else:
                fetch_file(
                    place,
                    into,
                    validators={},
                    limit=limit,
                    policy=self.look.policy,
                    on_progress=self.look.on_progress,
                )
        except UnknownSeriesError:
            return None
        return into.getvalue()


def _before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)


def _after(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def _month_of(opens_ms: int) -> date:
    return datetime.fromtimestamp(opens_ms / 1000, UTC).date().replace(day=1)


def _step_ms(series: Series) -> int:
    return int(series.step.total_seconds()) * 1000
