"""The syntax tree of CQL 1.5.3: what the parser gives, what the translator and the formatter take.

Shape
-----
Every node is a small ``msgspec.Struct`` whose first two fields are ``start`` and ``end``: offsets into the text, ``end`` being
exclusive. ``SourceText`` turns offsets into lines and columns (``library.source.position(node.start, node.end)``). Nodes compare
and hash by identity, so they can be keys of a dictionary; ``equal(a, b)`` compares the content of two trees.

* ``Library`` holds ``definitions`` in source order, contexts among them, so that a reader can keep track of the current context.
* A definition has an ``identifier`` (``.name`` is its text), ``access`` ("public", "private" or None when unsaid), the
  ``comments`` standing directly before it and their ``@name: value`` lines as ``tags``.
* Names are unescaped text; ``quote`` says how the author wrote them: ``""`` plain, ``'"'`` or ``'`'``.
* Operators are generic. ``Binary`` and ``Unary`` carry ``op``, a normalised phrase of the language:
  Binary: ``+ - * / div mod ^ & < <= > >= = != ~ !~ and or xor implies union intersect except`` (``|`` is read as ``union``);
  Unary: ``- + not exists distinct flatten``, ``start of``, ``end of``, ``width of``, ``successor of``, ``predecessor of``,
  ``singleton from``, ``point from``, ``is null``, ``is not null``, ``is true``, ``is not true``, ``is false``, ``is not false``.
* ``in`` and ``contains`` may have a precision: ``Membership``. All other interval and timing phrases are a ``Timing`` with a
  ``TimingPhrase`` (see there).
* Parentheses are kept (``Parens``), because authors use them for clarity and the formatter keeps them. Readers skip them:
  ``strip(node)``.
* Chains of left-associative operators, members and indexers are deep to the left (``a + b + c`` is ``(a + b) + c``) and may be
  thousands of operators long: walk them with ``left_spine`` and not by recursion. Chains of ``else if`` are as deep to the right:
  walk them with ``branches``. Everything else nests at most ``MAXIMUM_DEPTH`` deep. (The classes of such chains are known to the
  garbage collector, because Python frees only those without recursion; all others are not, which makes parsing faster.)
* Where the text was wrong the parser puts a ``Missing`` expression; it has been reported already, so stay silent about it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from guideway.cql.source import SourceText

MAXIMUM_DEPTH = 100
"""How deep expressions and type specifiers may nest. Generated Python has its own limit, not far above this."""

PRECISIONS = ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
"""Date and time precisions, always given in the singular in the tree."""

# ---------------------------------------------------------------------------------------------------------------- base classes


class Node(msgspec.Struct, eq=False, gc=False):
    """Anything with a place in the text."""

    start: int
    end: int


class Expression(Node, eq=False, gc=False):
    """Anything that has a value."""


class TypeSpecifier(Node, eq=False, gc=False):
    """Anything that names a type."""


class Identifier(Node, eq=False, gc=False):
    """A name being declared or labelled: of a definition, alias, let, tuple element, function."""

    name: str
    quote: str = ""


class Comment(Node, eq=False, gc=False):
    """``// text`` or ``/* text */``, with its marks."""

    text: str


class Tag(Node, eq=False, gc=False):
    """``@name: value`` in a comment directly before a definition."""

    name: str
    value: str


# -------------------------------------------------------------------------------------------------------------- type specifiers


class NamedType(TypeSpecifier, eq=False, gc=False):
    """``Integer``, ``FHIR.Patient``: the parts of the name, qualifiers first."""

    names: list[str]

    @property
    def name(self) -> str:
        return self.names[-1]

    @property
    def qualifier(self) -> str | None:
        return ".".join(self.names[:-1]) or None


class ListType(TypeSpecifier, eq=False, gc=False):
    """``List<element>``."""

    element: TypeSpecifier


class IntervalType(TypeSpecifier, eq=False, gc=False):
    """``Interval<point>``."""

    point: TypeSpecifier


class TupleTypeElement(Node, eq=False, gc=False):
    """One ``name type`` of a tuple type."""

    identifier: Identifier
    type: TypeSpecifier

    @property
    def name(self) -> str:
        return self.identifier.name


