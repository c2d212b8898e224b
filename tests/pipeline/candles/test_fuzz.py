"""Mutated bytes: each of 2,000 damaged files ends in candles or in one clear error, never in another exception."""

import json
import random

import numpy as np
import pytest

from pipeline.candles import read_candles
from pipeline.errors import CandleFileError

CASES = 2000
TOKENS = (
    *(
        b'"',
        b",",
        b";",
        b"\n",
        b"\r",
        b"\x00",
        b" ",
        b"\xa0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        "\u2028".encode(),
        b"\x1f",
    ),
    *(
        b"inf",
        b"nan",
        b"-1",
        b"0",
        b"1e999",
        b"9" * 400,
        b"NULL",
        b"1.61E+12",
        b"1e18",
        b"0x1F",
        b"1_000",
        b"1,5",
    ),
    *(
        b"close",
        b"date,close",
        b"<html",
        b"sep=;",
        b"Unix,Date,Symbol,Open,High,Low,Close,Volume A,Volume USD\n",
    ),
    *(
        b"31/12/2020",
        b"12/31/2020",
        b"2020-02-30",
        b"2020-13-01 25:00:00",
        b"24-PM",
        b"00-AM",
        b"+00:00",
        b"-99:99",
    ),
)


@pytest.fixture(scope="module")
def files(bars, vendor_lines, vendor_file):
    """Small whole files of every family."""
    few = bars[:25]
    hours = few.assign(date=few["date"].min() + (few["date"] - few["date"].min()) / 24)
    german = [
        f"{bar.date:%d.%m.%Y};{bar.open:g},5;{bar.high:g},5;{bar.low:g},5;{bar.close:g},5"
        for bar in few.itertuples()
    ]
    fancy = [f'"{bar.date:%b %d, %Y}","{bar.close * 1e3:,.1f}","1.5K"' for bar in few.itertuples()]
    return [
        vendor_file(vendor_lines(few)),
        vendor_file(vendor_lines(few, unix="float", symbol="BTC/USDT"), end="\r\n"),
        vendor_file(vendor_lines(hours, date="%Y-%m-%d %I-%p")),
        vendor_file(vendor_lines(few, date="%m/%d/%Y")),
        "\n".join(["Date;Open;High;Low;Close", *german]).encode(),
        "\n".join(['"Date","Price","Vol."', *fancy]).encode(),
        few.rename(columns=str.capitalize).assign(**{"Adj Close": few["close"]}).to_csv(index=False).encode(),
        b"Price,Close,High,Low,Open\nTicker,A-B,A-B,A-B,A-B\nDate,,,,\n"
        + "\n".join(
            f"{bar.date:%Y-%m-%d},{bar.close},{bar.high},{bar.low},{bar.open}" for bar in few.itertuples()
        ).encode(),
        vendor_file(vendor_lines(few)).decode().encode("utf-16"),
    ]


@pytest.mark.slow
def test_damaged_files_end_in_candles_or_in_one_clear_error(files):
    refusals = []
    for case in range(CASES):
        try:
            reading = read_candles(mutate(random.Random(case), files))
        except CandleFileError as refusal:
            refusals.append(str(refusal))
        else:
            check(reading, case)
    assert all(0 < len(refusal) < 400 and "\n" not in refusal for refusal in refusals)
    assert len(refusals) < CASES / 2


def check(reading, case):
    account, candles = reading.account, reading.candles
    assert account.rows_read == account.rows_kept + sum(account.dropped.values()), case
    assert account.rows_kept == len(candles) > 0, case
    assert candles["date"].is_unique, case
    assert candles["date"].is_monotonic_increasing, case
    prices = candles[["open", "high", "low", "close"]].to_numpy()
    assert np.isfinite(prices).all(), case
    assert (prices > 0).all(), case
    assert (prices[:, 1] >= prices.max(axis=1)).all(), case
    assert (prices[:, 2] <= prices.min(axis=1)).all(), case
    json.dumps(account.as_dict(), allow_nan=False)


def mutate(chance: random.Random, files: list[bytes]) -> bytes:
    """A file after one to twenty accidents."""
    data = bytearray(chance.choice(files))
    for _ in range(chance.choice([1, 1, 2, 3, 6, 20])):
        place = chance.randrange(len(data) + 1)
        match chance.randrange(8):
            case 0:
                data[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[place : place + chance.choice([1, 2, 10, 200])]
            case 2:
                data[place:place] = chance.choice(TOKENS)
            case 3:
                data[place : place + 1] = bytes([chance.choice(b'0123456789,;-/.: eE\n"')])
            case 4:
                other = chance.randrange(len(data) + 1)
                data[place:place] = data[other : other + chance.choice([5, 50, 300])]
            case 5 if chance.random() < 0.2:
                del data[place:]
            case 6:
                lines = bytes(data).split(b"\n")
                chance.shuffle(lines)
                data = bytearray(b"\n".join(lines))
            case _:
                data.reverse() if chance.random() < 0.02 else data.extend(data[-chance.randrange(1, 60) :])
    return bytes(data)
