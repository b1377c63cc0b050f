"""Clinical cases: one small YAML file names the data by concept and says what must come out; this reads it.

``read_case(text, concepts)`` gives a ``Case``: a FHIR R4 Bundle, the hook and its context, and the expectations. It is a pure
function: the same text gives the same bundle, resource ids follow from the order of the items. Every mistake in a file is found
in one reading and says its line. The format is described in docs/testing.md; ``judging`` compares an outcome with the
expectations, ``testing`` runs whole folders of cases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from guideway.authoring.case_concepts import Concepts, alike
from guideway.authoring.case_data import Builder
from guideway.authoring.case_text import Mistake, Path, parse, refused
from guideway.authoring.case_values import moment

Json = dict[str, Any]

FIELDS = ("id", "story", "as_of", "hook", "plans", "parameters", "rows", "note", "data", "expect")
NEEDED = ("id", "as_of", "data")
STATUSES = ("applies", "does-not-apply", "unknown", "suppressed", "already-satisfied", "error")


class Expect(msgspec.Struct, forbid_unknown_fields=True):
    """What must come out. Ids are statement ids, action ids or ``plan#action``."""

    fire: list[str] = []
    """Must apply."""
    not_fire: list[str] = []
    """Must not apply (any other status will do)."""
    status: dict[str, str] = {}
    """The exact status of each."""
    missing: list[str] = []
    """Data elements that must be named as missing; ``action: element`` asks for it on that recommendation."""
    not_missing: list[str] = []
    overlay: list[str] = []
    """Rules whose note, reason or own recommendation must be shown."""
    notes: list[str] = []
    """Names of notes that must be shown."""
    not_notes: list[str] = []
    excluded: list[str] = []
    """Resources or rules that must be listed as left out or doubtful."""
    only: bool = False
    """Nothing outside ``fire`` may apply."""


class Case(msgspec.Struct):
    """One clinical case, ready to apply."""

    id: str
    story: str
    as_of: str
    hook: str
    bundle: Json
    expect: Expect
    context: Json | None = None
    """The hook's context: patientId, and for orders ``draftOrders`` and ``selections``."""
    plans: list[str] = []
    parameters: Json = {}
    rows: list[str] = []
    """Statements that the case was written for."""
    note: str | None = None
    file: str | None = None
    text: str | None = None
    """What it was read from; ``case_text.position`` finds lines in it."""


def read_case(
    text: str, concepts: Concepts, file: str | None = None, *, bundle_reader: Callable[[str], Json] | None = None
) -> Case:
    """The case in a YAML text. ``bundle_reader`` opens the real bundles that a ``bundle:`` item names.

    GuidewayError with every mistake in it, each with its line.
    """
    try:
        content = parse(text)
        if not isinstance(content, dict):
            raise Mistake("content", "a case is a mapping with id, story, as_of, data and expect")
    except Mistake as mistake:
        raise refused([mistake.diagnostic(text, file)]) from None
    return _read(content, concepts, file, text, bundle_reader)


def case_of(
    content: Mapping[str, Any], concepts: Concepts, file: str | None = None, *, bundle_reader: Callable[[str], Json] | None = None
) -> Case:
    """The case in a mapping that a program made."""
    return _read(content, concepts, file, None, bundle_reader)


def _read(
    content: Mapping[str, Any],
    concepts: Concepts,
    file: str | None,
    text: str | None,
    bundle_reader: Callable[[str], Json] | None,
) -> Case:
    mistakes = list(_mistakes_of_form(content))
    builder = Builder(concepts, moment(content.get("as_of", "2000-01-01")), bundle_reader)
    data = content.get("data")
    for number, item in enumerate(data if isinstance(data, list) else ()):
        try:
            builder.add(item, number)
        except Mistake as mistake:
            mistakes.append(mistake)
    expect = Expect()
    try:
        expect = _expect(content.get("expect"))
    except Mistake as mistake:
        mistakes.append(mistake)
    if mistakes:
        raise refused([mistake.diagnostic(text, file or str(content.get("id", "case"))) for mistake in mistakes])
    hook = str(content.get("hook", "patient-view"))
    return Case(
        id=str(content["id"]),
        story=str(content.get("story") or ""),
        as_of=moment(content["as_of"]),
        hook=hook,
        bundle=builder.bundle(),
        context=builder.context(hook),
        expect=expect,
        plans=[str(p) for p in content.get("plans") or ()],
        parameters=dict(content.get("parameters") or {}),
        rows=[str(r) for r in content.get("rows") or ()],
        note=content.get("note"),
        file=file,
        text=text,
    )


def _mistakes_of_form(content: Mapping[str, Any]) -> Iterator[Mistake]:
    """Fields of the case that are unknown, not there, or of another form."""
    for name in content:
        if name not in FIELDS:
            hint = alike(str(name), FIELDS, f"a case has {', '.join(FIELDS)}")
            yield Mistake("field", f"unknown field {name}", (str(name),), hint)
    for name in NEEDED:
        if name not in content:
            yield Mistake("field", f"a case needs {name}")
    forms: tuple[tuple[str, type, str], ...] = (
        ("data", list, "a list of items, each on a line that begins with '- '"),
        ("plans", list, "a list of plan ids, such as [one-plan]"),
        ("rows", list, "a list of statement ids"),
        ("parameters", dict, "a mapping of names to values"),
    )
    for name, form, words in forms:
        if content.get(name) is not None and not isinstance(content[name], form):
            yield Mistake("field", f"{name} is {words}", (name,))
    if "as_of" in content:
        try:
            _moment(moment(content["as_of"]))
        except ValueError as error:
            yield Mistake("field", f"as_of: {error}", ("as_of",))


def _moment(text: str) -> None:
    """ValueError where the text is no evaluation time."""
    from guideway.apply.moment import moment as evaluation_time
    from guideway.diagnostics import GuidewayError

    try:
        evaluation_time(text)
    except GuidewayError as error:
        raise ValueError(str(error)) from None


def _expect(given: Any) -> Expect:
    """The expectations; ``Mistake`` at what is not one."""
    if not isinstance(given or {}, dict):
        raise Mistake("expect", "expect is a mapping of fire, not_fire, status, …", ("expect",))
    for name, value in (given or {}).items():
        path: Path = ("expect", str(name))
        if name not in Expect.__struct_fields__:
            known = Expect.__struct_fields__
            hint = alike(str(name), known, f"there are {', '.join(known)}")
            raise Mistake("expect", f"expect: unknown field {name}", path, hint)
        form = type(getattr(Expect(), name))
        if value is not None and not isinstance(value, form):
            words = {list: "a list of names", dict: "a mapping of names to statuses", bool: "true or false"}[form]
            raise Mistake("expect", f"expect: {name} is {words}", path)
        for part in value if isinstance(value, list) else ():
            if not isinstance(part, str):
                hint = "put quotes around what holds ': '" if isinstance(part, dict) else None
                raise Mistake("expect", f"expect: {name} holds names, not {part!r}", path, hint)
        for part, status in value.items() if isinstance(value, dict) else ():
            if status not in STATUSES:
                hint = alike(str(status), STATUSES, f"there are {', '.join(STATUSES)}")
                raise Mistake("expect", f"expect: {status!r} is no status", (*path, str(part)), hint)
    return msgspec.convert({name: value for name, value in (given or {}).items() if value is not None}, Expect)
