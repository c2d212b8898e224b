"""Every error that coincast raises on purpose.

CoincastError
├── InputError                 what was asked cannot be done as asked; nothing was changed (exit 2)
│   ├── SettingsError          coincast.toml, an environment variable or an option
│   ├── UnknownSeriesError     not a series, or the source does not have it
│   ├── DateError              in the future, before the data, or not a date
│   ├── TooLittleHistoryError  fewer candles than the recipe's window and fit need
│   ├── SourceError            the source could not be reached or served something else than candles
│   ├── CandleFileError        bytes that are not a candle file, or an undecidable one
│   └── DiskFullError          no room for what must be written
└── RunError                   the run started and failed (exit 1)
    ├── ExpectationError       a critical expectation failed, or a check could not run
    ├── TrainingError          the fit diverged
    │   └── TimeLimitError     the fit ran past its time limit; with more time it may end well
    ├── LeakError              a forecast changed with rows after its as_of
    ├── StoreError             a store cannot be reached, is locked or refused
    │   └── DamagedSnapshotError   a stored file is damaged, missing or pruned
    ├── RegistryError          MLflow refused, or a model is not what its record says
    ├── ServiceError           a server or worker of `coincast up` died, did not answer or refused
    ├── StaleSourceError       the vendor did not serve the day in time; nothing was made of older data
    ├── PageError              a series' page could not be drawn; a short one that says so stands in its place
    └── PublishError           the publication target refused; the previous publication stands
"""


class CoincastError(Exception):
    """Root of all errors raised on purpose; its message is one line for a person."""

    exit_code = 1


class InputError(CoincastError):
    """What was asked cannot be done as asked; nothing was changed."""

    exit_code = 2


class SettingsError(InputError):
    """A setting is unknown or its value is not usable."""


class UnknownSeriesError(InputError):
    """The text is not a series, or the source does not have it."""


class DateError(InputError):
    """A date is in the future, before the data, or not a date."""


class TooLittleHistoryError(InputError):
    """There are fewer candles than the recipe's window and fit need."""


class SourceError(InputError):
    """The source could not be reached, or served something else than candles."""


class CandleFileError(InputError):
    """The bytes are not a candle file, or what they say cannot be decided.

    Attributes:
        rows_read: Lines that were refused with the file, where it was read that far.
    """

    def __init__(self, message: str, *, rows_read: int = 0) -> None:
        super().__init__(message)
        self.rows_read = rows_read


class DiskFullError(InputError):
    """There is no room for what must be written."""


class RunError(CoincastError):
    """The run started and failed."""


class ExpectationError(RunError):
    """A critical expectation failed, or a check could not run."""


class TrainingError(RunError):
    """The fit diverged."""


class TimeLimitError(TrainingError):
    """The fit ran past its time limit; with more time it may end well."""


class LeakError(RunError):
    """A forecast changed with rows after its as_of."""


class StoreError(RunError):
    """A store cannot be reached, is locked or refused."""


class DamagedSnapshotError(StoreError):
    """A snapshot's bytes are damaged, missing or pruned."""


class RegistryError(RunError):
    """MLflow refused, or a model is not what its record says."""


class ServiceError(RunError):
    """A server or worker of `coincast up` died, did not answer in time or refused."""


class StaleSourceError(RunError):
    """The vendor did not serve the newest complete day in time; nothing was made of older data."""


class PageError(RunError):
    """A series' page could not be drawn; a short one that says so stands in its place."""


class PublishError(RunError):
    """The publication target refused; the previous publication stands."""
