"""A cell a day and series, told apart without colour, each leading to its forecast."""

import re
from typing import Any
from xml.etree import ElementTree as ET

from pipeline.page.days.day_grid import render_days
from pipeline.page.latest import Latest

ENTRY = {
    "name": "Bitcoin",
    "market": "BTC/USDT on Binance",
    "page": "binance-btcusdt-1d.html",
    "simulated": False,
    "outcomes": {
        "live": {"2026-03-30": "pending", "2026-03-29": "missed", "2026-03-27": "held"},
        "backfill": {"2026-03-29": "held", "2026-02-27": "held"},
    },
}


def rows_of(entries: dict[str, Any]) -> list[ET.Element]:
    page = render_days(Latest(series=entries)).decode()
    (table,) = re.findall(r"<table.*?</table>", page, re.DOTALL)
    return ET.fromstring(table).findall("tr") + ET.fromstring(table).findall("*/tr")


def test_cells_say_what_came_and_lead_to_the_forecast() -> None:
    months, days, row = rows_of({"binance-btcusdt-1d": ENTRY})
    assert [(cell.get("colspan"), "".join(cell.itertext())) for cell in months[1:]] == [
        ("30", "Mar 2026"),
        ("2", "Feb 2026"),
    ]
    assert [cell.text for cell in days[1:5]] == ["30", "29", "28", "27"]
    cells = [cell[0] for cell in row[1:]]
    assert len(cells) == 32
    assert [cell.text for cell in cells[:4]] == ["·", "✕", "–", "✓"]
    assert cells[1].get("aria-label") == "Bitcoin, 29 March 2026: outside 80 %"
    assert cells[1].get("href") == "binance-btcusdt-1d/2026-03.html#d2026-03-28"
    assert cells[2].tag == "span"
    assert cells[31].get("aria-label") == "Bitcoin, 27 February 2026: within 80 %, made afterwards"
    assert cells[31].get("href") == "binance-btcusdt-1d/2026-02.html#d2026-02-26"


def test_series_of_other_days_share_the_columns() -> None:
    other = {**ENTRY, "name": "Ether", "outcomes": {"live": {"2026-03-31": "pending"}, "backfill": {}}}
    *_, first, second = rows_of({"binance-btcusdt-1d": ENTRY, "kraken-ethusd-1d": other})
    assert [cell[0].text for cell in first[1:4]] == ["–", "·", "✕"]
    assert [cell[0].text for cell in second[1:4]] == ["·", "–", "–"]


def test_entries_of_before_there_were_outcomes_are_left_out() -> None:
    old = {name: value for name, value in ENTRY.items() if name != "outcomes"}
    assert b"No day has been published yet." in render_days(Latest(series={"binance-btcusdt-1d": old}))
    assert b"No day has been published yet." in render_days(Latest())
