"""References: to defines, functions, parameters and names, in this library and in included ones (ELM "Reusing Logic").

A function is chosen by the call's signature where the ELM has one, else by the static types of the operands, else, where several
overloads remain, by the values when the code runs. A function that does nothing but read ``value`` of its operand (most of
FHIRHelpers) is written in place; one that is tagged ``native`` is done by the engine's own function of that name.
"""

from __future__ import annotations

from typing import Any

from guideway.elm import nodes, types
from guideway.engine.generator import Generator, Handler, label_of
from guideway.engine.generator_access import bound_value, json_of
from guideway.engine.generator_emit import Code
from guideway.engine.generator_trace import place_text
from guideway.engine.generator_types import LibraryInfo, operand_type

NATIVE = {
    "fhir-quantity": "fhir_quantity",
    "fhir-ratio": "fhir_ratio",
    "fhir-code": "fhir_code",
    "fhir-concept": "fhir_concept",
    "fhir-period": "fhir_period",
    "fhir-range": "fhir_range",
}
"""Values of the tag ``native`` → the function of ``guideway.engine.access`` that does the same on raw JSON."""


def handler_of(node: Any) -> Handler:
    """The handler of a node that the generator made itself, past the trace."""
    from guideway.engine.generator import handlers

    return handlers()[type(node)]


def owner_of(g: Generator, node: Any) -> LibraryInfo:
    """The library that a reference points into."""
    return g.env.included(g.info, node.libraryName) if node.libraryName else g.info


# ---- defines -----------------------------------------------------------------------------------------------------------


def _expression_ref(g: Generator, node: nodes.ExpressionRef) -> Code:
    owner, definition = _referred(g, node)
    name = define_name(g, owner, definition)
    if _is_of_each(g, definition):
        g.calls = "defines"
        return g.call("for_each_subject", [Code("E"), Code(name)], node)
    if g.traced:
        g.calls = "reference"
        place = place_text(g, label_of(node), node.locator)
        return Code(f"{g.mark(node)}R(E, {name}, {place}, {g.home})", 1)
    if owner is g.info and not g.plainly:
        return Code(f"{name}(E)", 1)
    return Code(f"{g.mark(node)}{name}(E)", 1)


def _referred(g: Generator, node: nodes.ExpressionRef) -> tuple[LibraryInfo, nodes.ExpressionDef]:
    owner = owner_of(g, node)
    definition = owner.defines.get(node.name or "")
    if definition is None:
        raise g.problem(node, f"{owner.name} defines no {node.name!r}.")
    return owner, definition


def _is_of_each(g: Generator, definition: nodes.ExpressionDef) -> bool:
    """Whether a reference stands for the values of all subjects."""
    return g.context in ("Unfiltered", "Population") and definition.context not in (None, "Unfiltered", "Population")


def reference_name(g: Generator, node: Any) -> str | None:
    """The name in the module of the define whose value an expression is, where it is nothing but a reference to one."""
    if not isinstance(node, nodes.ExpressionRef) or isinstance(node, nodes.FunctionRef):
        return None
    owner, definition = _referred(g, node)
    return None if _is_of_each(g, definition) else define_name(g, owner, definition)


def define_name(g: Generator, owner: LibraryInfo, definition: nodes.ExpressionDef) -> str:
    """The name in the module of the function behind a define."""
    if g.plainly:
        return g.link("plain define", owner.key, definition.name or "")
    if owner is g.info:
        return f"d{g.statement_index[id(definition)]}"
    return g.link("define", owner.key, definition.name or "")


def _parameter_ref(g: Generator, node: nodes.ParameterRef) -> Code:
    owner = owner_of(g, node)
    if (node.name or "") not in owner.parameters:
        raise g.problem(node, f"{owner.name} has no parameter {node.name!r}.")
    if owner is g.info:
        return Code(f"p{g.parameter_index[node.name or '']}(E)", 1)
    return Code(f"{g.link('parameter', owner.key, node.name or '')}(E)", 1)


