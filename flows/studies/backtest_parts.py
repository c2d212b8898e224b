"""What a backtest has done so far, so that a killed one goes on where it was: a file for each fit."""

import hashlib
import json
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np

from flows.edges.files.staging import put_in_place, staged_file
from pipeline.evaluation.backtest import Span, SpanForecasts


class Parts:
    """The folder of one walk; another recipe, seed, file, stretch or version has another.

    Args:
        folder: Where all walks' folders lie.
        identity: JSON values of everything that the forecasts depend on.
    """

    def __init__(self, folder: Path, identity: dict[str, Any]) -> None:
        text = json.dumps(identity, sort_keys=True, default=str)
        self._folder = folder / hashlib.sha256(text.encode()).hexdigest()[:16]

    def load(self, span: Span) -> SpanForecasts | None:
        """What is kept of the span; None where nothing whole is."""
        try:
            with np.load(self._path(span), allow_pickle=False) as kept:
                rows, quantiles, start = kept["rows"], kept["quantiles"], int(kept["random_walk_from"])
                seconds = kept["seconds"].tolist()
        except (OSError, ValueError, KeyError):
            return None
        if not np.array_equal(rows, span.rows):
            return None
        return SpanForecasts(span, quantiles, start or None, *seconds)

    def keep(self, forecasts: SpanForecasts) -> None:
        """Write the span's file whole or not at all."""
        with staged_file(self._folder) as file:
            np.savez(
                file,
                rows=forecasts.span.rows,
                quantiles=forecasts.quantiles,
                random_walk_from=np.array(forecasts.random_walk_from or 0),
                seconds=np.array([forecasts.fit_seconds, forecasts.predict_seconds]),
            )
            put_in_place(file, self._path(forecasts.span))

    def remove(self) -> None:
        """The walk is done."""
        rmtree(self._folder, ignore_errors=True)

    def _path(self, span: Span) -> Path:
        return self._folder / f"{span.fit_as_of.isoformat()}.npz"
