"""What is on a card: each recommendation with its plan, action and suggestions, so that feedback belongs to it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("card", sa.Column("recommendations", sa.JSON, nullable=True))


def downgrade() -> None:
    op.drop_column("card", "recommendations")
