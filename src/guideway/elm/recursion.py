"""Room for walking deep trees.

ELM nests as deeply as the logic that it was made from; a chain of five thousand additions is five thousand nodes deep. Walking it
needs no stack of the C language (calls between Python functions have used none since Python 3.11), only a higher limit.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

DEEPEST = 120_000


@contextmanager
def deep_recursion(limit: int = DEEPEST) -> Iterator[None]:
    """Allow Python functions to nest ``limit`` calls deep inside the ``with`` block."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, limit))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