class TupleType(TypeSpecifier, eq=False, gc=False):
    """``Tuple { name type, ... }``."""

    elements: list[TupleTypeElement]


class ChoiceType(TypeSpecifier, eq=False, gc=False):
    """``Choice<type, ...>``."""

    choices: list[TypeSpecifier]


# -------------------------------------------------------------------------------------------------------------------- literals


class Missing(Expression, eq=False, gc=False):
    """Stands where an expression should be and an error has been reported."""


class Literal(Expression, eq=False, gc=False):
    """A literal of one token.

    ``kind`` is ``null``, ``boolean``, ``string``, ``integer``, ``decimal``, ``long``, ``date``, ``datetime`` or ``time``;
    ``value`` is the text without its marks: strings unescaped, longs without ``L``, dates without ``@``, times without ``@T``.
    """

    kind: str
    value: str


class Quantity(Expression, eq=False, gc=False):
    """``5 'mg'``, ``3 days``, ``1 year``.

    ``unit`` is the UCUM text, or the calendar word in the singular when ``calendar``; ``plural`` keeps the author's spelling.
    """

    value: str
    unit: str | None
    calendar: bool = False
    plural: bool = False


class Ratio(Expression, eq=False, gc=False):
    """``1:128``, ``5 'mg' : 10 'mL'``; a side without a unit has unit None."""

    numerator: Quantity
    denominator: Quantity


# ------------------------------------------------------------------------------------------------------ references, invocations


class Name(Expression, eq=False, gc=False):
    """A name standing alone: of a define, parameter, alias, code, value set, included library ..."""

    name: str
    quote: str = ""


class Special(Expression, eq=False, gc=False):
    """``$this``, ``$index`` or ``$total`` (``name`` has the dollar sign)."""

    name: str


class ExternalConstant(Expression, eq=False, gc=False):
    """``%name``."""

    name: str
    quote: str = ""


class Member(Expression, eq=False, gc=True):
    """``target.name``; ``at`` is the offset of the name."""

    target: Expression
    name: str
    quote: str
    at: int


class Call(Expression, eq=False, gc=True):
    """``name(arguments)`` (target None) or ``target.name(arguments)``: a function of a library, or a fluent call."""

    target: Expression | None
    name: str
    quote: str
    at: int
    arguments: list[Expression]


class Index(Expression, eq=False, gc=True):
    """``target[index]``."""

    target: Expression
    index: Expression


# ------------------------------------------------------------------------------------------------------------------- operators


class Parens(Expression, eq=False, gc=False):
    """``(expression)``."""

    expression: Expression


class Unary(Expression, eq=False, gc=True):
    """An operator with one operand; the phrases are listed at the top of this file."""

    op: str
    operand: Expression


class Binary(Expression, eq=False, gc=True):
    """An operator with two operands; the phrases are listed at the top of this file."""

    op: str
    left: Expression
    right: Expression


class Membership(Expression, eq=False, gc=True):
    """``left in right``, ``left contains right``; ``op`` is the word, ``precision`` as in ``in day of``."""

    op: str
    precision: str | None
    left: Expression
    right: Expression


class Between(Expression, eq=False, gc=True):
    """``operand [properly] between low and high``."""

    operand: Expression
    properly: bool
    low: Expression
    high: Expression


class DurationBetween(Expression, eq=False, gc=False):
    """``days between a and b``, ``duration in days between a and b``, ``difference in days between a and b``.

    ``kind`` is ``duration`` or ``difference``.
    """

    kind: str
    precision: str
    low: Expression
    high: Expression


class DurationOf(Expression, eq=False, gc=False):
    """``duration in days of interval``, ``difference in days of interval``."""

    kind: str
    precision: str
    operand: Expression


class Component(Expression, eq=False, gc=False):
    """``year from x``; ``component`` is a precision, ``date``, ``time``, ``timezoneoffset`` or ``timezone`` (CQL 1.2)."""

    component: str
    operand: Expression


class IsType(Expression, eq=False, gc=True):
    """``operand is type``."""

    operand: Expression
    type: TypeSpecifier


