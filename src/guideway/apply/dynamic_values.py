"""Setting an element by its path: the FHIRPath subset of ``dynamicValue.path``.

``set_path(root, root_type, path, value)`` writes a CQL value (or FHIR JSON) into a resource or a RequestGroup action. A path
may have nested elements, indices (``dosageInstruction[1].text``), choice elements by base name, with ``[x]``, by JSON name,
``as`` or ``ofType`` (``medication.ofType(CodeableConcept)``), extensions (``extension('url').value``,
``extension.where(url='…').value``, also ``modifierExtension``, and those of a primitive: ``status.extension('url').value``), and
may begin with ``%resource.``, ``%action.``, ``$this.`` or the root's type. Missing parents are made; a repeating element without
an index is written whole by a list and as its first member by a single value below it. What a path cannot say raises
``BadPath``. R4:
https://hl7.org/fhir/R4/plandefinition-definitions.html#PlanDefinition.action.dynamicValue.path
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from guideway.apply.fhir_json import Unfit, to_fhir, type_of
from guideway.patterns import Later

Json = dict[str, Any]

_TOKEN = Later(
    r"""(?P<name>[A-Za-z_][A-Za-z0-9_]*|`[^`]+`)
        (?:\[(?P<index>\d+|x)\])?
        (?:\(\s*(?:'(?P<argument>[^']*)'|(?P<word>[A-Za-z.]+)|(?P<key>[a-z]+)\s*=\s*'(?P<wanted>[^']*)')?\s*\))?
        (?:\[(?P<after>\d+)\])?""",
    re.VERBOSE,
)
_CAST = Later(r"\(\s*([\w.]+)\s+as\s+(\w+)\s*\)")
_AS = Later(r"\s+as\s+([A-Za-z]+)")
_PREFIX = Later(r"^(%resource|%action|%context|\$this|action)\.")


_EXTENSIONS = ("extension", "modifierExtension")


class BadPath(ValueError):
    """The path cannot be followed or the value does not fit there; the message says why."""


class Step(msgspec.Struct, frozen=True):
    """One element on the way: its name, and optionally which member, which type, which extension URL."""

    name: str
    index: int | None = None
    type: str | None = None
    url: str | None = None


def parse_path(path: str, root_type: str = "") -> tuple[Step, ...]:
    """The steps of a path; ``BadPath`` for what is not in the subset.

    >>> parse_path("extension('http://x').value")
    (Step(name='extension', index=None, type=None, url='http://x'), Step(name='value', index=None, type=None, url=None))
    """
    text = _PREFIX.sub("", path.strip(), count=1)
    if "(" in text and " as " in text:  # a cast in parentheses
        text = _CAST.sub(r"\1 as \2", text)
    head = root_type.rpartition(".")[2]
    text = text.removeprefix(f"{root_type}.").removeprefix(f"{head}.") if root_type else text
    steps: list[Step] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise BadPath(f"cannot read the path {path!r} at {text[position:]!r}")
        position = match.end()
        _add(steps, match, path)
        rest = text[position:]
        cast = _AS.match(rest)
        if cast:
            steps[-1] = msgspec.structs.replace(steps[-1], type=cast.group(1))
            position += cast.end()
            rest = text[position:]
        if rest.startswith("."):
            position += 1
        elif rest:
            raise BadPath(f"cannot read the path {path!r} at {rest!r}")
    if not steps:
        raise BadPath("an empty path")
    return tuple(steps)


def _add(steps: list[Step], match: re.Match[str], path: str) -> None:
    name = match["name"].strip("`")
    index = match["after"] or (match["index"] if match["index"] != "x" else None)
    number = int(index) if index is not None else None
    if number is not None and number > 999:
        raise BadPath(f"index {number} in {path!r} is out of reason")
    called = match.group(0).startswith(match["name"] + "(") or "(" in match.group(0)
    if not called:
        steps.append(Step(name, number))
        return
    if not steps and name not in _EXTENSIONS:
        raise BadPath(f"{name}() cannot begin the path {path!r}")
    if name in _EXTENSIONS and match["argument"] is not None:
        steps.append(Step(name, number, None, match["argument"]))
    elif name in ("ofType", "as") and match["word"]:
        steps[-1] = msgspec.structs.replace(steps[-1], type=match["word"].removeprefix("FHIR."), index=number or steps[-1].index)
    elif name == "where" and match["key"] == "url" and steps[-1].name in _EXTENSIONS:
        steps[-1] = msgspec.structs.replace(steps[-1], url=match["wanted"], index=number)
    elif name in ("first", "single"):
        steps[-1] = msgspec.structs.replace(steps[-1], index=0)
    else:
        raise BadPath(f"{name}() in {path!r} is not something that can be set; use elements, indices, ofType() and extension()")


