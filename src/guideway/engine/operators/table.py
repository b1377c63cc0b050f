"""The table of operators: ELM node name → how it is evaluated, gathered from the chapters."""

from __future__ import annotations

from guideway.engine.operators import (
    aggregate,
    arithmetic,
    clinical,
    comparison,
    datetime,
    distances,
    expansion,
    interval,
    lists,
    logical,
    message,
    nullological,
    strings,
    types,
)
from guideway.engine.operators.operator import Operator

OPERATORS: dict[str, Operator] = {
    **logical.TABLE,
    **types.TABLE,
    **nullological.TABLE,
    **comparison.TABLE,
    **arithmetic.TABLE,
    **strings.TABLE,
    **datetime.TABLE,
    **interval.TABLE,
    **distances.TABLE,
    **expansion.TABLE,
    **lists.TABLE,
    **aggregate.TABLE,
    **clinical.TABLE,
    **message.TABLE,
}
