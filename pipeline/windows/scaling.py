"""Scalers learned from training rows, kept as numbers that travel with the model."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pipeline.forecasts.quantiles import FloatArray

ScalerKind = Literal["standard", "min-max"]


@dataclass(frozen=True, eq=False)
class Scaling:
    """What a scikit-learn scaler learned: scaled = (value − centre_) / scale_.

    Attributes:
        kind: `standard` (mean and population standard deviation) or `min-max` (minimum and range).
        centre_: Array of shape (n_columns,), in each column's unit.
        scale_: Array of shape (n_columns,), in each column's unit; 1 for a column that never changes.
    """

    kind: ScalerKind
    centre_: FloatArray
    scale_: FloatArray

    def apply(self, values: FloatArray, *, column: int | None = None) -> FloatArray:
        """Scale an array of shape (..., n_columns), or of any shape with the values of one `column`."""
        centre, scale = self._of(column)
        return np.asarray((values - centre) / scale)

    def undo(self, values: FloatArray, *, column: int | None = None) -> FloatArray:
        """The inverse of `apply`."""
        centre, scale = self._of(column)
        return np.asarray(values * scale + centre)

    def as_values(self) -> dict[str, Any]:
        """JSON values; `from_values` reads them back exactly."""
        return {"kind": self.kind, "centre": self.centre_.tolist(), "scale": self.scale_.tolist()}

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> "Scaling":
        """The scaling that `as_values` wrote."""
        return cls(values["kind"], np.asarray(values["centre"]), np.asarray(values["scale"]))

    def _of(self, column: int | None) -> tuple[Any, Any]:
        return (self.centre_, self.scale_) if column is None else (self.centre_[column], self.scale_[column])


def learn_scaling(training: FloatArray, kind: ScalerKind) -> Scaling:
    """Fit scikit-learn's StandardScaler or MinMaxScaler.

    Args:
        training: Rows that may be learned from, array of shape (n_rows, n_columns).
        kind: Which scaler.
    """
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    if kind == "standard":
        standard = StandardScaler().fit(training)
        return Scaling(kind, np.asarray(standard.mean_), np.asarray(standard.scale_))
    bounds = MinMaxScaler().fit(training)
    return Scaling(kind, np.asarray(bounds.data_min_), 1 / np.asarray(bounds.scale_))
