"""The parser's centre: the cursor over the tokens, reporting and recovering, and the loop that parses expressions.

Expressions are parsed by precedence climbing. Three tables, filled by the modules ``parser_terms``, ``parser_selectors``,
``parser_phrases`` and ``parser_queries``, say what a token means:

* ``PREFIX[kind](parser, limit)`` parses an expression that begins with a token of this kind;
* ``INFIX[kind](parser, left, limit)`` goes on behind the expression ``left``;
* ``POWER[kind]`` says how tightly that continuation binds: ``expression(limit)`` takes only what binds tighter than ``limit``.

The powers follow the order of alternatives in the CQL 1.5.3 grammar, which has two layers: *terms* (arithmetic and tighter) may
be operands of everything, while *expressions* (logic, comparison, queries ...) need parentheses to be part of a term.

An error raises ``Stop`` after it has been reported. The nearest enclosing bracket catches it, skips to the closing bracket and
goes on with a ``Missing`` expression; failing that the definition catches it and parsing goes on with the next declaration.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from guideway.cql.lexer import (
    BAD,
    DATE,
    DATETIME,
    END,
    KEYWORDS,
    LONG,
    NAME,
    NUMBER,
    PHRASES,
    RESERVED,
    SPECIAL,
    STRING,
    TIME,
    Tokens,
    unescape,
)
from guideway.cql.source import SourceText
from guideway.cql.syntax import MAXIMUM_DEPTH, Expression, Identifier, Member, Missing, Name
from guideway.diagnostics import Diagnostic

# How tightly operators bind, loosest first; in the order of the grammar's alternatives.
SET = 10  # union intersect except
IMPLIES = 20
OR = 30  # or xor
AND = 40
MEMBERSHIP = 50  # in contains
EQUALITY = 60  # = != ~ !~
TIMING = 70
INEQUALITY = 80  # < <= > >=
BETWEEN = 90
EXISTS = 100
NOT = 110
IS_AS = 120
TERM = 199  # what binds tighter than this is part of a term
ADDITION = 200  # + - &
MULTIPLICATION = 210  # * / div mod
POWER_OF = 220  # ^
UNARY = 230  # the operand of - + start of ... singleton from
ACCESS = 300  # . [
JUXTAPOSITION = 310  # source alias, Type { ... }

PREFIX: dict[str, Callable[[Parser, int], Expression]] = {}
INFIX: dict[str, Callable[[Parser, Expression, int], Expression]] = {}
POWER: dict[str, int] = {}

DECLARATIONS = frozenset(
    {
        "library",
        "using",
        "include",
        "codesystem",
        "valueset",
        "code",
        "concept",
        "parameter",
        "context",
        "define",
        "public",
        "private",
    }
)
"""Words with which a declaration begins."""

OPENERS = {"(": ")", "[": "]", "{": "}"}
CLOSERS = frozenset(OPENERS.values())

_DESCRIPTIONS = {
    NAME: "the name",
    NUMBER: "the number",
    LONG: "the number",
    DATE: "the date",
    DATETIME: "the date and time",
    TIME: "the time",
    SPECIAL: "",
    BAD: "",
}


class Stop(Exception):
    """An error has been reported and what was being parsed is given up. ``final``: no enclosing bracket is closed either."""

    final = False


class Parser:
    """A cursor (``at``) over the tokens of one text, and the errors found so far."""

    __slots__ = ("at", "diagnostics", "ends", "kinds", "room", "source", "starts", "texts", "tokens")

    def __init__(self, source: SourceText, tokens: Tokens) -> None:
        self.source = source
        self.tokens = tokens
        self.kinds = tokens.kinds
        self.texts = tokens.texts
        self.starts = tokens.starts
        self.ends = tokens.ends
        self.at = 0
        self.room = MAXIMUM_DEPTH
        self.diagnostics: list[Diagnostic] = []
        for problem in tokens.problems:
            self.diagnostics.append(
                source.diagnostic(problem.rule, problem.message, problem.start, problem.end, hint=problem.hint)
            )

    # ------------------------------------------------------------------------------------------------------------ expressions

    def expression(self, limit: int = 0) -> Expression:
        """The expression at the cursor, as far as its operators bind tighter than ``limit``."""
        room = self.room
        if not room:
            self.too_deep()
        self.room = room - 1
        kinds = self.kinds
        at = self.at
        kind = kinds[at]
        left: Expression
        if kind is NAME and kinds[at + 1] != "(":
            text = self.texts[at]
            quote = ""
            if text[0] in '"`':
                quote = text[0]
                text = unescape(text)
            left = Name(self.starts[at], self.ends[at], text, quote)
            self.at = at + 1
        else:
            prefix = PREFIX.get(kind)
            if prefix is None:
                self.no_expression()
            left = prefix(self, limit)
        while True:
            at = self.at
            kind = kinds[at]
            if kind == "." and kinds[at + 1] is NAME and kinds[at + 2] != "(":
                text = self.texts[at + 1]
                quote = ""
                if text[0] in '"`':
                    quote = text[0]
                    text = unescape(text)
                left = Member(left.start, self.ends[at + 1], left, text, quote, self.starts[at + 1])
                self.at = at + 2
                continue
            if POWER.get(kind, 0) <= limit:
                self.room = room
                return left
            left = INFIX[kind](self, left, limit)

    def no_expression(self) -> NoReturn:
        """Reports that an expression was expected."""
        kind = self.kinds[self.at]
        hint = None
        before = self.kinds[self.at - 1] if self.at else None
        if kind == "=" and before == "=":
            hint = "equality is written with a single '='"
        elif kind == ">" and before == "<":
            hint = "not equal is written '!='"
        elif kind in RESERVED:
            hint = f'{kind} is a reserved word; a name that is spelled so is written "{kind}"'
        elif before in KEYWORDS or before in PHRASES or before is None:
            pass
        self.fail("expected an expression", hint=hint)

    def too_deep(self) -> NoReturn:
        """Reports that expressions nest deeper than the limit."""
        self.fail(
            f"expressions nest more than {MAXIMUM_DEPTH} deep here",
            rule="cql-nesting",
            found=False,
            hint="give parts of it names with define",
        )

    # ------------------------------------------------------------------------------------------------------------- small parts

    def identifier(self, what: str) -> Identifier:
        """A name being given: plain or quoted, no keyword."""
        at = self.at
        if self.kinds[at] is NAME:
            self.at = at + 1
            text = self.texts[at]
            if text[0] in '"`':
                return Identifier(self.starts[at], self.ends[at], unescape(text), text[0])
            return Identifier(self.starts[at], self.ends[at], text, "")
        return self._keyword_as_name(what)

    def reference(self, what: str) -> Identifier:
        """A name where the grammar takes unreserved keywords as well: an element, operand or label."""
        at = self.at
        kind = self.kinds[at]
        if kind is NAME:
            return self.identifier(what)
        if kind in KEYWORDS and kind not in RESERVED:
            self.at = at + 1
            return Identifier(self.starts[at], self.ends[at], self.texts[at], "")
        return self._keyword_as_name(what)

    def _keyword_as_name(self, what: str) -> Identifier:
        at = self.at
        kind = self.kinds[at]
        if kind not in KEYWORDS or self.starts_declaration(at):
            self.fail(f"expected {what}")
        self.report(
            f"expected {what}, but {kind} is a word of the language",
            at,
            rule="cql-keyword-as-name",
            hint=f'write it in double quotes: "{kind}"',
        )
        self.at = at + 1
        return Identifier(self.starts[at], self.ends[at], self.texts[at], '"')

    def string(self, what: str) -> str:
        """The content of the string at the cursor."""
        at = self.at
        if self.kinds[at] is not STRING:
            hint = None
            if self.kinds[at] is NAME and self.texts[at][0] == '"':
                hint = f"double quotes are for names; write '{unescape(self.texts[at])}'"
            self.fail(f"expected {what} in single quotes", hint=hint)
        self.at = at + 1
        return unescape(self.texts[at])

    def accept(self, kind: str) -> bool:
        """Steps over the token if it is of this kind."""
        if self.kinds[self.at] == kind:
            self.at += 1
            return True
        return False

    def expect(self, kind: str, where: str = "") -> None:
        """Steps over a token that must be of this kind; ``where`` is appended to the message."""
        if self.kinds[self.at] != kind:
            self.fail(f"expected '{kind}'{' ' if where else ''}{where}", expected=(kind,))
        self.at += 1

    def close(self, opened: int, close: str, separator: bool = True) -> None:
        """Steps over the bracket that closes the one at token ``opened``."""
        if self.kinds[self.at] != close:
            line, column = self.source.place(self.starts[opened])
            choice = f"',' or '{close}'" if separator else f"'{close}'"
            self.fail(f"expected {choice} after what the '{self.texts[opened]}' at {line}:{column} opened")
        self.at += 1

    # ---------------------------------------------------------------------------------------------------- reporting, recovering

    def describe(self, at: int) -> str:
        """What the token is, in words."""
        kind = self.kinds[at]
        if kind is END:
            return "the end of the text"
        text = self.texts[at]
        if len(text) > 40:
            text = text[:37] + "..." + (text[0] if kind is STRING else "")
        if kind is STRING:
            return f"the text {text}"
        if text[0] in '"`':
            return f"the name {text}"
        word = _DESCRIPTIONS.get(kind, "the word" if kind in KEYWORDS or kind in PHRASES else "")
        return f"{word} '{text}'" if word else f"'{text}'"

    def report(
        self,
        message: str,
        at: int,
        *,
        rule: str = "cql-syntax",
        hint: str | None = None,
        last: int | None = None,
        missing: bool = False,
    ) -> None:
        """Reports about the tokens from ``at`` to ``last``, or about what is ``missing`` before ``at``, and goes on."""
        start = self.starts[at]
        end = self.ends[at if last is None else last]
        if at and (self.kinds[at] is END or (missing and self.starts_declaration(at))):
            start = end = self.ends[at - 1]  # something is missing at the end of what is there, not at what comes next
        self.diagnostics.append(self.source.diagnostic(rule, message, start, end, hint=hint))

    def fail(
        self,
        message: str,
        *,
        rule: str = "cql-syntax",
        hint: str | None = None,
        found: bool = True,
        expected: tuple[str, ...] = (),
    ) -> NoReturn:
        """Reports about the token at the cursor and gives up."""
        at = self.at
        if found:
            message = f"{message}, found {self.describe(at)}"
        self.report(message, at, rule=rule, hint=hint or self.guess(at, expected), missing=True)
        raise Stop

    def guess(self, at: int, expected: tuple[str, ...] = ()) -> str | None:
        """What a surprising token, or the name before it, was probably meant to be."""
        from difflib import get_close_matches

        before = self.kinds[at - 1] if at else None
        if before is NUMBER and self.kinds[at] is NAME:
            unit = unescape(self.texts[at]) if self.texts[at][0] in '"`' else self.texts[at]
            meant = get_close_matches(unit, UNIT_WORDS, 1, 0.75)
            if meant:
                return f"did you mean '{meant[0]}'?"
            word = self.meant(at, AFTER_VALUES, 0.75)
            if word is not None:
                return word
            return f"a unit is written in single quotes: {self.texts[at - 1]} '{unit}'"
        return self.meant(at, expected) or self.meant(at - 1, expected)

    def meant(self, at: int, expected: tuple[str, ...] = (), closeness: float | None = None) -> str | None:
        """A hint where the token is a plain name that is nearly a word of the language, or nearly one of those expected."""
        from difflib import get_close_matches

        if at < 0 or self.kinds[at] is not NAME:
            return None
        word = self.texts[at]
        if len(word) < 2 or word[0] in '"`':
            return None
        if word in _FOREIGN and not expected:
            return _FOREIGN[word]
        near = get_close_matches(word, expected or _GUESSABLE, 1, closeness or (0.7 if len(word) > 3 else 0.66))
        return f"did you mean '{near[0]}'?" if near and near[0] != word else None

    def starts_declaration(self, at: int) -> bool:
        """Whether a declaration begins here: the word for it, first on its line, and a name behind it."""
        kind = self.kinds[at]
        if kind not in DECLARATIONS:
            return False
        if at and "\n" not in self.source.text[self.ends[at - 1] : self.starts[at]]:
            if kind != "define" or self.kinds[at - 1] == ".":
                return False
        following = self.kinds[at + 1]
        if kind == "define":
            return following is NAME or following in KEYWORDS
        if kind == "public" or kind == "private":
            return following in DECLARATIONS
        return following is NAME or (following in KEYWORDS and following not in RESERVED and self.kinds[at + 2 : at + 3] == [":"])

    def certainly_declaration(self, at: int) -> bool:
        """Whether what begins here can be nothing but a declaration: a word for one, a name and a colon, or a function."""
        following = self.kinds[at + 1]
        if following is NAME:
            return self.kinds[at + 2] == ":"
        return self.kinds[at] == "define" and following in ("function", "fluent", "public", "private")

    def must_end(self, node: Expression, what: str) -> None:
        """Reports a term's operator behind an expression that is no term."""
        kind = self.kinds[self.at]
        if TERM < POWER.get(kind, 0) < JUXTAPOSITION:
            message = f"{what} must be in parentheses before '{kind}'"
            self.diagnostics.append(self.source.diagnostic("cql-needs-parentheses", message, node.start, node.end))

    def recover(self, opened: int, stop: Stop) -> None:
        """Moves the cursor behind the bracket that closes the one at token ``opened``; raises ``stop`` again if none does."""
        if stop.final:
            raise stop
        kinds = self.kinds
        nesting = [OPENERS[kinds[opened]]]
        at = opened + 1
        while True:
            kind = kinds[at]
            if kind in OPENERS:
                nesting.append(OPENERS[kind])
            elif kind in CLOSERS:
                # Interval[a, b) closes with the other kind; brackets are matched by count and not by shape.
                nesting.pop()
                if not nesting:
                    self.at = at + 1
                    return
            elif kind is END or (kind in DECLARATIONS and self.starts_declaration(at)):
                stop.final = True
                raise stop
            at += 1

    def missing(self, first: int) -> Missing:
        """What stands for an expression that could not be read, from token ``first`` up to the cursor."""
        return Missing(self.starts[first], self.ends[max(first, self.at - 1)])


