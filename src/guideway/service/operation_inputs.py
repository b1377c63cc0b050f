"""What an operation is called with: query parameters and a Parameters body as one, checked, with the place of what is wrong.

A parameter that the operation does not know is refused: one that is misspelt must not be passed over in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from guideway.diagnostics import GuidewayError
from guideway.fhir.structure import check
from guideway.remote.search_results import error_in, next_link, short_of
from guideway.service.parameter_values import values_of
from guideway.service.problems import Problem

Json = dict[str, Any]

ANY_OPERATION = frozenset({"_format", "_pretty"})
ARTIFACT_NAMES = frozenset({"url", "canonical", "version"})
DATA_NAMES = frozenset(
    {
        "subject",
        "parameters",
        "data",
        "prefetchData",
        "useServerData",
        "dataEndpoint",
        "contentEndpoint",
        "terminologyEndpoint",
        "asOf",
    }
)
APPLY_NAMES = frozenset(
    {
        "encounter", "practitioner", "organization", "userType", "userLanguage", "userTaskContext", "setting", "settingContext",
        "policy", *ARTIFACT_NAMES, *DATA_NAMES,
    }
)  # fmt: skip
CODE_NAMES = frozenset({"code", "system", "systemVersion", "display", "coding", "codeableConcept", "inferSystem", "date"})
EXPAND_NAMES = frozenset({"filter", "offset", "count", "activeOnly", "includeDesignations", "displayLanguage", "date"})


def _of(kind: str) -> frozenset[str]:
    """The parameters that name an artifact of the type."""
    lower = kind[0].lower() + kind[1:]
    return ARTIFACT_NAMES | {lower, f"{lower}Canonical", f"{lower}Version"}


TAKEN: dict[str, frozenset[str]] = {
    "$cql": DATA_NAMES | {"expression", "library"},
    "PlanDefinition/$apply": APPLY_NAMES | _of("PlanDefinition") | {"hook", "_outputForm"},
    "PlanDefinition/$r5.apply": APPLY_NAMES | _of("PlanDefinition") | {"hook"},
    "PlanDefinition/$data-requirements": _of("PlanDefinition"),
    "PlanDefinition/$package": _of("PlanDefinition"),
    "ActivityDefinition/$apply": APPLY_NAMES | _of("ActivityDefinition"),
    "Library/$evaluate": DATA_NAMES | _of("Library") | {"expression"},
    "ValueSet/$expand": _of("ValueSet") | EXPAND_NAMES,
    "ValueSet/$validate-code": _of("ValueSet") | CODE_NAMES,
}
"""The parameters that each operation takes: one that is misspelt must not be passed over in silence."""

BODY_ONLY = frozenset(
    {
        "data", "prefetchData", "parameters", "dataEndpoint", "contentEndpoint", "terminologyEndpoint", "coding",
        "codeableConcept", "userType", "userTaskContext", "setting", "settingContext", "library",
    }
)  # fmt: skip
"""Parameters that hold a resource, a complex value or parts, and so cannot stand in a URL."""

_REFERENCE = re.compile(r"(https?://[^\s<>\"?#]+/)?([A-Z][A-Za-z]+/)?[A-Za-z0-9\-.]{1,64}(/_history/[A-Za-z0-9\-.]{1,64})?")


class Inputs:
    """The parameters of one operation: query parameters and a Parameters body as one, and the artifact of an instance call."""

    def __init__(self, query: Iterable[tuple[str, str]], body: Json | None, kind: str, artifact_id: str | None) -> None:
        """Raises Problem 400 where the body is no Parameters resource."""
        self.kind = kind
        self.artifact_id = artifact_id
        self._entries: list[Json] = [{"name": name, "text": value} for name, value in query if name != "_format"]
        if body is not None:
            if body.get("resourceType") != "Parameters" or not isinstance(body.get("parameter", []), list):
                raise Problem(400, "the body must be a Parameters resource", expression="Parameters")
            for number, entry in enumerate(body.get("parameter") or ()):
                if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
                    raise Problem(400, "every parameter needs a name", expression=f"Parameters.parameter[{number}]")
                if sum(name in ("resource", "part") or name.startswith("value") for name in entry) > 1:
                    text = f"{entry['name'][:100]} holds more than one value"
                    raise Problem(400, text, expression=f"Parameters.parameter[{number}]")
                self._entries.append(entry)

    def all(self, name: str) -> list[Json]:
        """The entries of that name."""
        return [e for e in self._entries if e["name"] == name]

    def text(self, name: str) -> str | None:
        """The one text value of that name; Problem 400 for something else."""
        values = self.texts(name)
        if len(values) > 1:
            raise Problem(400, f"{name} is given more than once", expression=where(name))
        return values[0] if values else None

    def texts(self, name: str) -> list[str]:
        """All text values of that name."""
        found = []
        for entry in self.all(name):
            if "text" in entry:
                found.append(str(entry["text"]))
                continue
            value = next((v for k, v in entry.items() if k.startswith("value")), None)
            if isinstance(value, bool):
                value = str(value).lower()
            if isinstance(value, dict) and isinstance(value.get("reference"), str):
                value = value["reference"]
            if not isinstance(value, str) or not value:
                raise Problem(400, f"{name} must be a text", expression=where(name))
            found.append(value)
        return found

    def flag(self, name: str) -> bool | None:
        """The Boolean of that name, None where it is not given; Problem 400 for something else."""
        text = self.text(name)
        if text not in (None, "true", "false"):
            raise Problem(400, f"{name} must be true or false", expression=where(name))
        return None if text is None else text == "true"

    def resources(self, name: str) -> list[Json]:
        """All resources of that name; Bundles are opened."""
        found: list[Json] = []
        for entry in self.all(name):
            resource = entry.get("resource")
            if not isinstance(resource, dict) or not resource.get("resourceType"):
                raise Problem(400, f"{name} must hold a resource", expression=where(name))
            with blamed(name):
                found += resources_in(resource)
        return found

    def data(self) -> list[Json]:
        """The patient data: ``data`` and every ``prefetchData``; a patient without an id in it is refused."""
        found = self.resources("data")
        for entry in self.all("prefetchData"):
            parts = entry.get("part")
            held = [p for p in parts if isinstance(p, dict) and p.get("name") == "data"] if isinstance(parts, list) else []
            if not held or not all(isinstance(part.get("resource"), dict) for part in held):
                raise Problem(400, "prefetchData needs a part data that holds a resource", expression=where("prefetchData"))
            with blamed("prefetchData"):
                found += [resource for part in held for resource in resources_in(part["resource"])]
        return found

    def posted(self, name: str) -> Json | None:
        """The artifact that came as a resource in the parameter of that name, if one did; Problem 400 where FHIR R4 does not know
        what it holds."""
        entries = [entry for entry in self.all(name) if "resource" in entry]
        if not entries:
            return None
        resource = entries[0]["resource"]
        if len(self.all(name)) > 1 or not isinstance(resource, dict) or resource.get("resourceType") != self.kind:
            raise Problem(400, f"{name} must hold one {self.kind}", expression=where(name))
        for fault in check(resource):
            raise Problem(400, f"{name}: {fault.message}", expression=where(name))
        return resource

    def cql_parameters(self) -> dict[str, Any]:
        """The values of ``parameters``, by CQL name."""
        given = self.all("parameters")
        if len(given) > 1:
            raise Problem(400, "parameters is given twice", expression=where("parameters"))
        if not given:
            return {}
        (entry,) = given
        resource = entry.get("resource")
        if not isinstance(resource, dict) or resource.get("resourceType") != "Parameters":
            raise Problem(400, "parameters must hold a Parameters resource", expression=where("parameters"))
        entries = resource.get("parameter", [])
        if not isinstance(entries, list) or not all(isinstance(e, dict) and isinstance(e.get("name"), str) for e in entries):
            raise Problem(400, "every one of the parameters needs a name", expression=where("parameters"))
        for each in entries:
            if sum(name == "resource" or name.startswith("value") for name in each) != 1:
                raise Problem(400, f"the parameter {each['name']} needs one value", expression=where("parameters"))
        with blamed("parameters"):
            return values_of(resource)

    def only(self, names: frozenset[str]) -> None:
        """Raises Problem 400 for a parameter that is not among ``names``."""
        in_query = sum("text" in entry for entry in self._entries)
        for number, entry in enumerate(self._entries):
            if entry["name"] not in names:
                listed = ", ".join(sorted(names - ANY_OPERATION))
                raise Problem(
                    400,
                    f"there is no parameter {entry['name'][:100]!r} here; there are {listed}",
                    expression=f"Parameters.parameter[{number - in_query}]" if number >= in_query else "Parameters.parameter",
                )

    def refuse(self, *names: str) -> None:
        """Raises Problem 501 for parameters that this service does not support, rather than ignore them."""
        for name in names:
            if self.all(name):
                raise Problem(
                    501,
                    f"the parameter {name} is not supported: give the data with the request",
                    expression=where(name),
                    code="not-supported",
                )

    def without_servers(self) -> None:
        """Raises Problem 501 (400) where the call wants data or artifacts from a server: both come with the request."""
        self.refuse("dataEndpoint", "contentEndpoint", "terminologyEndpoint")
        if self.flag("useServerData"):
            text = "the service has no data of its own: give the data with the request, and useServerData = false"
            raise Problem(400, text, expression=where("useServerData"), code="not-supported")

    def reference(self, name: str) -> str | None:
        """The reference of that name, such as ``Encounter/1``; Problem 400 for something else."""
        text = self.text(name)
        if text is not None and not _REFERENCE.fullmatch(text):
            raise Problem(400, f"{name} must be a reference, such as {name.capitalize()}/1", expression=where(name))
        return text


def where(name: str) -> str:
    """The FHIRPath of a parameter."""
    return f"Parameters.parameter.where(name='{name}')"


@contextmanager
def blamed(name: str) -> Iterator[None]:
    """Problems of the block are those of this parameter."""
    try:
        yield
    except GuidewayError as error:
        raise Problem(400, str(error), expression=where(name)) from error


def number(inputs: Inputs, name: str, default: int) -> int:
    given = inputs.all(name)
    if not given:
        return default
    if len(given) > 1:
        raise Problem(400, f"{name} is given more than once", expression=where(name))
    (entry,) = given
    value = entry.get("text", entry.get("valueInteger"))
    return whole(str(value), name)


def whole(text: str, name: str) -> int:
    """The number a parameter gives; raises Problem 400."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Problem(400, f"{name} must be a whole number", expression=where(name))
    return int(text)


def resources_in(value: Json) -> list[Json]:
    """The resources of a Bundle (OperationOutcomes left out), otherwise the resource itself.

    GuidewayError where something in it is no resource, or says that the rest is not whole: left out in silence, it would look as
    if there were nothing.
    """
    found: list[Any] = [value]
    if value.get("resourceType") == "Bundle":
        entries = value.get("entry", [])
        if not isinstance(entries, list):
            raise GuidewayError("a Bundle's entry is not an array")
        if next_link(value):
            raise GuidewayError("the Bundle is not whole: it has further pages")
        if not all(isinstance(entry, dict) for entry in entries):
            raise GuidewayError("an entry of a Bundle is not an object")
        found = [entry.get("resource") for entry in entries]
    for resource in found:
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise GuidewayError("an entry of a Bundle holds no resource (an object with a resourceType)")
        if resource["resourceType"] == "OperationOutcome" and error_in(resource):
            raise GuidewayError(f"the Bundle is not whole: {error_in(resource)}")
    kept = [r for r in found if r["resourceType"] != "OperationOutcome"]
    if value.get("type") == "searchset" and (short := short_of(value, len(kept))):
        raise GuidewayError(f"the Bundle is not whole: {short}")
    return kept
