"""Literals and selectors: values written in the logic (CQL 1.5 Appendix B, "Types"; ELM "Literals and Selectors").

Whatever does not depend on data becomes a constant of the module, made once when it is loaded.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from guideway.elm import nodes, types
from guideway.engine.generator import Generator, Handler
from guideway.engine.generator_emit import Code
from guideway.engine.generator_types import untyped_null


def _literal(g: Generator, node: nodes.Literal) -> Code:
    kind = (node.valueType or "").rpartition("}")[2].rpartition(":")[2]
    value = node.value
    if value is None and kind != "String":
        return Code("None", simple=True)
    text = value or ""
    try:
        if kind == "String":
            return Code(g.literal(text), nonnull=True, simple=True, constant=True)
        if kind == "Integer":
            return Code(f"({int(text)})" if text.startswith("-") else str(int(text)), nonnull=True, simple=True, constant=True)
        if kind == "Boolean":
            return Code({"true": "True", "false": "False"}[text.lower()], nonnull=True, simple=True, constant=True)
        if kind == "Decimal":
            return Code(g.constant(f"Decimal({str(_finite(text))!r})"), nonnull=True, simple=True, constant=True)
        if kind == "Long":
            return Code(g.constant(f"Long({int(text.removesuffix('L'))})"), nonnull=True, simple=True, constant=True)
        if kind in ("Date", "DateTime", "Time"):
            made = f"{kind}.parse({text.removeprefix('@').removeprefix('T')!r})"
            return Code(g.constant(made), nonnull=True, simple=True, constant=True)
    except (ValueError, KeyError, InvalidOperation):
        raise g.problem(node, f"{text!r} is no literal of type {kind}.") from None
    raise g.problem(node, f"there are no literals of type {kind!r}.")


def _finite(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError(text)
    return number


def _quantity(g: Generator, node: nodes.Quantity) -> Code:
    return Code(g.constant(quantity_text(node)), nonnull=True, simple=True, constant=True)


def quantity_text(node: nodes.Quantity) -> str:
    """The Python expression that makes a quantity literal."""
    return f"Quantity(Decimal({str(node.value or Decimal(0))!r}), {(node.unit or '1')!r})"


def _ratio(g: Generator, node: nodes.Ratio) -> Code:
    assert node.numerator is not None
    assert node.denominator is not None
    text = f"Ratio({quantity_text(node.numerator)}, {quantity_text(node.denominator)})"
    return Code(g.constant(text), nonnull=True, simple=True, constant=True)


def _tuple(g: Generator, node: nodes.Tuple) -> Code:
    parts = [(element.name or "", g.visit(element.value)) for element in node.element]
    depth = 2 + max((code.depth for _, code in parts), default=0)
    inside = ", ".join(f"{name!r}: {code.text}" for name, code in parts)
    return Code(f"TupleValue({{{inside}}})", depth, nonnull=True)


def _list(g: Generator, node: nodes.List) -> Code:
    if len(node.element) > 200:
        name = g.w.new_local()
        g.w.line(f"{name} = []")
        for element in node.element:
            g.w.line(f"{name}.append({g.visit(element).text})")
        return Code(name, nonnull=True, simple=True, constant=True)
    parts = [g.visit(element) for element in node.element]
    depth = 1 + max((code.depth for code in parts), default=0)
    fixed = all(code.constant for code in parts)
    return Code(f"[{', '.join(code.text for code in parts)}]", depth, nonnull=True, constant=fixed)


def point_type(g: Generator, node: Any, *bounds: Any) -> str | None:
    """The short name of an interval's point type: None where it is not known before the bounds are, Any for untyped nulls."""
    if all(untyped_null(bound) for bound in bounds):
        return "Any"
    type_ = g.type_of(node)
    if isinstance(type_, types.IntervalType) and type_.point != types.ANY:
        return type_.point.local_name if isinstance(type_.point, types.NamedType) else None
    for bound in bounds:
        found = g.type_of(bound)
        if isinstance(found, types.NamedType) and found != types.ANY:
            return found.local_name
    return None


def _interval(g: Generator, node: nodes.Interval) -> Code:
    def closed(flag: bool, expression: Any) -> Code:
        return Code(str(flag), simple=True, constant=True) if expression is None else g.visit(expression)

    arguments = [
        g.visit_optional(node.low),
        g.visit_optional(node.high),
        closed(node.lowClosed, node.lowClosedExpression),
        closed(node.highClosed, node.highClosedExpression),
        Code(repr(point_type(g, node, node.low, node.high)), constant=True),
    ]
    name = g.distances.get(id(node), "Interval")
    return g.folded(g.call(g.operator(name), arguments, node), arguments)


