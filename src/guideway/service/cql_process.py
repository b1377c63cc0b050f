"""``$cql`` in a process of its own: an expression of a caller may run for ever or eat all memory, and nothing inside one process
can stop it (a regular expression, for one, holds the interpreter).

``CqlProcess`` is a stand-in for ``guideline.cql_operations.Cql`` that sends each question to a child and ends the child where the
answer takes too long. The child is started at the first question, loads the guideline itself, and lives until it is closed, is
ended, or its parent is gone.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from typing import Any

import msgspec

from guideway.diagnostics import GuidewayError
from guideway.service.problems import Problem

Json = dict[str, Any]

START_SECONDS = 60.0
MEMORY_BYTES = 2 << 30
"""Address space of the child, where the platform can limit it."""
RESULT_BYTES = 10_000_000


class CqlProcess:
    """Evaluates expressions with the libraries of one guideline at hand. One question at a time."""

    def __init__(self, package: str | None, seconds: float, terminology: tuple[str, bool, float] | None = None) -> None:
        """``package``: path of the guideline (None: the one that came with the program); ``seconds``: what one question may take;
        ``terminology``: base URL of a terminology server, whether it may live at a private address, how long it is waited for."""
        self._package = package
        self._seconds = seconds
        self._terminology = terminology
        self._lock = threading.Lock()
        self._child: Any = None
        self._line: Any = None

    def evaluate(self, expression: str, **options: Any) -> Json:
        """As ``Cql.evaluate``, with its options; raises Problem 504 where it takes too long, 503 where no child can be had."""
        kind = answer = None
        with self._lock:
            try:
                line = self._open()
                line.send((expression, options))
                if not line.poll(self._seconds):
                    raise Problem(504, f"the expression took longer than {self._seconds:g} s")
                kind, answer = line.recv()
            except (EOFError, OSError):
                raise Problem(422, "the expression brought its process to an end; it may need too much memory") from None
            finally:
                if kind is None:  # whatever it was: an answer that is still to come would be taken for that to the next question
                    self._end()
        if kind == "problem":
            raise GuidewayError(answer)
        result: Json = answer
        return result

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._end()

    def _open(self) -> Any:
        if self._child is None or not self._child.is_alive():
            context = multiprocessing.get_context("spawn")
            self._line, theirs = context.Pipe()
            self._child = context.Process(
                target=answer_questions, args=(theirs, self._package, self._terminology), name="cql", daemon=True
            )
            self._child.start()
            theirs.close()
            if not self._line.poll(START_SECONDS) or self._line.recv() != "ready":
                self._end()
                raise Problem(503, "the process that evaluates expressions did not start")
        return self._line

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.join(10)
            with contextlib.suppress(OSError):
                self._line.close()


def answer_questions(line: Any, package: str | None, terminology: tuple[str, bool, float] | None) -> None:
    """The child: questions in, ("result", Parameters) or ("problem", words) out, until the line is closed."""
    from guideway.apply.moment import moment
    from guideway.guideline.compiled import open_guideline
    from guideway.guideline.cql_operations import Cql
    from guideway.guideline.loading import load
    from guideway.guideline.locate import installed_guideline

    for each in ("SIGINT", "SIGHUP"):
        if hasattr(signal, each):
            signal.signal(getattr(signal, each), signal.SIG_IGN)
    guideline = open_guideline(package)
    if terminology is not None:
        from guideway.remote.terminology import Terminology

        url, private, patience = terminology
        guideline.terminology = Terminology(guideline.terminology, url, private=private, patience=patience)
    evaluator = Cql(guideline, load(package or installed_guideline() or ""))
    evaluator.evaluate("1", now=moment("2000-01-01").now)  # what the first question needs is loaded before its time counts
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    line.send("ready")
    while True:
        try:
            expression, options = line.recv()
        except EOFError:
            return
        try:
            result = evaluator.evaluate(expression, **options)
            if len(msgspec.json.encode(result)) > RESULT_BYTES:
                raise GuidewayError(f"the result is larger than {RESULT_BYTES} bytes; ask for a part of it")
            line.send(("result", result))
        except GuidewayError as error:
            line.send(("problem", str(error)))
        except (MemoryError, RecursionError) as error:
            line.send(("problem", f"the expression needs too much: {type(error).__name__}"))
