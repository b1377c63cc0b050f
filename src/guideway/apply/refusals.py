"""Why a data element has no value although there is data for it: the test in the element's own logic that kept the data out.

From the trace of a define that is null: where a choice gave null, the conditions that made it go that way, in the names that the
logic has for what it compared: ``15 (days ago) is more than 14 (count age limit)``. Knows nothing of what is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from guideway.apply.comparisons import SIGNS, brief, chosen
from guideway.apply.provenance import Trace, resources_of_value, unwrap
from guideway.apply.words import define_words, name_words

Scope = Mapping[str, "tuple[Trace, Scope]"]
"""What the operands of a function were given, with what the names in that stand for."""

Words = Callable[[str, str], str]

_SAID = {
    "<": "is less than", "<=": "is at most", ">": "is more than", ">=": "is at least", "=": "is", "~": "is",
    "!=": "is not", "!~": "is not",
}  # fmt: skip
_NAMED = 3
"""So many members of a list are named."""

_DEPTH = 40


class Refusal(msgspec.Struct, frozen=True):
    """One test that kept data out."""

    text: str
    of: tuple[str, ...] = ()
    """The resources that did not pass; none where the test is not of single ones."""
    amounts: tuple[str, ...] = ()
    """What was compared, in words."""
    is_listed: bool = False
    """Whether what it was compared with is a list."""
    together: bool = False
    """Whether they are refused because they do not agree with each other."""


def refusals(node: Trace, words: Words) -> list[Refusal]:
    """The tests that kept a define null, in the order of its logic; ``words`` gives what people call a define, by its library and
    name."""
    found: dict[tuple[object, ...], Refusal] = {}
    for refusal in _Search(words).null(node.children, {}, (), 0):  # of several lists that hold no such member the first is enough
        found.setdefault((refusal.of, refusal.amounts) if refusal.is_listed else (refusal,), refusal)
    return list(found.values())


class _Search:
    """The walk through a trace; ``words`` as ``refusals`` has it."""

    def __init__(self, words: Words) -> None:
        self.words = words

    def null(self, nodes: Iterable[Trace], scope: Scope, of: tuple[str, ...], depth: int) -> Iterator[Refusal]:
        """Why values are null."""
        for node in nodes:
            if unwrap(node.value) is not None or depth > _DEPTH:
                continue
            children: Sequence[Trace] = node.children or ()
            if node.kind in ("If", "Case") and children:
                if children[-1].kind in ("Null", "As") and not any(child.kind != "Null" for child in children[-1].children or ()):
                    for condition in chosen(node)[:-1]:
                        yield from self.answer(condition, scope, of, depth + 1)
                else:
                    yield from self.null(children[-1:], scope, of, depth + 1)
            elif node.kind == "FunctionRef":
                inner, body = _call(node, scope)
                yield from self.null(body, inner, of, depth + 1)
            elif node.kind == "OperandRef":
                if (given := scope.get(node.label or "")) is not None:
                    yield from self.null(given[:1], given[1], of, depth + 1)
            elif node.kind != "Retrieve":
                inner = {} if node.kind == "ExpressionDef" else scope
                yield from self.null(children, inner, of, depth + 1)
                yield from self.empty([child for child in children if child.value == []], inner, depth + 1)

    def empty(self, nodes: Iterable[Trace], scope: Scope, depth: int) -> Iterator[Refusal]:
        """Why lists are empty: the conditions that let no row in."""
        for node in nodes:
            children: Sequence[Trace] = node.children or ()
            if node.value is None:
                yield from self.null([node], scope, (), depth + 1)
            if depth > _DEPTH or node.value != []:
                continue
            if node.kind == "Query":
                rows = [child for child in children if child.kind == "Iteration"]
                for row in rows:
                    found = tuple(resources_of_value(row.value))
                    for condition in (row.children or ())[-1:] if found else ():
                        yield from self.answer(condition, scope, found, depth + 1)
                yield from self.empty(children if not rows else (), scope, depth + 1)
            elif node.kind == "FunctionRef":
                inner, body = _call(node, scope)
                yield from self.empty(body, inner, depth + 1)
            elif node.kind == "OperandRef":
                if (given := scope.get(node.label or "")) is not None:
                    yield from self.empty(given[:1], given[1], depth + 1)
            elif node.kind == "If":
                yield from self.empty(children[-1:], scope, depth + 1)
            elif node.kind != "Retrieve":
                yield from self.empty(children, {} if node.kind == "ExpressionDef" else scope, depth + 1)

    def answer(self, node: Trace, scope: Scope, of: tuple[str, ...], depth: int) -> Iterator[Refusal]:
        """Why a condition came out as it did."""
        if depth > _DEPTH:
            return
        children: Sequence[Trace] = node.children or ()
        if node.kind in SIGNS and any(unwrap(child.value) is None for child in children):
            yield from self.null(children, scope, of, depth + 1)
        elif node.kind in SIGNS and len(children) == 2 and _is_of_nothing(children[0]):
            yield from self.empty(children[0].children, scope, depth + 1)
        elif node.kind in SIGNS and len(children) == 2:
            yield self._comparison(node, children, scope, of)
        elif node.kind == "In" and unwrap(node.value) is False and len(children) == 2 and isinstance(children[1].value, list):
            yield self._no_member(children, scope, of)
        elif node.kind == "IsNull" and node.value is True:
            yield from self.null(children, scope, of, depth + 1)
        elif node.kind == "Exists" and node.value is False:
            yield from self.empty(children, scope, depth + 1)
        elif node.kind == "Exists":
            for row in _rows(children, scope):
                found = tuple(resources_of_value(row.value)) or of
                for condition in (row.children or ())[: getattr(row, "kept", 0)]:
                    yield from self.answer(condition, scope, found, depth + 1)
        elif node.kind == "FunctionRef":
            inner, body = _call(node, scope)
            for child in body:
                yield from self.answer(child, inner, of, depth + 1)
        elif node.kind not in ("Query", "Retrieve"):
            for child in chosen(node):
                yield from self.answer(child, {} if node.kind == "ExpressionDef" else scope, of, depth + 1)

    def _comparison(self, node: Trace, sides: Sequence[Trace], scope: Scope, of: tuple[str, ...]) -> Refusal:
        counted = sides[0]
        if counted.kind == "Count" and node.value is False and any(child.kind == "Distinct" for child in counted.children or ()):
            return Refusal(f"they do not agree ({brief(counted.value)} different values)", _counted(counted), together=True)
        sign = SIGNS[node.kind][1 if node.value is False else 0]
        left, right = (self._side(side, scope) for side in sides)
        text = f"{left} {_SAID.get(sign, f'is {sign}')} {right}"
        amounts = tuple(brief(unwrap(side.value)) for side in sides)
        return Refusal(f"whether {text} is not known" if node.value is None else text, of, amounts)

    def _no_member(self, sides: Sequence[Trace], scope: Scope, of: tuple[str, ...]) -> Refusal:
        members = [brief(unwrap(member)) for member in sides[1].value]
        more = ", …" if len(members) > _NAMED else ""
        text = f"{self._side(sides[0], scope)} is none of {', '.join(members[:_NAMED])}{more}"
        return Refusal(text, of, (brief(unwrap(sides[0].value)),), is_listed=True)

    def _side(self, node: Trace, scope: Scope) -> str:
        """One side of a comparison: its value, and what the logic calls it."""
        name = self._name(_behind(node, scope)[0]) or (name_words(node.label or "") if node.kind == "OperandRef" else "")
        return f"{brief(unwrap(node.value))} ({name})" if name else brief(unwrap(node.value))

    def _name(self, node: Trace) -> str:
        if node.kind not in ("FunctionRef", "ExpressionRef", "ParameterRef"):
            return ""
        define = node.children[0] if node.kind == "ExpressionRef" and node.children else None
        if define is not None and define.kind == "ExpressionDef":
            return self.words(define.library or "", define.define or "")
        library, dot, name = (node.label or "").partition(".")
        own = name if dot and library.isidentifier() else node.label or ""
        return define_words(own) if " " in own else name_words(own).removesuffix(" of")


def _is_of_nothing(node: Trace) -> bool:
    return node.kind == "Count" and node.value == 0


def _rows(nodes: Sequence[Trace], scope: Scope) -> Iterator[Trace]:
    """The rows in the result of a query."""
    for node in nodes:
        if node.kind == "Query":
            yield from (child for child in node.children or () if child.kind == "Iteration" and hasattr(child, "kept"))


def _call(node: Trace, scope: Scope) -> tuple[Scope, Sequence[Trace]]:
    """What the operands of a call stand for, and its body."""
    operands: Sequence[str] = getattr(node, "operands", ())
    children: Sequence[Trace] = node.children or ()
    given = [_behind(child, scope) for child in children[: len(operands)]]
    return dict(zip(operands, given)), children[len(operands) :]


def _behind(node: Trace, scope: Scope) -> tuple[Trace, Scope]:
    """What an operand was given, where it is one; what any other node is."""
    while node.kind == "OperandRef" and (node.label or "") in scope:
        node, scope = scope[node.label or ""]
    return node, scope


def _counted(node: Trace) -> tuple[str, ...]:
    """The resources whose values were counted."""
    pending = list(node.children or ())
    while pending:
        current = pending.pop(0)
        if found := resources_of_value(current.value):
            return tuple(found)
        pending += current.children or ()
    return ()
