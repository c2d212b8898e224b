"""A published forecast made again from what the ledger says it was made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
from pydantic import ValidationError

from flows.edges.ledger.publications import Publication
from flows.edges.ledger.store import Ledger
from flows.edges.machine.versions import arithmetic, code_version, package_versions
from flows.edges.snapshots.store import SnapshotStore
from pipeline.candles import daily_grid
from pipeline.errors import InputError, StoreError
from pipeline.features.feature_grid import FeatureGrid, Pool
from pipeline.forecasts.manifest import Manifest
from pipeline.models.fitting import Model, fit, issue
from pipeline.models.registry import BASELINES, range_recipe
from pipeline.recipes.base import Recipe
from pipeline.series import Series

_ARITHMETIC: Final = {"instructions": "The processor's set of instructions", "blas": "NumPy's BLAS"}
# A forecast's horizons were made together where these agree.
_MADE_OF: Final = ["manifest_id", "snapshot_sha256"]


@dataclass(frozen=True)
class Reproduction:
    """One fit made again, and its forecast beside the ledger's.

    Attributes:
        series: As `binance/BTCUSDT/1d`.
        as_of: ISO date.
        model_id: Whose forecast.
        mode: `live` or `backfill`.
        manifest_id: What the fit was made of.
        snapshots: sha256 of the bytes of the fit, then of the forecast's.
        horizons: Those that were made together.
        largest: Largest relative difference of a quantile, by horizon; 0 is bit for bit.
        changed: What is not as it was: code, packages, arithmetic; a sentence each.
    """

    series: str
    as_of: str
    model_id: str
    mode: str
    manifest_id: str
    snapshots: tuple[str, str]
    horizons: tuple[int, ...]
    largest: dict[int, float]
    changed: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether every quantile has the same bits."""
        return not any(self.largest.values())

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {**vars(self), "equal": self.equal}


def reproduce(
    series: Series, as_of: date, *, model_id: str | None, ledger: Ledger, snapshots: SnapshotStore
) -> tuple[Reproduction, ...]:
    """Fit again and forecast again from the ledger's snapshot, recipe and seed.

    Args:
        series: Whose forecast.
        as_of: Its day.
        model_id: Its model; None for the one that was published, or for the recipe's where a backfill made it.
        ledger: That holds it.
        snapshots: That hold the bytes.

    Returns:
        One for each fit that the day's horizons come from; that is one, unless a later run changed some.

    Raises:
        InputError: The ledger has no such forecast.
        StoreError: The bytes are gone or damaged.
        TrainingError: The fit failed.
    """
    rows = _ledger_rows(series, as_of, model_id, ledger)
    return tuple(
        _reproduce(part, series, as_of, ledger=ledger, snapshots=snapshots)
        for _, part in rows.groupby(_MADE_OF, sort=False)
    )


def _ledger_rows(series: Series, as_of: date, model_id: str | None, ledger: Ledger) -> pd.DataFrame:
    """The day's rows of one model: the live ones, and backfilled ones for the horizons that have no other."""
    rows = ledger.forecasts(series, since=as_of, until=as_of)
    there = sorted(set(rows["model_id"]))
    if not there:
        raise InputError(
            f"The ledger has no forecast of {series} as of {as_of}; `coincast forecast` shows the newest."
        )
    wanted = model_id or _meant(ledger.publication(series, as_of=as_of), there)
    if wanted is None:
        raise InputError(
            f"Nothing of {series} as of {as_of} was published; say whose forecast is meant:"
            f" --model {' or --model '.join(there)}."
        )
    if wanted not in there:
        raise InputError(
            f"The ledger has no forecast of {series} as of {as_of} by {wanted}; there are {', '.join(there)}."
        )
    own = rows[rows["model_id"] == wanted].sort_values("mode", ascending=False, kind="stable")
    return own.drop_duplicates("horizon").sort_values("horizon")


def _meant(published: Publication | None, there: Sequence[str]) -> str | None:
    """The published model, else the only one that is no baseline; None where that does not tell."""
    if published is not None:
        return published.model_id
    baselines = {recipe.model_id for recipe in BASELINES}
    own = [model_id for model_id in there if model_id not in baselines]
    return own[0] if len(own) == 1 else None


