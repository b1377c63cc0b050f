"""Reading patient data: files, standard input, request bodies, resources already in memory.

Takes bytes or paths; gives a ``PatientRecord`` for each patient, in the order of their ids. What cannot be read at all (no such
file, no JSON, no FHIR, no Patient) raises GuidewayError; everything less is a finding on the records.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from guideway.diagnostics import Diagnostic, GuidewayError, Severity
from guideway.records.decode import decode, strip_bom
from guideway.records.pool import Pool, no_patient
from guideway.records.record import PatientRecord
from guideway.records.resources import Collected, collect, collect_all

STDIN = "-"
GZIP = b"\x1f\x8b"
"""How a gzip file begins (RFC 1952 §2.3.1)."""


def read_bundle(data: bytes, name: str = "input") -> list[PatientRecord]:
    """The patients of one document: a Bundle of any type, Parameters, a single resource, or NDJSON."""
    return read_documents([(name, data)])


def read_files(paths: Sequence[str | os.PathLike[str]]) -> list[PatientRecord]:
    """The patients of several files read as one input (a Bundle and extra data for it, say), also packed with gzip; ``-`` is
    standard input, which can be read once."""
    if list(paths).count("-") > 1:
        raise GuidewayError("standard input (-) is given more than once: it can be read once")
    return read_documents([(file_name(path), unpacked(file_bytes(path), file_name(path))) for path in paths])


def read_documents(documents: Sequence[tuple[str, bytes]]) -> list[PatientRecord]:
    """The patients of several documents, given as (name, bytes), read as one input: later ones win where the same resource comes
    twice. Raises GuidewayError where there is no Patient in any."""
    return records([part for name, data in documents for part in _collected(data, name)], [name for name, _ in documents])


def read_resources(resources: Iterable[dict[str, Any]], name: str = "input") -> list[PatientRecord]:
    """The patients among resources already decoded (Bundles are opened); their numbers must be ``int`` or ``Decimal``."""
    return records([collect_all(resources, name)], [name])


def records(collected: Sequence[Collected], names: Sequence[str]) -> list[PatientRecord]:
    """A record for each patient, in the order of their ids."""
    pool = Pool(collected)
    if not pool.patients:
        raise no_patient(names, pool)
    made = [PatientRecord(pool, position) for position in range(len(pool.patients))]
    return sorted(made, key=lambda record: (record.id or "", record.reference))


def select(found: Sequence[PatientRecord], patient: str) -> PatientRecord:
    """The record that ``--patient`` means: by id, by reference, or by an identifier (``value`` or ``system|value``). Raises
    GuidewayError where it means none or several."""
    wanted = patient.removeprefix("Patient/")
    matches = [r for r in found if r.id == wanted or r.patient.full_url == patient] or [
        r for r in found if has_identifier(r.patient.object.data, patient)
    ]
    if len(matches) == 1:
        return matches[0]
    listed = ", ".join(r.id or r.reference for r in found[:10]) + (f" and {len(found) - 10} more" if len(found) > 10 else "")
    if not matches:
        raise GuidewayError(f"There is no patient {patient!r} in the data. Patients there: {listed}.")
    which = ", ".join(r.patient.full_url or r.reference for r in matches)
    raise GuidewayError(f"{patient!r} means {len(matches)} patients: {which}. Give the whole reference.")


def has_identifier(patient: Mapping[str, Any], text: str) -> bool:
    """Whether a Patient has an identifier, given as ``value`` or ``system|value``."""
    system, bar, value = text.rpartition("|")
    identifiers = patient.get("identifier")
    for identifier in identifiers if isinstance(identifiers, list) else ():
        if isinstance(identifier, dict) and identifier.get("value") == value:
            if not bar or identifier.get("system") == system:
                return True
    return False


def file_name(path: str | os.PathLike[str]) -> str:
    """How messages name a file."""
    return "standard input" if str(path) == STDIN else str(path)


def file_bytes(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file or of standard input. Raises GuidewayError where it cannot be read."""
    if str(path) == STDIN:
        if sys.stdin is None:
            raise GuidewayError("standard input is closed; name a file instead of -.")
        return sys.stdin.buffer.read()
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except IsADirectoryError:
        raise GuidewayError(f"{path}: this is a folder. For a folder of NDJSON files use --data {path}.") from None
    except FileNotFoundError:
        raise GuidewayError(f"{path}: there is no such file.") from None
    except (OSError, ValueError) as error:
        raise GuidewayError(f"{path}: this cannot be read: {getattr(error, 'strerror', None) or error}.") from None


def unpacked(data: bytes, name: str) -> bytes:
    """The bytes that a gzip file holds; any other bytes as they are. Raises GuidewayError where the file is damaged."""
    if not data.startswith(GZIP):
        return data
    import gzip
    import zlib

    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise GuidewayError(f"{name}: this gzip file is damaged: {error}. Pack or copy it again.") from None


def _collected(data: bytes, name: str) -> list[Collected]:
    try:
        return [collect(decode(data, name), name)]
    except GuidewayError:
        lines = _ndjson_lines(data, name)
        if lines is None:
            raise
        return [part for number, line in lines if (part := collect_line(line, name, number)) is not None]


def _ndjson_lines(data: bytes, name: str) -> list[tuple[int, bytes]] | None:
    """The lines of NDJSON with their numbers; None where the text is something else."""
    text = strip_bom(data, name)
    lines = [(number, line) for number, line in enumerate(text.split(b"\n"), 1) if line.strip()]
    if not any(line.lstrip().startswith(b"{") for _, line in lines):
        return None
    if name.removesuffix(".gz").endswith(".ndjson"):
        return lines
    others = [line for _, line in lines if not (line.lstrip().startswith(b"{") and line.rstrip().endswith(b"}"))]
    return lines if len(lines) - len(others) > 1 and all(map(_is_json, others)) else None


def _is_json(line: bytes) -> bool:
    try:
        decode(line, "")
    except GuidewayError:
        return False
    return True


def collect_line(line: bytes, name: str, number: int) -> Collected:
    """The resources of one line of NDJSON; a line that cannot be read is a finding, and the others stay."""
    try:
        decoded = decode(line, f"{name}, line {number}")
        return collect(decoded, name, f"{name}, line {number}")
    except GuidewayError as error:
        message = f"{error} The line is left out."
        return Collected([], [], [Diagnostic("ndjson-line-unreadable", Severity.error, message, name, None, f"/{number}")])
