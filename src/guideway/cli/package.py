"""Options and look-ups that concern the guideline, shared by the commands that open one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from guideway.guideline.compiled import CompiledGuideline

Command = TypeVar("Command", bound=Callable[..., Any])


def package_option(command: Command) -> Command:
    """``--package PATH``."""
    return click.option(
        "--package",
        metavar="PATH",
        help="A guideline: folder, FHIR package (.tgz) or Bundle.  [default: the one that came with guideway]",
    )(command)


def open_package(path: str | None) -> CompiledGuideline:
    """The compiled guideline; ``GuidewayError`` where there is none."""
    from guideway.guideline.compiled import open_guideline

    return open_guideline(path)


def open_plans(path: str | None) -> CompiledGuideline:
    """The compiled guideline of a command about its plans; ``GuidewayError`` where it has none."""
    from guideway.cli.apply import with_plans

    return with_plans(open_package(path), path)


def version_lines(path: str | None = None) -> list[str]:
    """What ``--version`` says of the guideline."""
    from guideway.diagnostics import GuidewayError

    try:
        guideline = open_package(path)
    except GuidewayError as error:
        return [f"guideline: {error}"]
    manifest = guideline.manifest
    return [f"guideline {manifest.id} {manifest.version}", f"content {guideline.content_hash}"]
