"""Retrieves and terminology: where the logic meets data (CQL 1.5 Appendix B, "Clinical Operators"; ELM "Retrieve").

A retrieve asks the data source by type and by codes; the codes of a value set come from the terminology once per evaluation. Date
ranges and the other filters are applied here, with the operators that CQL itself would use.
"""

from __future__ import annotations

from typing import Any

from guideway.elm import nodes, types
from guideway.engine.generator import Generator, Handler
from guideway.engine.generator_access import json_of, raw_of
from guideway.engine.generator_emit import Code
from guideway.engine.generator_refs import owner_of


def _value_set_text(g: Generator, node: nodes.ValueSetRef) -> str:
    owner = owner_of(g, node)
    found = owner.value_sets.get(node.name or "")
    if found is None:
        raise g.problem(node, f"{owner.name} has no value set {node.name!r}.")
    return f"ValueSetRef({found.id!r}, {found.version!r}, {node.name!r})"


def value_set(g: Generator, node: nodes.ValueSetRef) -> Code:
    """The value set itself, not its codes."""
    return Code(g.constant(_value_set_text(g, node)), nonnull=True, simple=True)


def _value_set_ref(g: Generator, node: nodes.ValueSetRef) -> Code:
    """A value set where an expression stands: itself, or (ELM before 1.5: no ``preserve``) its codes."""
    if node.preserve or g.type_of(node) == types.VALUESET:
        return value_set(g, node)
    return g.call(g.operator("ExpandValueSet"), [Code("E"), value_set(g, node)], node)


# ---- retrieve ----------------------------------------------------------------------------------------------------------


def codes_expression(g: Generator, node: Any) -> Code:
    """The codes of a filter as a set of ``(system, code)``."""
    if isinstance(node, nodes.ExpandValueSet):
        node = node.operand
    if isinstance(node, nodes.ValueSetRef):
        return g.call("value_set_codes", [Code("E"), value_set(g, node)], node)
    codes = g.visit(node)
    fixed = g.folded(g.call("code_set", [Code("None"), codes]), [codes])  # codes ask nothing of the evaluation
    return fixed if fixed.constant else g.call("code_set", [Code("E"), codes], node)


def _retrieve(g: Generator, node: nodes.Retrieve) -> Code:
    if node.include or node.includedIn:
        raise g.problem(node, "retrieves that include related data (IncludeElement) are not supported.")
    kind = g.env.resource_type(node.dataType)
    arguments = [Code("E"), Code(repr(kind))]
    filters = list(node.codeFilter)
    path, codes, comparator = node.codeProperty, node.codes, node.codeComparator
    if codes is None and filters:
        first = filters.pop(0)
        path, codes, comparator = first.property, first.value, first.comparator
    if codes is not None:
        arguments += [Code(repr(path or primary_code_path(g, kind))), codes_expression(g, codes)]
    elif node.context is not None:
        arguments += [Code("None"), Code("None")]
    if node.context is not None:
        arguments.append(g.visit(node.context))
    function = "retrieve_all" if g.context in ("Unfiltered", "Population") and node.context is None else "retrieve"
    result = g.call(function, arguments, node, nonnull=True)
    if comparator == "=" and codes is not None:
        result = _exactly(g, node, result, path or primary_code_path(g, kind))
    for extra in filters:
        if extra is not node.codeFilter[0] or node.codes is None:
            wanted = codes_expression(g, extra.value)
            result = g.call("filter_codes", [result, Code(repr(extra.property or "code")), wanted], node, nonnull=True)
    for property_, low, high, value in _date_filters(node):
        result = g.call("filter_dates", [result, Code(repr((property_, low, high))), g.visit(value)], node, nonnull=True)
    if node.id is not None:
        path_of_id = Code(repr(node.idProperty or "id"))
        result = g.call("filter_equal", [result, path_of_id, Code("'='"), g.visit(node.id)], node, nonnull=True)
    for other in node.otherFilter:
        where = [result, Code(repr(other.property)), Code(repr(other.comparator)), g.visit(other.value)]
        result = g.call("filter_equal", where, node, nonnull=True)
    return result


def _exactly(g: Generator, node: nodes.Retrieve, result: Code, path: str) -> Code:
    """``=`` on codes also compares their versions and displays where both sides have them."""
    if isinstance(node.codes, (nodes.ValueSetRef, nodes.ExpandValueSet)):
        return result
    return g.call("filter_versions", [result, Code(repr(path)), g.visit(node.codes)], node, nonnull=True)


def _date_filters(node: nodes.Retrieve) -> list[tuple[str | None, str | None, str | None, Any]]:
    found = [(f.property, f.lowProperty, f.highProperty, f.value) for f in node.dateFilter]
    if node.dateRange is not None and not any(f.value is node.dateRange for f in node.dateFilter):
        own = (node.dateProperty, node.dateLowProperty, node.dateHighProperty, node.dateRange)
        if not found or own[:3] not in [f[:3] for f in found]:
            found.insert(0, own)
    return found


def primary_code_path(g: Generator, kind: str) -> str:
    """Where the code of a resource type is, by the model."""
    info = g.env.fhir.type(f"FHIR.{kind}")
    return (info.primary_code_path if info is not None else None) or "code"


# ---- membership --------------------------------------------------------------------------------------------------------


def _in_value_set(g: Generator, node: nodes.InValueSet | nodes.AnyInValueSet) -> Code:
    many = isinstance(node, nodes.AnyInValueSet)
    operand = node.codes if isinstance(node, nodes.AnyInValueSet) else node.code
    name = type(node).__name__
    if node.valueset is not None:
        where = value_set(g, node.valueset)
        source = None if many else _concept_source(g, operand)
        if source is not None:
            return g.call("concept_in", [Code("E"), source, where], node)
    else:
        where = g.visit(node.valuesetExpression)
    return g.call(g.operator(name), [Code("E"), g.visit(operand), where], node)


def _concept_source(g: Generator, node: Any) -> Code | None:
    """The JSON of a CodeableConcept that is converted only to be looked for."""
    from guideway.engine.generator_refs import overloads, tag

    if g.traced or not isinstance(node, nodes.FunctionRef) or len(node.operand) != 1:
        return None
    candidates = overloads(g, owner_of(g, node), node)
    if len(candidates) == 1 and tag(candidates[0], "native") == "fhir-concept":
        return json_of(g, node.operand[0])
    return None


def _in_code_system(g: Generator, node: nodes.InCodeSystem | nodes.AnyInCodeSystem) -> Code:
    operand = node.codes if isinstance(node, nodes.AnyInCodeSystem) else node.code
    where = g.visit(node.codesystem if node.codesystem is not None else node.codesystemExpression)
    return g.call(g.operator(type(node).__name__), [Code("E"), g.visit(operand), where], node)


def _expand_value_set(g: Generator, node: nodes.ExpandValueSet) -> Code:
    if isinstance(node.operand, nodes.ValueSetRef):
        operand = value_set(g, node.operand)
    else:
        operand = g.visit(node.operand)
    return g.call(g.operator("ExpandValueSet"), [Code("E"), operand], node)


__all__ = ["HANDLERS", "codes_expression", "raw_of"]

HANDLERS: dict[type[Any], Handler] = {
    nodes.Retrieve: _retrieve,
    nodes.ValueSetRef: _value_set_ref,
    nodes.InValueSet: _in_value_set,
    nodes.AnyInValueSet: _in_value_set,
    nodes.InCodeSystem: _in_code_system,
    nodes.AnyInCodeSystem: _in_code_system,
    nodes.ExpandValueSet: _expand_value_set,
}
