"""The fits of a run: in this process, or begun ahead in processes beside it."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from datetime import date
from typing import Final

from flows.edges.machine.environment import processors
from flows.edges.machine.runtime import import_networks
from flows.edges.machine.warm_processes import warm_processes
from flows.inputs.request import Job
from flows.reporting.progress import log
from pipeline.features.feature_grid import FeatureGrid
from pipeline.models.callbacks import EpochListener
from pipeline.models.fitting import Model, fit
from pipeline.recipes.base import Recipe

# From here on starting them, some six seconds each, is less than what they save.
FEWEST_SERIES: Final = 3
# Each holds a TensorFlow, half a gigabyte.
_MOST: Final = 4

_Fitted = tuple[Model, list[tuple[int, dict[str, float]]]]


def fit_processes(jobs: Sequence[Job]) -> int:
    """In how many processes a run of these jobs makes its fits; 1 is this one alone."""
    asked = jobs[0].configuration.settings.fit_processes
    # What a pool learned is shared by the fits of one process.
    networks = sum(job.recipe.total_epochs is not None and not job.recipe.is_pooled for job in jobs)
    if asked:
        return asked if networks else 1
    return min(processors(), _MOST) if networks >= FEWEST_SERIES else 1


@contextmanager
def fit_pool(jobs: Sequence[Job]) -> Iterator[ProcessPoolExecutor | None]:
    """The processes beside this one; None where fits are made here. Fits that nobody waits for any more are dropped."""
    count = fit_processes(jobs)
    if count == 1:
        yield None
        return
    pool = warm_processes(count)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


class DayFits:
    """The fits of one series' day on its grid, each made once; asked for as `pipeline.models.fitting.fit` is."""

    def __init__(self, job: Job, grid: FeatureGrid, pool: ProcessPoolExecutor | None) -> None:
        self._job, self._grid, self._pool = job, grid, pool
        self._begun: dict[tuple[Recipe, date], Future[_Fitted]] = {}

    def begin(self, recipe: Recipe, as_of: date, *, watched: bool = False) -> None:
        """Have it made ahead where there are processes for it; `watched` as in `fit`, on all days of the grid."""
        if self._pool is None or recipe.total_epochs is None:
            return
        words = (recipe, self._grid, as_of, self._job.seed, self._job.fit_limit_s, watched)
        try:
            self._begun[recipe, as_of] = self._pool.submit(_fit_elsewhere, *words)
        except BrokenProcessPool:
            # One of them was killed while it worked for another series: Python ended the others with it.
            self._pool = None

    def __call__(
        self,
        recipe: Recipe,
        grid: FeatureGrid,
        *,
        as_of: date,
        seed: int,
        time_limit_s: float | None = None,
        on_epoch: EpochListener | None = None,
        watched: FeatureGrid | None = None,
    ) -> Model:
        """As `fit`, of the day's own grid; where a process was killed, made here.

        Raises:
            TooLittleHistoryError: As `fit`.
            TrainingError: As `fit`.
        """
        made = self._made_elsewhere(recipe, as_of, watched=watched is not None)
        if made is not None:
            model, epochs = made
            if on_epoch:
                for epoch, values in epochs:
                    on_epoch(epoch, values)
            return model
        if recipe.total_epochs is not None:
            import_networks()
        return fit(
            recipe, grid, as_of=as_of, seed=seed, time_limit_s=time_limit_s, on_epoch=on_epoch, watched=watched
        )  # fmt: skip

    def _made_elsewhere(self, recipe: Recipe, as_of: date, *, watched: bool) -> _Fitted | None:
        if (recipe, as_of) not in self._begun:
            self.begin(recipe, as_of, watched=watched)
        # What failed is made again when it is asked for again.
        begun = self._begun.pop((recipe, as_of), None)
        try:
            return None if begun is None else begun.result()
        except BrokenProcessPool:
            self._pool = None
            log.warning("A process that makes fits was killed; %s is fitted in this one.", self._job.series)
            return None


def _fit_elsewhere(
    recipe: Recipe, grid: FeatureGrid, as_of: date, seed: int, limit_s: float, watched: bool
) -> _Fitted:
    """A fit and its epochs, for another process."""
    import_networks()
    epochs: list[tuple[int, dict[str, float]]] = []

    def keep(epoch: int, values: Mapping[str, float]) -> None:
        epochs.append((epoch, dict(values)))

    later = grid if watched else None
    model = fit(
        recipe, grid, as_of=as_of, seed=seed, time_limit_s=limit_s, on_epoch=keep, watched=later
    )  # fmt: skip
    return model, epochs
