"""``guideway apply`` as a process that lives for a tenth of a second: what it does not need it does not pay for.

Its modules come from the archive, msgspec is imported without what it does not need here (``sparing``), a plain command line is
read without click (``options``), and the process ends without taking apart what it has made.
"""

from __future__ import annotations

import builtins
import os
import sys

TYPE_CHECKING = False  # typing is one of those that a short run does without
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

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


def _taking(ask: Callable[..., Any]) -> Callable[..., Any]:
    """``__import__`` for a process of one thread: whoever takes names from a module that is there gets it without being asked
    whether it is a package. Where it is none, Python before 3.12 puts together what it would say of that, a thousand times in a
    start: a third of what running the program's modules took.
    """
    modules = sys.modules

    def taking(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        module = modules.get(name)
        if module is None or not fromlist or level or "__path__" in module.__dict__:
            return ask(name, globals, locals, fromlist, level)
        return module

    return taking


def _warm(arguments: list[str], archive: Archive | None) -> int:
    from guideway.cli.sparing import Spare, import_msgspec, plain

    if archive is None:
        import_msgspec()
    elif archive.usual and plain(arguments):
        vars(builtins)["__import__"] = _taking(builtins.__import__)
        import_msgspec(whole=False)
        archive.around = Spare()
        archive.run_usual()
    else:
        import_msgspec()
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
