"""The command line: one module a command group, imported when its command is asked for (see ``commands``)."""

from __future__ import annotations

import sys


def main() -> None:
    """The program ``guideway``."""
    from guideway.cli.root import run

    sys.exit(run(sys.argv[1:]))
