"""What a run was asked to do, checked before anything is touched."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from flows.edges.clock import clock
from flows.edges.configuration import Configuration
from flows.edges.files.recipe_files import named_recipe
from flows.inputs.arguments import require_daily
from pipeline.addresses.address import Address
from pipeline.errors import DateError
from pipeline.features.day_axis import refit_day
from pipeline.forecasts.columns import BY_GATE, BY_RECIPE
from pipeline.models.registry import require_range
from pipeline.recipes.base import Recipe
from pipeline.series import Series


@dataclass(frozen=True)
class Job:
    """One series' day.

    Attributes:
        series: What is forecast.
        source: URL or folder of the vendor's files.
        as_of: The last complete candle's date that the forecast may see; None for the newest.
        now: The instant the run believes in, UTC.
        simulated_time: Whether `now` was given instead of read from the clock.
        recipe: What is fitted.
        seed: Seed of the fit.
        configuration: Settings and places.
    """

    series: Series
    source: Address
    as_of: date | None
    now: datetime
    simulated_time: bool
    recipe: Recipe
    seed: int
    configuration: Configuration

    @property
    def newest_complete(self) -> date:
        """Date of the last daily candle that is complete at `now`."""
        return self.now.astimezone(UTC).date() - timedelta(days=1)

    @property
    def midnight(self) -> datetime:
        """The beginning of the UTC day that `now` lies in."""
        return datetime.combine(self.now.astimezone(UTC).date(), time(), UTC)

    @property
    def chosen_by(self) -> str:
        """Who chooses what is published: the gate, or the recipe itself where it is a baseline."""
        return BY_RECIPE if self.recipe.is_baseline else BY_GATE

    @property
    def fit_limit_s(self) -> float:
        """Seconds after which any fit of the day is ended as failed."""
        return self.configuration.settings.fit_limit_s

    def fit_day(self, as_of: date) -> date:
        """The last day at or before `as_of` on which the refit calendar fits."""
        return refit_day(as_of, self.configuration.settings.refit_every)


def plan_jobs(
    configuration: Configuration,
    series: Sequence[Series],
    *,
    as_of: date | None,
    now: datetime | None,
) -> tuple[Job, ...]:
    """A job for each series.

    Raises:
        UnknownSeriesError: A series is not of days.
        DateError: `as_of` is not complete at `now`.
        InputError: The recipe is unknown, or forecasts no range.
    """
    require_daily(series)
    believed = now or clock()
    settings = configuration.settings
    recipe = named_recipe(settings.recipe, configuration.places)
    require_range(recipe)
    jobs = tuple(
        Job(
            series=one,
            source=settings.source,
            as_of=as_of,
            now=believed,
            simulated_time=now is not None,
            recipe=recipe,
            seed=settings.seed,
            configuration=configuration,
        )
        for one in series
    )
    if as_of is not None and as_of > jobs[0].newest_complete:
        raise DateError(
            f"--as-of {as_of} is not complete at {believed:%Y-%m-%d %H:%M} UTC; "
            f"the newest complete day is {jobs[0].newest_complete}."
        )
    return jobs
