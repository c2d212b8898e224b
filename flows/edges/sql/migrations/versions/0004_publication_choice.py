"""Who chose the model that was published: the gate, or the recipe where it is a baseline; and in which run."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0004"
down_revision: Final = "0003"


def upgrade() -> None:
    """Add two columns; all that was published until now was the gate's choice."""
    op.add_column("publications", sa.Column("chosen_by", sa.String(6), nullable=False, server_default="gate"))
    op.add_column("publications", sa.Column("run_id", sa.Text, nullable=False, server_default=""))
