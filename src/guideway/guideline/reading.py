"""The files of a guideline, from wherever it is: a folder, a FHIR package (.tgz), a Bundle, or a single artifact.

Takes a path and gives every JSON, CQL and ELM file in it as ``SourceFile(name, data)``, in name order, with names relative to the
guideline (so that the same content has the same names in a checkout and in a wheel). Examples, tests and hidden files are
left out. FHIR NPM packages: https://confluence.hl7.org/display/FHIR/NPM+Package+Specification.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from guideway.diagnostics import GuidewayError
from guideway.guideline.locate import content_folders

SUFFIXES = (".json", ".cql", ".xml")
_LEFT_OUT = frozenset({"example", "examples", "tests", "other", "node_modules", "openapi", "xml"})
_LIMIT = 512 * 1024 * 1024


class SourceFile(NamedTuple):
    """One file of a guideline; ``name`` is relative, with forward slashes."""

    name: str
    data: bytes


def read_files(path: str) -> list[SourceFile]:
    """All files of the guideline at ``path``, in name order; a path that is none raises ``GuidewayError``."""
    if os.path.isdir(path):
        return _folder(path)
    if not os.path.exists(path):
        raise GuidewayError(f"{path}: no such guideline; give a folder, a FHIR package (.tgz) or a Bundle (.json)")
    lowered = path.lower()
    if lowered.endswith((".tgz", ".tar.gz", ".tar")):
        return _package(path)
    if lowered.endswith(SUFFIXES):
        return [SourceFile(os.path.basename(path), _read(path))]
    raise GuidewayError(f"{path}: not a guideline; give a folder, a FHIR package (.tgz) or a Bundle (.json)")


def _folder(path: str) -> list[SourceFile]:
    files: list[SourceFile] = []
    for prefix, root in content_folders(path):
        for folder, names, found in os.walk(root):
            names[:] = sorted(n for n in names if not n.startswith(".") and n != "__pycache__" and n not in _LEFT_OUT)
            relative = os.path.relpath(folder, root).replace(os.sep, "/")
            inside = prefix if relative == "." else f"{prefix}{relative}/"
            files += [
                SourceFile(inside + name, _read(os.path.join(folder, name)))
                for name in found
                if name.endswith(SUFFIXES) and not name.startswith(".")
            ]
    if not files:
        raise GuidewayError(f"{path}: no artifacts in this folder (looked for .json and .cql files)")
    return sorted(files)


def _package(path: str) -> list[SourceFile]:
    import tarfile
    import zlib

    files: dict[str, bytes] = {}
    total = 0
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                parts = name.split("/")
                wanted = member.isfile() and name.endswith(SUFFIXES) and parts[0] == "package"
                if not wanted or any(part in _LEFT_OUT or part.startswith(".") for part in parts[1:]):
                    continue
                total += member.size
                if total > _LIMIT:
                    raise GuidewayError(f"{path}: more than {_LIMIT >> 20} MB of artifacts; is this a guideline package?")
                stream = archive.extractfile(member)
                if stream is not None:
                    files["/".join(parts[1:])] = stream.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        why = str(error).partition("\n")[0].rstrip(":").strip()
        raise GuidewayError(
            f"{path}: cannot be read as a FHIR package, a gzipped tar with a folder package/ ({why}); copy or "
            "download it again, or give the guideline's folder"
        ) from None
    if not files:
        raise GuidewayError(f"{path}: no artifacts in the folder package/ of this archive; is it a FHIR package?")
    return sorted(SourceFile(name, data) for name, data in files.items())


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise GuidewayError(f"{path}: cannot be read: {error.strerror or error}") from None
