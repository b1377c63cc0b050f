"""The first tables: used tokens, cards, feedback, audit events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "used_token",
        sa.Column("iss", sa.String(512), primary_key=True),
        sa.Column("jti", sa.String(256), primary_key=True),
        sa.Column("expires", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "card",
        sa.Column("uuid", sa.String(36), primary_key=True),
        *(
            sa.Column(name, sa.String(size), nullable=False)
            for name, size in (("service", 128), ("plan", 512), ("version", 64), ("action", 128))
        ),
        sa.Column("indicator", sa.String(16), nullable=False),
        sa.Column("iss", sa.String(512), nullable=False),
        sa.Column("shadow", sa.Boolean, nullable=False),
        sa.Column("shown", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "feedback",
        sa.Column("id", BIG_KEY, primary_key=True, autoincrement=True),
        *(sa.Column(name, sa.String(size), nullable=False) for name, size in (("service", 128), ("card", 128), ("outcome", 16))),
        *(
            sa.Column(name, sa.String(size), nullable=False)
            for name, size in (("suggestion", 128), ("reason_system", 512), ("reason_code", 128))
        ),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("timestamp", sa.String(40), nullable=False),
        sa.Column("iss", sa.String(512), nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("iss", "service", "card", "outcome", "suggestion", "timestamp", name="feedback_once"),
    )
    op.create_table(
        "audit_event",
        sa.Column("id", BIG_KEY, primary_key=True, autoincrement=True),
        sa.Column("recorded", sa.BigInteger, nullable=False, index=True),
        sa.Column("resource", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    for table in ("audit_event", "feedback", "card", "used_token"):
        op.drop_table(table)
