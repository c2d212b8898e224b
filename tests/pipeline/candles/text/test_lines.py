"""What a file may cost: twelve times its size and 200 MB, whatever it is made of."""

import json
import subprocess
import sys
import textwrap

import pytest

from pipeline.candles import read_candles
from pipeline.candles.text.lines import MOST_ROWS, Lines
from pipeline.errors import CandleFileError

HEAD = b"date,close\n2020-01-01,5\n2020-01-02,6\n"
MEASURE = textwrap.dedent("""
    import json, resource, sys
    from pipeline.candles import read_candles
    from pipeline.errors import CandleFileError
    data = eval(sys.argv[1])
    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    before = peak()
    try:
        said = len(read_candles(data).candles)
    except CandleFileError as refusal:
        said = str(refusal)
    print(json.dumps({"more": peak() - before, "size": len(data), "said": said}))
""")


@pytest.mark.slow
@pytest.mark.parametrize(
    "file",
    [
        f"{HEAD!r} + b'\\n' * 60_000_000",
        f"{HEAD!r} + b'\\r\\n' * 30_000_000",
        f"{HEAD!r} + b',\\n' * 30_000_000",
        f"{HEAD!r} + b' \\n' * 30_000_000",
        f"{HEAD!r} + b'1\\n' * 30_000_000",
        f"{HEAD!r} + b'1,2\\n' * 490_000",
        f"{HEAD!r} + b'1,' * 30_000_000",
        f'{HEAD!r} + b\'"1","2"\\n\' * 490_000',
        "b'a' * 60_000_000",
        "b'date,close' + b',' * 500 + b'\\n' + b'1,2\\n' * 490_000",
        "b'date,close\\n' + b''.join(b'%d/%d/%d %d:00,5\\n' % (1 + i // 24 % 28, 1 + i // 672 % 12,"
        " 1981 + i // 8064, i % 24) for i in range(490_000))",
    ],
)
def test_memory_is_bounded_by_the_file(file):
    done = subprocess.run([sys.executable, "-c", MEASURE, file], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["more"] <= 12 * found["size"] + 200 * 2**20, found


def test_more_rows_than_a_market_has_are_refused_before_they_are_read():
    with pytest.raises(CandleFileError, match="more than 500,000 rows"):
        read_candles(HEAD + b"1,2\n" * MOST_ROWS)


def test_blank_lines_are_counted_and_named_as_they_stand(monkeypatch):
    monkeypatch.setattr("pipeline.candles.text.lines._PIECE", 8)
    text = (
        "\n\ndate,close\n\n2020-01-01,5\n,,\n\xa0 ;|\n"
        + '""\n'
        + "2020-01-02,6\n\n2020-01-x,7\n2020-01-04,8\n\n"
    )
    lines = Lines(text)
    kept = [(int(number), lines[place]) for place, number in enumerate(lines.numbers)]
    assert kept == [(number, line) for number, line in enumerate(text.split("\n")) if line.strip(',;| "\xa0')]
    account = read_candles(text.encode()).account
    assert (account.rows_read, account.dropped) == (10, {"blank": 6, "unparseable": 1})
    assert "1 row cannot be read (line 11)." in account.warnings
