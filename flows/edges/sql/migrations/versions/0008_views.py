"""Views for other tools: a row a quantile, the scores and publications that count, the units of backfills."""

from typing import Final

from alembic import op

from pipeline.forecasts.quantiles import LEVELS

revision: Final = "0008"
down_revision: Final = "0007"

_LAST_ISSUE: Final = """NOT EXISTS (SELECT 1 FROM forecasts n WHERE n.series = f.series AND n.as_of = f.as_of
    AND n.horizon = f.horizon AND n.model_id = f.model_id AND n.mode = f.mode AND n.issue > f.issue)"""
_SCORES: Final = f"""
SELECT f.series, f.as_of, f.horizon, f.model_id, f.mode, f.target_date, s.actual_close, s.wis, s.absolute_error, s.pit,
    s.hit_50, s.hit_80, s.hit_90, s.hit_95, s.revision, s.snapshot_sha256, s.scored_at
FROM scores s JOIN forecasts f ON f.id = s.forecast_id
WHERE {_LAST_ISSUE}
    AND NOT EXISTS (SELECT 1 FROM scores n WHERE n.forecast_id = s.forecast_id AND n.revision > s.revision)
"""  # noqa: S608 - our own words
_PUBLISHED: Final = """
SELECT p.series, p.as_of, p.model_id, p.chosen_by, p.run_id, p.published_at
FROM publications p
WHERE NOT EXISTS (SELECT 1 FROM publications n WHERE n.series = p.series AND n.as_of = p.as_of AND n.id > p.id)
"""
_UNITS: Final = """
SELECT u.backfill_id, u.series, u.as_of, b.model_id, u.fit_day, u.status, u.why, u.attempts, u.fit_s, u.total_s,
    u.ended_at, b.created_at, b.run_id
FROM backfill_units u JOIN backfills b ON b.id = u.backfill_id
"""


# Byte number `n` of a forecast's quantiles, from 0, and 2 to a power held between 0 and 62.
_SQLITE: Final = (
    "((instr('0123456789ABCDEF', substr(hex(substr(f.quantiles, {n} + 1, 1)), 1, 1)) - 1) * 16"
    " + instr('0123456789ABCDEF', substr(hex(substr(f.quantiles, {n} + 1, 1)), 2, 1)) - 1)",
    "CAST(1 << max(0, min(62, {power})) AS REAL)",
)
_POSTGRESQL: Final = (
    "get_byte(f.quantiles, {n})::bigint",
    "(1::bigint << greatest(0, least(62, {power}))::integer)::double precision",
)


def upgrade() -> None:
    """Make the views."""
    dialect = _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL
    views = {
        "v_forecasts": _forecasts(*dialect),
        "v_scores": _SCORES,
        "v_published": _PUBLISHED,
        "v_units": _UNITS,
    }
    for name, query in views.items():
        op.execute(f"CREATE VIEW {name} AS {query}")


def _forecasts(byte: str, power_of_two: str) -> str:
    """A row a quantile, from its eight bytes: 52 bits of fraction, 11 of exponent (IEEE 754), and the sign of a price.

    fraction × 2^power is the price to the last bit: a product with a power of two is not rounded. From 1e-21 to 1e34.
    """
    levels = " UNION ALL ".join(
        f"SELECT {place} AS place, {level!r} AS level" for place, level in enumerate(LEVELS)
    )
    at = [byte.format(n=f"(l.place * 8 + {number})") for number in range(8)]
    fraction = " + ".join(f"({one} << {8 * number})" for number, one in enumerate(at[:6]))
    times, by, by_more = (power_of_two.format(power=one) for one in ("q.power", "-q.power", "-q.power - 62"))
    shared = """i.model_version, i.run_id, i.snapshot_sha256, i.vintage, i.issued_at, i.simulated_time,
        i.simulated_data"""
    return f"""
SELECT q.series, q.as_of, q.horizon, q.model_id, q.mode, q.target_date, q.level,
    CAST(q.fraction AS double precision) * {times} / {by} / {by_more} AS value,
    q.last_close, q.issue, {shared.replace("i.", "q.")}
FROM (
    SELECT f.*, l.level, {shared}, {fraction} + (({at[6]} & 15) << 48) + 4503599627370496 AS fraction,
        (({at[7]} & 127) << 4) + ({at[6]} >> 4) - 1075 AS power
    FROM forecasts f JOIN issuances i ON i.id = f.issuance_id CROSS JOIN ({levels}) l
    WHERE {_LAST_ISSUE}
) q
"""  # noqa: S608 - our own words