UNIT_WORDS = (
    "year years month months week weeks day days hour hours minute minutes second seconds millisecond milliseconds".split()  # noqa: SIM905
)

AFTER_VALUES = (
    "return", "where", "sort", "aggregate", "without", "with", "such", "then", "else", "when", "end", "and", "or", "xor",
    "implies", "union", "intersect", "except", "between", "before", "after", "during", "includes", "included", "contains",
)  # fmt: skip
"""Words that go on behind a number; one of them mistyped is no unit."""

_GUESSABLE = sorted((KEYWORDS | {"Choice"}) - {"a", "as", "in", "is", "of", "to", "by", "if"} | {"in", "is", "as", "of", "to"})

_FOREIGN = {
    "AND": "did you mean 'and'? Words of the language are written in small letters",
    "OR": "did you mean 'or'? Words of the language are written in small letters",
    "NOT": "did you mean 'not'? Words of the language are written in small letters",
    "IN": "did you mean 'in'? Words of the language are written in small letters",
    "elseif": "write 'else if'",
    "elif": "write 'else if'",
    "elsif": "write 'else if'",
    "select": "a query is written 'Source alias where ... return ...'",
    "SELECT": "a query is written 'Source alias where ... return ...'",
    "def": "did you mean 'define'?",
    "let": "did you mean 'define'?",
    "like": "use Matches(text, pattern)",
    "NULL": "did you mean 'null'?",
}
