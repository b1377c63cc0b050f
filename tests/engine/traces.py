"""Traces as text, to be compared; and programs that make every trace at once."""

from __future__ import annotations

from typing import Any

from guideway.elm import nodes
from guideway.engine.closed import Closed
from guideway.engine.generator_types import Environment
from guideway.engine.program import Program, compile_program
from guideway.engine.trace import TraceNode


def at_once(libraries: list[nodes.Library], monkeypatch: Any) -> Program:
    """A program that leaves no trace for later."""
    with monkeypatch.context() as patch:
        patch.setattr(Closed, "names", lambda *_: None)
        patch.setattr(Closed, "function", lambda *_: False)
        program = compile_program(libraries)
        program.dumps()
    return program


def libraries_of(program: Program) -> list[nodes.Library]:
    """The ELM that a program was made from."""
    environment: Environment | None = program._environment
    assert environment is not None
    return [info.library for info in environment.libraries.values()]


def lines_of(node: TraceNode, seen: dict[int, int] | None = None) -> list[str]:
    """Every node below one with all that it says, a define in full where it is met first."""
    seen = {} if seen is None else seen
    found = []
    pending = [(node, 0)]
    while pending:
        current, depth = pending.pop()
        again = seen.get(id(current)) if current.kind == "ExpressionDef" else None
        more = current.operands if hasattr(current, "operands") else current.kept if hasattr(current, "kept") else ""
        found.append(
            f"{depth} {current.kind} {current.label} {current.locator} {current.library}.{current.define} "
            f"{type(current.value).__name__} {current.value!r} {more} {current.reads} {current.resources} {again}"
        )
        if again is None:
            seen[id(current)] = len(seen)
            source = [current.source] if hasattr(current, "source") else []
            pending += [(child, depth + 1) for child in reversed((*source, *current.children))]
    return found
