"""The command line: one module a command group, imported when its command is asked for (see ``commands``)."""

import sys

WARM = "apply"
"""The command that people run again and again in short processes: its modules come from one cached file (``archive``), and the
rest of what makes it quick is in ``warm``. What stands here is read by every start before any of that."""


def main() -> None:
    """The program ``guideway``."""
    try:
        _run(sys.argv[1:])
    except KeyboardInterrupt:  # before the command itself, which answers to it, has begun
        sys.stderr.write("guideway: interrupted\n")
        sys.exit(130)


def _run(arguments: list[str]) -> None:
    if arguments[:1] == [WARM]:
        import gc

        gc.disable()  # starting up makes many objects and frees none; where there are many patients, ``apply`` enables it again
        if sys.dont_write_bytecode:
            from guideway.places import first_modules

            first_modules()
        from guideway.cli.archive import install

        archive = install(WARM)
        from guideway.cli.warm import run_warm

        run_warm(arguments, archive)
    from guideway.cli.root import run

    sys.exit(run(arguments))