# ---- names in scope ----------------------------------------------------------------------------------------------------


def _operand_ref(g: Generator, node: nodes.OperandRef) -> Code:
    binding = g.operands.get(node.name or "")
    if binding is None:
        raise g.problem(node, f"no operand is called {node.name!r} here.")
    return bound_value(binding)


def _alias_ref(g: Generator, node: nodes.AliasRef) -> Code:
    binding = g.aliases.get(node.name or "")
    if binding is not None:
        return bound_value(binding)
    if node.name == "$this" and g.items:
        return bound_value(g.items[-1])
    raise g.problem(node, f"no alias is called {node.name!r} here.")


def _query_let_ref(g: Generator, node: nodes.QueryLetRef) -> Code:
    binding = g.lets.get(node.name or "")
    if binding is None:
        raise g.problem(node, f"no let is called {node.name!r} here.")
    return bound_value(binding)


def _identifier_ref(g: Generator, node: nodes.IdentifierRef) -> Code:
    """A name that the translator left open: looked up as CQL does, innermost scope first (ELM "IdentifierRef")."""
    name = node.name or ""
    made: Any = None
    if node.libraryName is None:
        if name == "$this" and g.items:
            return bound_value(g.items[-1])
        for scope in (g.lets, g.aliases, g.operands):
            if name in scope:
                return bound_value(scope[name])
        if g.items:
            item = nodes.IdentifierRef(name="$this", locator=node.locator, result_type=g.items[-1].type)
            return g.visit(nodes.Property(path=name, source=item, locator=node.locator))
    owner = owner_of(g, node)
    for table, kind in (
        (owner.defines, nodes.ExpressionRef),
        (owner.parameters, nodes.ParameterRef),
        (owner.value_sets, nodes.ValueSetRef),
        (owner.codes, nodes.CodeRef),
        (owner.concepts, nodes.ConceptRef),
        (owner.code_systems, nodes.CodeSystemRef),
    ):
        if name in table:
            made = kind(name=name, libraryName=node.libraryName, locator=node.locator)
            break
    if made is None:
        raise g.problem(node, f"the name {name!r} cannot be resolved.")
    return g.visit(made)


# ---- functions ---------------------------------------------------------------------------------------------------------


def _function_ref(g: Generator, node: nodes.FunctionRef) -> Code:
    owner = owner_of(g, node)
    candidates = overloads(g, owner, node)
    if len(candidates) == 1 or all(_reads_value(f) for f in candidates):
        placed = _in_place(g, node, candidates[0], len(candidates) == 1)
        if placed is not None:
            return placed
    operands = [g.visit(operand) for operand in node.operand]
    if len(candidates) == 1:
        name = function_name(g, owner, candidates[0])
        calls_function(g)
        return g.call(name, [Code("E"), *operands], node)
    stored = [g.w.store(code) for code in operands]
    rows = []
    for function in candidates:
        tests = ", ".join(g.literal(g.env.type_test(operand_type(o))) for o in function.operand)
        rows.append(f"(({tests},), {function_name(g, owner, function)})")
    values = ", ".join(code.text for code in stored)
    calls_function(g)
    chosen = f"choose(({', '.join(rows)},), ({values},), {g.literal(node.name or '')})"
    return Code(f"{g.mark(node)}{chosen}(E, {values})", 4)


def calls_function(g: Generator) -> None:
    """Traced: the function that is called next works for the define that is evaluated here."""
    if g.traced:
        g.calls = "function"
        g.w.line(f"E.home = {g.home}")


def function_name(g: Generator, owner: LibraryInfo, function: nodes.FunctionDef) -> str:
    """The name in the module of a function's Python function."""
    if owner is g.info and not g.plainly:
        return f"f{g.statement_index[id(function)]}"
    index = next(i for i, s in enumerate(owner.library.statements) if s is function)
    return g.link("plain function" if g.plainly else "function", owner.key, function.name or "", index)


