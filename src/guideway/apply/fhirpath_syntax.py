"""FHIRPath text to a syntax tree: tokens, then precedence climbing (FHIRPath 2.0.0, Appendix A "Grammar" and §6.8 "Operator
Precedence").

A node is a tuple whose first member names it: ``("literal", value)``, ``("variable", name)``, ``("member", target, name)``,
``("call", target, name, arguments)``, ``("index", target, index)``, ``("unary", sign, operand)``, ``("binary", operator,
left, right)``, ``("type", operator, operand, type name)``. A target of None is the focus.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

from guideway.engine.values import Date, DateTime, Quantity, Time
from guideway.patterns import Later

Node = tuple[Any, ...]


class FhirPathError(ValueError):
    """The text is no FHIRPath expression, or it cannot be evaluated; the message says where or why."""


_TOKEN = Later(
    r"""\s+|//[^\n]*|/\*.*?\*/
    |(?P<moment>@T\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?
        |@\d{4}(?:-\d{2}(?:-\d{2})?)?(?:T(?:\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?)?(?:Z|[+-]\d{2}:\d{2})?)?)
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<string>'(?:[^'\\]|\\.)*')
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*|`(?:[^`\\]|\\.)*`)
    |(?P<variable>%(?:[A-Za-z_][A-Za-z0-9_-]*|`[^`]*`|'[^']*'))
    |(?P<special>\$this|\$index|\$total)
    |(?P<sign><=|>=|!=|!~|[-+*/&|=~<>().,\[\]{}])""",
    re.VERBOSE | re.DOTALL,
)

_PRECEDENCE: dict[str, int] = {
    "implies": 1, "or": 2, "xor": 2, "and": 3, "in": 4, "contains": 4, "=": 5, "~": 5, "!=": 5, "!~": 5,
    "<": 6, ">": 6, "<=": 6, ">=": 6, "|": 7, "is": 8, "as": 8, "+": 9, "-": 9, "&": 9, "*": 10, "/": 10, "div": 10, "mod": 10,
}  # fmt: skip
_UNITS = frozenset(
    name + plural for name in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond") for plural in ("", "s")
)
_ESCAPE = Later(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}
_DEPTH = 100


@lru_cache(maxsize=512)
def parse(text: str) -> Node:
    """The syntax tree of an expression; ``FhirPathError`` for anything else."""
    parser = _Parser(text)
    node = parser.expression(0)
    if parser.kind != "end":
        raise parser.unexpected()
    return node


def variables_named(text: str) -> frozenset[str]:
    """The names that stand in a text as those of variables, without ``%``; none where it cannot be read."""
    try:
        tokens = _Parser(text).tokens
    except FhirPathError:
        return frozenset()
    return frozenset(unquoted(word[1:]) for kind, word, _ in tokens if kind == "variable")


def unquote(text: str) -> str:
    """The content of a string or of a delimited identifier, escapes resolved."""

    def escaped(match: re.Match[str]) -> str:
        if match.group(1):
            return chr(int(match.group(1), 16))
        return _ESCAPES.get(match.group(2), match.group(2))

    return _ESCAPE.sub(escaped, text[1:-1]) if "\\" in text else text[1:-1]


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None or match.end() == position:
                raise FhirPathError(f"cannot read {text[position : position + 12]!r} at character {position + 1}")
            if match.lastgroup:
                self.tokens.append((match.lastgroup, match.group(), position))
            position = match.end()
        self.tokens.append(("end", "", len(text)))
        self.at = 0
        self.depth = 0

    @property
    def kind(self) -> str:
        return self.tokens[self.at][0]

    @property
    def word(self) -> str:
        return self.tokens[self.at][1]

    def take(self, wanted: str | None = None) -> str:
        word = self.word
        if wanted is not None and word != wanted:
            raise self.unexpected(wanted)
        self.at += 1
        return word

    def unexpected(self, wanted: str | None = None) -> FhirPathError:
        found = repr(self.word) if self.word else "the end"
        hint = f", where {wanted!r} should be" if wanted else ""
        return FhirPathError(f"{found} at character {self.tokens[self.at][2] + 1}{hint}")

    def expression(self, least: int) -> Node:
        self.depth += 1
        if self.depth > _DEPTH:
            raise FhirPathError("the expression is nested too deeply")
        if self.kind == "sign" and self.word in "+-":
            sign = self.take()
            left: Node = ("unary", sign, self.expression(11))
        else:
            left = self.postfix(self.term())
        while True:
            operator = self.word if self.kind in ("sign", "name") else ""
            strength = _PRECEDENCE.get(operator, -1)
            if strength < max(least, 1):
                break
            self.take()
            if operator in ("is", "as"):
                left = ("type", operator, left, self.type_name())
            else:
                left = ("binary", operator, left, self.expression(strength + 1))
        self.depth -= 1
        return left

    def type_name(self) -> str:
        name = unquoted(self.take()) if self.kind == "name" else self.take("a type")
        while self.word == ".":
            self.take()
            name += "." + unquoted(self.take())
        return name

    def term(self) -> Node:
        kind, word, _ = self.tokens[self.at]
        if word == "(":
            self.take()
            inner = self.expression(0)
            self.take(")")
            return inner
        if word == "{":
            self.take()
            self.take("}")
            return ("literal", None)
        if kind == "number":
            return self.number()
        if kind in ("string", "moment", "variable", "special"):
            self.take()
            if kind == "string":
                return ("literal", unquote(word))
            if kind == "moment":
                return ("literal", moment_literal(word))
            return ("variable", unquoted(word[1:])) if kind == "variable" else ("special", word)
        if kind == "name":
            if word in ("true", "false"):
                self.take()
                return ("literal", word == "true")
            return self.invocation(None)
        raise self.unexpected()

    def number(self) -> Node:
        word = self.take()
        value: Any = Decimal(word) if "." in word else int(word)
        if self.kind == "string":
            return ("literal", Quantity(Decimal(word), unquote(self.take())))
        if self.kind == "name" and self.word in _UNITS:
            return ("literal", Quantity(Decimal(word), self.take()))
        return ("literal", value)

    def invocation(self, target: Node | None) -> Node:
        if self.kind == "special":
            raise self.unexpected("a name")
        if self.kind != "name":
            raise self.unexpected("a name")
        quoted = self.word.startswith("`")
        name = unquoted(self.take())
        if self.word == "(" and not quoted:
            self.take()
            arguments: list[Node] = []
            while self.word != ")":
                arguments.append(self.expression(0))
                if self.word != ",":
                    break
                self.take()
            self.take(")")
            return ("call", target, name, tuple(arguments))
        return ("member", target, name)

    def postfix(self, node: Node) -> Node:
        while self.word in (".", "["):
            if self.take() == ".":
                node = self.invocation(node)
            else:
                index = self.expression(0)
                self.take("]")
                node = ("index", node, index)
        return node


def unquoted(name: str) -> str:
    """An identifier without its delimiters."""
    return unquote(name) if name[:1] in ("`", "'") else name


def moment_literal(word: str) -> Any:
    """``@2026-06-01``, ``@2026-06-01T12:00``, ``@T12:00``."""
    try:
        if word.startswith("@T"):
            return Time.parse(word[2:])
        if "T" in word:
            return DateTime.parse(word[1:].rstrip("T") if word.endswith("T") else word[1:])
        return Date.parse(word[1:])
    except ValueError as error:
        raise FhirPathError(f"{word} is not a date or time: {error}") from None