def set_path(root: Json, root_type: str, path: str, value: Any) -> None:
    """Write ``value`` (a runtime value, or a list of them) at ``path``; ``BadPath`` leaves ``root`` as it was."""
    steps = parse_path(path, root_type)
    plan = list(_resolve(root_type, steps, value, root))
    last_name, last_type, many, last_step = plan[-1]
    try:
        if last_step.url is not None:
            final = _extension(value, last_step.url)
        else:
            final = _final(value, last_type, many and last_step.index is None)
    except Unfit as error:
        raise BadPath(f"{path}: {error}") from None
    _check_indices(root, plan, path)
    node = root
    for name, _, is_list, step in plan[:-1]:
        node = _enter(node, name, is_list, step)
    if last_step.url is not None:
        target = _enter(node, last_step.name, True, last_step)
        target.clear()
        target.update(final)
        return
    if len(plan) > 1 or last_name != "id":
        _drop_other_choices(node, last_name, plan[-2][1] if len(plan) > 1 else root_type)
    if many and last_step.index is not None:
        members = node.setdefault(last_name, [])
        members[last_step.index : last_step.index + 1] = [final]
    else:
        node[last_name] = final


def _final(value: Any, target: str, as_list: bool) -> Any:
    if as_list:
        values = value if isinstance(value, list | tuple) else [value]
        return [to_fhir(item, target) for item in values if item is not None]
    if isinstance(value, list | tuple):
        if len(value) != 1:
            raise Unfit(f"{len(value)} values for an element that holds one")
        value = value[0]
    return to_fhir(value, target)


def _extension(value: Any, url: str) -> Json:
    """The whole extension of a URL: a value is set at its ``value``."""
    members = value if isinstance(value, list | tuple) else [value]
    if len(members) != 1 or type_of(members[0]) != "Extension":
        raise Unfit(f"this is the place of an extension; set the value of one at extension('{url}').value")
    found: Json = to_fhir(members[0], "Extension")
    if found.get("url") != url:
        raise Unfit(f"the url of the extension is {found.get('url')!r}")
    return found


def _resolve(root_type: str, steps: tuple[Step, ...], value: Any, root: Json) -> list[tuple[str, str, bool, Step]]:
    """For each step: JSON name, FHIR type of the element, whether it repeats, the step. Where a path goes on below a choice
    element without saying its type, it is the one that is there."""
    node: Any = root
    from guideway.fhir.modelinfo import builtin, split_type

    model = builtin("FHIR", "4.0.1")
    current = f"FHIR.{root_type}"
    result: list[tuple[str, str, bool, Step]] = []
    for position, step in enumerate(steps):
        final = position == len(steps) - 1
        as_json = model.json_elements(current).get(step.name)
        element = model.element(current, step.name)
        if element is None and as_json is None:
            raise BadPath(f"{current.removeprefix('FHIR.')} has no element {step.name!r}")
        if element is None or (as_json is not None and as_json.choice):
            assert as_json is not None
            json_name, kind, many = step.name, as_json.type, as_json.many
        else:
            inner = element.type
            constructor, parts = split_type(inner)
            many = constructor == "list"
            inner = parts[0] if many else inner
            constructor, parts = split_type(inner)
            if constructor == "choice":
                if not final and step.type is None:
                    step = msgspec.structs.replace(step, type=_present(node, step.name, parts))
                kind = _choose(step, parts, value if final else None, current)
                short = kind.rpartition(".")[2].replace("SimpleQuantity", "Quantity")
                json_name = step.name + short[0].upper() + short[1:]
            else:
                json_name, kind = step.name, inner
        short_kind = kind.removeprefix("FHIR.").removeprefix("System.")
        if kind.startswith("System."):
            short_kind = short_kind[0].lower() + short_kind[1:]
        primitive = model.primitive(kind)
        if primitive is not None and short_kind[:1].isupper():  # an enumerated type of the model, such as RequestStatus
            short_kind = "code"
        if not final and (primitive is not None or kind.startswith("System.")):
            if kind.startswith("System.") or steps[position + 1].name != "extension":
                raise BadPath(f"{step.name} is a {short_kind}: nothing but an extension lies below it")
            if many:
                raise BadPath(f"{step.name} repeats: an extension of one of its values cannot be set")
            json_name, short_kind, kind = f"_{json_name}", "Element", "FHIR.Element"
        result.append((json_name, short_kind, many, step))
        node = node.get(json_name) if isinstance(node, dict) and step.url is None else None
        if isinstance(node, list):
            node = node[step.index or 0] if len(node) > (step.index or 0) else None
        current = kind
    return result