def _reproduce(
    rows: pd.DataFrame, series: Series, as_of: date, *, ledger: Ledger, snapshots: SnapshotStore
) -> Reproduction:
    first = rows.iloc[0]
    manifest = ledger.manifest(first["manifest_id"])
    made_of = dict(zip(map(Series.parse, manifest.series), manifest.snapshots, strict=True))
    learned_from = _grid(made_of, series, snapshots)
    read = {series: first["snapshot_sha256"]} | {Series.parse(one): sha for one, sha in manifest.read.items()}
    # Without other series of its own the day was forecast on the fit's day, or by a fit that has none.
    seen_from = read if manifest.read else made_of | read
    seen = learned_from if seen_from == made_of else _grid(seen_from, series, snapshots)
    model = _fit(manifest, learned_from)
    again = issue(model, seen, series=series, as_of=as_of)
    return Reproduction(
        series=str(series),
        as_of=as_of.isoformat(),
        model_id=first["model_id"],
        mode=first["mode"],
        manifest_id=manifest.id,
        snapshots=(manifest.snapshots[0], first["snapshot_sha256"]),
        horizons=tuple(int(horizon) for horizon in rows["horizon"]),
        largest={
            int(row["horizon"]): _difference(row["quantiles"], again.quantiles[int(row["horizon"]) - 1])
            for _, row in rows.iterrows()
        },
        changed=_changes(manifest),
    )


def _grid(made_of: Mapping[Series, str], series: Series, snapshots: SnapshotStore) -> FeatureGrid:
    """The series' days beside those of the others of its pool."""
    return Pool.of({one.slug: _days(sha256, one, snapshots) for one, sha256 in made_of.items()}).grid(
        series.slug
    )


def _days(sha256: str, series: Series, snapshots: SnapshotStore) -> FeatureGrid:
    snapshot = snapshots.find(sha256, series)
    if snapshot is None:
        raise StoreError(
            f"The snapshot store does not know {sha256[:12]} of {series}; restore it from a backup."
        )
    return FeatureGrid.of(daily_grid(snapshots.reading(snapshot).candles))


def _fit(manifest: Manifest, grid: FeatureGrid) -> Model:
    recipe = kept_recipe(manifest.recipe, code=manifest.code)
    return fit(recipe, grid, as_of=manifest.trained_as_of, seed=manifest.seed)


def kept_recipe(values: Mapping[str, Any], *, code: str = "") -> Recipe:
    """The recipe as it was then, which the catalogue may have changed since.

    Args:
        values: The recipe's.
        code: The release that wrote them, as `0.1.0+0123456789ab`; empty where that is not known.

    Raises:
        InputError: This coincast cannot fit it any more; the message names the release that can.
    """
    try:
        return range_recipe(values)
    except (InputError, ValidationError) as error:
        release, _, commit = code.partition("+")
        there = f"`git checkout {commit.partition('.')[0]}`" if commit else f"install {release}"
        raise InputError(
            f"Recipe {str(values.get('name'))[:40]!r} is none that coincast {code_version()} can fit; coincast"
            f" {code or 'of another version'} made it and makes it again{f': {there} and ask there' if code else ''}."
        ) from error


def _difference(stored: Any, again: Any) -> float:
    if np.array_equal(stored, again):
        return 0.0
    # Equal but for the sign of zero cannot be: prices are positive.
    return float(np.max(np.abs(again / stored - 1)))


def _changes(manifest: Manifest) -> tuple[str, ...]:
    """What made the forecast and is another now."""
    changes = []
    if manifest.code != code_version():
        changes.append(f"coincast was {manifest.code} and is {code_version()}.")
    installed = package_versions()
    for name, then in manifest.packages.items():
        if installed.get(name) != then:
            changes.append(f"{name} was {then} and is {installed.get(name, 'not installed')}.")
    here = arithmetic()
    for name in sorted(here.keys() | manifest.arithmetic.keys() if manifest.arithmetic else ()):
        then, now = manifest.arithmetic.get(name, "not set"), here.get(name, "not set")
        if then != now:
            changes.append(f"{_ARITHMETIC.get(name, name)} was {then} and is {now}.")
    return tuple(changes)
