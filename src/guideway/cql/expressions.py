"""Which handler translates which class of syntax node: the one table that joins the modules by concern."""

from __future__ import annotations

from typing import Any

from guideway.cql import functions, literals, operators, queries, references, retrieves, selectors, timing
from guideway.cql.translation import Handler

_ALL: dict[Any, Any] = {
    **literals.HANDLERS,
    **selectors.HANDLERS,
    **references.HANDLERS,
    **operators.HANDLERS,
    **timing.HANDLERS,
    **functions.HANDLERS,
    **queries.HANDLERS,
    **retrieves.HANDLERS,
}
HANDLERS: dict[type, Handler] = _ALL
