"""When an agent was removed (its row stays, since calls and offers refer to it), and calls by their time.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add column and index; nobody is removed yet."""
    op.add_column("agents", sa.Column("removed_at", sa.Double(), nullable=True))
    op.create_index("ix_calls_arrived_at", "calls", ["arrived_at"])


def downgrade() -> None:
    """Take both away; who was removed is an agent again, without a phone that could register."""
    op.drop_index("ix_calls_arrived_at", "calls")
    op.drop_column("agents", "removed_at")
