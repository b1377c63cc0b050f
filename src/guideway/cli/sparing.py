"""Importing msgspec without what it imports and a short run does not need: most of the time that importing it takes.

msgspec asks for ``typing``, ``enum``, ``uuid`` and modules of its own in order to decode by types, to write JSON Schemas, and for
formats that are not JSON; decimal asks ``collections`` for one named tuple; and half of what this program imports asks
``typing`` for ``Any``. Applying a guideline to a bundle decodes plain JSON, so none of these is imported: others stand in
(``Spared``), which hand on whatever else they are asked for to the modules themselves. They stand there only while msgspec, or a
module of this program (``Spare``), is imported. What msgspec has taken from them it keeps: afterwards it decodes plain JSON, and
into structs of numbers and texts, but knows neither ``typing.Any`` nor an enum. So this is for command lines that need no more
(``plain``), and where the modules come from the archive (``archive``).
"""

from __future__ import annotations

import _collections_abc
import _operator
import sys
from _collections import OrderedDict, _tuplegetter, defaultdict, deque  # type: ignore[import-not-found]
from _functools import _lru_cache_wrapper, cmp_to_key  # type: ignore[import-not-found]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

ModuleType = type(sys)

PLAIN = frozenset(
    {"--as-of", "--explain", "--fail-on", "--format", "--output", "-o", "--patient", "--plan", "--policy", "--set", "--timezone"}
)
"""Options of a command line that reads bundles and nothing else."""


def plain(arguments: Sequence[str]) -> bool:
    """Whether a command line has only such options."""
    return all(word.partition("=")[0] in PLAIN for word in arguments if word[:1] == "-" and word != "-")


class Spared(ModuleType):  # type: ignore[misc, valid-type]
    """Stands for a module; whoever asks it for something that it has not gets that from the module itself."""

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__":  # ``import`` asks whether there is more to know
            raise AttributeError(name)
        found = getattr(itself(self.__name__), name)
        setattr(self, name, found)
        return found


def itself(name: str) -> Any:
    """The module that another stands for."""
    from importlib import import_module

    for other, standing in list(sys.modules.items()):
        if isinstance(standing, Spared) and (other == name or other.startswith(f"{name}.")):
            del sys.modules[other]
    return import_module(name)  # from now on it stands there


def later(module: str, name: str) -> Callable[..., Any]:
    """A function of a module that is imported when it is called."""

    def call(*given: Any, **more: Any) -> Any:
        return getattr(itself(module), name)(*given, **more)

    return call


class Spare:
    """While this lasts, others stand in for ``typing``, ``re``, ``functools`` and what keeps collections, which know what modules
    of this program ask of these; it may be entered again, also inside itself."""

    def __init__(self) -> None:
        made = (_typing(), _regular_expressions(), _functools(), _types(), *_collections())
        self.standing: dict[str, Any] = {module.__name__: module for module in made}
        self.depth = 0

    def __enter__(self) -> None:
        if not self.depth:
            _stand(self.standing)
        self.depth += 1

    def __exit__(self, *given: object) -> None:
        self.depth -= 1
        if not self.depth:
            _leave(self.standing)


def import_msgspec(whole: bool = True) -> None:
    """Import msgspec without what it does not need; not ``whole``: nor what it needs in order to decode by types."""
    if "msgspec" in sys.modules:
        return
    made = [_uuid(), _schemas(), *(Spared(name) for name in _FORMATS)]
    if not whole:
        made += [_generic(), _enum(), _patterns(), _utilities(), _types(), *_collections()]
    _import_datetime()
    # msgspec takes three names from typing_extensions where that is installed, and else from ``typing``, whose own are the same
    # ones in every Python that this program runs on
    standing: dict[str, Any] = {"typing_extensions": None} | {module.__name__: module for module in made}
    _stand(standing)
    try:
        import msgspec  # noqa: F401
    finally:
        _leave(standing)


def _stand(standing: dict[str, Any]) -> None:
    """Modules that are there need no other, nor does what is inside them."""
    there = {name for name in standing if name in sys.modules or name.rpartition(".")[0] in sys.modules}
    sys.modules.update({name: module for name, module in standing.items() if name not in there})


def _leave(standing: dict[str, Any]) -> None:
    for name, module in standing.items():
        if name in sys.modules and sys.modules[name] is module:
            del sys.modules[name]


_FORMATS = ("msgspec.inspect", "msgspec.msgpack", "msgspec.toml", "msgspec.yaml", "textwrap")


def _uuid() -> Any:
    """uuid asks platform for the name of the system, for a class to compare with that this command has no values of."""
    module = Spared("uuid")
    module.__dict__.update(UUID=type("UUID", (), {}), SafeUUID=type("SafeUUID", (), {"unknown": None}))
    return module


