"""Bytes to text, or one clear sentence about what the bytes are instead."""

import re
from typing import Final

from pipeline.errors import CandleFileError

_ARCHIVES: Final = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook; unpack it or save it as CSV"),
    (b"\x1f\x8b", "gzip; unpack it first"),
    (b"PAR1", "a Parquet file; give the CSV it was made from"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; save it as CSV"),
    (b"%PDF", "a PDF; export the table as CSV"),
    (b"SQLite format 3", "a SQLite database; export the table as CSV"),
)
_MARKS: Final = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f�]")
# What spreadsheets of western Europe write beyond ASCII in their own code page; other bytes are damage.
_WESTERN: Final = frozenset(
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÖÙÚÛÜŠŽŒàáâãäåæçèéêëìíîïñòóôöùúûüßšžœ€£’‘´°·–\xa0".encode("cp1252")
)
_ASCII: Final = frozenset(range(128))
_LOOKED_AT: Final = 65_536
_NOTHING: Final = b"\x00 \t\r\n"


def decode(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Text with line feeds as line ends, and what to warn of.

    Raises:
        CandleFileError: The bytes are empty, an archive, a web page, JSON or no text at all.
    """
    # The head answers for nearly every file without a copy of the whole.
    if not (data[:_LOOKED_AT].strip(_NOTHING) or data.strip(_NOTHING)):
        raise CandleFileError(
            "The file is empty: expected a CSV with a header and candles. Download it again."
        )
    for magic, name in _ARCHIVES:
        if data.startswith(magic):
            raise CandleFileError(f"The file is {name}: expected CSV text.")
    encoding, start = _encoding(data)
    text = _text(data[start:], encoding)
    _refuse_what_is_no_table(text)
    # Spreadsheets keep a cell from being a number by writing it as a formula: `="2024-01-15"`.
    text = text.replace('="', '"') if '="' in text[:_LOOKED_AT] else text
    warnings = []
    if "�" in text:
        warnings.append("Some bytes are not text; rows that need them are unparseable.")
    for end in ("\r\n", "\r"):
        text = text.replace(end, "\n") if "\r" in text else text
    return text, tuple(warnings)


def _text(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        beyond = {*data} - _ASCII
        return data.decode("cp1252" if beyond <= _WESTERN else encoding, errors="replace")


def _encoding(data: bytes) -> tuple[str, int]:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding, len(mark)
    head = data[:4096]
    if head.count(0) * 3 > len(head):
        # Latin letters in UTF-16 have their zero byte at odd places in little endian.
        return ("utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"), 0
    return "utf-8", 0


def _refuse_what_is_no_table(text: str) -> None:
    head = text[:_LOOKED_AT]
    if len(_UNPRINTABLE.findall(head)) * 20 > len(head):
        raise CandleFileError("The file is binary: expected CSV text. Give the CSV itself.")
    start = head.lstrip().lower()
    if (
        start.startswith(("<!doctype", "<html", "<?xml", "<head", "<body", "<script"))
        or "<html" in start[:2000]
    ):
        raise CandleFileError(
            "The file is a web page, not candles: an error or a redirect was saved. Download it again."
        )
    if start.startswith(("{", "[")):
        raise CandleFileError("The file is JSON: expected CSV with a header. Export the candles as CSV.")
