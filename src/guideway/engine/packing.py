"""Generated code in pieces: a library's functions and constants, each unpacked when it is first needed.

A guideline has thousands of functions, and a patient meets a few hundred of them: unpacking a function costs more than running
it once. ``pack`` takes a compiled module apart; ``Namespace`` gives its names back one by one: Python looks a
global name up among the module's names and then among the built-in ones, and there stands the namespace itself, which makes what
is missing at that moment. So nothing is made that no running code has come to, and a name that was found once costs nothing more.

The names of generated code are a letter and a number (``d12``), so a table of offsets is all that is needed to find most.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import import_module
from types import CodeType, FunctionType
from typing import Any

Link = tuple[str, str]
"""What a reference into another library names: the library's key, and the name in its module, perhaps ``PLAIN``."""
PLAIN = "plain "
"""Before a name in a module: that of the library's plain code, whichever code refers to it."""

Buffer = bytes | memoryview
Packed = tuple[Buffer, Buffer]
"""What there is and where, and then the pieces: a run reads all of the one and little of the other."""

_LENGTH = 4
_ENTRIES = frozenset("dfp")
_CONSTANT, _LINK, _OPERATOR = "c", "x", "o_"
_NOTHING: Any = object()
_unpacked = marshal.loads


def pack(
    functions: Mapping[str, CodeType], constants: Mapping[str, CodeType], links: Mapping[str, Link], operators: Mapping[str, str]
) -> Packed:  # fmt: skip
    """The pieces as bytes, after a table of contents: each function, constant, link and operator.

    Constants are called ``c…``, links ``x…``; ``operators`` are the module's names (``o_…``) for the operators it calls, with the
    ELM node of each.
    """
    from array import array  # a library of the system's that only writing needs

    known = {*functions, *constants, *links, *operators}
    uses = {name: {used for used in _names_used(code) if used in known} for name, code in {**functions, **constants}.items()}
    pieces: dict[str, bytes] = {}
    for name, parts in _families(functions, uses).items():
        family = tuple((part, functions[part]) for part in parts)
        pieces[name] = marshal.dumps((functions[name], family) if family else functions[name])
    pieces |= {name: marshal.dumps(code) for name, code in constants.items()}
    pieces |= {name: marshal.dumps(link) for name, link in links.items()}
    pieces |= {name: marshal.dumps(_home(operator)) for name, operator in operators.items()}
    order, letters, others = _numbered(pieces)
    offsets = array("I", [0])
    for name in order:
        offsets.append(offsets[-1] + len(pieces.get(name, b"")))
    head = marshal.dumps((letters, others))
    head += b"\0" * (-(len(head) + _LENGTH) % offsets.itemsize)
    contents = (len(head).to_bytes(_LENGTH, "little"), head, offsets.tobytes())
    return b"".join(contents), b"".join(pieces.get(name, b"") for name in order)


