"""Where references lead: a look-up over the resources of an input, and resources whose references are written alike.

Takes the held resources; gives the one that a literal reference names: by its full URL, as ``Type/id``, as ``urn:uuid:``, as an
absolute URL or with a version. Where several resources could be meant, it is the one of the same source and the same server, or
none. ``alike`` rewrites what can be resolved to ``Type/id``, the form in which logic compares it with an id; what leads nowhere
stays as it is. FHIR R4 §2.36.4 (resolving references in Bundles), §2.3 (Reference).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from guideway.fhir.modelinfo import builtin
from guideway.records.owners import reference_forms
from guideway.records.resources import Held

_ID = r"[A-Za-z0-9.-]{1,64}"
_VERSION = "/_history/"


def server_of(item: Held) -> str | None:
    """The server that a full URL names: what stands before ``/Type/id``."""
    url = item.full_url
    tail = f"/{item.kind}/{item.id}"
    return url[: -len(tail)] if url is not None and url.startswith("http") and url.endswith(tail) else None


def version_of(item: Held) -> str | None:
    """The version that a resource says it is, in ``meta.versionId`` or in its full URL."""
    meta = item.resource.get("meta")
    number = meta.get("versionId") if isinstance(meta, dict) else None
    return number if isinstance(number, str) else (item.full_url or "").partition(_VERSION)[2] or None


def asked_version(reference: str) -> str | None:
    """The version that a reference asks for; None where it takes whichever is current.

    >>> asked_version("Medication/m1/_history/2")
    '2'
    """
    return reference.partition(_VERSION)[2] or None


def implied_id(kind: str, full_url: str | None) -> str | None:
    """The id of a resource that has none, as its full URL implies: ``urn:uuid:x`` → ``x``, ``https://…/Type/x`` → ``x``."""
    if full_url is None:
        return None
    scheme, _, name = full_url.rpartition(":") if full_url.startswith(("urn:uuid:", "urn:oid:")) else ("", "", "")
    if not scheme:
        head, _, name = full_url.partition("/_history/")[0].rpartition("/")
        if not head.endswith(f"/{kind}"):
            return None
    return name if re.fullmatch(_ID, name) else None


class References:
    """The look-up. ``find`` answers for one reference; resources that several could mean are no answer. ``more`` is asked, by
    ``Type/id``, for what is not among the resources."""

    __slots__ = ("_more", "_plain", "_table")

    def __init__(self, held: Iterable[Held], more: Callable[[str], Held | None] | None = None) -> None:
        self._more = more
        self._plain: dict[str, bool] = {}
        """By reference: whether it is written as it should be, wherever it stands."""
        self._table: dict[str, list[Held]] = {}
        for item in held:
            url = item.full_url
            forms: tuple[str, ...] = (f"{item.kind}/{item.id}", f"urn:uuid:{item.id}") if item.id else ()
            for form in forms if url is None else (url, *(form for form in forms if form != url)):
                known = self._table.get(form)
                if known is None:
                    self._table[form] = [item]
                else:
                    known.append(item)

    def find(self, reference: str, holder: Held | None = None) -> Held | None:
        """The resource that a reference means, where it stands in ``holder``."""
        table = self._table
        for form in reference_forms(reference):
            found = table.get(form)
            if found is None:
                continue
            if form != reference and reference.startswith("http"):
                base = reference.partition("/_history/")[0].removesuffix(f"/{form}")
                found = [item for item in found if form.startswith("http") or server_of(item) in (None, base)]
            if len(found) > 1 and holder is not None:
                found = [item for item in found if item.source == holder.source] or found
            if len(found) > 1 and holder is not None:
                here = server_of(holder)
                found = [item for item in found if server_of(item) == here]
            if len(found) == 1:
                return found[0]
            if found:
                return None
        if self._more is None:
            return None
        return next((item for form in reference_forms(reference) if (item := self._more(form)) is not None), None)

    def alike(self, data: dict[str, Any], holder: Held, references: Sequence[str] | None = None) -> dict[str, Any]:
        """The resource with every reference that can be resolved written as ``Type/id``; what is not touched is shared.
        ``references``: all that are in it, where that is known."""
        if references is not None:
            known = self._plain
            for reference in references:
                if not (known.get(reference) or self._is_plain(reference)):
                    break
            else:
                return data
        result: dict[str, Any] = self._alike(data, holder)
        return result

    def _alike(self, value: Any, holder: Held) -> Any:
        changed: Any = None
        if type(value) is dict:
            for name, part in value.items():
                kind = type(part)
                if kind is dict or kind is list:
                    new = self._alike(part, holder)
                elif name == "reference" and kind is str:
                    new = self._written(part, holder)
                else:
                    continue
                if new is not part:
                    changed = dict(value) if changed is None else changed
                    changed[name] = new
        else:
            for place, part in enumerate(value):
                if type(part) is dict or type(part) is list:
                    new = self._alike(part, holder)
                    if new is not part:
                        changed = list(value) if changed is None else changed
                        changed[place] = new
        return value if changed is None else changed

    def _is_plain(self, reference: str) -> bool:
        """Whether a reference stays as it is, whoever holds it."""
        found = self._plain.get(reference)
        if found is None:
            known = self._table.get(reference)
            found = known is not None and len(known) == 1 and reference.partition("/")[0] == known[0].kind
            found = self._plain[reference] = found or reference.startswith("#")
        return found

    def _written(self, reference: str, holder: Held) -> str:
        if self._is_plain(reference):
            return reference
        found = self.find(reference, holder)
        holder.versioned = holder.versioned or (found is not None and _VERSION in reference)
        return f"{found.kind}/{found.id}" if found is not None and found.id is not None else reference


_ALSO: dict[str, str] = {"AdverseEvent": "suspectEntity.instance"}
"""References beside the coded element that say what a resource is about."""


@cache
def _coded_element(kind: str) -> tuple[str | None, str]:
    """The element that says what a resource of a type is, and the property that holds a reference in its place."""
    info = builtin("FHIR").type(kind)
    path = info.primary_code_path if info is not None else None
    path = path.partition(".")[0] if path is not None else None
    return path, f"{path}Reference"


def identifying(kind: str, data: dict[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    """The references that say what a resource is about, each with its path: the one that stands in place of its code
    (``medicationReference``), and those that name a suspect. Logic that asks what the resource is follows them."""
    path, instead = _coded_element(kind)
    if path is not None:
        for name in (instead, path):
            value = data.get(name)
            if isinstance(value, dict) and not ("coding" in value or "text" in value or "code" in value):
                if name != path or "reference" in value or "identifier" in value:
                    yield name, value
    also = _ALSO.get(kind)
    if also is not None:
        outer, _, inner = also.partition(".")
        given = data.get(outer)
        for number, part in enumerate(given if isinstance(given, list) else ()):
            if isinstance(part, dict) and isinstance(part.get(inner), dict):
                yield f"{outer}[{number}].{inner}", part[inner]
