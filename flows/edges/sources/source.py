"""Source: where its file of a series lies, how that is fetched, and on what terms its candles may be used."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from flows.edges.http.http_file import Answer, Progress, fetch_file
from flows.edges.http.retry_policy import RetryPolicy
from flows.edges.sources.folder_file import copy_file
from pipeline.addresses.address import Address
from pipeline.series import Series


@dataclass(frozen=True)
class Look:
    """One look at what a source has of a series.

    Attributes:
        series: Whose candles.
        place: What is asked for, as the source's `place` says it.
        now: When, aware.
        limit: Most bytes that are taken.
        policy: Time-outs and retries.
        on_progress: Called with bytes so far and bytes in all, None where the source does not tell.
        etag: What the source said of the bytes that are held already; empty where none are, or they must come again.
        last_modified: As `etag`.
        held: Those bytes; None where there are none.
    """

    series: Series
    place: Address | Path
    now: datetime
    limit: int
    policy: RetryPolicy
    on_progress: Progress | None = None
    etag: str = ""
    last_modified: str = ""
    held: Callable[[], bytes] | None = None

    def of(self, series: Series) -> "Look":
        """The same look, told as another series'."""
        return replace(self, series=series)

    @property
    def url(self) -> str:
        """The place as it may be printed and stored."""
        return self.place.as_uri() if isinstance(self.place, Path) else str(self.place)

    @property
    def validators(self) -> dict[str, str]:
        """Headers that make a request conditional."""
        given = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in given.items() if value}


class Source(Protocol):
    """A vendor of candles."""

    @property
    def name(self) -> str:
        """As settings name it: `cdd`."""

    @property
    def attribution(self) -> str:
        """Where its candles come from and on what terms, for the foot of a page."""

    def place(self, series: Series, base: Address | Path) -> Address | Path:
        """What is asked for of a series, below the source's URL or a folder of the same layout."""

    def fetch(self, look: Look, into: BinaryIO) -> Answer:
        """Write the candles that the source has, in a form that `read_candles` reads, or say that none changed.

        Raises:
            UnknownSeriesError: The source does not have the series.
            SourceError: It could not be reached, refused, or has not what it says.
            OSError: The file could not be written.
        """


def fetch_whole(look: Look, into: BinaryIO) -> Answer:
    """Take one file as it is, over HTTP or from a folder; what most sources' `fetch` is."""
    if isinstance(look.place, Path):
        return copy_file(look.place, into, limit=look.limit, on_progress=look.on_progress)
    return fetch_file(
        look.place,
        into,
        validators=look.validators,
        limit=look.limit,
        policy=look.policy,
        on_progress=look.on_progress,
    )
