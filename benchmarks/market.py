"""A simulated market of many series on a loopback site, whose days come one at a time."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta

from pairs import PROJECT

sys.path.insert(0, str(PROJECT))
FIRST = date(2017, 8, 17)
LAST = date(2026, 3, 1)


@dataclass(frozen=True)
class Market:
    """A site and the files that it serves."""

    url: str
    names: tuple[str, ...]
    files: dict[str, bytes]

    def close(self, day: date) -> None:
        """Serve every series up to `day`, as long a history as BTC's."""
        from flows.edges.sources.crypto_data_download import file_name
        from pipeline.series import Series
        from pipeline.simulation import simulate_candles, wire_format

        for seed, one in enumerate(map(Series.parse, self.names), start=12):
            candles = simulate_candles(seed=seed, first=FIRST, last=day, price=4300.0)
            self.files[file_name(one)] = wire_format(candles, one)

    def words(self, day: date) -> list[str]:
        """Options of a daily run in the night after `day`."""
        now = f"{day + timedelta(days=1)}T00:30:00Z"
        return ["--series", ",".join(self.names), "--source", self.url, "--now", now]


@contextmanager
def market(count: int) -> Iterator[Market]:
    """Serve `count` series."""
    from flows.edges.http.demo_site import serve_market

    names = tuple(f"simulated/COIN{number}USDT/1d" for number in range(count))
    files: dict[str, bytes] = {}
    with serve_market(files) as site:
        yield Market(site.url, names, files)
