"""The ledger: forecasts exactly as they were issued, and what became of them. Rows are only ever added."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from flows.edges.ledger.alarm_record import AlarmRecord
from flows.edges.ledger.issuing import IssueReport, write_forecasts
from flows.edges.ledger.publications import (
    GateRecord,
    Publication,
    select_decisions,
    select_publications,
    select_published_models,
)
from flows.edges.ledger.queries import Selection, select_forecasts, select_scores
from flows.edges.ledger.scoring import ScoreReport, Truth, write_scores
from flows.edges.ledger.tables import decisions, forecasts, manifests, publications
from flows.edges.sql.database import reading, writing
from pipeline.errors import StoreError
from pipeline.forecasts.columns import BY_GATE, IssueContext
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.manifest import Manifest
from pipeline.forecasts.quantiles import HORIZONS
from pipeline.scores.outcomes import complete_closes
from pipeline.series import Series

if TYPE_CHECKING:
    from pandas import DataFrame

# With the hash of a series' name: those who write one series in PostgreSQL take turns on it.
_TURN: Final = 0x6C656467


class Ledger:
    """Forecasts, scores, publications and decisions of one database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self.alarms: Final = AlarmRecord(engine)

    def issue(self, issued: Sequence[Forecast], *, issue: IssueContext) -> IssueReport:
        """Keep forecasts, all or none: a row for each horizon that is not there yet with the same values.

        Other values than those that stand become the next issue, which supersedes. A forecast is `live` at the
        horizons whose targets are not complete at the context's `now`. Same values are the same forecast,
        whichever run, fit or vintage they come from: the row keeps those of the first.

        Raises:
            DateError: An as_of is not complete at `now`.
            InputError: Simulated and real forecasts of one series would mix.
            StoreError: The database refused.
            DiskFullError: There is no room.
        """
        with self._lock(str(forecast.series) for forecast in issued) as connection:
            return write_forecasts(connection, issued, context=issue)

    def score(
        self,
        series: Series,
        candles: "DataFrame",
        *,
        snapshot_sha256: str,
        now: datetime,
        scored_at: datetime,
    ) -> ScoreReport:
        """Score the last issue of every forecast whose target is complete at `now`, live and backfilled, once.

        A close that differs from the one that was scored, known to a run that is not older, is a restatement:
        it makes a new revision. A missing or filled day makes no score.

        Args:
            series: Whose forecasts.
            candles: Its daily candles or grid, as they are known at `now`.
            snapshot_sha256: The bytes they were read from.
            now: The instant that the run believes in.
            scored_at: The clock's instant.

        Raises:
            StoreError: The database refused.
            DiskFullError: There is no room.
        """
        truth = Truth(
            closes=complete_closes(candles, now=now),
            last_complete=(now.astimezone(UTC) - timedelta(days=1)).date(),
            snapshot_sha256=snapshot_sha256,
            now=now,
            scored_at=scored_at,
        )
        with self._lock([str(series)]) as connection:
            return write_scores(connection, series, truth=truth)

    def publish(
        self,
        series: Series,
        as_of: date,
        *,
        model_id: str,
        now: datetime,
        published_at: datetime,
        chosen_by: str = BY_GATE,
        run_id: str = "",
    ) -> bool:
        """Keep which model's forecast of a day was published; False where that is what the ledger says already."""
        row = Publication(str(series), as_of, model_id, now, published_at, chosen_by, run_id)
        with self._lock([str(series)]) as connection:
            newest = connection.execute(select_publications(series, as_of).limit(1)).first()
            if newest is not None and _choice(newest) == _choice(row):
                return False
            connection.execute(publications.insert().values(**vars(row)))
            return True

    def decide(self, series: Series, decision: GateRecord) -> bool:
        """Keep the gate's decision on a fit; False where the ledger has the one on that fit already."""
        with self._lock([str(series)]) as connection:
            if select_decisions(connection, series, run_id=decision.run_id):
                return False
            connection.execute(decisions.insert().values(**vars(decision)))
            return True

    def forecasts(
        self,
        series: Series | None = None,
        *,
        since: date | None = None,
        until: date | None = None,
        model_ids: Sequence[str] | None = None,
        mode: str | None = None,
        latest_only: bool = True,
    ) -> "DataFrame":
        """Forecasts with as_of from `since` to `until`, ordered by series, as_of, horizon, model, mode and issue.

        Args:
            series: One series; None for all.
            since: First as_of.
            until: Last as_of.
            model_ids: These models only.
            mode: `live` or `backfill` only.
            latest_only: Without those that were superseded.

        Returns:
            DataFrame, a row for each horizon: the key, target_date, last_close, random_walk_from (nullable),
            model_version, run_id, snapshot_sha256, vintage, now, issued_at, simulated_time, simulated_data,
            manifest_id, and quantiles, whose cells are arrays of shape (23,), of which
            `pipeline.forecasts.columns.quantile_matrix` makes one array. Days are naive `datetime64[us]`, instants UTC.
        """
        selection = Selection(series, since, until, model_ids, mode, latest_only)
        with reading(self._engine) as connection:
            return select_forecasts(connection, selection)

    def scores(
        self,
        series: Series | None = None,
        *,
        since: date | None = None,
        until: date | None = None,
        model_ids: Sequence[str] | None = None,
        mode: str | None = None,
        latest_only: bool = True,
    ) -> "DataFrame":
        """Scored forecasts with target days from `since` to `until`, ordered as `forecasts`.

        Args:
            series: One series; None for all.
            since: First target day.
            until: Last target day.
            model_ids: These models only; a comparison needs the random walk's too.
            mode: `live` or `backfill` only.
            latest_only: Of each forecast the last issue, of that the last revision of its score.

        Returns:
            DataFrame: the key, target_date, last_close, actual_close, wis (of log returns), absolute_error
            (quote currency), pit, hit_50 … hit_95, revision, snapshot_sha256 of the truth, now, scored_at,
            simulated_time, simulated_data, median, and lower_50, upper_50 … upper_95.
        """
        selection = Selection(series, since, until, model_ids, mode, latest_only)
        with reading(self._engine) as connection:
            return select_scores(connection, selection)

    def publication(
        self, series: Series, *, as_of: date | None = None, chosen_by: str | None = None
    ) -> Publication | None:
        """What was published last, of one day or of the newest, by any or by one chooser; None before the first."""
        query = select_publications(series, as_of, chosen_by).limit(1)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return None if row is None else Publication(**row._mapping)

    def decisions(
        self, series: Series, *, as_of: date | None = None, run_id: str | None = None
    ) -> tuple[GateRecord, ...]:
        """What the gate decided, of one day or of one fit where it is given, the newest first."""
        with reading(self._engine) as connection:
            return select_decisions(connection, series, as_of=as_of, run_id=run_id)

    def published_models(self, series: Series, *, since: date, until: date) -> dict[date, str]:
        """model_id of what was published last of each day from `since` to `until`, by as_of."""
        with reading(self._engine) as connection:
            return dict(connection.execute(select_published_models(series, since, until)).tuples().all())

    def manifest(self, manifest_id: str) -> Manifest:
        """What a fit was made of.

        Raises:
            StoreError: No forecast names that manifest.
        """
        query = sa.select(manifests.c.manifest).where(manifests.c.id == manifest_id)
        with reading(self._engine) as connection:
            text = connection.execute(query).scalar()
        if text is None:
            raise StoreError(
                f"The ledger has no manifest {manifest_id[:70]!r}; take the id from a forecast's row."
            )
        return Manifest.from_json(text)

    def complete_days(self, series: Series, *, model_id: str, since: date, until: date) -> frozenset[date]:
        """The as_of dates from `since` to `until` that have a model's forecast at all seven horizons, in any mode."""
        query = (
            sa.select(forecasts.c.as_of)
            .where(
                forecasts.c.series == str(series),
                forecasts.c.as_of.between(since, until),
                forecasts.c.model_id == model_id,
            )
            .group_by(forecasts.c.as_of)
            .having(sa.func.count(forecasts.c.horizon.distinct()) == len(HORIZONS))
        )
        with reading(self._engine) as connection:
            return frozenset(connection.execute(query).scalars())

    def newest_as_of(self, series: Series, *, mode: str | None = None) -> date | None:
        """as_of of the newest forecast, of one mode or of any; None before the first."""
        query = sa.select(sa.func.max(forecasts.c.as_of)).where(forecasts.c.series == str(series))
        if mode is not None:
            query = query.where(forecasts.c.mode == mode)
        with reading(self._engine) as connection:
            newest: date | None = connection.execute(query).scalar()
        return newest

    def begun(self, series: Series) -> datetime | None:
        """When the first forecast of any mode was made; None before it."""
        query = sa.select(sa.func.min(forecasts.c.now)).where(forecasts.c.series == str(series))
        with reading(self._engine) as connection:
            first: datetime | None = connection.execute(query).scalar()
        return first

    @contextmanager
    def _lock(self, series: Iterable[str]) -> Iterator[sa.Connection]:
        """A transaction in which nobody else writes these series; on SQLite nobody writes at all."""
        with writing(self._engine) as connection:
            if connection.dialect.name == "postgresql":
                # One order for all, so that no two wait for each other.
                for name in sorted(set(series)):
                    key = sa.func.hashtext(name)
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_TURN, key)))
            yield connection


def _choice(one: Any) -> tuple[str, str, str]:
    """What a publication says: which model, who chose it, and where the reasons are."""
    return one.model_id, one.chosen_by, one.run_id
