"""The database's history, run by `flows.edges.sql.database.open_database`.

A revision is `versions/NNNN_what.py` with `revision = "NNNN"`, and follows the one before: the highest number is
the head. Each runs inside one transaction that the caller commits, so a killed migration leaves nothing.
"""
