"""Which JSON names of which FHIR types a decoder reads into attributes, and what those attributes are called.

The generated code of the typed backend reads attributes where the layout has them; with an empty layout, plain JSON objects.
"""

from __future__ import annotations

import keyword
from collections.abc import Mapping

Layout = Mapping[str, frozenset[str]]
"""FHIR type → JSON names; types that are not in it stay plain JSON objects."""


def attribute(key: str) -> str:
    """The attribute for a JSON name: ``class`` → ``class_``, ``_birthDate`` → ``extra_birthDate``."""
    if key.startswith("_"):
        return f"extra{key}"
    return f"{key}_" if keyword.iskeyword(key) or key in ("get", "data") else key
