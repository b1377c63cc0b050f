"""Patient data: decode, index, join, and say what was excluded and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guideway.records.exclusion import Exclusion, Flag
from guideway.records.reading import read_bundle, read_documents, read_files, read_resources, select
from guideway.records.record import PatientRecord

if TYPE_CHECKING:
    from guideway.records.folder import Folder, read_folder

__all__ = [
    "Exclusion",
    "Flag",
    "Folder",
    "PatientRecord",
    "read_bundle",
    "read_documents",
    "read_files",
    "read_folder",
    "read_resources",
    "select",
]


def __getattr__(name: str) -> Any:
    """Folders are read by few commands: their module is imported when it is first asked for."""
    if name in ("Folder", "read_folder"):
        from guideway.records import folder

        return getattr(folder, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
