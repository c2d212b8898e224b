"""Chronological splits: training first, then validation inside it, the test rows last and untouched."""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import TooLittleHistoryError


class Split(BaseModel):
    """How many of a table's windows are for training; the rest are the test.

    Attributes:
        train: Fraction of `of` whose whole part is the number of training windows.
        of: `windows` (those that can be made), or `rows` of the table (a text that cuts its rows and applies
            the number to its windows keeps fewer windows for the test).

    Example:
        >>> Split(train=0.67, of="windows").training_windows(n_windows=1455, n_rows=1462)
        974
        >>> Split(train=0.8, of="rows").training_windows(n_windows=1266, n_rows=1273)
        1018
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: float = Field(default=0.8, gt=0, lt=1)
    of: Literal["windows", "rows"] = "windows"

    def training_windows(self, *, n_windows: int, n_rows: int) -> int:
        """Number of windows, from the first, that may be learned from."""
        return int(self.train * (n_windows if self.of == "windows" else n_rows))


@dataclass(frozen=True)
class Parts:
    """Where fit, validation and test windows lie: three neighbouring slices, oldest first."""

    fit: slice
    validation: slice
    test: slice

    @property
    def n_fit(self) -> int:
        """Windows that the network learns from."""
        return int(self.fit.stop - self.fit.start)

    @property
    def n_validation(self) -> int:
        """Windows that stop or choose a fit."""
        return int(self.validation.stop - self.validation.start)

    @property
    def n_test(self) -> int:
        """Windows that are scored once."""
        return int(self.test.stop - self.test.start)


def divide(n_windows: int, *, training: int, validation: float) -> Parts:
    """Cut windows 0 … n_windows − 1 by their order in time.

    Args:
        n_windows: All windows, fit, validation and test.
        training: The first so many are for fit and validation.
        validation: Fraction of the training windows, the newest of them, that is held out of the fit
            (its whole part from below: as Keras's `validation_split` cuts).

    Raises:
        TooLittleHistoryError: Fit or test would be empty, or validation is asked for and would be.

    Example:
        >>> divide(100, training=80, validation=0.1)
        Parts(fit=slice(0, 72, None), validation=slice(72, 80, None), test=slice(80, 100, None))
    """
    fit = int(training * (1 - validation) + 1e-9)
    if fit < 1 or training >= n_windows or (validation > 0 and fit == training):
        raise TooLittleHistoryError(
            f"Expected windows for training, validation ({validation:.0%}) and test; got {max(n_windows, 0)} "
            f"in all, {max(training, 0)} of them for training. Use a longer file or a shorter window."
        )
    return Parts(slice(0, fit), slice(fit, training), slice(training, n_windows))
