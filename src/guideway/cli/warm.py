"""``guideway apply`` as a process that lives for a tenth of a second: what it does not need it does not pay for.

Its modules come from the archive, a plain command line is read without click (``options``), and the process ends without taking
apart what it has made.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from guideway.cli.archive import Archive

_ROOM = 20_000
"""Values that the frame which makes room might need: 160 KB, so that its chunk has 256, and 96 are left for the others."""


def run_warm(arguments: list[str], archive: Archive | None) -> NoReturn:
    """Run the command of these arguments (its name is the first) and end the process."""
    _leave(_with_room(lambda: _warm(arguments, archive)))


def _with_room(run: Callable[[], int]) -> int:
    """``run()``, with room for the frames of all that it calls.

    Python takes memory for frames from the system in chunks of 16 KB, and gives a chunk back as soon as the first frame in it has
    returned. Where a loop stands at the end of a chunk, each of its calls asks for one and gives it back: hundreds of times in a
    run. A frame that may need more than that gets a larger chunk, and what it does not use is there for the frames that it calls.
    """

    def frame() -> int:
        return run()

    frame.__code__ = frame.__code__.replace(co_stacksize=_ROOM)
    return frame()


def _leave(status: int) -> NoReturn:
    """End the process without taking a hundred thousand objects apart one by one; the system does that at once."""
    import atexit

    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # it is None where the process was started without it
                stream.flush()
        except (OSError, ValueError):  # the reader has gone: ``ended`` has said so in the status
            continue
    os._exit(status)


def _warm(arguments: list[str], archive: Archive | None) -> int:
    _import_msgspec()
    if archive is not None:
        archive.run_usual()
    from guideway import patterns
    from guideway.cli.apply import OPTIONS, apply
    from guideway.cli.ending import ended
    from guideway.cli.options import quick

    values = quick(OPTIONS, "bundles", arguments[1:])
    if values is not None:
        status = ended(lambda: apply(**values))
    else:
        from guideway.cli.root import run

        status = run(arguments)
    if archive is not None and status == 0:
        archive.save()
        if patterns.store().made:
            from guideway.patterns_writing import save

            save(patterns.store())
    return status


class _Spared(ModuleType):
    """Stands for a module; whoever asks it for something gets that from the module itself."""

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__":  # ``import`` asks whether there is more to know
            raise AttributeError(name)
        from importlib import import_module

        return getattr(import_module(self.__name__), name)


def _import_msgspec() -> None:
    """Import msgspec without what it imports and does not need here: more than half of the time that importing it takes.

    It takes three names from typing_extensions where that is installed, and else from ``typing``, whose own are the same ones
    in every Python this program runs on; so for that one moment it counts as not installed. It imports textwrap and a module of
    its own to write JSON Schemas; others to describe types and for formats that are not JSON; and uuid, which asks platform for
    the name of the system, for a class to compare with that this command has no values of. For these others stand in.
    """
    if "msgspec" in sys.modules:
        return
    uuid, schemas = _Spared("uuid"), _Spared("msgspec._json_schema")
    uuid.__dict__.update(UUID=type("UUID", (), {}), SafeUUID=type("SafeUUID", (), {"unknown": None}))
    for name in ("schema", "schema_components"):
        schemas.__dict__[name] = _later(schemas.__name__, name)
    absent: dict[str, Any] = {"typing_extensions": None, "textwrap": _Spared("textwrap"), "uuid": uuid}
    absent |= {"msgspec._json_schema": schemas}
    absent |= {name: _Spared(name) for name in ("msgspec.inspect", "msgspec.msgpack", "msgspec.toml", "msgspec.yaml")}
    absent = {name: standing_in for name, standing_in in absent.items() if name not in sys.modules}
    _import_datetime()
    sys.modules.update(absent)
    try:
        import msgspec  # noqa: F401
    finally:
        for name in absent:
            del sys.modules[name]


def _later(module: str, name: str) -> Callable[..., Any]:
    """A function of a module that is imported when it is called."""

    def call(*given: Any, **more: Any) -> Any:
        from importlib import import_module

        return getattr(import_module(module), name)(*given, **more)

    return call


def _import_datetime() -> None:
    """Import datetime as Python 3.12 has it: what is in C, without first making the same again in Python."""
    if sys.version_info >= (3, 12) or "datetime" in sys.modules:
        return
    from importlib import import_module

    compiled = import_module("_datetime")
    module = ModuleType("datetime", compiled.__doc__)
    module.__dict__.update({name: value for name, value in vars(compiled).items() if name[:1] != "_"})
    sys.modules["datetime"] = module
