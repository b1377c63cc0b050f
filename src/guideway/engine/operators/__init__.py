"""The operators of CQL's reference (Appendix B), one module a chapter; ``OPERATORS`` names them by ELM node."""

from typing import Any

__all__ = ["OPERATORS"]


def __getattr__(name: str) -> Any:
    # Lazy, so that generated code which imports one chapter does not load the others.
    if name == "OPERATORS":
        from guideway.engine.operators.table import OPERATORS

        return OPERATORS
    raise AttributeError(name)
