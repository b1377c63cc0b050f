"""``guideway data-requirements``: what patient data a plan reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from guideway.cli.lines import Line, Piece, wrap
from guideway.cli.output import show_lines, write_result
from guideway.cli.package import open_plans, package_option

if TYPE_CHECKING:
    from guideway.guideline.compiled import CompiledGuideline
    from guideway.guideline.package import Artifact

Json = dict[str, Any]


@click.command()
@click.argument("plans", metavar="[PLAN]...", nargs=-1)
@package_option
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("-o", "--output", "target", metavar="FILE", help="Write there instead of standard output.")
def data_requirements(plans: tuple[str, ...], package: str | None, form: str, target: str | None) -> None:
    """List the patient data a plan reads: resource types, codes, elements.

    PLAN is a plan's id or name; without one all plans from the top are taken. JSON is what PlanDefinition/$data-requirements
    gives: a module-definition Library, or a Bundle of them for several plans.
    """
    from guideway.apply.data_requirements import module_definition
    from guideway.apply.outcome import dumps

    guideline = open_plans(package)
    chosen = [guideline.plan(name) for name in dict.fromkeys(plans)] if plans else guideline.root_plans()
    if form == "json":
        libraries = [module_definition(guideline, plan) for plan in chosen]
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": library} for library in libraries]}
        write_result(dumps(libraries[0] if len(libraries) == 1 else bundle, indent=2), target)
        return
    show_lines(lambda width: _lines(guideline, chosen, width), target)


def _lines(guideline: CompiledGuideline, plans: list[Artifact], width: int) -> Iterator[Line]:
    from guideway.apply.data_requirements import requirements_of_plan

    found: dict[str, dict[str, None]] = {}
    elements: dict[str, dict[str, None]] = {}
    for plan in plans:
        yield from wrap(f"{plan.title} ({plan.id})", width, style="title")
        for requirement in requirements_of_plan(guideline, plan):
            kind = str(requirement["type"])
            found.setdefault(kind, {})[_filter(guideline, requirement)] = None
            elements.setdefault(kind, {}).update(dict.fromkeys(requirement.get("mustSupport", ())))
    yield []
    for kind, filters in found.items():
        yield [Piece(kind, "value")]
        for text in filters:
            if text or len(filters) == 1:
                yield from wrap(text or "all", width, first="  • ", rest="    ")
        if "" in filters and len(filters) > 1:
            yield from wrap("all others as well", width, first="  • ", rest="    ")
        if elements[kind]:
            yield from wrap(f"reads {', '.join(elements[kind])}", width, first="  ", rest="    ", style="dim")


def _filter(guideline: CompiledGuideline, requirement: Json) -> str:
    """A code filter in words; empty for none."""
    words = []
    for item in requirement.get("codeFilter", ()):
        if "valueSet" in item:
            url = str(item["valueSet"])
            words.append(guideline.value_set_titles.get(url.partition("|")[0], url))
        for code in item.get("code", ()):
            words.append(f"{code.get('code')} ({code.get('system', 'any system')})")
    return ", ".join(words)
