"""Where values came from: the resources behind a value of a trace, and the operands that made it what it is.

Works on any trace with ``kind``, ``label``, ``value``, ``children``, ``resources``, ``library``, ``define``
(``engine.trace.TraceNode``).
"""

from __future__ import annotations

from typing import Any, Protocol

from guideway.fhir.element import FhirObject, FhirPrimitive


class Trace(Protocol):
    """One evaluated node; see ``engine.trace``."""

    kind: str
    label: str | None
    value: Any
    children: Any
    resources: Any
    library: str | None
    define: str | None


def deciders(node: Trace) -> list[Trace]:
    """The children that made the node's value what it is."""
    children = list(node.children or ())
    value = unwrap(node.value)
    if node.kind == "And" and value is False:
        return [c for c in children if unwrap(c.value) is False][:1] or children
    if node.kind == "Or" and value is True:
        return [c for c in children if unwrap(c.value) is True][:1] or children
    if node.kind == "Implies" and value is True:
        if children and unwrap(children[0].value) is False:
            return children[:1]
        return [c for c in children[1:] if unwrap(c.value) is True][:1] or children
    return children


class Provenance:
    """Which resources values came from; each node of the traces of one evaluation is looked at once."""

    def __init__(self) -> None:
        self._of: dict[int, tuple[dict[str, None], dict[str, None]]] = {}
        self._read: dict[int, dict[str, None]] = {}

    def of(self, node: Trace) -> tuple[dict[str, None], dict[str, None]]:
        """The resources that a value came from, and those that were read and did not count."""
        known = self._of.get(id(node))
        if known is None:
            self._of[id(node)] = ({}, {})
            known = self._of[id(node)] = self._new(node)
        return known

    def _new(self, node: Trace) -> tuple[dict[str, None], dict[str, None]]:
        references = resources_of_value(node.value)
        if references:
            return dict.fromkeys(references), {}
        if node.kind == "Retrieve":
            return {}, dict.fromkeys(node.resources or ())
        if isinstance(node.value, list) and not node.value:
            return {}, self.read_by(node)
        found: dict[str, None] = {}
        checked: dict[str, None] = {}
        rows = [child for child in node.children or () if child.kind == "Iteration"] if node.kind == "Query" else []
        if rows:
            kept, left_out = self._of_rows(node, rows)
            found |= dict.fromkeys(kept)
            checked |= dict.fromkeys(left_out)
        if not found:
            for child in deciders(node):
                if child.kind != "Iteration":
                    more = self.of(child)
                    found |= more[0]
                    checked |= more[1]
        return found, {reference: None for reference in checked if reference not in found}

    def _of_rows(self, query: Trace, rows: list[Trace]) -> tuple[list[str], list[str]]:
        """Of a query's rows: the resources of those that are in its result, and of those that are not."""
        result = query.value if isinstance(query.value, list) else [query.value]
        longest = max(len(row.children or ()) for row in rows)
        kept: list[str] = []
        left_out: list[str] = []
        for row in rows:
            children = list(row.children or ())
            given = children[-1].value if children else None
            whole = len(children) == longest and given is not None and given != []
            inside = any(row.value is value or (whole and given is value) for value in result)
            references = resources_of_value(row.value) or list(self.read_by(row))
            (kept if inside else left_out).extend(references)
        return kept, left_out

    def read_by(self, node: Trace) -> dict[str, None]:
        """Every resource that was read for a value, in the order of reading."""
        known = self._read.get(id(node))
        if known is None:
            known = dict.fromkeys(node.resources or ())
            self._read[id(node)] = known
            for child in node.children or ():
                known |= self.read_by(child)
        return known


def resources_of_value(value: Any) -> list[str]:
    """References of the resources that a value is: one resource, or a list of nothing else."""
    if isinstance(value, FhirObject):
        return [value.reference] if value.reference else []
    if isinstance(value, list) and value and all(isinstance(v, FhirObject) and v.reference for v in value):
        return list(dict.fromkeys(str(v.reference) for v in value))
    return []


def unwrap(value: Any) -> Any:
    """A FHIR primitive as its value."""
    return value.value if isinstance(value, FhirPrimitive) else value
