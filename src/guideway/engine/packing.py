"""Generated code in pieces: a library's functions and constants, each unpacked when it is first needed.

A guideline has thousands of functions, and a patient meets a few hundred of them: unpacking a function costs more than running
it once. ``pack`` takes a compiled module apart into one blob; ``Namespace`` gives its names back one by one. A function is at
first a stub that, when it is called, takes on its real code (the function object stays the same, so it may be a key). What its
code refers to (other functions, constants, operators, links into other libraries) is made ready at that moment.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import import_module
from types import CodeType, FunctionType
from typing import Any

Link = tuple[str, str, str, int]
"""What a reference into another library names: kind, library key, name, index."""

Place = tuple[int, int, bool, tuple[str, ...]]
"""Of a function or constant: where its code begins and ends, whether it is a constant, and the names of the module it uses."""

Buffer = bytes | memoryview

_LENGTH = 4
_ENTRIES = frozenset("dfp")


def pack(
    functions: Mapping[str, CodeType], constants: Mapping[str, CodeType], links: Mapping[str, Link], operators: Mapping[str, str]
) -> bytes:  # fmt: skip
    """The pieces as bytes: a table of contents, then the code of each function and constant.

    ``operators`` are the module's names for the operators it calls, with the ELM node of each.
    """
    pieces: list[bytes] = []
    places: dict[str, Place] = {}
    known = {*functions, *constants, *links, *operators}
    uses = {name: {used for used in _names_used(code) if used in known} for name, code in {**functions, **constants}.items()}
    families = _families(functions, uses)
    start = 0
    for name, code in {**functions, **constants}.items():
        if name in functions and name not in families:
            continue
        parts = [(part, functions[part]) for part in families.get(name, ())]
        needed = set().union(uses[name], *(uses[part] for part, _ in parts)).difference(part for part, _ in parts)
        piece = marshal.dumps((code, tuple(parts)))
        places[name] = (start, start + len(piece), name in constants, tuple(sorted(needed)))
        start += len(piece)
        pieces.append(piece)
    head = marshal.dumps((places, dict(links), {short: _home(name) for short, name in operators.items()}))
    return b"".join((len(head).to_bytes(_LENGTH, "little"), head, *pieces))


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


class Namespace:
    """The names of one library's generated module.

    What every module may use stands where Python looks last, in the place of the built-in functions (``shared``): once, not once
    in each of many modules.
    """

    __slots__ = ("_link", "_links", "_operators", "_pieces", "_places", "names")

    def __init__(self, packed: Buffer, shared: dict[str, Any], own: Mapping[str, Any], link: Callable[[Link], Any]) -> None:
        view = memoryview(packed)
        start = _LENGTH + int.from_bytes(view[:_LENGTH], "little")
        self._places: dict[str, Place]
        self._links: dict[str, Link]
        self._operators: dict[str, tuple[str, str]]
        self._places, self._links, self._operators = marshal.loads(view[_LENGTH:start])
        self._pieces = view[start:]
        self._link = link
        self.names: dict[str, Any] = {"__builtins__": shared, **own, "BODY": self._body}

    def __getitem__(self, name: str) -> Any:
        """What a name of the module stands for."""
        names = self.names
        if name in names:
            return names[name]
        return names.setdefault(name, self._made(name))

    def _made(self, name: str) -> Any:
        place = self._places.get(name)
        if place is not None:
            if not place[2]:
                return FunctionType(_STUB.replace(co_name=name, co_consts=(None, name)), self.names, name)
            return eval(self._prepared(place), self.names)
        link = self._links.get(name)
        if link is not None:
            return self._link(link)
        return _operator(*self._operators[name])

    def _body(self, name: str) -> Any:
        """Turn a stub into the function it stands for."""
        function = self.names[name]
        function.__code__ = self._prepared(self._places[name])
        return function

    def _prepared(self, place: Place) -> CodeType:
        """A piece of code, with every name of this module that it uses made ready."""
        start, end, _, uses = place
        names = self.names
        for name in uses:
            if name not in names:
                self[name]
        code: CodeType
        code, parts = marshal.loads(self._pieces[start:end])
        for name, part in parts:
            if name not in names:
                names.setdefault(name, FunctionType(part, names, name))
        return code


def _names_used(code: CodeType) -> Iterable[str]:
    """Global names (and attributes) in a code and in the codes inside it."""
    pending = [code]
    while pending:
        current = pending.pop()
        yield from current.co_names
        pending += [const for const in current.co_consts if isinstance(const, CodeType)]


def _template() -> CodeType:
    module = compile("def stub(*a):\n    return BODY('name')(*a)\n", "<cql stub>", "exec")
    return functions_of(module)["stub"]


_STUB = _template()
assert _STUB.co_consts == (None, "name")


def _home(name: str) -> tuple[str, str]:
    """Where an operator's function is: its module and its name there; no module: in the table of all operators.

    A run that uses a dozen operators need not load the chapters of all of them.
    """
    from guideway.engine.operators import OPERATORS

    function = OPERATORS[name].function
    module, attribute = getattr(function, "__module__", ""), getattr(function, "__name__", "")
    return (module, attribute) if getattr(sys.modules.get(module), attribute, None) is function else ("", name)


@cache
def _operator(module: str, name: str) -> Any:
    if module:  # one that another thread is loading at this moment is there, but not yet whole: then the import waits for it
        known = getattr(sys.modules.get(module), name, None)
        return known if known is not None else getattr(import_module(module), name)
    from guideway.engine.operators import OPERATORS

    return OPERATORS[name].function
