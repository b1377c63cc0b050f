"""The YAML of a case: text in, plain values out, and for every mistake the line that it is on.

YAML 1.2's JSON values and dates, decimals exactly as they are written (``0.80`` stays ``0.80``), and nothing that YAML would
take in silence: a key that is given twice is a mistake. A ``Path`` names a place in the content (``("data", 2, "onset")``);
``position`` finds its line when it is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from guideway.diagnostics import Diagnostic, GuidewayError, Position, Severity

Path = tuple[str | int, ...]


class Mistake(Exception):
    """Something in a case that cannot be meant; ``path`` says where, ``hint`` what to do."""

    def __init__(self, rule: str, message: str, path: Path = (), hint: str | None = None) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.path = path
        self.hint = hint

    def diagnostic(self, text: str | None, file: str | None) -> Diagnostic:
        """As a finding with file and line."""
        place = position(text, self.path) if text is not None else None
        pointer = None if place is not None or not self.path else "/" + "/".join(map(str, self.path))
        return Diagnostic(f"case-{self.rule}", Severity.error, self.message, file, place, pointer, self.hint)


def refused(findings: Sequence[Diagnostic]) -> GuidewayError:
    """All mistakes of one or more files as the one error that a command prints: the only one in its own line, else listed."""
    if len(findings) == 1:
        return GuidewayError(findings[0].as_text())
    files = len({finding.file for finding in findings})
    return GuidewayError(f"{len(findings)} mistakes in {files} case file{'s' if files != 1 else ''}", findings)


def parse(text: str) -> Any:
    """The content of a YAML text; ``Mistake`` where it is none."""
    import yaml

    try:
        return yaml.load(text, Loader=_loader())
    except _DuplicateKey as problem:
        raise Mistake("duplicate", problem.message, (problem.line, problem.column), "keep one of them") from None
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        said = problem.problem or problem.context or "it cannot be read"
        where: Path = (mark.line + 1, mark.column + 1) if mark is not None else ()
        raise Mistake("yaml", f"not YAML: {said}", where, "quote a text that holds ': ', '#' or begins with a sign") from None
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        raise Mistake("yaml", f"not YAML: {problem}") from None


def position(text: str, path: Path) -> Position | None:
    """Where in the text the value at a path begins; the nearest part above where it is not there. A path of two numbers is a
    line and a column."""
    if len(path) == 2 and all(isinstance(part, int) for part in path):
        return _at(int(path[0]), int(path[1]))
    node = _tree(text)
    if node is None:
        return None
    mark = node.start_mark
    for part in path:
        found = _part(node, part)
        if found is None:
            break
        mark, node = found
    return _at(mark.line + 1, mark.column + 1)


def _at(line: int, column: int) -> Position:
    return Position(line, column, line, column + 1)


@cache
def _tree(text: str) -> Any:
    import yaml

    try:
        return yaml.compose(text, Loader=_loader())
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def _part(node: Any, part: str | int) -> tuple[Any, Any] | None:
    """The mark and the node of one part: for a key the mark of the key."""
    if isinstance(part, int):
        items: Iterable[Any] = node.value if node.id == "sequence" else ()
        return next(((item.start_mark, item) for number, item in enumerate(items) if number == part), None)
    pairs = node.value if node.id == "mapping" else ()
    return next(((key.start_mark, value) for key, value in pairs if key.id == "scalar" and key.value == part), None)


class _DuplicateKey(Exception):
    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column


@cache
def _loader() -> Any:
    """YAML's safe loader (libyaml's where it is there) with exact decimals, which refuses duplicate keys."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen: set[Any] = set()
            for key, _ in node.value:
                if key.id == "scalar" and key.tag != "tag:yaml.org,2002:merge":
                    if key.value in seen:
                        mark = key.start_mark
                        raise _DuplicateKey(f"{key.value!r} is given twice", mark.line + 1, mark.column + 1)
                    seen.add(key.value)
            return super().construct_mapping(node, deep)

    def exact(loader: Any, node: Any) -> Any:
        text = loader.construct_scalar(node)
        try:
            return Decimal(text)
        except ArithmeticError:  # .inf, .nan: no value of a patient
            return text

    Loader.add_constructor("tag:yaml.org,2002:float", exact)
    return Loader
