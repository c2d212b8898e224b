"""The alarms of a deployment, from what its stores hold: for the scorecard, the doctor, the ledger and events."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from flows.edges.clock import clock
from flows.edges.ledger.store import Ledger
from flows.edges.snapshots.composition import part_series
from flows.edges.snapshots.several import differing_days
from flows.edges.snapshots.store import Judgement, Snapshot, SnapshotStore
from flows.edges.sources.registry import Choice, chosen
from pipeline.forecasts.columns import BY_RECIPE, LIVE, RANDOM_WALK
from pipeline.forecasts.quantiles import HORIZONS
from pipeline.monitoring import alarms
from pipeline.monitoring.alarm_bounds import COVERAGE_WINDOWS
from pipeline.monitoring.alarms import Alarm, missing_forecast, record_alarms, stale_source
from pipeline.recipes.base import model_id_of
from pipeline.series import Series
from pipeline.settings import Settings

# What the longest window of the longest horizon can reach back to, holes included.
_HISTORY: Final = timedelta(days=max(COVERAGE_WINDOWS) * (max(HORIZONS) + 1))


def series_alarms(
    ledger: Ledger, snapshots: SnapshotStore, series: Series, *, settings: Settings, now: datetime
) -> tuple[Alarm, ...]:
    """Every alarm that stands for a series, the most pressing first.

    Args:
        ledger: Forecasts and scores.
        snapshots: What was downloaded.
        series: One of the settings' series, or another one.
        settings: How old a source may be, how many series are watched, and which recipe is usual.
        now: The instant to judge at.
    """
    name, newest, choice = str(series), snapshots.latest(series), chosen(settings, settings.source)
    publication = ledger.publication(series)
    model_id = publication.model_id if publication else usual_model(settings)
    scores = ledger.scores(
        series, since=(now - _HISTORY).date(), model_ids=list({model_id, RANDOM_WALK}), mode=LIVE
    )
    found = (
        missing_forecast(
            name, newest_as_of=ledger.newest_as_of(series, mode=LIVE), now=now, begun=ledger.begun(series)
        ),
        current_suspicion(snapshots, series, choice),
        *_differences(snapshots, series, choice),
        stale_source(
            name,
            last_candle=newest.last if newest else None,
            now=now,
            stale_after_days=settings.stale_after_days,
        ),
        *record_alarms(
            scores,
            series=name,
            model_id=model_id,
            series_watched=len(settings.series),
            configured=publication is not None and publication.chosen_by == BY_RECIPE,
        ),
    )
    return tuple(alarm for alarm in found if alarm is not None)


def raise_alarms(
    ledger: Ledger, series: Series, raised: Sequence[Alarm], *, now: datetime, simulated_time: bool
) -> None:
    """Keep alarms in the ledger, and tell of them as events, which last for a week.

    Args:
        ledger: Where they are kept.
        series: Whose they are.
        raised: Those that stand.
        now: The instant that the run believes in.
        simulated_time: Whether that is another one than the clock's.

    Raises:
        StoreError: The ledger refused; the events were emitted.
    """
    from flows.reporting.events import emit_alarms

    emit_alarms(series, raised, simulated_time=simulated_time)
    if raised:
        ledger.alarms.keep(raised, now=now, raised_at=clock())


def current_suspicion(snapshots: SnapshotStore, series: Series, choice: Choice) -> Alarm | None:
    """The alarm of a source whose newest file is not used; None where every one's is."""
    lines = [] if choice.is_single else [part_series(series, source.name) for source in choice.places]
    for line in (series, *lines):
        suspicion, used = snapshots.suspicion(line), snapshots.latest(line)
        if suspicion and used:
            return replace(suspect_source(suspicion, used=used), series=str(series))
    return None


def _differences(snapshots: SnapshotStore, series: Series, choice: Choice) -> Iterator[Alarm]:
    if choice.is_single:
        return
    for source, days in differing_days(
        series, choice, snapshots, bound=alarms.DIFFERING_CLOSE, days=alarms.COMPARED_DAYS
    ).items():
        newest = max(days)
        used, other = days[newest]
        closes = {choice.order[0]: used, source: other}
        yield alarms.differing_sources(str(series), day=newest, closes=closes, days=len(days))


def suspect_source(suspicion: Judgement, *, used: Snapshot) -> Alarm:
    """The alarm of a file that is not used, while another one is."""
    return alarms.suspect_source(
        str(suspicion.series),
        sha256=suspicion.sha256,
        reason=suspicion.reason,
        since=suspicion.judged_at.date(),
        last_candle=used.last,
    )


def usual_model(settings: Settings) -> str:
    """model_id of the configured recipe: what is published unless the gate says otherwise."""
    return model_id_of(settings.recipe)
