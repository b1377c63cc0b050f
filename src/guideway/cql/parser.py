"""The parser of CQL 1.5.3: text to syntax tree.

``parse(text, file)`` gives the library and what was wrong with it; ``parse_expression(text, file)`` does the same for one
expression. Whatever the text, the answer is a tree and diagnostics, never an exception: after an error parsing goes on behind the
enclosing bracket or with the next declaration, so that one run reports all errors.

Ranges of numbers, validity of dates, and everything about names and types are left to the translator.

This module has the declarations of a library; expressions are in ``parser_core`` and the modules named there.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from guideway.cql import parser_phrases, parser_queries  # noqa: F401 - they fill the tables of parser_core
from guideway.cql.lexer import END, KEYWORDS, NAME, tokenize, unescape
from guideway.cql.parser_core import DECLARATIONS, Parser, Stop
from guideway.cql.parser_selectors import display_clause, qualified_name
from guideway.cql.parser_types import type_specifier
from guideway.cql.source import SourceText
from guideway.cql.syntax import (
    MAXIMUM_DEPTH,
    CodeDef,
    CodeSystemDef,
    Comment,
    ConceptDef,
    ContextDef,
    Definition,
    Expression,
    ExpressionDef,
    FunctionDef,
    Identifier,
    IncludeDef,
    Library,
    Missing,
    Operand,
    ParameterDef,
    Tag,
    TypeSpecifier,
    UsingDef,
    ValueSetDef,
)
from guideway.diagnostics import Diagnostic


def parse(text: str, file: str | None = None) -> tuple[Library, list[Diagnostic]]:
    """The library that ``text`` holds, and every mistake in it; ``file`` is named in the diagnostics."""
    source = SourceText(text, file)
    p = Parser(source, tokenize(source.text))
    library = _LibraryParser(p).library()
    return library, _sorted(p.diagnostics)


def parse_expression(text: str, file: str | None = None) -> tuple[Expression, list[Diagnostic]]:
    """The one expression that ``text`` holds, and every mistake in it."""
    source = SourceText(text, file)
    p = Parser(source, tokenize(source.text))
    expression: Expression
    try:
        expression = p.expression()
        if p.kinds[p.at] is not END:
            p.fail("expected the end of the expression")
    except Stop:
        p.at = len(p.texts) - 1
        expression = p.missing(0)
    return expression, _sorted(p.diagnostics)


def _sorted(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """In the order of the text, one for each place."""
    if len(diagnostics) < 2:
        return diagnostics
    found: dict[tuple[int, int], Diagnostic] = {}
    for diagnostic in diagnostics:
        position = diagnostic.position
        assert position is not None
        found.setdefault((position.line, position.column), diagnostic)
    return [found[place] for place in sorted(found)]


_ORDER = {
    "library": 0,
    **dict.fromkeys(("using", "include", "codesystem", "valueset", "code", "concept", "parameter"), 1),
    **dict.fromkeys(("context", "define"), 2),
}
"""Declarations come in this order: the library line, what it uses and names, its statements."""

_TAG = re.compile(
    r"^[ \t]*(?://+|/\*+|\*+(?!/))?[ \t]*@([A-Za-z][\w.-]*)[ \t]*(?::[ \t]*(.*?))?[ \t]*(?:\*+/)?[ \t\r]*$", re.MULTILINE
)


class _LibraryParser:
    """Parses declarations with the cursor ``p``."""

    __slots__ = ("_comments", "_stage", "p")

    def __init__(self, p: Parser) -> None:
        self.p = p
        self._stage = 0
        self._comments: dict[int, list[Comment]] = {}
        text = p.source.text
        for start, end, token in p.tokens.comments:
            self._comments.setdefault(token, []).append(Comment(start, end, text[start:end].rstrip("\r")))

    def library(self) -> Library:
        """The whole text."""
        p = self.p
        library = Library(0, len(p.source.text), p.source, None, [], None, [], [], [], [])
        while p.kinds[p.at] is not END:
            first = p.at
            p.room = _FULL_ROOM
            try:
                self._declaration(library)
            except Stop:
                self._remember(library, first)
                self._skip(first)
        library.comments = [comment for found in self._comments.values() for comment in found]
        return library

    def _remember(self, library: Library, first: int) -> None:
        """Declares the name that the declaration at ``first`` would have declared, so that its uses are not reported as well."""
        p = self.p
        kinds = p.kinds
        at = first + 1 if kinds[first] in ("public", "private") else first
        if kinds[at] not in _NAMING or at >= len(p.texts):
            return
        at += 1
        if kinds[at] in ("public", "private"):
            at += 1
        known = library.definitions[-1].identifier.start if library.definitions else -1
        if kinds[at] is not NAME or p.starts[at] == known:
            return
        text = p.texts[at]
        quote = text[0] if text[0] in '"`' else ""
        identifier = Identifier(p.starts[at], p.ends[at], unescape(text) if quote else text, quote)
        body = Missing(identifier.end, identifier.end)
        library.definitions.append(ExpressionDef(p.starts[first], identifier.end, identifier, None, [], [], body))

    def _skip(self, first: int) -> None:
        """Moves on to the next declaration, at least one token beyond ``first``."""
        p = self.p
        at = max(p.at, first + 1)
        kinds = p.kinds
        while at < len(p.texts) and kinds[at] is not END and not p.starts_declaration(at):
            at += 1
        p.at = min(at, len(p.texts) - 1)

    def _declaration(self, library: Library) -> None:
        p = self.p
        first = p.at
        access = None
        kind = p.kinds[first]
        if kind == "public" or kind == "private":
            access = kind
            p.at += 1
            kind = p.kinds[p.at]
            if kind in ("library", "using", "include", "context"):
                p.report(f"'{kind}' has no access modifier", first)
        parse = _DECLARATIONS.get(kind)
        if parse is None:
            p.fail("expected a declaration" if library.definitions else "expected a library, using, define or other declaration")
        stage = _ORDER[kind]
        if stage < self._stage or (kind == "library" and (library.identifier is not None or library.definitions)):
            p.report(f"'{kind}' comes too late: {_PLACES[stage]}", p.at, rule="cql-order")
        self._stage = max(stage, self._stage)
        if kind == "define" and access is not None:
            p.report(f"'{access}' stands behind 'define'", first, hint=f"write define {access} ...")
        comments, tags = self._notes(first)
        if kind == "library":
            p.at += 1
            library.namespace, library.identifier = _qualified(p, "the name of the library")
            library.version = _version(p)
            library.header_comments, library.tags = comments, tags
        else:
            made = parse(p, p.starts[first], access, comments, tags)
            library.definitions.append(made)
        if p.kinds[p.at] not in DECLARATIONS and p.kinds[p.at] is not END:
            p.fail("expected the next declaration" if kind != "define" else "expected an operator or the next declaration")

    def _notes(self, token: int) -> tuple[list[Comment], list[Tag]]:
        """The comments directly before the token (no empty line between), and the tags in them."""
        found = self._comments.get(token)
        if found is None:
            return [], []
        p = self.p
        text = p.source.text
        until = p.starts[token]
        kept: list[Comment] = []
        for comment in reversed(found):
            if text.count("\n", comment.end, until) > 1:
                break
            kept.append(comment)
            until = comment.start
        kept.reverse()
        if kept and token:
            before = p.ends[token - 1]
            if "\n" not in text[before : kept[0].start]:
                del kept[0]  # it belongs to what stands before it on its line
        tags = []
        for comment in kept:
            if "@" in comment.text:
                for match in _TAG.finditer(comment.text):
                    value = match[2] or ""
                    begin, end = comment.start + match.start(1) - 1, comment.start + (match.end(2) if value else match.end(1))
                    tags.append(Tag(begin, end, match[1], value))
        return kept, tags


_PLACES = {
    0: "the library line is the first",
    1: "it belongs before the first context and define",
}

_NAMING = frozenset({"define", "code", "codesystem", "valueset", "concept", "parameter"})

_FULL_ROOM = MAXIMUM_DEPTH


def _qualified(p: Parser, what: str) -> tuple[list[str], Identifier]:
    """``a.b.name``: the qualifiers and the last part."""
    namespace = []
    identifier = p.identifier(what)
    while p.accept("."):
        namespace.append(identifier.name)
        identifier = p.identifier(what)
    return namespace, identifier


def _version(p: Parser) -> str | None:
    return p.string("a version") if p.accept("version") else None


def _using(p: Parser, start: int, access: str | None, comments: list[Comment], tags: list[Tag]) -> Definition:
    p.at += 1
    identifier = p.identifier("the name of a model")
    version = _version(p)
    alias = p.identifier("the local name of the model") if p.accept("called") else None
    return UsingDef(start, p.ends[p.at - 1], identifier, access, comments, tags, version, alias)


def _include(p: Parser, start: int, access: str | None, comments: list[Comment], tags: list[Tag]) -> Definition:
    p.at += 1
    namespace, identifier = _qualified(p, "the name of a library")
    version = _version(p)
    alias = p.identifier("the local name of the library") if p.accept("called") else None
    return IncludeDef(start, p.ends[p.at - 1], identifier, access, comments, tags, namespace, version, alias)


def _codesystem(p: Parser, start: int, access: str | None, comments: list[Comment], tags: list[Tag]) -> Definition:
    p.at += 1
    identifier = p.identifier("the name of a code system")
    p.expect(":", "after the name of a code system")
    id_ = p.string("the id of a code system")
    version = _version(p)
    return CodeSystemDef(start, p.ends[p.at - 1], identifier, access, comments, tags, id_, version)


def _valueset(p: Parser, start: int, access: str | None, comments: list[Comment], tags: list[Tag]) -> Definition:
    p.at += 1
    identifier = p.identifier("the name of a value set")
    p.expect(":", "after the name of a value set")
    id_ = p.string("the id of a value set")
    version = _version(p)
    systems: list[Expression] = []
    if p.accept("codesystems"):
        opened = p.at
        p.expect("{", "after codesystems")
        systems.append(qualified_name(p, "the name of a code system"))
        while p.accept(","):
            systems.append(qualified_name(p, "the name of a code system"))
        p.close(opened, "}")
    return ValueSetDef(start, p.ends[p.at - 1], identifier, access, comments, tags, id_, version, systems)


def _code(p: Parser, start: int, access: str | None, comments: list[Comment], tags: list[Tag]) -> Definition:
    p.at += 1
    identifier = p.identifier("the name of a code")
    p.expect(":", "after the name of a code")
    id_ = p.string("the id of a code")
    p.expect("from", "and the code system of the code")
    system = qualified_name(p, "the name of a code system")
    display = display_clause(p)
    return CodeDef(start, p.ends[p.at - 1], identifier, access, comments, tags, id_, system, display)


def _concept(p: Parser, start: int, access: str | None, comments: list[Comment], tags: list[Tag]) -> Definition:
    p.at += 1
    identifier = p.identifier("the name of a concept")
    p.expect(":", "after the name of a concept")
    opened = p.at
    p.expect("{", "and the codes of the concept")
    codes = [qualified_name(p, "the name of a code")]
    while p.accept(","):
        codes.append(qualified_name(p, "the name of a code"))
    p.close(opened, "}")
    display = display_clause(p)
    return ConceptDef(start, p.ends[p.at - 1], identifier, access, comments, tags, codes, display)


def _starts_type(p: Parser) -> bool:
    kind = p.kinds[p.at]
    if kind is NAME or kind in ("List", "Interval", "Tuple", "Code", "Concept"):
        return True
    return kind in ("date", "time")


def _parameter(p: Parser, start: int, access: str | None, comments: list[Comment], tags: list[Tag]) -> Definition:
    p.at += 1
    identifier = p.identifier("the name of a parameter")
    if p.kinds[p.at] == ":":
        p.report("a parameter has no ':' between name and type", p.at)
        p.at += 1
    kind: TypeSpecifier | None = None
    if _starts_type(p):
        kind = type_specifier(p)
    default: Expression | None = None
    if p.accept("default"):
        default = _body(p)
    elif kind is None:
        p.report(f"expected a type or 'default' for the parameter '{identifier.name}'", p.at - 1)
    return ParameterDef(start, p.ends[p.at - 1], identifier, access, comments, tags, kind, default)


def _context(p: Parser, start: int, access: str | None, comments: list[Comment], tags: list[Tag]) -> Definition:
    p.at += 1
    identifier = p.identifier("the name of a context")
    model = None
    if p.accept("."):
        model = identifier.name
        identifier = p.identifier("the name of a context")
    return ContextDef(start, p.ends[p.at - 1], identifier, None, comments, tags, model)


def _body(p: Parser) -> Expression:
    """The expression of a declaration; where it is wrong, ``Missing``, and the cursor before the next declaration."""
    first = p.at
    try:
        made = p.expression(0)
        kind = p.kinds[p.at]
        if kind is not END and kind not in DECLARATIONS:
            p.fail("expected an operator or the next declaration")
        return made
    except Stop:
        at = p.at
        while p.kinds[at] is not END and not p.starts_declaration(at):
            at += 1
        p.at = at
        return p.missing(min(first, len(p.texts) - 1))


def _define(p: Parser, start: int, access: str | None, comments: list[Comment], tags: list[Tag]) -> Definition:
    p.at += 1
    kinds = p.kinds
    if kinds[p.at] == "public" or kinds[p.at] == "private":
        access = kinds[p.at]
        p.at += 1
    fluent = kinds[p.at] == "fluent"
    if fluent or kinds[p.at] == "function":
        return _function(p, start, access, comments, tags, fluent)
    identifier = p.identifier("a name after 'define'")
    p.expect(":", f"after the name '{identifier.name}'")
    body = _body(p)
    end = p.ends[p.at - 1] if p.at else body.end
    return ExpressionDef(start, max(end, identifier.end), identifier, access, comments, tags, body)


def _function(p: Parser, start: int, access: str | None, comments: list[Comment], tags: list[Tag], fluent: bool) -> Definition:
    if fluent:
        p.at += 1
    p.expect("function", "after 'fluent'")
    at = p.at
    if p.kinds[at] in KEYWORDS and p.kinds[at + 1] == "(":
        p.at = at + 1
        identifier = Identifier(p.starts[at], p.ends[at], p.texts[at], "")  # functions may be named by any keyword
    else:
        identifier = p.identifier("the name of a function")
    opened = p.at
    p.expect("(", "after the name of a function")
    operands: list[Operand] = []
    if not p.accept(")"):
        while True:
            name = p.reference("the name of an operand")
            if p.kinds[p.at] == ":":
                p.report("an operand has no ':' between name and type", p.at)
                p.at += 1
            kind = type_specifier(p)
            operands.append(Operand(name.start, kind.end, name, kind))
            if not p.accept(","):
                break
        p.close(opened, ")")
    returns = type_specifier(p) if p.accept("returns") else None
    p.expect(":", "before the body of a function")
    external = p.kinds[p.at] == "external" and (p.kinds[p.at + 1] in DECLARATIONS or p.kinds[p.at + 1] is END)
    body: Expression | None = None
    if external:
        p.at += 1
        if returns is None:
            p.report("an external function must say what it returns", p.at - 1, hint="write returns and a type before the ':'")
    else:
        body = _body(p)
    end = p.ends[p.at - 1]
    return FunctionDef(start, end, identifier, access, comments, tags, operands, returns, body, fluent, external)


_DECLARATIONS: dict[str, Callable[[Parser, int, str | None, list[Comment], list[Tag]], Definition]] = {
    "library": _using,  # handled by its caller; here so that one look-up tells declarations from the rest
    "using": _using,
    "include": _include,
    "codesystem": _codesystem,
    "valueset": _valueset,
    "code": _code,
    "concept": _concept,
    "parameter": _parameter,
    "context": _context,
    "define": _define,
}
