"""Logic libraries: CQL files and Library resources, each made from the other.

A guideline's logic is authored as ``.cql`` files; packages made elsewhere carry it inside Library resources as ``text/cql``
or as ELM (``application/elm+json``, ``application/elm+xml``). Both become ``LibraryText``. ``library_resource`` goes the
other way: the Library resource of a CQL file (CQL IG, cql-library profile), with its parameters, data requirements and
dependencies where its ELM is at hand.
"""

from __future__ import annotations

import binascii
import re
from typing import Any

import msgspec

from guideway.diagnostics import Diagnostic, Severity

Json = dict[str, Any]

CQL = "text/cql"
ELM_JSON = "application/elm+json"
ELM_XML = "application/elm+xml"
LOGIC_LIBRARY = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/library-type", "code": "logic-library"}]}

_HEADER = re.compile(
    r"""(?:\s|//[^\n]*(?:\n|$)|/\*.*?\*/)*
        (?P<statement>library\s+((?:"[^"]+"|`[^`]+`|\w+)(?:\s*\.\s*(?:"[^"]+"|\w+))*)(?:\s+version\s+'([^']*)')?)""",
    re.DOTALL | re.VERBOSE,
)


class LibraryText(msgspec.Struct, frozen=True, kw_only=True):
    """One library as it is written: CQL text, or ELM where that is all there is."""

    name: str
    version: str | None = None
    cql: str | None = None
    elm_json: bytes | None = None
    elm_xml: bytes | None = None
    file: str = ""
    url: str | None = None

    def at(self, url: str) -> LibraryText:
        """The same library with the canonical URL it is known by."""
        return msgspec.structs.replace(self, url=url)


def header(text: str) -> tuple[str | None, str | None]:
    """Name and version of a CQL text, from its first statement.

    >>> header("// about\\nlibrary Common version '1.2'")
    ('Common', '1.2')
    """
    match = _HEADER.match(text)
    if match is None:
        return None, None
    name = re.sub(r"\s*\.\s*", ".", match.group(2)).replace('"', "").replace("`", "")
    return name.rpartition(".")[2], match.group(3) or None


def header_span(text: str) -> tuple[int, int]:
    """Where the ``library`` statement of a CQL text begins and ends; (0, 0) for a text without one."""
    match = _HEADER.match(text)
    return (match.start("statement"), match.end("statement")) if match is not None else (0, 0)


def from_cql(data: bytes, file: str) -> tuple[LibraryText | None, Diagnostic | None]:
    """The library in a ``.cql`` file; one without a ``library`` line goes by its file's name."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return None, Diagnostic("cql-encoding", Severity.error, f"not UTF-8 text: {error}", file, hint="this library is not used")
    name, version = header(text)
    stem = file.rpartition("/")[2].removesuffix(".cql")
    return LibraryText(name=name or stem, version=version, cql=text, file=file), None


def from_library_resource(resource: Json, file: str) -> tuple[LibraryText | None, list[Diagnostic]]:
    """The logic inside a Library resource; None for a Library without logic (a manifest, a module definition)."""
    findings: list[Diagnostic] = []
    cql: str | None = None
    elm: dict[str, bytes] = {}
    contents = resource.get("content")
    for index, content in enumerate(contents if isinstance(contents, list) else []):
        if not isinstance(content, dict):
            continue
        kind = str(content.get("contentType", "")).partition(";")[0].strip().lower()
        encoded = content.get("data")
        if kind not in (CQL, ELM_JSON, ELM_XML) or not isinstance(encoded, str):
            continue
        pointer = f"/content/{index}/data"
        try:
            data = binascii.a2b_base64(re.sub(r"\s+", "", encoded), strict_mode=True)
            if kind == CQL:
                cql = data.decode("utf-8-sig")
            else:
                elm[kind] = data
        except (binascii.Error, ValueError) as error:
            text = f"Library {resource.get('name') or resource.get('id')}: {kind} content cannot be decoded: {error}"
            findings.append(Diagnostic("library-content", Severity.error, text, file, pointer=pointer))
    if cql is None and not elm:
        return None, findings
    name, version = header(cql) if cql is not None else (None, None)
    url = resource.get("url") if isinstance(resource.get("url"), str) else None
    name = name or resource.get("name") or (url or "").rpartition("/")[2] or resource.get("id")
    return (
        LibraryText(
            name=str(name),
            version=version or (resource.get("version") if isinstance(resource.get("version"), str) else None),
            cql=cql,
            elm_json=elm.get(ELM_JSON),
            elm_xml=elm.get(ELM_XML),
            file=file,
            url=url,
        ),
        findings,
    )


def library_resource(library: LibraryText, *, version: str, elm: bytes | None = None, extra: Json | None = None) -> Json:
    """The Library resource of one library: CQL IG cql-library, status draft, with ELM JSON as a second content where it is given.

    ``extra`` holds what follows from the ELM (``parameter``, ``dataRequirement``, ``relatedArtifact``):
    ``guideline.requirements`` and ``apply.data_requirements`` make it.
    """
    resource: Json = {"resourceType": "Library", "id": library.name, "name": library.name, "title": library.name}
    if library.url:
        resource["url"] = library.url
    resource |= {"version": library.version or version, "status": "draft", "experimental": True, "type": LOGIC_LIBRARY}
    resource |= extra or {}
    contents = []
    if library.cql is not None:
        contents.append({"contentType": CQL, "data": _base64(library.cql.encode())})
    compiled = elm or library.elm_json
    if compiled is not None:
        contents.append({"contentType": ELM_JSON, "data": _base64(compiled)})
    if contents:
        resource["content"] = contents
    return resource


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()