def slim(code: CodeType) -> CodeType:
    """A function's code without what running it does not need: where its lines are (kept beside: ``Program.placed``), and names
    of local variables of its own, which would all have to be made again."""
    eights, rest = divmod(len(code.co_code) // 2, 8)  # an entry of the table of positions is for up to eight units of code; one
    nothing_known = b"\xff" * eights + bytes([0xF7 + rest] if rest else [])  # for more than there are would harm a debugger
    names = code.co_varnames
    if not code.co_cellvars and not code.co_freevars:
        names = ("v",) * len(names)  # nobody asks for one by its name, and one is quicker to make than many
    return code.replace(co_linetable=nothing_known, co_varnames=names, co_qualname=code.co_name)


def _numbered(names: Iterable[str]) -> tuple[list[str], dict[str, int], dict[str, int]]:
    """The names in the order of their pieces (with those that would stand between them); where the names with a letter begin; and
    where each other name stands."""
    last: dict[str, int] = {}
    irregular = []
    for name in names:
        number = name[1:]
        if number.isdigit():
            last[name[0]] = max(last.get(name[0], 0), int(number))
        else:
            irregular.append(name)
    order: list[str] = []
    letters: dict[str, int] = {}
    for letter, highest in last.items():
        letters[letter] = len(order)
        order += [f"{letter}{number}" for number in range(highest + 1)]
    others = {name: len(order) + at for at, name in enumerate(irregular)}
    return [*order, *irregular], letters, others


def _families(functions: Mapping[str, CodeType], uses: Mapping[str, set[str]]) -> dict[str, list[str]]:
    """For each function that others may ask for, those that only it uses: they are packed with it.

    What is asked for from outside is a define (d…), function (f…) or parameter (p…) of the library.
    """
    users: dict[str, list[str]] = {}
    for name in functions:
        for used in uses[name]:
            users.setdefault(used, []).append(name)
    families: dict[str, list[str]] = {}
    for name in functions:
        owner, passed = name, {name}
        while owner[0] not in _ENTRIES:
            found = [user for user in users.get(owner, ()) if user != owner]
            if len(found) != 1 or found[0] in passed:
                break
            owner = found[0]
            passed.add(owner)
        families.setdefault(owner, [])
        if owner != name:
            families[owner].append(name)
    return families


def functions_of(module: CodeType) -> dict[str, CodeType]:
    """The functions that a module's code defines, by name."""
    return {const.co_name: const for const in module.co_consts if isinstance(const, CodeType)}


class Namespace(dict[str, Any]):
    """The names of one library's generated module, as its functions' built-in names: what is missing among ``names`` (the
    module's own) is looked for in ``shared`` (what every module may use), and else made."""

    __slots__ = ("_letters", "_link", "_offsets", "_others", "_pieces", "_shared", "names")

    def __init__(self, packed: Packed, shared: Mapping[str, Any], own: Mapping[str, Any], link: Callable[[Link], Any]) -> None:
        super().__init__()
        contents, pieces = packed
        view = memoryview(contents)
        start = _LENGTH + int.from_bytes(view[:_LENGTH], "little")
        self._letters: dict[str, int]
        self._others: dict[str, int]
        self._letters, self._others = marshal.loads(view[_LENGTH:start])
        self._offsets = view[start:].cast("I")
        self._pieces = memoryview(pieces)
        self._shared = shared
        self._link = link
        self.names: dict[str, Any] = {"__builtins__": self, **own}

    def of(self, name: str) -> Any:
        """What a name of the module stands for."""
        found = self.names.get(name, _NOTHING)
        return self[name] if found is _NOTHING else found

    def __missing__(self, name: str) -> Any:
        names, kind = self.names, name[0]
        first = self._letters.get(kind)
        if first is not None and (number := name[1:]).isdigit():
            index = first + int(number)
        else:
            other = self._others.get(name)
            if other is None:
                found = names[name] = self._shared[name]
                return found
            index = other
        offsets = self._offsets
        piece = _unpacked(self._pieces[offsets[index] : offsets[index + 1]])
        if type(piece) is not tuple and kind != _CONSTANT:
            return names.setdefault(name, FunctionType(piece, names, name))
        return names.setdefault(name, self._link(piece) if kind == _LINK else self._made(name, kind, piece))

    def _made(self, name: str, kind: str, piece: Any) -> Any:
        """What a piece stands for that is neither a function by itself nor a link."""
        if kind == _CONSTANT:
            return eval(piece, self.names)
        if name.startswith(_OPERATOR):
            return _operator(*piece)
        code, parts = piece
        for part, inner in parts:
            self.names.setdefault(part, FunctionType(inner, self.names, part))
        return FunctionType(code, self.names, name)


def _names_used(code: CodeType) -> Iterable[str]:
    """Global names (and attributes) in a code and in the codes inside it."""
    pending = [code]
    while pending:
        current = pending.pop()
        yield from current.co_names
        pending += [const for const in current.co_consts if isinstance(const, CodeType)]


def _home(name: str) -> tuple[str, str, str]:
    """Where an operator's function is: its module, and its name there or that of a table there, and the operator's row in it.

    A run that uses a dozen operators need not load the chapters of all of them.
    """
    from guideway.engine.operators import OPERATORS

    function = OPERATORS[name].function
    module, attribute = getattr(function, "__module__", ""), getattr(function, "__name__", "")
    if getattr(sys.modules.get(module), attribute, None) is function:
        return module, attribute, ""
    if name in getattr(sys.modules.get(module), "TABLE", ()):  # made by another function
        return module, "TABLE", name
    return "guideway.engine.operators.table", "OPERATORS", name


@cache
def _operator(module: str, name: str, row: str = "") -> Any:
    # a module that another thread is loading at this moment is there, but not yet whole: then the import waits for it
    known = getattr(sys.modules.get(module), name, None)
    found = known if known is not None else getattr(import_module(module), name)
    return found[row].function if row else found
