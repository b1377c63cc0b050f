"""Generated code in pieces: a library's functions and constants, each unpacked when it is first needed.

A guideline has thousands of functions, and a patient meets a few hundred of them: unpacking a function costs more than running
it once. ``pack`` takes a compiled module apart; ``Namespace`` gives the names of all modules back one by one: Python looks a
global name up among the names that have been made and then among the built-in ones, and there stands the namespace itself, which
makes what is missing at that moment. So nothing is made that no running code has come to, and a name that was found once costs
nothing more, whichever module it stands in.

In packed code a name says where it leads (``_leading``): ``d12 Common|1.0`` is what the module of that library calls ``d12``, the
same with ``plain`` before it is that of its plain code, whichever code refers to it, ``o_lists.first`` is an operator's function,
and anything else is what every module may use. The names inside a module are a letter and a number, so a table of offsets is all
that is needed to find most.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import CodeType, FunctionType
from typing import Any

Link = tuple[str, str]
"""What a reference into another library names: the library's key, and the name in its module, perhaps ``PLAIN``."""
PLAIN = "plain "
"""Before a name in a module: that of the library's plain code, whichever code refers to it."""
_PLAIN = PLAIN.strip()

Constant = CodeType | tuple[str, Any]
"""What makes a constant: its code; or, where nothing has to be worked out, what makes it of some values, and these, or nothing
("") and the value itself."""

Form = tuple[str, str, tuple[Any, ...]]
"""A function of one of the ``forms``: the form, the name in the module of what it calls, and the values."""

Buffer = bytes | memoryview
Packed = tuple[Buffer, Buffer]
"""What there is and where, and then the pieces: a run reads all of the one and little of the other."""

_LENGTH = 4
_ENTRIES = frozenset("dfp")
_CONSTANT, _OPERATOR = "c", "o_"
_OPERATORS = "guideway.engine.operators."
_NOTHING: Any = object()
_unpacked = marshal.loads


def pack(
    key: str,
    functions: Mapping[str, CodeType],
    constants: Mapping[str, Constant],
    links: Mapping[str, Link],
    operators: Mapping[str, str],
    forms: Mapping[str, Form] = {},
) -> Packed:
    """The pieces of a library's module as bytes, after a table of contents: each function and constant.

    Constants are called ``c…``; ``links`` are the module's names (``x…``) for what is in other libraries, ``operators`` those
    (``o_…``) for the operators it calls, with the ELM node of each.
    """
    from array import array  # what only writing needs

    from guideway.marshalling import compact

    codes = {**functions, **{name: code for name, code in constants.items() if isinstance(code, CodeType)}}
    uses = {name: {used for used in _names_used(code) if used in codes} for name, code in codes.items()}
    leading = {name: place(name, key) for name in (*functions, *constants, *forms)}
    leading |= {name: place(target, library) for name, (library, target) in links.items()}
    leading |= {name: _home(operator) for name, operator in operators.items()}
    led = {name: _leading(code, leading) for name, code in codes.items()}
    pieces: dict[str, bytes] = {}
    for name, parts in _families(functions, uses).items():
        family = tuple((part, led[part]) for part in parts)
        pieces[name] = compact(marshal.dumps((led[name], family) if family else led[name]))
    pieces |= {name: compact(marshal.dumps(led.get(name, constant))) for name, constant in constants.items()}
    pieces |= {name: compact(marshal.dumps((form, leading[of], values))) for name, (form, of, values) in forms.items()}
    order, letters, others = _numbered(pieces)
    offsets = array("I", [0])
    for name in order:
        offsets.append(offsets[-1] + len(pieces.get(name, b"")))
    head = compact(marshal.dumps((letters, others)))
    head += b"\0" * (-(len(head) + _LENGTH) % offsets.itemsize)
    contents = (len(head).to_bytes(_LENGTH, "little"), head, offsets.tobytes())
    return b"".join(contents), b"".join(pieces.get(name, b"") for name in order)


def place(name: str, key: str) -> str:
    """The name in packed code for what a library's module calls so."""
    return f"{name} {key}"