class AsType(Expression, eq=False, gc=True):
    """``operand as type``, or with ``strict`` ``cast operand as type``."""

    operand: Expression
    type: TypeSpecifier
    strict: bool = False


class Convert(Expression, eq=False, gc=False):
    """``convert operand to type`` or ``to unit``: exactly one of ``type`` and ``unit`` is there."""

    operand: Expression
    type: TypeSpecifier | None
    unit: str | None = None
    calendar: bool = False
    plural: bool = False


class TypeExtent(Expression, eq=False, gc=False):
    """``minimum type``, ``maximum type``."""

    op: str
    type: NamedType


class SetAggregate(Expression, eq=False, gc=False):
    """``collapse operand per day``, ``expand operand per 2 days``: ``op``, and ``precision`` or ``per`` or neither."""

    op: str
    operand: Expression
    precision: str | None = None
    per: Expression | None = None


class Offset(Node, eq=False, gc=False):
    """The quantity of a timing phrase; ``relation`` is None, ``or more``, ``or less``, ``less than`` or ``more than``."""

    quantity: Quantity
    relation: str | None


class TimingPhrase(Node, eq=False, gc=False):
    """What stands between the two operands of a ``Timing``.

    ``kind``       the relation: ``same``, ``includes``, ``during``, ``included in`` (means the same as ``during``), ``before``,
                   ``after``, ``within``, ``meets``, ``overlaps``, ``starts``, ``ends``.
    ``left``       ``starts``, ``ends`` or ``occurs`` before the relation, about the left operand's boundary; else None.
    ``right``      ``start`` or ``end`` after it, about the right operand's boundary; else None.
    ``precision``  as in ``before day of``, ``same day as``; else None.
    ``properly``   with includes, during, included in, within.
    ``relation``   same: ``as``, ``or before`` or ``or after``; before and after: ``or on`` when inclusive (however the author
                   ordered the words); meets and overlaps: ``before``, ``after`` or None.
    ``offset``     before, after: ``3 days or more``; within: the quantity; else None.
    """

    kind: str
    left: str | None = None
    right: str | None = None
    precision: str | None = None
    properly: bool = False
    relation: str | None = None
    offset: Offset | None = None


class Timing(Expression, eq=False, gc=True):
    """``left phrase right``."""

    left: Expression
    phrase: TimingPhrase
    right: Expression


class If(Expression, eq=False, gc=True):
    """``if condition then then else else_``."""

    condition: Expression
    then: Expression
    else_: Expression


class CaseItem(Node, eq=False, gc=False):
    """``when when then then``."""

    when: Expression
    then: Expression


class Case(Expression, eq=False, gc=False):
    """``case [comparand] when ... then ... else ... end``."""

    comparand: Expression | None
    items: list[CaseItem]
    else_: Expression


# ------------------------------------------------------------------------------------------------------------------- selectors


class IntervalSelector(Expression, eq=False, gc=False):
    """``Interval[low, high)``."""

    low: Expression
    high: Expression
    low_closed: bool
    high_closed: bool


class Element(Node, eq=False, gc=False):
    """``name: value`` in a tuple or instance."""

    identifier: Identifier
    value: Expression

    @property
    def name(self) -> str:
        return self.identifier.name


class TupleSelector(Expression, eq=False, gc=False):
    """``Tuple { name: value }``, ``{ name: value }``; no elements is ``{ : }``."""

    elements: list[Element]


class InstanceSelector(Expression, eq=False, gc=False):
    """``FHIR.Coding { code: 'x' }``."""

    type: NamedType
    elements: list[Element]


class ListSelector(Expression, eq=False, gc=False):
    """``{ a, b }``, ``List { a }``, ``List<Integer> { }``."""

    element_type: TypeSpecifier | None
    items: list[Expression]


class CodeSelector(Expression, eq=False, gc=False):
    """``Code 'id' from system display 'text'``; ``system`` is a Name or a Member of a Name."""

    code: str
    system: Expression
    display: str | None


