"""A companion library (the expressions that stand in artifacts) without its own copy of the library that they refer to.

An expression may use the names of its artifact's library unqualified, so it is translated as if it stood at that library's end.
``referring`` takes the result and makes every such name one of the original: a data element, a parameter or a function is then
the same thing whether a condition names it or spells it out, for the explanation and for values that are given.
"""

from __future__ import annotations

from collections.abc import Collection

from guideway.elm import nodes
from guideway.guideline.requirements import walk


def referring(companion: nodes.Library, original: nodes.Library, own: Collection[str]) -> nodes.Library:
    """The companion with the defines ``own`` alone, in place; it includes the original by its name."""
    name = original.identifier.id if original.identifier is not None else None
    statements = {s.name for s in original.statements} - set(own)
    parameters = {p.name for p in original.parameters}
    companion.statements = [s for s in companion.statements if s.name in own or s.name not in statements]
    companion.parameters = [p for p in companion.parameters if p.name not in parameters]
    for statement in companion.statements:
        for node in walk(statement.expression):
            if not isinstance(node, nodes.ExpressionRef | nodes.FunctionRef | nodes.ParameterRef) or node.libraryName:
                continue
            if node.name in (parameters if isinstance(node, nodes.ParameterRef) else statements):
                node.libraryName = name
    return companion