def _leading(code: CodeType, leading: Mapping[str, str]) -> CodeType:
    """The code with names that say where they lead."""
    names = tuple([leading.get(name, name) for name in code.co_names])
    inner = tuple([_leading(const, leading) if isinstance(const, CodeType) else const for const in code.co_consts])
    return code.replace(co_names=names, co_consts=inner)


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
    """The names of all generated modules of a program, as their functions' built-in names: what is missing among ``names`` (what
    has been made) is looked for among the pieces of the library that it names, or in ``shared`` (what every module may use), and
    else made. ``packed`` gives a library's module; ``plain`` are the names of plain code, where this is not of that itself, and
    ``given`` are the defaults of the functions' last operands."""

    __slots__ = ("_contents", "_given", "_packed", "_plain", "_shared", "names")

    def __init__(
        self,
        packed: Callable[[str], Packed],
        shared: Mapping[str, Any],
        own: Mapping[str, Any] | None = None,
        plain: Namespace | None = None,
        given: tuple[Any, ...] = (),
    ) -> None:
        super().__init__()
        self._packed = packed
        self._shared = shared
        self._plain = plain
        self._given = given
        self._contents: dict[str, tuple[dict[str, int], dict[str, int], memoryview, memoryview]] = {}
        """Of each library: where the names with a letter begin, where each other name is, the offsets and the pieces."""
        self.names: dict[str, Any] = {"__builtins__": self, **(own or {})}

    def of(self, name: str) -> Any:
        """What a name of packed code stands for."""
        found = self.names.get(name, _NOTHING)
        return self[name] if found is _NOTHING else found

    def __missing__(self, name: str) -> Any:
        piece, _, key = name.partition(" ")
        contents = self._contents.get(key)
        if contents is None:
            return self.names.setdefault(name, self._elsewhere(name, piece, key))
        letters, others, offsets, pieces = contents
        names = self.names
        kind, number = piece[0], piece[1:]
        index = letters[kind] + int(number) if number.isdigit() else others[piece]
        code = _unpacked(pieces[offsets[index] :])
        if kind == _CONSTANT:
            return names.setdefault(name, self._constant(code))
        given = self._given
        if type(code) is tuple:
            if len(code) == 3:
                form, target, values = code
                return names.setdefault(name, self._shared[form](self.of, target, *values))
            code, parts = code
            for part, inner in parts:
                names.setdefault(place(part, key), FunctionType(inner, names, None, given))
        return names.setdefault(name, FunctionType(code, names, None, given))

    def _elsewhere(self, name: str, piece: str, key: str) -> Any:
        """What is in no library that has been opened so far."""
        if not key:
            return _operator(name) if name[:2] == _OPERATOR else self._shared[name]
        if piece == _PLAIN and self._plain is not None:
            return self._plain.of(key)
        self._open(key)
        return self[name]

    def _constant(self, made: Constant) -> Any:
        if type(made) is not tuple:
            return eval(made, self.names)  # type: ignore[arg-type]
        maker, given = made
        return self._shared[maker](*given) if maker else given

    def _open(self, key: str) -> None:
        contents, pieces = self._packed(key)
        view = memoryview(contents)
        start = _LENGTH + int.from_bytes(view[:_LENGTH], "little")
        letters, others = marshal.loads(view[_LENGTH:start])
        self._contents.setdefault(key, (letters, others, view[start:].cast("I"), memoryview(pieces)))


def _names_used(code: CodeType) -> Iterable[str]:
    """Global names (and attributes) in a code and in the codes inside it."""
    pending = [code]
    while pending:
        current = pending.pop()
        yield from current.co_names
        pending += [const for const in current.co_consts if isinstance(const, CodeType)]


def _home(name: str) -> str:
    """Where an operator's function is, as a name: the module of ``engine.operators``, and its name there, or that of a table
    there and the operator's row in it.

    A run that uses a dozen operators need not load the chapters of all of them.
    """
    from guideway.engine.operators import OPERATORS

    function = OPERATORS[name].function
    module, attribute = getattr(function, "__module__", ""), getattr(function, "__name__", "")
    home = f"{_OPERATOR}{module.removeprefix(_OPERATORS)}"
    if not module.startswith(_OPERATORS):
        return f"{_OPERATOR}table.OPERATORS.{name}"
    if getattr(sys.modules.get(module), attribute, None) is function:
        return f"{home}.{attribute}"
    if name in getattr(sys.modules.get(module), "TABLE", ()):  # made by another function
        return f"{home}.TABLE.{name}"
    return f"{_OPERATOR}table.OPERATORS.{name}"


@cache
def _operator(home: str) -> Any:
    chapter, _, name = home[len(_OPERATOR) :].partition(".")
    name, _, row = name.partition(".")
    module = _OPERATORS + chapter
    # a module that another thread is loading at this moment is there, but not yet whole: then the import waits for it
    known = getattr(sys.modules.get(module), name, None)
    if known is None:
        __import__(module)  # as importlib does, which would be loaded for this alone
        known = getattr(sys.modules[module], name)
    return known[row].function if row else known
