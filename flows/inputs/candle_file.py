"""The bytes of a candle file that a person names, within the limit that a download has."""

from pathlib import Path

from pipeline.errors import InputError
from pipeline.settings import Settings


def read_file(file: Path, settings: Settings) -> bytes:
    """Its bytes.

    Raises:
        InputError: It cannot be read, or is larger than `download_limit_mb`.
    """
    limit = settings.download_limit_mb * 2**20
    try:
        with file.open("rb") as opened:
            data = opened.read(limit + 1)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}. Name a candle file.") from error
    if len(data) > limit:
        raise InputError(
            f"{file} is larger than the limit of {settings.download_limit_mb} MiB. If that is right, raise "
            "download_limit_mb."
        )
    return data