def overloads(g: Generator, owner: LibraryInfo, node: nodes.FunctionRef) -> list[nodes.FunctionDef]:
    """The functions that a call can mean, best first."""
    named = owner.functions.get(node.name or "", [])
    fitting = [f for f in named if len(f.operand) == len(node.operand)]
    if not fitting:
        what = f"{owner.name} has no function {node.name!r}"
        raise g.problem(node, f"{what} with {len(node.operand)} operands." if named else f"{what}.")
    if len(fitting) == 1:
        return fitting
    if node.signature and len(node.signature) == len(node.operand):
        wanted: list[types.Type | None] = [types.from_specifier(s) for s in node.signature]
    else:
        wanted = [g.type_of(operand) for operand in node.operand]
    exact = [f for f in fitting if [operand_type(o) for o in f.operand] == wanted]
    if exact:
        return exact[:1]
    possible = [f for f in fitting if all(_takes(g, operand_type(o), t) for o, t in zip(f.operand, wanted))]
    return possible or fitting


def _takes(g: Generator, operand: types.Type | None, given: types.Type | None) -> bool:
    """Whether an operand can be given a value of a static type; unknown types and choices may turn out to fit."""
    if operand is None or given is None or operand == given or types.ANY in (operand, given):
        return True
    if isinstance(given, types.ChoiceType):
        return any(_takes(g, operand, choice) for choice in given.choices)
    if isinstance(operand, types.ChoiceType):
        return any(_takes(g, choice, given) for choice in operand.choices)
    if isinstance(operand, types.NamedType) and isinstance(given, types.NamedType):
        model = g.env.models.get(given.uri)
        if model is not None and operand.uri == given.uri:
            one, other = given.local_name, operand.local_name
            return model.is_subtype(one, other) or model.is_subtype(other, one)
        return False
    if isinstance(operand, types.ListType) and isinstance(given, types.ListType):
        return _takes(g, operand.element, given.element)
    if isinstance(operand, types.IntervalType) and isinstance(given, types.IntervalType):
        return _takes(g, operand.point, given.point)
    return isinstance(operand, types.TupleType) and isinstance(given, types.TupleType)


def _reads_value(function: nodes.FunctionDef) -> bool:
    """Whether a function is ``value.value`` of its only operand."""
    body = function.expression
    if not isinstance(body, nodes.Property) or body.path != "value" or len(function.operand) != 1:
        return False
    return isinstance(body.source, nodes.OperandRef) and body.source.name == function.operand[0].name


def is_in_place(g: Generator, node: nodes.FunctionRef) -> bool:
    """Whether a call is written in place, and so has no body of its own in a trace."""
    found = overloads(g, owner_of(g, node), node)
    if len(found) == 1 or all(_reads_value(f) for f in found):
        native = tag(found[0], "native") in NATIVE and len(found) == 1 and len(node.operand) == 1
        return _reads_value(found[0]) or native
    return False


def _in_place(g: Generator, node: nodes.FunctionRef, function: nodes.FunctionDef, certain: bool) -> Code | None:
    if _reads_value(function):
        operand = node.operand[0]
        body = nodes.Property(path="value", source=operand, locator=node.locator)
        return handler_of(body)(g, body)
    native = NATIVE.get(tag(function, "native") or "")
    if native is not None and certain and len(node.operand) == 1:
        return g.call(native, [json_of(g, node.operand[0])], node)
    return None


def tag(definition: nodes.ExpressionDef, name: str) -> str | None:
    """The value of a tag in a definition's annotation."""
    for annotation in definition.annotation:
        if isinstance(annotation, dict):
            for item in annotation.get("t", ()):
                if item.get("name") == name:
                    return str(item.get("value"))
    return None


HANDLERS: dict[type[Any], Handler] = {
    nodes.ExpressionRef: _expression_ref,
    nodes.FunctionRef: _function_ref,
    nodes.ParameterRef: _parameter_ref,
    nodes.OperandRef: _operand_ref,
    nodes.AliasRef: _alias_ref,
    nodes.QueryLetRef: _query_let_ref,
    nodes.IdentifierRef: _identifier_ref,
}