def _schemas() -> Any:
    module = Spared("msgspec._json_schema")
    module.__dict__.update({name: later(module.__name__, name) for name in ("schema", "schema_components")})
    return module


def _utilities() -> Any:
    """What msgspec looks into types with."""
    module = Spared("msgspec._utils")
    names = (
        "call_annotate_forwardref", "convert_generic_alias", "get_class_annotations", "get_dataclass_info", "get_type_hints",
        "get_typeddict_info", "rebuild",
    )  # fmt: skip
    module.__dict__.update({name: later(module.__name__, name) for name in names})
    module.__dict__.update(_CONCRETE_TYPES={}, _AnnotatedAlias=type("_AnnotatedAlias", (), {}))
    return module


def _enum() -> Any:
    module = Spared("enum")
    module.__dict__["EnumMeta"] = type("EnumMeta", (type,), {})
    return module


def _generic() -> Any:
    module = Spared("typing")
    for name in ("Any", "ClassVar", "Final", "Generic", "Literal", "TypeVar", "Union", "_GenericAlias"):
        module.__dict__[name] = type(name, (), {})
    return module


def _patterns() -> Any:
    module = Spared("re")
    module.__dict__["compile"] = later("re", "compile")
    return module


def _types() -> Any:
    """The types that have no names of their own; ``types`` makes much else besides."""
    module = Spared("types")
    module.__dict__.update(FunctionType=type(_types), CodeType=type(_types.__code__), ModuleType=ModuleType)
    module.__dict__.update(GenericAlias=type(list[int]), UnionType=type(int | None))
    return module


def _collections() -> tuple[Any, ...]:
    """What of ``collections`` is in C, and of ``operator``, which it imports; decimal makes one named tuple."""
    module, kinds, operator = Spared("collections"), Spared("collections.abc"), Spared("operator")
    module.__dict__.update(abc=kinds, OrderedDict=OrderedDict, defaultdict=defaultdict, deque=deque, namedtuple=_named_tuple)
    kinds.__dict__.update({name: getattr(_collections_abc, name) for name in _collections_abc.__all__})
    operator.__dict__.update({name: getattr(_operator, name) for name in ("eq", "ge", "gt", "le", "lt", "ne")})
    return module, kinds, operator


def _named_tuple(name: str, fields: Any, **more: Any) -> Any:
    """``collections.namedtuple``; what decimal makes with it is a tuple whose parts have names, and nothing more."""
    if name != "DecimalTuple":
        return itself("collections").namedtuple(name, fields, **more)
    parts = {field: _tuplegetter(place, None) for place, field in enumerate(fields.split())}
    return type(name, (tuple,), {"__slots__": (), "__new__": lambda kind, *given: tuple.__new__(kind, given), **parts})


def _typing() -> Any:
    module = Spared("typing")
    for name in ("Any", "ClassVar", "NoReturn", "Protocol"):
        module.__dict__[name] = type(name, (), {})
    module.__dict__.update(TYPE_CHECKING=False, runtime_checkable=_as_it_is)
    return module


def _regular_expressions() -> Any:
    """``re`` with its flags alone: patterns are compiled when they are used, or kept (``patterns``)."""
    module = Spared("re")
    module.__dict__.update(IGNORECASE=2, MULTILINE=8, DOTALL=16, VERBOSE=64, ASCII=256)
    return module


def _functools() -> Any:
    """What keeps results, and what sorts; ``functools`` has these from C as well, and makes much else besides."""
    module = Spared("functools")
    module.__dict__.update(cache=_keep(None), cached_property=_KeptProperty, cmp_to_key=cmp_to_key, lru_cache=_keep)
    return module


def _keep(maxsize: int | None) -> Callable[[Callable[..., Any]], Any]:
    """``functools.lru_cache``."""

    def keeping(function: Callable[..., Any]) -> Any:
        made = _lru_cache_wrapper(function, maxsize, False, _counts)
        made.__name__, made.__qualname__, made.__module__ = function.__name__, function.__qualname__, function.__module__
        return made

    return keeping


def _counts(*counts: int) -> tuple[int, ...]:
    """What a function that keeps results says of them."""
    return counts


class _KeptProperty:
    """``functools.cached_property``: made once, and then an attribute of the object."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self.make = make

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        made = instance.__dict__[self.make.__name__] = self.make(instance)
        return made


def _as_it_is(given: Any) -> Any:
    return given


def _import_datetime() -> None:
    """Import datetime as Python 3.12 has it: what is in C, without first making the same again in Python."""
    if sys.version_info >= (3, 12) or "datetime" in sys.modules:
        return
    import _datetime as compiled  # type: ignore[import-not-found]

    module = ModuleType("datetime", compiled.__doc__)
    module.__dict__.update({name: value for name, value in vars(compiled).items() if name[:1] != "_"})
    sys.modules["datetime"] = module
