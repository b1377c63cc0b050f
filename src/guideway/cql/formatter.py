"""The canonical layout of CQL.

``format_text(text, file)`` gives the text laid out anew and what was wrong with it; a text with errors comes back unchanged.
``format_tree(node)`` writes a tree that has no text (see ``unparse``) in the same layout.

Only white space changes: every word, quote and comment is the author's, so the syntax tree and the ELM are the same before and
after, and formatting twice changes nothing more. The rules, in short: a definition's body begins on a line of its own, two spaces
in; what does not fit in ``WIDTH`` columns breaks, outermost first, before operators and clauses and inside brackets; a query that
is the whole of a definition has each clause on its own line, and a case each branch; one empty line stands between statements,
and between different kinds of declarations. Comments stay with the word before or behind which they stood.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import partial
from typing import Any

from guideway.cql import syntax as s
from guideway.cql.layout import LINE, SOFT, Doc, Group, Indent, Note, render
from guideway.cql.lexer import END, PHRASES, tokenize
from guideway.cql.parser import parse, parse_expression
from guideway.cql.parser_core import MEMBERSHIP, TIMING
from guideway.cql.parser_core import POWER as OPERATORS
from guideway.cql.source import readable
from guideway.cql.unparse import unparse
from guideway.diagnostics import Diagnostic

WIDTH = 120


def format_text(text: str, file: str | None = None) -> tuple[str, list[Diagnostic]]:
    """``text`` laid out, and the mistakes in it. With mistakes, the text comes back as it was."""
    library, diagnostics = parse(text, file)
    if diagnostics:
        return text, diagnostics
    return _Builder(readable(text)).library(library), []


def format_expression(text: str, file: str | None = None) -> tuple[str, list[Diagnostic]]:
    """The same for a text that is one expression."""
    expression, diagnostics = parse_expression(text, file)
    if diagnostics:
        return text, diagnostics
    return _Builder(readable(text)).expression(expression), []


def format_tree(node: s.Node) -> str:
    """The text of a library, definition or expression, laid out. Comments are not part of it."""
    text = unparse(node)
    formatted, diagnostics = format_expression(text) if isinstance(node, s.Expression) else format_text(text)
    assert not diagnostics, diagnostics
    return formatted


_NO_SPACE_BEFORE = frozenset({",", ".", ":", ")", "]", "(", ">", "<"})
_NO_SPACE_BEHIND = frozenset({".", "(", "[", "%", "<"})
_STATEMENTS = (s.ExpressionDef, s.FunctionDef, s.ContextDef)


def _has_braces(right: s.Expression) -> bool:
    """Whether an operand can break inside its braces, so that no break is needed before its operator."""
    return type(right) in (s.ListSelector, s.TupleSelector, s.InstanceSelector)


class _Builder:
    """Makes documents out of the tokens of ``text``, in their order, guided by the tree."""

    def __init__(self, text: str) -> None:
        self.text = text
        tokens = tokenize(text)
        self.tokens = tokens
        self.at = 0
        self.lead: dict[int, list[Note]] = {}
        """Comments before a token, on lines of their own or on the token's line."""
        self.trail: dict[int, Note] = {}
        """The comment that ends the line of a token."""
        self.places: dict[int, list[tuple[int, int, Note]]] = {}
        """The comments before a token with their ranges, without the one that belongs to the token before it."""
        self._sort_comments()

    def _sort_comments(self) -> None:
        text, tokens = self.text, self.tokens
        for start, end, index in tokens.comments:
            line_start = text.rfind("\n", 0, start) + 1
            target = tokens.starts[index]
            note = Note(text[start:end].rstrip(), "own", start - line_start)
            before = tokens.ends[index - 1] if index else 0
            breaks_behind = "\n" in text[end:target] or note.text.startswith("//")
            if index and "\n" not in text[before:start] and index - 1 not in self.trail and index not in self.lead:
                if breaks_behind or tokens.kinds[index] is END:
                    note.place = "trailing"
                    self.trail[index - 1] = note
                    continue
            if not breaks_behind and tokens.kinds[index] is not END:
                note.place = "inline"
            self.lead.setdefault(index, []).append(note)
            self.places.setdefault(index, []).append((start, end, note))

    # ----------------------------------------------------------------------------------------------------------------- tokens

    def tok(self) -> Doc:
        """The next token, with its comments."""
        at = self.at
        self.at = at + 1
        kind = self.tokens.kinds[at]
        word = kind if kind in PHRASES else self.tokens.texts[at]
        lead = self.lead.get(at)
        trail = self.trail.get(at)
        if lead is None and trail is None:
            return word
        doc: list[Doc] = [*lead, word] if lead else [word]
        if trail is not None:
            doc.append(trail)
        return doc

    def kind(self, ahead: int = 0) -> str:
        """The kind of the token ``ahead`` of the next."""
        return self.tokens.kinds[self.at + ahead]

    def words(self, until: int) -> Doc:
        """The tokens that begin before the offset, with one space between any two."""
        parts: list[Doc] = []
        starts = self.tokens.starts
        while starts[self.at] < until:
            if parts:
                parts.append(" ")
            parts.append(self.tok())
        return parts

    def flat(self, until: int) -> Doc:
        """The tokens that begin before the offset, spaced as names, types and literals are."""
        parts: list[Doc] = []
        starts = self.tokens.starts
        before = ""
        while starts[self.at] < until and self.kind() is not END:
            kind = self.kind()
            if parts and kind not in _NO_SPACE_BEFORE and before not in _NO_SPACE_BEHIND:
                parts.append(" ")
            parts.append(self.tok())
            before = kind
        return parts

    def separated(self, nodes: list[Any], emit: Callable[[Any], Doc]) -> list[Doc]:
        """``a, b, c`` with possible breaks behind the commas."""
        parts: list[Doc] = []
        for index, node in enumerate(nodes):
            if index:
                parts += [self.tok(), LINE]
            parts.append(emit(node))
        return parts

    def bracketed(self, nodes: list[Any], emit: Callable[[Any], Doc], pad: Doc) -> Doc:
        """An opening bracket, the nodes with commas, and the closing bracket."""
        opened = self.tok()
        if not nodes:
            inside: list[Doc] = []
            while self.kind() not in (")", "}", "]"):
                inside += [" ", self.tok(), " "]  # the colon of an empty tuple
            return [opened, *inside, self.tok()]
        items = self.separated(nodes, emit)
        return Group([opened, Indent([pad, *items]), pad, self.tok()])

    # --------------------------------------------------------------------------------------------------------------- libraries

    def library(self, library: s.Library) -> str:
        """The whole text."""
        out: list[str] = []
        previous: str | None = None
        last = len(self.tokens.texts) - 1
        definitions = iter(library.definitions)
        while self.at < last:
            first = self.at
            if self.kind() == "library":
                until = min((d.start for d in library.definitions), default=len(self.text) + 1)
                group = "library"
                emit = partial(self.flat, until)
            else:
                definition = next(definitions)
                group = self._group(definition)
                emit = partial(self._definition, definition)
            self._blank_lines(out, first, previous, group)
            self._lead(out, first)
            out.append(render(emit(), WIDTH) + "\n")
            previous = group
        self._blank_lines(out, last, previous, "")
        self._lead(out, last)
        return "".join(out)

    def expression(self, node: s.Expression) -> str:
        """The text of an expression that stands alone."""
        doc = [self._body(node)]
        rest: list[Doc] = list(self.lead.get(self.at, ()))
        return render([*doc, *rest], WIDTH)

    def _group(self, definition: s.Definition) -> str:
        """What the definition is one of; those of one kind may stand without an empty line between them."""
        return "statement" if isinstance(definition, _STATEMENTS) else type(definition).__name__

    def _blank_lines(self, out: list[str], token: int, previous: str | None, group: str) -> None:
        """The empty line before the declaration at ``token``, and its comments, if there shall be one."""
        if previous is None:
            return
        comments = self.places.get(token)
        begin = comments[0][0] if comments else self.tokens.starts[token]
        trail = self.trail.get(token - 1)
        before = self.tokens.ends[token - 1]
        gap = self.text[before:begin]
        lines = gap.count("\n") - (trail.text.count("\n") if trail is not None else 0)
        if group == "" and not comments:
            return
        if group == "statement" or previous != group or lines > 1:
            out.append("\n")

    def _lead(self, out: list[str], token: int) -> None:
        """The comments before the declaration at ``token``, with the author's empty lines between them."""
        comments = self.places.get(token, [])
        self.lead.pop(token, None)
        for index, (_, end, note) in enumerate(comments):
            following = comments[index + 1][0] if index + 1 < len(comments) else self.tokens.starts[token]
            own = Note(note.text, "own", note.column)
            out.append(render(own, WIDTH) + "\n")
            if self.text.count("\n", end, following) > 1 and (index + 1 < len(comments) or self.tokens.kinds[token] is not END):
                out.append("\n")

    def _definition(self, node: s.Definition) -> Doc:
        if isinstance(node, s.ExpressionDef):
            head = self.flat(node.identifier.end)
            return [head, self.tok(), Indent([LINE, self._body(node.expression)])]
        if isinstance(node, s.FunctionDef):
            return self._function(node)
        if isinstance(node, s.ParameterDef):
            parts: list[Doc] = [self.flat(node.identifier.end)]
            if node.type is not None:
                parts += [" ", self._type(node.type)]
            if node.default is not None:
                word = self.tok()
                parts.append(Indent([LINE, word, " ", self.expr(node.default)]))
            return Group(parts)
        if isinstance(node, s.ConceptDef):
            return self._with_braces(node.codes, node.end)
        if isinstance(node, s.ValueSetDef) and node.codesystems:
            return self._with_braces(node.codesystems, node.end)
        return self.flat(node.end)

    def _with_braces(self, nodes: list[s.Expression], end: int) -> Doc:
        """A declaration with names in braces."""
        opening = bisect_right(self.tokens.starts, nodes[0].start) - 2
        head = self.flat(self.tokens.starts[opening])
        names = self.bracketed(nodes, lambda node: self.flat(node.end), LINE)
        tail = self.flat(end)
        return [head, " ", names, " ", tail] if tail else [head, " ", names]

    def _function(self, node: s.FunctionDef) -> Doc:
        parts: list[Doc] = [self.flat(node.identifier.end), self.bracketed(node.operands, self._operand, SOFT)]
        if node.returns is not None:
            parts += [" ", self.tok(), " ", self._type(node.returns)]
        parts.append(self.tok())
        if node.expression is None:
            return [*parts, " ", self.tok()]
        return [*parts, Indent([LINE, self._body(node.expression)])]

    def _operand(self, node: s.Operand | s.TupleTypeElement) -> Doc:
        return [self.tok(), " ", self._type(node.type)]

    def _body(self, node: s.Expression) -> Doc:
        """The whole expression of a definition."""
        if isinstance(node, s.Query):
            return self._query(node, broken=self._has_clauses(node))
        return self.expr(node)

    # ------------------------------------------------------------------------------------------------------------------- types

    def _type(self, node: s.TypeSpecifier) -> Doc:
        if isinstance(node, s.NamedType):
            return self.flat(node.end)
        word = self.tok()
        if isinstance(node, s.TupleType):
            return [word, " ", self.bracketed(node.elements, self._operand, LINE)]
        opened = self.tok()
        if isinstance(node, s.ChoiceType):
            inside: Doc = self.separated(node.choices, self._type)
        else:
            assert isinstance(node, (s.ListType, s.IntervalType))
            inside = self._type(node.element if isinstance(node, s.ListType) else node.point)
        return Group([word, opened, inside, self.tok()])

    # ------------------------------------------------------------------------------------------------------------- expressions

    def expr(self, node: s.Expression) -> Doc:
        """An expression; operators on its left edge are walked, not recursed."""
        spine = s.left_spine(node)
        doc = self._base(spine.pop())
        level = 0  # how tightly the chain being built binds: operators of one level break together
        chain: list[Doc] = []
        while spine:
            node = spine.pop()
            if isinstance(node, (s.Binary, s.Timing, s.Membership)):
                operator = self.words(node.right.start)
                tail: list[Doc] = [operator, " ", self.expr(node.right)]
                power = OPERATORS[node.op] if isinstance(node, s.Binary) else TIMING if isinstance(node, s.Timing) else MEMBERSHIP
                if power == level:
                    chain += [LINE, *tail]
                elif _has_braces(node.right):
                    doc = [doc, " ", *tail]
                    level = 0
                else:
                    chain = [LINE, *tail]
                    level = power
                    doc = Group([doc, Indent(chain)])
                continue
            level = 0
            if isinstance(node, s.Between):
                word = self.tok()
                low = self.expr(node.low)
                doc = Group([doc, Indent([LINE, word, " ", low, " ", self.tok(), " ", self.expr(node.high)])])
            elif isinstance(node, (s.IsType, s.AsType)):
                doc = [doc, " ", self.tok(), " ", self._type(node.type)]
            elif isinstance(node, s.Unary):
                doc = [doc, " ", self.words(node.end)]
            elif isinstance(node, s.Index):
                doc = [doc, self.tok(), self.expr(node.index), self.tok()]
            elif isinstance(node, s.Call):
                doc = [doc, self.tok(), self.tok(), self.bracketed(node.arguments, self.expr, SOFT)]
            else:
                doc = [doc, self.tok(), self.tok()]
        return doc

    def _base(self, node: s.Expression) -> Doc:
        emit = _EMITTERS.get(type(node))
        if emit is None:
            return self.flat(node.end)
        return emit(self, node)

    def _parens(self, node: s.Parens) -> Doc:
        opened = self.tok()
        inner = self.expr(node.expression)
        return Group([opened, Indent([SOFT, inner]), SOFT, self.tok()])

    def _ratio(self, node: s.Ratio) -> Doc:
        space = "" if node.numerator.unit is None and node.denominator.unit is None else " "
        return [self.words(node.numerator.end), space, self.tok(), space, self.words(node.end)]

    def _call(self, node: s.Call) -> Doc:
        return [self.tok(), self.bracketed(node.arguments, self.expr, SOFT)]

    def _unary(self, node: s.Unary) -> Doc:
        space = "" if node.op in ("-", "+") else " "
        return [self.words(node.operand.start), space, self.expr(node.operand)]

    def _cast(self, node: s.AsType) -> Doc:
        return [self.tok(), " ", self.expr(node.operand), " ", self.tok(), " ", self._type(node.type)]

    def _convert(self, node: s.Convert) -> Doc:
        head: list[Doc] = [self.tok(), " ", self.expr(node.operand), " ", self.tok(), " "]
        return [*head, self._type(node.type) if node.type is not None else self.flat(node.end)]

    def _phrase_of(self, node: s.DurationOf | s.Component) -> Doc:
        return [self.words(node.operand.start), " ", self.expr(node.operand)]

    def _duration_between(self, node: s.DurationBetween) -> Doc:
        head = [self.words(node.low.start), " ", self.expr(node.low)]
        return Group([*head, Indent([LINE, self.tok(), " ", self.expr(node.high)])])

    def _set_aggregate(self, node: s.SetAggregate) -> Doc:
        head: list[Doc] = [self.tok(), " ", self.expr(node.operand)]
        if node.per is not None:
            return [*head, " ", self.tok(), " ", self.expr(node.per)]
        if node.precision is not None:
            return [*head, " ", self.words(node.end)]
        return head

    def _if(self, node: s.If) -> Doc:
        parts: list[Doc] = []
        while True:
            head: list[Doc] = [self.tok(), " ", self.expr(node.condition)]
            parts.append(Group([*head, Indent([LINE, self.tok(), " ", self.expr(node.then)])]))
            parts += [LINE, self.tok(), " "]
            if not isinstance(node.else_, s.If):
                parts.append(self.expr(node.else_))
                return Group(parts)
            node = node.else_

    def _case(self, node: s.Case) -> Doc:
        head: list[Doc] = [self.tok()]
        if node.comparand is not None:
            head += [" ", self.expr(node.comparand)]
        inside: list[Doc] = []
        for item in node.items:
            when: list[Doc] = [self.tok(), " ", self.expr(item.when)]
            inside += [LINE, Group([*when, Indent([LINE, self.tok(), " ", self.expr(item.then)])])]
        inside += [LINE, self.tok(), " ", self.expr(node.else_)]
        return Group([*head, Indent(inside), LINE, self.tok()], broken=True)

    def _interval(self, node: s.IntervalSelector) -> Doc:
        word = self.tok()
        return [word, self.bracketed([node.low, node.high], self.expr, SOFT)]

    def _element(self, node: s.Element) -> Doc:
        return [self.tok(), self.tok(), " ", self.expr(node.value)]

    def _tuple(self, node: s.TupleSelector) -> Doc:
        word: list[Doc] = [self.tok(), " "] if self.kind() == "Tuple" else []
        return [*word, self.bracketed(node.elements, self._element, LINE)]

    def _instance(self, node: s.InstanceSelector) -> Doc:
        return [self.flat(node.type.end), " ", self.bracketed(node.elements, self._element, LINE)]

    def _list(self, node: s.ListSelector) -> Doc:
        head: list[Doc] = []
        if self.kind() == "List":
            head.append(self.tok())
            if node.element_type is not None:
                head += [self.tok(), self._type(node.element_type), self.tok()]
            head.append(" ")
        return [*head, self.bracketed(node.items, self.expr, LINE)]

    def _concept(self, node: s.ConceptSelector) -> Doc:
        word = self.tok()
        codes = self.bracketed(node.codes, lambda code: self.flat(code.end), LINE)
        display = self.words(node.end)
        return [word, " ", codes, " ", display] if display else [word, " ", codes]

    def _retrieve(self, node: s.Retrieve) -> Doc:
        parts: list[Doc] = [self.tok()]
        if node.context is not None:
            parts += [self.flat(node.context.end), " ", self.tok(), " "]
        parts.append(self.flat(node.type.end))
        if node.terminology is not None:
            parts += [self.tok(), " "]
            if node.code_path is not None:
                parts += [self.expr(node.code_path), " ", self.tok(), " "]
            parts.append(self.expr(node.terminology))
        return [*parts, self.tok()]

    # ----------------------------------------------------------------------------------------------------------------- queries

    @staticmethod
    def _has_clauses(node: s.Query) -> bool:
        return bool(node.lets or node.relationships or node.where or node.return_ or node.aggregate or node.sort)

    def _source(self, node: s.AliasedSource) -> Doc:
        return [self.expr(node.expression), " ", self.tok()]

    def _query(self, node: s.Query, broken: bool = False) -> Doc:
        head: list[Doc] = [self.tok(), " "] if self.kind() == "from" and node.sources[0].start > node.start else []
        sources = self.separated(node.sources, self._source)
        clauses: list[Doc] = []
        if node.lets:
            word = self.tok()
            clauses += [LINE, Group([word, " ", Indent(self.separated(node.lets, self._element_of_let))])]
        for related in node.relationships:
            start: list[Doc] = [self.tok(), " ", self._source(related.source)]
            clauses += [LINE, Group([*start, Indent([LINE, self.tok(), " ", self.expr(related.condition)])])]
        if node.where is not None:
            clauses += [LINE, self.tok(), " ", self.expr(node.where)]
        if node.return_ is not None:
            clauses += [LINE, self.words(node.return_.expression.start), " ", self.expr(node.return_.expression)]
        aggregate = node.aggregate
        if aggregate is not None:
            clauses += [LINE, self.words(aggregate.identifier.end)]
            if aggregate.starting is not None:
                clauses += [" ", self.tok(), " ", self.expr(aggregate.starting)]
            clauses += [self.tok(), " ", self.expr(aggregate.expression)]
        if node.sort is not None:
            items = node.sort.items
            clauses += [LINE, self.words(items[0].start if items else node.sort.end)]
            if items:
                clauses += [" ", Group(Indent(self.separated(items, self._sort_item)))]
        return Group([*head, Group(Indent(sources)), Indent(clauses)], broken)

    def _element_of_let(self, node: s.Let) -> Doc:
        return [self.tok(), self.tok(), " ", self.expr(node.expression)]

    def _sort_item(self, node: s.SortItem) -> Doc:
        item = self.expr(node.expression)
        return [item, " ", self.tok()] if node.direction is not None else item


_EMITTERS: dict[type, Callable[[_Builder, Any], Doc]] = {
    s.Parens: _Builder._parens,
    s.Ratio: _Builder._ratio,
    s.Call: _Builder._call,
    s.Unary: _Builder._unary,
    s.AsType: _Builder._cast,
    s.Convert: _Builder._convert,
    s.DurationOf: _Builder._phrase_of,
    s.Component: _Builder._phrase_of,
    s.DurationBetween: _Builder._duration_between,
    s.SetAggregate: _Builder._set_aggregate,
    s.If: _Builder._if,
    s.Case: _Builder._case,
    s.IntervalSelector: _Builder._interval,
    s.TupleSelector: _Builder._tuple,
    s.InstanceSelector: _Builder._instance,
    s.ListSelector: _Builder._list,
    s.ConceptSelector: _Builder._concept,
    s.Retrieve: _Builder._retrieve,
    s.Query: _Builder._query,
}