class ConceptSelector(Expression, eq=False, gc=False):
    """``Concept { Code ..., Code ... } display 'text'``."""

    codes: list[CodeSelector]
    display: str | None


# --------------------------------------------------------------------------------------------------------- retrieves and queries


class Retrieve(Expression, eq=False, gc=False):
    """``[context -> type: code_path comparator terminology]``; ``comparator`` is ``in``, ``=`` or ``~``.

    ``code_path`` is made of Name, Member and Index. Code path and comparator come together or not at all.
    """

    type: NamedType
    context: Expression | None = None
    code_path: Expression | None = None
    comparator: str | None = None
    terminology: Expression | None = None


class AliasedSource(Node, eq=False, gc=False):
    """``expression alias`` in a query; the expression is a Retrieve, a Name, a Member of names, or Parens."""

    expression: Expression
    identifier: Identifier

    @property
    def alias(self) -> str:
        return self.identifier.name


class Let(Node, eq=False, gc=False):
    """``name: expression`` of a let clause."""

    identifier: Identifier
    expression: Expression

    @property
    def name(self) -> str:
        return self.identifier.name


class With(Node, eq=False, gc=False):
    """``with source such that condition``, or ``without``."""

    source: AliasedSource
    condition: Expression
    without: bool


class Return(Node, eq=False, gc=False):
    """``return [all | distinct] expression``; ``mode`` is the word or None (which means distinct)."""

    mode: str | None
    expression: Expression


class Aggregate(Node, eq=False, gc=False):
    """``aggregate [all | distinct] name [starting value]: expression``."""

    mode: str | None
    identifier: Identifier
    starting: Expression | None
    expression: Expression

    @property
    def name(self) -> str:
        return self.identifier.name


class SortItem(Node, eq=False, gc=False):
    """One item of ``sort by``; ``direction`` is ``asc``, ``desc`` (short in the tree) or None when unsaid."""

    expression: Expression
    direction: str | None


class Sort(Node, eq=False, gc=False):
    """``sort desc`` (no items), or ``sort by items`` (no direction)."""

    direction: str | None
    items: list[SortItem]


class Query(Expression, eq=False, gc=False):
    """A query; parts that are not there are empty or None."""

    sources: list[AliasedSource]
    lets: list[Let]
    relationships: list[With]
    where: Expression | None
    return_: Return | None
    aggregate: Aggregate | None
    sort: Sort | None


# ----------------------------------------------------------------------------------------------------------------- definitions


class Definition(Node, eq=False, gc=False):
    """Anything that a library declares."""

    identifier: Identifier
    access: str | None
    comments: list[Comment]
    tags: list[Tag]

    @property
    def name(self) -> str:
        return self.identifier.name


class UsingDef(Definition, eq=False, gc=False):
    """``using FHIR version '4.0.1'``; ``alias`` from ``called`` (CQL 2.0)."""

    version: str | None
    alias: Identifier | None


class IncludeDef(Definition, eq=False, gc=False):
    """``include namespace.Name version 'v' called alias``. ``identifier`` is the last part, ``namespace`` the parts before it."""

    namespace: list[str]
    version: str | None
    alias: Identifier | None

    @property
    def local_name(self) -> str:
        """The name by which this library speaks of the included one."""
        return self.alias.name if self.alias is not None else self.identifier.name


class ParameterDef(Definition, eq=False, gc=False):
    """``parameter name type default value``; type, default or both."""

    type: TypeSpecifier | None
    default: Expression | None


class CodeSystemDef(Definition, eq=False, gc=False):
    """``codesystem name: 'id' version 'v'``."""

    id: str
    version: str | None


class ValueSetDef(Definition, eq=False, gc=False):
    """``valueset name: 'id' version 'v' codesystems { ... }``; code systems are Names or Members of Names."""

    id: str
    version: str | None
    codesystems: list[Expression]


class CodeDef(Definition, eq=False, gc=False):
    """``code name: 'id' from system display 'text'``."""

    id: str
    system: Expression
    display: str | None


class ConceptDef(Definition, eq=False, gc=False):
    """``concept name: { code, ... } display 'text'``."""

    codes: list[Expression]
    display: str | None


