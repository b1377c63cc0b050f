"""Canonical URLs: ``url|version#fragment`` (FHIR R4, References to canonical URLs).

A reference without a version means the highest version at hand, in the order of ``terminology.valuesets.version_key``.
"""

from __future__ import annotations

import msgspec


class Canonical(msgspec.Struct, frozen=True):
    """The parts of a canonical reference; ``fragment`` without its ``#``."""

    url: str
    version: str | None = None
    fragment: str | None = None

    def __str__(self) -> str:
        return self.url + (f"|{self.version}" if self.version else "") + (f"#{self.fragment}" if self.fragment else "")


def parse(reference: str) -> Canonical:
    """The parts of ``url|version#fragment``; the fragment may also stand before the version.

    >>> parse("http://x.org/Library/A|1.0")
    Canonical(url='http://x.org/Library/A', version='1.0', fragment=None)
    """
    rest, _, fragment = reference.partition("#")
    url, _, version = rest.partition("|")
    if "|" in fragment:
        fragment, _, version = fragment.partition("|")
    return Canonical(url, version or None, fragment or None)


def tail(url: str) -> str:
    """The last path segment of a URL: what people call the artifact."""
    return parse(url).url.rstrip("/").rpartition("/")[2]
