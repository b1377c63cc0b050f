"""The command line: one module a command group, imported when its command is asked for (see ``commands``)."""

from __future__ import annotations

import sys

WARM = frozenset({"apply"})
"""Commands that people run again and again in short processes: their modules come from one cached file (``archive``)."""


def main() -> None:
    """The program ``guideway``."""
    from guideway.cli.archive import install

    arguments = sys.argv[1:]
    archive = install(arguments[0]) if arguments and arguments[0] in WARM else None
    from guideway.cli.root import run

    status = run(arguments)
    if archive is not None and status == 0:
        archive.save()
    sys.exit(status)
