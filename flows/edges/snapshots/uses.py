"""Which snapshots the ledger needs: what forecasts, fits and scores were made of."""

import sqlalchemy as sa

from flows.edges.ledger.tables import issuances, manifests, scores
from flows.edges.sql.database import reading
from pipeline.forecasts.manifest import Manifest


def used_snapshots(engine: sa.Engine) -> frozenset[str]:
    """sha256 of every snapshot that a forecast, the fit behind it or a score names.

    Raises:
        StoreError: The database refused.
    """
    named = sa.union(sa.select(issuances.c.snapshot_sha256), sa.select(scores.c.snapshot_sha256))
    with reading(engine) as connection:
        used = set(connection.execute(named).scalars())
        texts = connection.execute(sa.select(manifests.c.manifest)).scalars().all()
    made_of = [Manifest.from_json(text) for text in texts]
    return frozenset(used.union(*((*one.snapshots, *one.read.values()) for one in made_of)))
