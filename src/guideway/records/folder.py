"""A folder of NDJSON files by resource type, as bulk exports write them: one patient at a time, in bounded memory.

Takes a folder of ``.ndjson`` or ``.ndjson.gz``; gives records one by one. The first pass reads only the type, id and subject of
each line and keeps, for each patient, where their lines are; the second reads a patient's lines when their turn comes. Resources
about nobody (products, practitioners) are read once and shared. FHIR Bulk Data Access 2.0, output files.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from guideway.diagnostics import Diagnostic, GuidewayError, Severity
from guideway.fhir.structure import known_type
from guideway.records.decode import decode
from guideway.records.owners import is_clinical, subjects
from guideway.records.pool import Pool, Shelf
from guideway.records.reading import collect_line, has_identifier
from guideway.records.record import PatientRecord
from guideway.records.resources import Collected, Held


class _Reference(msgspec.Struct):
    reference: str | None = None


class _Peek(msgspec.Struct, rename={"for_": "for"}):
    """The few elements of a line that say what it is and whose."""

    resourceType: str
    id: str | None = None
    subject: _Reference | None = None
    patient: _Reference | None = None
    for_: _Reference | None = None
    beneficiary: _Reference | None = None
    individual: _Reference | None = None
    candidate: _Reference | None = None


_peek = msgspec.json.Decoder(_Peek)
_DIRECT = ("subject", "patient", "for_", "beneficiary", "individual", "candidate")


class Folder:
    """An NDJSON folder after its first pass. ``ids`` are the patients, sorted; ``record(id)`` reads one; iterating reads all, one
    at a time. ``types``: read only files and lines of these types (the Patients are always read)."""

    def __init__(self, folder: str | Path, types: Sequence[str] | None = None) -> None:
        self.path = Path(folder)
        self.findings: list[Diagnostic] = []
        self._types = frozenset((*types, "Patient")) if types is not None else None
        self._files = self._find()
        self._lines: dict[str, array[int]] = {}
        self._people: list[tuple[str, tuple[int, int, int, int]]] = []
        """The patients' own lines."""
        self._shared: list[tuple[int, int, int, int]] = []
        self._strays = 0
        patients: set[str] = set()
        for number, file in enumerate(self._files):
            self._survey(number, file, patients)
        self.ids: list[str] = sorted(patients)
        strays = self._strays + sum(len(self._lines.pop(key)) // 4 for key in [k for k in self._lines if k not in patients])
        if strays:
            message = f"{strays} resources are about nobody in the folder; they are left out."
            self._say("other-patient", message)
        if not patients:
            raise GuidewayError(
                f"{self.path}: there is no Patient in its NDJSON files ({', '.join(f.name for f in self._files[:8])})."
            )
        self._shelf: Shelf | None = None

    def __iter__(self) -> Iterator[PatientRecord]:
        with ExitStack() as stack:
            streams = [stack.enter_context(_opened(file)) for file in self._files]
            for patient in self.ids:
                yield self._read(patient, streams)

    def record(self, patient: str) -> PatientRecord:
        """One patient's record, by id, by reference, or by an identifier (``value`` or ``system|value``). Raises GuidewayError
        where it means none or several."""
        wanted = patient.removeprefix("Patient/")
        with ExitStack() as stack:
            streams = [stack.enter_context(_opened(file)) for file in self._files]
            if wanted not in self._lines or wanted not in self.ids:
                wanted = self._identified(patient, streams)
            return self._read(wanted, streams)

    def _identified(self, text: str, streams: Sequence[BinaryIO]) -> str:
        """The id of the patient with an identifier."""
        found: dict[str, None] = {}
        for own, place in self._people:
            if any(held.kind == "Patient" and has_identifier(held.object.data, text) for held in self._line(streams, place).held):
                found[own] = None
        if len(found) == 1:
            return next(iter(found))
        if found:
            raise GuidewayError(
                f"{self.path}: {text!r} means {len(found)} patients: {', '.join(sorted(found)[:10])}. Give the id."
            )
        listed = ", ".join(self.ids[:10]) + (f" and {len(self.ids) - 10} more" if len(self.ids) > 10 else "")
        raise GuidewayError(f"{self.path}: there is no patient {text!r}. Patients there: {listed}.")

    # -- the first pass

    def _find(self) -> list[Path]:
        if not self.path.exists():
            raise GuidewayError(f"{self.path}: there is no such folder.")
        if not self.path.is_dir():
            raise GuidewayError(f"{self.path}: this is no folder. Give a Bundle file without --data.")
        plain = sorted(self.path.glob("*.ndjson"))
        packed = [file for file in self.path.glob("*.ndjson.gz") if file.with_suffix("") not in plain]
        files = sorted([*plain, *packed])
        if not files:
            raise GuidewayError(
                f"{self.path}: there are no .ndjson files in it. A folder of files by type (Patient.ndjson, …) is expected."
            )
        if self._types is not None:
            named = {file: file.name.partition(".")[0] for file in files}
            files = [file for file in files if not known_type(named[file]) or named[file] in self._types]
        return files

    def _survey(self, number: int, file: Path, patients: set[str]) -> None:
        offset = 0
        try:
            with _opened(file) as stream:
                for count, line in enumerate(stream, 1):
                    if line.strip():
                        self._note(number, offset, count, line, patients)
                    offset += len(line)
        except OSError as error:
            raise GuidewayError(f"{file}: this cannot be read: {error.strerror}.") from None

    def _note(self, number: int, offset: int, count: int, line: bytes, patients: set[str]) -> None:
        """File one line under the patients it is about."""
        try:
            peek = _peek.decode(line)
            kind, own = peek.resourceType, peek.id
            references = [r.reference for name in _DIRECT if (r := getattr(peek, name)) is not None and r.reference]
            if not references and kind != "Patient" and is_clinical(kind):
                references = self._look_closer(line, number, count)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            try:
                value = decode(line, f"{self._files[number].name}, line {count}").value
                kind, own = str(value.get("resourceType")), value.get("id")
                references = [r["reference"] for r in subjects(value) if isinstance(r.get("reference"), str)]
            except (GuidewayError, AttributeError) as error:
                text = (
                    str(error)
                    if isinstance(error, GuidewayError)
                    else f"{self._files[number].name}, line {count}: no FHIR resource."
                )
                self._say("ndjson-line-unreadable", f"{text} The line is left out.", Severity.error)
                return
        if self._types is not None and kind not in self._types and is_clinical(kind):
            return
        place = (number, offset, len(line), count)
        if kind == "Patient" and own:
            patients.add(own)
            self._people.append((own, place))
            references = [f"Patient/{own}"]
        keys = {key for r in references if (key := _patient_id(r)) is not None}
        for key in keys:
            self._lines.setdefault(key, array("q")).extend(place)
        if not keys:
            if not is_clinical(kind):
                self._shared.append(place)
            else:
                self._strays += 1

    def _look_closer(self, line: bytes, number: int, count: int) -> list[str]:
        value: Any = decode(line, f"{self._files[number].name}, line {count}").value
        return [r["reference"] for r in subjects(value) if isinstance(r.get("reference"), str)]

    def _say(self, rule: str, message: str, severity: Severity = Severity.warning) -> None:
        self.findings.append(Diagnostic(rule, severity, message, str(self.path)))

    # -- the second

    def _read(self, patient: str, streams: Sequence[BinaryIO]) -> PatientRecord:
        if self._shelf is None:
            self._shelf = Shelf(h for place in self._shared for h in self._line(streams, place).held)
        flat = self._lines[patient]
        places = [(flat[n], flat[n + 1], flat[n + 2], flat[n + 3]) for n in range(0, len(flat), 4)]
        said = Collected([], [], list(self.findings))  # whose data an unreadable line was is not known: every record says so
        pool = Pool([said, *(self._line(streams, place) for place in places)], self._shelf)
        position = next(n for n, held in enumerate(pool.patients) if held.id == patient)
        return PatientRecord(pool, position)

    def _line(self, streams: Sequence[BinaryIO], place: tuple[int, int, int, int]) -> Collected:
        number, offset, length, count = place
        streams[number].seek(offset)
        found = collect_line(streams[number].read(length), self._files[number].name, count)
        for held in found.held:
            _where(held, count)
        return found


def _opened(file: Path) -> BinaryIO:
    """A file to read from any place in it; one packed with gzip by way of a temporary file that nobody else can open."""
    if file.suffix != ".gz":
        return file.open("rb")
    import gzip
    import zlib
    from shutil import copyfileobj
    from tempfile import TemporaryFile

    unpacked = TemporaryFile()  # noqa: SIM115 (whoever reads it closes it)
    try:
        with gzip.open(file) as stream:
            copyfileobj(stream, unpacked)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        unpacked.close()
        raise GuidewayError(f"{file}: this gzip file is damaged: {error}. Pack or copy it again.") from None
    unpacked.seek(0)
    return unpacked


def _where(held: Held, count: int) -> None:
    held.where = f"line {count}"


def _patient_id(reference: str) -> str | None:
    """The patient's id in a reference: ``Patient/x``, a server's URL of it, or ``urn:uuid:x``."""
    if reference.startswith("urn:uuid:"):
        return reference[9:]
    parts = reference.partition("/_history/")[0].split("/")
    return parts[-1] if len(parts) >= 2 and parts[-2] == "Patient" else None


def read_folder(folder: str | Path, patient: str | None = None, types: Sequence[str] | None = None) -> Iterator[PatientRecord]:
    """The records of an NDJSON folder, one at a time in the order of patient ids; with ``patient`` only that one."""
    found = Folder(folder, types)
    if patient is not None:
        return iter([found.record(patient)])
    return iter(found)
