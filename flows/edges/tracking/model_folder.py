"""A model as MLflow serves it: the bundle, the code that reads it, its signature and an example."""

import ast
import json
import shutil
import warnings
from datetime import timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from flows.edges.configuration import PROJECT
from flows.edges.private_files import close
from pipeline.candles.columns import DATE, PRICES, VOLUME_BASE
from pipeline.candles.grid import missing_bars
from pipeline.models.bundle import load_bundle
from pipeline.models.fitting import Model as Forecaster
from pipeline.models.serving import FACTS_FILE, INPUT_COLUMNS, OUTPUT_COLUMNS, VOLUME
from pipeline.series import Series

if TYPE_CHECKING:
    from mlflow.models import Model, ModelSignature
    from pandas import DataFrame

SERVED_MODEL: Final = Path(__file__).with_name("served_model.py")
_PACKAGES: Final = ("mlflow", "numpy", "pandas", "pydantic")


def write_model_folder(
    folder: Path, bundle: Path, *, series: Series, candles: "DataFrame", described_by: "Model"
) -> None:
    """Write the pyfunc model into `folder`, which must not exist. It holds no pickle.

    Args:
        folder: Where to.
        bundle: What `save_bundle` wrote.
        series: Whose model it is.
        candles: The candles it was fitted on: the newest are its input example, and days that lack here may
            lack in what is posted.
        described_by: MLflow's own description, which carries run and model id.
    """
    draft = folder.with_name(f"{folder.name}-draft")
    shutil.copytree(bundle, draft / "bundle")
    facts = {"series": str(series), "missing": _missing(candles)}
    (draft / "bundle" / FACTS_FILE).write_text(json.dumps(facts), encoding="utf-8")
    copy_code(draft, SERVED_MODEL)
    with warnings.catch_warnings():
        # MLflow 3.17 finds fault with its own type hints when it is imported, and compares an example's columns
        # with a range, which pandas 3.1 deprecates.
        warnings.filterwarnings("ignore", message=".*Any type hint is inferred as AnyType")
        warnings.filterwarnings("ignore", message="Operation with range is deprecated")
        from mlflow.pyfunc import save_model

        save_model(
            path=str(folder),
            python_model=str(SERVED_MODEL),
            artifacts={"bundle": str(draft / "bundle")},
            code_paths=[str(draft / "pipeline")],
            signature=signature(),
            input_example=input_example(candles, load_bundle(bundle)),
            pip_requirements=[f"{name}=={version(name)}" for name in _PACKAGES],
            mlflow_model=described_by,
        )
    shutil.rmtree(draft)
    for compiled in folder.rglob("__pycache__"):
        shutil.rmtree(compiled)
    # MLflow copies files with the rights of those that they were copied from.
    for path in folder.rglob("*"):
        close(path)


def input_example(candles: "DataFrame", model: Forecaster) -> "DataFrame":
    """The newest days of a candle table that `model` reads, as it takes them when it is served."""
    newest = candles[DATE].iloc[-1]
    oldest = newest - timedelta(days=model.days_read(newest.date()))
    rows = candles.loc[candles[DATE] > oldest, [DATE, *PRICES, VOLUME_BASE]]
    days = rows[DATE].dt.strftime("%Y-%m-%d")
    example: DataFrame = rows.rename(columns={VOLUME_BASE: VOLUME}).assign(date=days).reset_index(drop=True)
    return example


def signature() -> "ModelSignature":
    """Daily candles in; a row a horizon out. Days are ISO text, so that JSON and CSV say them alike."""
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, Schema

    kinds = {"date": "string", "horizon": "long"}
    inputs, outputs = (
        Schema([ColSpec(kinds.get(name, "double"), name) for name in names])
        for names in (INPUT_COLUMNS, OUTPUT_COLUMNS)
    )
    return ModelSignature(inputs=inputs, outputs=outputs)


def _missing(candles: "DataFrame") -> list[str]:
    days = missing_bars(candles[DATE].to_numpy().astype("datetime64[D]").astype(np.int64), 1)
    return [str(day) for day in days.astype("datetime64[D]")]


def copy_code(folder: Path, entry: Path) -> None:
    """Copy the modules of `pipeline` that `entry` imports, directly or not, into `folder`."""
    pending, seen = [entry], set[Path]()
    while pending:
        for path in _pipeline_modules(pending.pop()):
            if path not in seen:
                seen.add(path)
                pending.append(path)
    for path in seen:
        target = folder / path.relative_to(PROJECT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


@cache
def _pipeline_modules(file: Path) -> frozenset[Path]:
    """Files of the `pipeline` modules that a file's import statements name, with the packages around them.

    Asked of the same files at every registration.
    """
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    ours = [name.split(".") for name in names if name.split(".")[0] == "pipeline"]
    around = {PROJECT.joinpath(*parts[:length]) for parts in ours for length in range(1, len(parts) + 1)}
    files = {path.with_suffix(".py") for path in around} | {path / "__init__.py" for path in around}
    return frozenset(path for path in files if path.is_file())
