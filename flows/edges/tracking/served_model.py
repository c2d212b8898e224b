"""The served forecaster: raw daily candles in, the ranges of the next seven closes out.

MLflow runs this file by itself, beside a copy of the part of `pipeline` that it imports: nothing else of
coincast is there.
"""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from pipeline.errors import InputError
from pipeline.models.bundle import load_bundle
from pipeline.models.serving import FACTS_FILE, serve
from pipeline.series import Series


class ServedForecaster(PythonModel):
    """One series' fitted model."""

    def load_context(self, context: Any) -> None:
        """Read the bundle and what is known of the series."""
        folder = Path(context.artifacts["bundle"])
        facts = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
        self._model = load_bundle(folder)
        self._series = Series.parse(facts["series"])
        self._missing = frozenset(date.fromisoformat(day) for day in facts["missing"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Ranges of the seven closes after the newest candle; see pipeline.models.serving.serve.

        Raises:
            MlflowException: The candles cannot be forecast from; the scoring server answers 400 with the reason.
        """
        try:
            return serve(self._model, model_input, series=self._series, missing=self._missing)
        except InputError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error


set_model(ServedForecaster())
