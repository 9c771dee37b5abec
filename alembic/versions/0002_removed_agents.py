"""When an agent was removed: its row stays, since calls and offers refer to it.

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
    """Add the column; nobody is removed yet."""
    op.add_column("agents", sa.Column("removed_at", sa.Double(), nullable=True))


def downgrade() -> None:
    """Take the column away; who was removed is an agent again, without a phone that could register."""
    op.drop_column("agents", "removed_at")
