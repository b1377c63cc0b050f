"""``guideway plans`` and ``guideway show``: what a guideline covers, without a patient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from guideway.cli.lines import Line, Piece, wrap
from guideway.cli.output import show_lines, write_result
from guideway.cli.package import open_plans, package_option
from guideway.guideline.names import (
    DIRECTION,
    SATISFIED_WHEN,
    STATEMENT_ID,
    STRENGTH,
    WITHHELD_WHEN,
    concept_text,
    extension_value,
    extensions,
    first_value,
    objects,
)

if TYPE_CHECKING:
    from guideway.guideline.compiled import CompiledGuideline
    from guideway.guideline.package import Artifact

Json = dict[str, Any]


@click.command()
@package_option
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def plans(package: str | None, form: str) -> None:
    """List the plans of the guideline.

    A plan is taken by its id or its name wherever a command takes one.
    """
    guideline = open_plans(package)
    roots = {plan.canonical for plan in guideline.root_plans()}
    if form == "json":
        write_result(_json([_plan_json(plan, plan.canonical in roots) for plan in guideline.plans]), None)
        return
    show_lines(lambda width: _list(guideline, roots, width))


def _list(guideline: CompiledGuideline, roots: set[str], width: int) -> Iterator[Line]:
    manifest = guideline.manifest
    yield from wrap(f"{manifest.title or manifest.id} {manifest.version}", width, style="title")
    yield []
    for plan in guideline.plans:
        actions = sum(1 for _ in leaves(plan.resource.get("action")))
        yield [Piece("  "), Piece(plan.id, "title"), Piece(f"  {actions} action{'s' if actions != 1 else ''}", "dim")]
        yield from wrap(plan.title, width, first="    ", rest="    ")
        if plan.canonical not in roots:
            wholes = ", ".join(whole.id for whole in guideline.wholes(plan))
            yield from wrap(f"part of {wholes}", width, first="    ", rest="      ", style="dim")
    yield []
    yield from wrap(f"{len(guideline.plans)} plans; guideway show ID prints one.", width, style="dim")


@click.command()
@click.argument("plan")
@package_option
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def show(plan: str, package: str | None, form: str) -> None:
    """Show one plan: its recommendations, conditions and sources.

    PLAN is the plan's id or name; guideway plans lists them. JSON is the PlanDefinition itself.
    """
    guideline = open_plans(package)
    found = guideline.plan(plan)
    if form == "json":
        write_result(_json(found.resource), None)
        return
    show_lines(lambda width: _plan(guideline, found, width))


def _plan(guideline: CompiledGuideline, plan: Artifact, width: int) -> Iterator[Line]:
    resource = plan.resource
    yield from wrap(plan.title, width, style="title")
    yield from _row("id", plan.id, width)
    yield from _row("url", plan.canonical, width)
    for whole in guideline.wholes(plan):
        others = [part for name in guideline.parts()[whole.canonical] if (part := guideline.resolve(name)) is not None]
        beside = ", ".join(part.id for part in others if part.canonical != plan.canonical)
        yield from _row("part of", f"{whole.id}, with {beside}" if beside else whole.id, width)
    yield from _row("status", str(resource.get("status", "")) + (", experimental" if resource.get("experimental") else ""), width)
    for reference in resource.get("library") or []:
        yield from _row("logic", str(reference), width)
    if isinstance(resource.get("description"), str):
        yield []
        yield from wrap(resource["description"], width)
    yield []
    for action in objects(resource.get("action")):
        yield from _action(guideline, action, width, 0)


def _action(guideline: CompiledGuideline, action: Json, width: int, depth: int) -> Iterator[Line]:
    indent = "  " * depth
    title = str(action.get("title") or action.get("description") or action.get("id") or "(untitled)")
    marks = [text for text in (concept_text(first_value(action, STRENGTH)), concept_text(first_value(action, DIRECTION))) if text]
    yield from wrap(title + (f" [{', '.join(marks)}]" if marks else ""), width, first=indent, rest=indent + "  ", style="title")
    rows: list[tuple[str, str]] = [("id", str(action["id"]))] if action.get("id") else []
    rows += [("statement", str(extension_value(extension))) for extension in extensions(action, STATEMENT_ID)]
    for condition in objects(action.get("condition")):
        rows.append((_CONDITION.get(str(condition.get("kind")), "if"), _expression(condition.get("expression"))))
    rows += [("unless", _expression(extension_value(extension))) for extension in extensions(action, WITHHELD_WHEN)]
    rows += [("done when", _expression(extension_value(extension))) for extension in extensions(action, SATISFIED_WHEN)]
    reference = action.get("definitionCanonical") or action.get("definitionUri")
    if isinstance(reference, str):
        target = guideline.resolve(reference)
        rows.append(
            ("proposes", f"{target.title} ({target.type}/{target.id})" if target else f"{reference} (not in this package)")
        )
    named = (str(d.get("label") or d.get("display") or d.get("citation")) for d in objects(action.get("documentation")))
    rows += [("source", text) for text in dict.fromkeys(named)]
    before = ""
    for label, text in rows:
        yield from _row(label if label != before else "", text, width, indent + "  ")
        before = label
    yield []
    for child in objects(action.get("action")):
        yield from _action(guideline, child, width, depth + 1)


_CONDITION = {"applicability": "if", "start": "starts", "stop": "stops"}


def _expression(expression: Any) -> str:
    if not isinstance(expression, dict):
        return "(no expression)"
    logic, words = expression.get("expression"), expression.get("description")
    if logic and words and logic != words:
        return f"{words}  ({logic})"
    return str(words or logic or "(no expression)")


def _row(label: str, text: str, width: int, indent: str = "  ") -> Iterator[Line]:
    first = f"{indent}{label:<11}"
    yield from wrap(text, width, first=first, rest=" " * len(first))


def leaves(actions: Any) -> Iterator[Json]:
    """The actions that hold no other action."""
    for action in objects(actions):
        if action.get("action"):
            yield from leaves(action["action"])
        else:
            yield action


def _plan_json(plan: Artifact, root: bool) -> Json:
    name = plan.resource.get("name")
    return {"id": plan.id, "name": name, "title": plan.title, "url": plan.url, "version": plan.version, "root": root}


def _json(value: Any) -> bytes:
    from guideway.apply.outcome import dumps

    return dumps(value, indent=2)
