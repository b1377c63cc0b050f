"""What was counted of cards that are no longer kept, and an index by which the old ones are found."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    names = (("plan", 512), ("version", 64), ("action", 128), ("outcome", 16), ("reason", 128))
    op.create_table(
        "removed",
        *(sa.Column(name, sa.String(size), primary_key=True) for name, size in names),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_card_shown", "card", ["shown"])


def downgrade() -> None:
    op.drop_index("ix_card_shown", "card")
    op.drop_table("removed")