def _present(node: Any, name: str, parts: tuple[str, ...]) -> str | None:
    """The type of the choice element that an object has; None where it has none."""
    types = [part.rpartition(".")[2] for part in parts]
    return next((t for t in types if isinstance(node, dict) and f"{name}{t[0].upper()}{t[1:]}" in node), None)


def _choose(step: Step, parts: tuple[str, ...], value: Any, owner: str) -> str:
    """Which type of a choice element is meant: as the path says, else as the value is."""
    names = {part.rpartition(".")[2]: part for part in parts}
    sample = value[0] if isinstance(value, list | tuple) and value else value
    own = type_of(sample)
    wishes = [step.type] if step.type else [own, *_NEAR.get(own or "", ())]
    if step.type == "Quantity":  # where R4 narrows it, a path still says Quantity
        wishes.append("SimpleQuantity")
    for wish in wishes:
        if wish in names:
            return names[wish]
    offered = ", ".join(sorted(names)) if len(names) < 12 else f"one of {len(names)} types"
    raise BadPath(f"{owner.removeprefix('FHIR.')}.{step.name} is {offered}, not {step.type or own}")


# Where a value has no exact counterpart among a choice's types, these come next.
_NEAR: dict[str, tuple[str, ...]] = {
    "Coding": ("CodeableConcept", "code"), "string": ("CodeableConcept", "markdown", "uri"), "date": ("dateTime", "Period"),
    "dateTime": ("Period", "date", "Timing"), "Quantity": ("SimpleQuantity", "Duration", "Age"), "Period": ("Timing",),
    "integer": ("decimal", "positiveInt"),
}  # fmt: skip


def _check_indices(root: Json, plan: list[tuple[str, str, bool, Step]], path: str) -> None:
    node: Any = root
    for name, _, many, step in plan:
        there = node.get(name) if isinstance(node, dict) else None
        if step.index is not None and not many:
            if step.index:
                raise BadPath(f"{path}: {name} does not repeat, so there is no [{step.index}]")
        members = there if isinstance(there, list) else []
        index = step.index or 0
        if step.url is None and many and index > len(members):
            raise BadPath(f"{path}: [{index}] of {name} would leave a gap; it has {len(members)} so far")
        node = members[index] if many and index < len(members) else there if not many else None


def _enter(node: Json, name: str, many: bool, step: Step) -> Json:
    """The object below ``node`` to go on from, made where it is missing."""
    if step.url is not None:
        members = node.setdefault(step.name, [])
        matching = [m for m in members if isinstance(m, dict) and m.get("url") == step.url]
        index = step.index or 0
        if index < len(matching):
            return dict_of(matching[index])
        members.append({"url": step.url})
        return dict_of(members[-1])
    if not many:
        return dict_of(node.setdefault(name, {}))
    members = node.setdefault(name, [])
    index = step.index or 0
    if index == len(members):
        members.append({})
    return dict_of(members[index])


def dict_of(value: Any) -> Json:
    """``value``, which must be a JSON object; anything else there is a malformed definition."""
    if not isinstance(value, dict):
        raise BadPath("the element on the way is not an object")
    return value


def _drop_other_choices(node: Json, json_name: str, owner: str) -> None:
    """A choice element has one value: setting ``medicationReference`` removes ``medicationCodeableConcept``."""
    from guideway.fhir.modelinfo import builtin

    names = builtin("FHIR", "4.0.1").json_elements(f"FHIR.{owner}")
    own = names.get(json_name)
    if own is not None and own.choice:
        for other, info in names.items():
            if other != json_name and info.choice and info.element == own.element:
                node.pop(other, None)