class ContextDef(Definition, eq=False, gc=False):
    """``context Patient``, ``context FHIR.Patient``; ``identifier`` is the context's name."""

    model: str | None


class ExpressionDef(Definition, eq=False, gc=False):
    """``define [access] name: expression``."""

    expression: Expression


class Operand(Node, eq=False, gc=False):
    """``name type`` of a function."""

    identifier: Identifier
    type: TypeSpecifier

    @property
    def name(self) -> str:
        return self.identifier.name


class FunctionDef(Definition, eq=False, gc=False):
    """``define [access] [fluent] function name(operands) [returns type]: expression``; no expression when external."""

    operands: list[Operand]
    returns: TypeSpecifier | None
    expression: Expression | None
    fluent: bool
    external: bool


class Library(Node, eq=False, gc=False):
    """A whole text. ``identifier`` is None where there is no library line; ``namespace`` holds the qualifiers of its name."""

    source: SourceText
    identifier: Identifier | None
    namespace: list[str]
    version: str | None
    definitions: list[Definition]
    comments: list[Comment]
    header_comments: list[Comment]
    tags: list[Tag]

    @property
    def name(self) -> str | None:
        return self.identifier.name if self.identifier is not None else None

    def of(self, *kinds: type[Definition]) -> list[Any]:
        """The definitions of these classes, in source order."""
        return [d for d in self.definitions if isinstance(d, kinds)]


# --------------------------------------------------------------------------------------------------------------------- helpers


def strip(node: Expression) -> Expression:
    """The expression inside any parentheses."""
    while type(node) is Parens:
        node = node.expression
    return node


_LEFT: dict[type, str] = {
    Binary: "left",
    Membership: "left",
    Timing: "left",
    Between: "operand",
    IsType: "operand",
    AsType: "operand",
    Member: "target",
    Call: "target",
    Index: "target",
}
_POSTFIX_UNARY = "is "


def left_operand(node: Expression) -> Expression | None:
    """The operand that stands before a node's own operator, if it has one: the way in which trees may be deep."""
    kind = type(node)
    name = _LEFT.get(kind)
    if name is not None:
        if kind is AsType and node.strict:  # type: ignore[attr-defined]
            return None
        return getattr(node, name)  # type: ignore[no-any-return]
    if kind is Unary and node.op.startswith(_POSTFIX_UNARY):  # type: ignore[attr-defined]
        return node.operand  # type: ignore[attr-defined, no-any-return]
    return None


def left_spine(node: Expression) -> list[Expression]:
    """The node, its left operand, that one's left operand and so on: outermost first. Handle them from the end backwards.

    ``a + b + c`` gives ``[(a + b) + c, a + b, a]``.
    """
    spine = [node]
    inner = left_operand(node)
    while inner is not None:
        spine.append(inner)
        inner = left_operand(inner)
    return spine


def branches(node: If) -> list[If]:
    """The conditional, the one that is its ``else``, and so on: outermost first."""
    chain = [node]
    while type(node.else_) is If:
        node = node.else_
        chain.append(node)
    return chain


_IGNORED = frozenset({"start", "end", "at", "quote", "source", "comments", "header_comments", "tags"})


def equal(a: object, b: object, *, comments: bool = False) -> bool:
    """Whether two trees say the same. Places, parentheses, ways of quoting names and, unless asked for, comments do not count."""
    pending = [(a, b)]
    while pending:
        a, b = pending.pop()
        while type(a) is Parens:
            a = a.expression
        while type(b) is Parens:
            b = b.expression
        if type(a) is not type(b):
            return False
        if isinstance(a, Comment):
            if a.text != b.text:  # type: ignore[attr-defined]
                return False
        elif isinstance(a, Node):
            for name in a.__struct_fields__:
                if name not in _IGNORED or (comments and name in ("comments", "header_comments", "tags")):
                    pending.append((getattr(a, name), getattr(b, name)))
        elif isinstance(a, list):
            if len(a) != len(b):  # type: ignore[arg-type]
                return False
            pending.extend(zip(a, b))  # type: ignore[call-overload]
        elif a != b:
            return False
    return True