_SYSTEM_CLASSES: dict[str, tuple[str, tuple[str, ...]]] = {
    "Quantity": ("make_quantity", ("value", "unit")),
    "Ratio": ("Ratio", ("numerator", "denominator")),
    "Code": ("Code", ("code", "system", "version", "display")),
    "Concept": ("make_concept", ("codes", "display")),
    "ValueSet": ("ValueSetRef", ("id", "version", "name")),
    "CodeSystem": ("CodeSystemRef", ("id", "version", "name")),
    "Vocabulary": ("ValueSetRef", ("id", "version", "name")),
}


def _instance(g: Generator, node: nodes.Instance) -> Code:
    type_ = types.NamedType(node.classType or "")
    given = {element.name or "": g.visit(element.value) for element in node.element}
    if type_.uri == types.SYSTEM_URI:
        made = _SYSTEM_CLASSES.get(type_.local_name)
        if made is None:
            raise g.problem(node, f"a value of type {type_.local_name} cannot be made from elements.")
        name, fields = made
        unknown = sorted(set(given) - set(fields))
        if unknown:
            raise g.problem(node, f"{type_.local_name} has no element {unknown[0]!r}.")
        return g.call(name, [given.get(field, Code("None", simple=True)) for field in fields], node, nonnull=True)
    inside = ", ".join(f"{name!r}: {code.text}" for name, code in given.items())
    depth = 2 + max((code.depth for code in given.values()), default=0)
    kind = g.env.resource_type(node.classType)
    return Code(f"{g.mark(node)}make_fhir({kind!r}, {{{inside}}})", depth, nonnull=True)


# ---- codes and value sets ----------------------------------------------------------------------------------------------


def _code(g: Generator, node: nodes.Code) -> Code:
    system = code_system_text(g, node.system) if node.system is not None else (None, None)
    text = f"Code({node.code!r}, {system[0]!r}, {system[1]!r}, {node.display!r})"
    return Code(g.constant(text), nonnull=True, simple=True, constant=True)


def code_system_text(g: Generator, reference: nodes.CodeSystemRef, owner: Any = None) -> tuple[str | None, str | None]:
    """The URL and version of a code system that is referred to."""
    info = owner or g.info
    info = g.env.included(info, reference.libraryName) if reference.libraryName else info
    found = info.code_systems.get(reference.name or "")
    if found is None:
        raise g.problem(reference, f"no code system is called {reference.name!r}.")
    return found.id, found.version


def code_text(g: Generator, reference: nodes.CodeRef, owner: Any = None) -> str:
    """The Python expression that makes a code that is referred to."""
    info = owner or g.info
    info = g.env.included(info, reference.libraryName) if reference.libraryName else info
    found = info.codes.get(reference.name or "")
    if found is None:
        raise g.problem(reference, f"no code is called {reference.name!r}.")
    url, version = code_system_text(g, found.codeSystem, info) if found.codeSystem is not None else (None, None)
    return f"Code({found.id!r}, {url!r}, {version!r}, {found.display!r})"


def _code_ref(g: Generator, node: nodes.CodeRef) -> Code:
    return Code(g.constant(code_text(g, node)), nonnull=True, simple=True, constant=True)


def _concept(g: Generator, node: nodes.Concept) -> Code:
    codes = []
    for code in node.code:
        url, version = code_system_text(g, code.system) if code.system is not None else (None, None)
        codes.append(f"Code({code.code!r}, {url!r}, {version!r}, {code.display!r})")
    return Code(g.constant(f"Concept([{', '.join(codes)}], {node.display!r})"), nonnull=True, simple=True, constant=True)


def _concept_ref(g: Generator, node: nodes.ConceptRef) -> Code:
    info = g.env.included(g.info, node.libraryName) if node.libraryName else g.info
    found = info.concepts.get(node.name or "")
    if found is None:
        raise g.problem(node, f"no concept is called {node.name!r}.")
    codes = ", ".join(code_text(g, code, info) for code in found.code)
    return Code(g.constant(f"Concept([{codes}], {found.display!r})"), nonnull=True, simple=True, constant=True)


def _code_system_ref(g: Generator, node: nodes.CodeSystemRef) -> Code:
    url, version = code_system_text(g, node)
    return Code(g.constant(f"CodeSystemRef({url!r}, {version!r}, {node.name!r})"), nonnull=True, simple=True, constant=True)


HANDLERS: dict[type[Any], Handler] = {
    nodes.Literal: _literal,
    nodes.Quantity: _quantity,
    nodes.Ratio: _ratio,
    nodes.Tuple: _tuple,
    nodes.List: _list,
    nodes.Interval: _interval,
    nodes.Instance: _instance,
    nodes.Code: _code,
    nodes.CodeRef: _code_ref,
    nodes.Concept: _concept,
    nodes.ConceptRef: _concept_ref,
    nodes.CodeSystemRef: _code_system_ref,
}
