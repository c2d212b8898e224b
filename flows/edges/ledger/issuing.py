"""Adding forecasts to the ledger: what stands already is left, what differs supersedes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from flows.edges.ledger.queries import is_last_issue
from flows.edges.ledger.tables import forecasts, issuances, manifests, pack_quantiles
from flows.edges.sql.database import insert_missing
from pipeline.errors import DateError, InputError
from pipeline.forecasts.columns import LIVE, IssueContext, complete_at
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import HORIZONS

_VALUES: Final = ("last_close", "random_walk_from", "quantiles")
# Built once: making a statement takes longer than running it.
_STANDING: Final = (
    sa.select(
        *(forecasts.c[name] for name in ("mode", "horizon", "issue", *_VALUES)), issuances.c.simulated_time
    )
    .join_from(forecasts, issuances)
    .where(
        forecasts.c.series == sa.bindparam("series"),
        forecasts.c.as_of == sa.bindparam("as_of"),
        forecasts.c.model_id == sa.bindparam("model_id"),
        is_last_issue(),
    )
)
_MARKET: Final = (
    sa.select(issuances.c.simulated_data)
    .join_from(forecasts, issuances)
    .where(forecasts.c.series == sa.bindparam("series"))
    .limit(1)
)


@dataclass(frozen=True)
class IssueReport:
    """What became of a call's rows, one a horizon: `written + unchanged + kept` is all of them.

    Attributes:
        written: New rows.
        unchanged: Rows that stand already with the same values.
        superseded: Rows that stood with other values; each is among the written.
        kept: Rows that a run in simulated time would have superseded, but that were issued live in real time.
    """

    written: int = 0
    unchanged: int = 0
    superseded: int = 0
    kept: int = 0


class Issuing:
    """One call's additions, inside one transaction."""

    def __init__(self, connection: sa.Connection, context: IssueContext) -> None:
        self._connection = connection
        self._context = context
        self._issuance_id: int | None = None
        self._counts = dict.fromkeys(("written", "unchanged", "superseded", "kept"), 0)

    def add(self, forecast: Forecast) -> None:
        """Add those of the forecast's seven horizons that say something new.

        Raises:
            DateError: Its as_of is not complete at the context's `now`.
            InputError: The series' other forecasts are of a simulated market and this one is not, or vice versa.
        """
        self._require_complete(forecast)
        self._require_one_market(forecast)
        current = self._current(forecast)
        rows = []
        for horizon in HORIZONS:
            row = self._row(forecast, horizon)
            outcome, issue = self._compare(row, current.get((row["mode"], horizon)))
            self._counts[outcome] += 1
            if outcome == "written":
                self._counts["superseded"] += issue > 1
                rows.append({**row, "issue": issue, "issuance_id": self._issuance()})
        if rows:
            self._connection.execute(forecasts.insert(), rows)

    def report(self) -> IssueReport:
        """What became of the rows."""
        return IssueReport(**self._counts)

    def _row(self, forecast: Forecast, horizon: int) -> dict[str, Any]:
        target_date = forecast.target_date(horizon)
        return {
            "series": str(forecast.series),
            "as_of": forecast.as_of,
            "horizon": horizon,
            "model_id": forecast.model_id,
            "mode": self._context.mode(target_date),
            "target_date": target_date,
            "last_close": float(forecast.last_close),
            "random_walk_from": forecast.random_walk_from,
            "quantiles": pack_quantiles(forecast.quantiles[horizon - 1]),
            "now": self._context.now,
        }

    def _compare(self, row: dict[str, Any], current: Any) -> tuple[str, int]:
        """What to do with a row, and the issue number it has then."""
        if current is None:
            return "written", 1
        same = all(getattr(current, name) == row[name] for name in _VALUES)
        live, simulated = row["mode"] == LIVE, self._context.simulated_time
        # Said in time at last, what a rehearsal had said: that is another claim.
        if same and not (live and current.simulated_time and not simulated):
            return "unchanged", current.issue
        # Hindsight that calls itself live must not take the place of what was really said in time.
        if live and simulated and not current.simulated_time:
            return "kept", current.issue
        return "written", current.issue + 1

    def _current(self, forecast: Forecast) -> dict[tuple[str, int], Any]:
        """The last issue of each mode and horizon."""
        key = {"series": str(forecast.series), "as_of": forecast.as_of, "model_id": forecast.model_id}
        return {(row.mode, row.horizon): row for row in self._connection.execute(_STANDING, key)}

    def _issuance(self) -> int:
        """Id of what the rows share, written with the first of them."""
        if self._issuance_id is None:
            context = self._context
            self._write_manifest()
            added = issuances.insert().values(
                manifest_id=context.manifest.id,
                model_version=context.model_version,
                run_id=context.run_id,
                snapshot_sha256=context.snapshot_sha256,
                vintage=context.vintage,
                issued_at=context.issued_at,
                simulated_time=context.simulated_time,
                simulated_data=context.simulated_data,
            )
            self._issuance_id = self._connection.execute(added.returning(issuances.c.id)).scalar_one()
        return self._issuance_id

    def _write_manifest(self) -> None:
        manifest = self._context.manifest
        known = sa.select(manifests.c.id).where(manifests.c.id == manifest.id)
        if self._connection.execute(known).first() is None:
            row = {"id": manifest.id, "manifest": manifest.as_json()}
            insert_missing(self._connection, manifests, [row])

    def _require_complete(self, forecast: Forecast) -> None:
        if self._context.now < complete_at(forecast.as_of):
            raise DateError(
                f"{forecast.series}: the candle of {forecast.as_of} is not complete at "
                f"{self._context.now:%Y-%m-%d %H:%M} UTC; issue an earlier as_of or wait for midnight, UTC."
            )

    def _require_one_market(self, forecast: Forecast) -> None:
        there = self._connection.execute(_MARKET, {"series": str(forecast.series)}).scalar()
        if there is not None and there != self._context.simulated_data:
            kinds = {True: "the simulated market", False: "a real market"}
            raise InputError(
                f"{forecast.series}: this ledger holds forecasts of {kinds[there]}, these are of "
                f"{kinds[not there]}; give them a ledger of their own by COINCAST_HOME or COINCAST_DATABASE_URL."
            )


def write_forecasts(
    connection: sa.Connection, issued: Sequence[Forecast], *, context: IssueContext
) -> IssueReport:
    """Add forecasts inside the caller's transaction, in which nobody else writes these series."""
    issuing = Issuing(connection, context)
    for forecast in issued:
        issuing.add(forecast)
    return issuing.report()
