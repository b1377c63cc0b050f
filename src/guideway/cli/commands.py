"""Which commands there are, and where each lives: a table, so that help and dispatch import nothing else.

A group of commands (``guideway cql …``) is one row here; its own module holds the group. To add a command, write a module with a
click command in it and add a row. A module that needs an optional dependency just imports it: where it is missing, the command
answers with the line that installs it (``ending.EXTRAS``).
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One row: the module that holds the command, the command's name in it, and what the list of commands says."""

    module: str
    attribute: str
    summary: str
    section: str


USE = "Use a guideline"
WRITE = "Write a guideline"
RUN = "Run it for others"
KEEP = "Housekeeping"

COMMANDS: dict[str, Entry] = {
    "apply": Entry("guideway.cli.apply_command", "apply", "Apply the guideline to patients, explain every outcome.", USE),
    "plans": Entry("guideway.cli.plans", "plans", "List the plans of the guideline.", USE),
    "show": Entry("guideway.cli.plans", "show", "Show a plan: recommendations, conditions, sources.", USE),
    "data-requirements": Entry("guideway.cli.requirements", "data_requirements", "List the patient data a plan reads.", USE),
    "validate": Entry("guideway.cli.validate", "validate", "Check artifacts, references, CQL and conditions.", WRITE),
    "test": Entry("guideway.cli.test", "test", "Run clinical cases and show what they cover.", WRITE),
    "traceability": Entry("guideway.cli.traceability", "traceability", "Where each statement of the source went.", WRITE),
    "cql": Entry("guideway.cli.cql", "cql", "Check, translate, evaluate, try out and format CQL.", WRITE),
    "serve": Entry("guideway.cli.serve", "serve", "Serve CDS Hooks and FHIR operations.", RUN),
    "hooks": Entry("guideway.cli.hooks", "hooks", "Call CDS Hooks services and print the cards; check a server.", RUN),
    "cache": Entry("guideway.cli.cache", "cache", "Where compiled guidelines are kept; clear it.", KEEP),
}
