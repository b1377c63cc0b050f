"""Running clinical cases against a guideline: the one way, for ``guideway test`` and for this project's own tests.

``open_suite(package)`` compiles the guideline once; ``read`` gives the case in a file, and refuses what the guideline does not
know (an action that a case must not see would else be missed in silence); ``run`` applies the guideline to a case and judges
the outcome. Mistakes in files are ``GuidewayError`` with a finding for each, with its line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from guideway.apply.hook_context import hook_parameters, known_hooks
from guideway.authoring.case_concepts import Concepts, alike, concepts_of
from guideway.authoring.case_text import Mistake, position, refused
from guideway.authoring.cases import Case, read_case
from guideway.authoring.judging import Difference, check
from guideway.diagnostics import Diagnostic, GuidewayError
from guideway.guideline.compiled import CompiledGuideline

Json = dict[str, Any]

CASE_FOLDERS = ("tests/guideline/cases", "tests/cases", "cases")
"""Where the cases of a guideline are, from its root; the first that is there counts."""
SUFFIXES = (".yaml", ".yml")
NOTE_URLS = ("note", "note-if-not", "withheld-when")


class Names(msgspec.Struct, frozen=True):
    """What a guideline calls the things that a case can expect."""

    recommendations: frozenset[str]
    """Ids of actions, ``plan#action``, and statements."""
    rules: frozenset[str]
    """Names of notes and of reasons to withhold, and statements."""
    elements: frozenset[str]


class Result(msgspec.Struct, frozen=True):
    """What came of one case."""

    case: Case
    problems: list[Difference]

    @property
    def passed(self) -> bool:
        """Whether everything is as expected."""
        return not self.problems

    def line(self, problem: Difference | None = None) -> int | None:
        """The line of a problem's expectation, or of the case itself."""
        if self.case.text is None:
            return None
        place = position(self.case.text, problem.path if problem is not None else ("id",))
        return place.line if place is not None else None


class Suite:
    """A guideline that is ready to be tested."""

    def __init__(self, guideline: CompiledGuideline, concepts: Concepts) -> None:
        self.guideline = guideline
        self.concepts = concepts
        self.names = names_of(guideline)
        self.hooks = known_hooks(guideline)

    # ---- reading -----------------------------------------------------------------------------------------------------

    def read(self, file: str | os.PathLike[str], shown: str | None = None) -> Case:
        """The case in a file, called ``shown`` in messages; real bundles are looked for beside it. GuidewayError with every
        mistake in it."""
        path, shown = os.fspath(file), shown or os.fspath(file)
        try:
            with open(path, encoding="utf-8") as stream:
                text = stream.read()
        except OSError as error:
            raise GuidewayError(f"{shown}: {(error.strerror or 'cannot be read').lower()}") from None
        except UnicodeDecodeError:
            raise GuidewayError(f"{shown}: the file is not UTF-8 text") from None
        folder = os.path.dirname(path)

        def bundle(name: str) -> Any:
            with open(os.path.join(folder, name), encoding="utf-8") as stream:
                return json.load(stream)

        case = read_case(text, self.concepts, shown, bundle_reader=bundle)
        mistakes = [mistake.diagnostic(text, shown) for mistake in self.mistakes(case)]
        if mistakes:
            raise refused(mistakes)
        return case

    def read_all(self, files: Iterable[str], chosen: Sequence[str] = ()) -> list[Case]:
        """The cases in the files, in order; ``chosen``: only those that hold one of these texts in their file name, id, story or
        statements, without regard to case. GuidewayError with the mistakes of all files."""
        cases: list[Case] = []
        findings: list[Diagnostic] = []
        problems: list[str] = []
        seen: dict[str, str] = {}
        for file in files:
            try:
                case = self.read(file)
            except GuidewayError as error:
                if not chosen or _holds(file, chosen):
                    findings += error.diagnostics
                    problems += [] if error.diagnostics else [str(error)]
                continue
            if chosen and not _holds("\n".join((file, case.id, case.story, *case.rows)), chosen):
                continue
            if case.id in seen:
                mistake = Mistake(
                    "id", f"the id {case.id!r} is taken by {seen[case.id]}", ("id",), "each case has an id of its own"
                )
                findings.append(mistake.diagnostic(case.text, file))
            seen.setdefault(case.id, file)
            cases.append(case)
        if problems and not findings and len(problems) == 1:
            raise GuidewayError(problems[0])
        if findings or problems:
            number = len(findings) + len(problems)
            where = len({finding.file for finding in findings}) + len(problems)
            head = f"{number} mistakes in {where} case file{'s' if where != 1 else ''}; no case was run"
            raise GuidewayError(
                "\n".join([head, *problems]) if number > 1 else findings[0].as_text(), findings if number > 1 else ()
            )
        return cases

    def mistakes(self, case: Case) -> Iterator[Mistake]:
        """What the case names and the guideline does not have."""
        from guideway.apply.parameters import engine_parameters

        for number, plan in enumerate(case.plans):
            try:
                self.guideline.plan(plan)
            except GuidewayError as error:
                yield Mistake("plan", str(error), ("plans", number))
        if case.hook not in self.hooks:
            yield Mistake("hook", f"no plan answers to the hook {case.hook!r}", ("hook",), f"there are {', '.join(self.hooks)}")
        for name, value in case.parameters.items():
            try:
                engine_parameters(self.guideline, {name: str(value)})
            except GuidewayError as error:
                yield Mistake("parameter", str(error), ("parameters", name))
        yield from self._unknown_names(case)

    def _unknown_names(self, case: Case) -> Iterator[Mistake]:
        expect = case.expect
        pairs = [(number, name.rpartition(": ")[0]) for number, name in enumerate(expect.missing) if ": " in name]
        elements = [(number, name.rpartition(": ")[2]) for number, name in enumerate(expect.missing)]
        kinds: tuple[tuple[str, frozenset[str], str, list[tuple[int | str, str]]], ...] = (
            ("fire", self.names.recommendations, "action or statement", list(enumerate(expect.fire))),
            ("not_fire", self.names.recommendations, "action or statement", list(enumerate(expect.not_fire))),
            ("status", self.names.recommendations, "action or statement", [(name, name) for name in expect.status]),
            ("missing", self.names.recommendations, "action or statement", list(pairs)),
            ("missing", self.names.elements, "data element", list(elements)),
            ("not_missing", self.names.elements, "data element", list(enumerate(expect.not_missing))),
            ("overlay", self.names.rules, "note, reason to withhold or statement", list(enumerate(expect.overlay))),
            ("notes", self.names.rules, "note or reason to withhold", list(enumerate(expect.notes))),
            ("not_notes", self.names.rules, "note or reason to withhold", list(enumerate(expect.not_notes))),
        )
        for field, known, words, given in kinds:
            for part, name in given:
                if name not in known:
                    message = f"{field}: the guideline has no {words} {name!r}"
                    yield Mistake("name", message, ("expect", field, part), alike(name, known))

    # ---- running -----------------------------------------------------------------------------------------------------

    def outcome(self, case: Case, *, explain: bool | str = False) -> Json:
        """The documented outcome of a case, as ``guideway apply --format outcome`` prints it."""
        from guideway.apply.run import apply_guideline
        from guideway.records.reading import read_resources

        records = read_resources([case.bundle], case.file or case.id)
        if len(records) != 1:
            message = f"the data hold {len(records)} patients, and a case is about one"
            raise refused([Mistake("patients", message, ("data",)).diagnostic(case.text, case.file or case.id)])
        parameters: Json = {name: str(value) for name, value in case.parameters.items()}
        if case.context is not None:
            parameters = {**hook_parameters(self.guideline, case.context), **parameters}
        found = apply_guideline(
            self.guideline,
            records[0],
            plans=case.plans or None,
            as_of=case.as_of,
            hook=case.hook,
            parameters=parameters,
            explain=explain,
        )
        result: Json = found.as_json()
        return result

    def run(self, case: Case) -> Result:
        """The case applied and judged. Explanations are made only where an expectation is about them."""
        return self.judged(case)[0]

    def judged(self, case: Case) -> tuple[Result, Json]:
        """The result with the outcome that was judged."""
        expect = case.expect
        outcome = self.outcome(case, explain=False if expect.missing or expect.not_missing or expect.excluded else "none")
        return Result(case, check(case, outcome)), outcome


def open_suite(package: str | None = None) -> Suite:
    """The guideline at ``package`` (default: the one that came with this program), compiled, with the names of its concepts."""
    from guideway.guideline.compiled import open_guideline
    from guideway.guideline.loading import load
    from guideway.guideline.locate import installed_guideline

    guideline = open_guideline(package)
    whole = load(package or installed_guideline() or ".")
    named = (artifact.resource for kind in ("ValueSet", "CodeSystem", "Questionnaire") for artifact in whole.of_type(kind))
    return Suite(guideline, concepts_of(named, guideline.manifest.canonical or ""))


def case_files(paths: Sequence[str], package: str | None = None) -> list[str]:
    """The case files at these paths, folders searched to their ends; without paths those beside the guideline.

    GuidewayError where a path is not there, or there is no case at all.
    """
    if not paths:
        found = default_cases(package)
        if found is None:
            where = package or "the guideline that came with this program"
            raise GuidewayError(f"{where} has no cases beside it ({', '.join(CASE_FOLDERS)}); name files or folders of cases")
        paths = [found]
    files: dict[str, None] = {}
    for path in paths:
        if os.path.isdir(path):
            files |= dict.fromkeys(sorted(_below(path)))
        elif os.path.exists(path):
            files[path] = None
        else:
            raise GuidewayError(f"{path}: there is no such file or folder")
    if not files:
        raise GuidewayError(f"{', '.join(paths)}: no case in it (a case is a file that ends in .yaml)")
    return list(files)


def default_cases(package: str | None = None) -> str | None:
    """The folder of cases beside a guideline folder, as a path from here where it is below; None: there is none."""
    from guideway.guideline.locate import PLAN_FOLDER, installed_guideline

    root = package or installed_guideline()
    if root is None or not os.path.isdir(root):
        return None
    root = os.path.abspath(root)
    if os.path.basename(root) == PLAN_FOLDER:
        root = os.path.dirname(root)
    found = next((path for name in CASE_FOLDERS if os.path.isdir(path := os.path.join(root, *name.split("/")))), None)
    if found is None:
        return None
    relative = os.path.relpath(found)
    return found if relative.startswith(os.pardir) else relative


def _below(folder: str) -> Iterator[str]:
    for place, _, names in os.walk(folder):
        yield from (os.path.join(place, name) for name in names if name.endswith(SUFFIXES))


def _holds(text: str, chosen: Sequence[str]) -> bool:
    folded = text.casefold()
    return any(each.casefold() in folded for each in chosen)


def names_of(guideline: CompiledGuideline) -> Names:
    """The names of everything that a case can expect of a guideline."""
    from guideway.authoring.traceability import statement_ids

    recommendations: set[str] = set()
    rules: set[str] = set()
    for plan, name, action in actions_of(guideline):
        statements = statement_ids(action)
        recommendations |= {name, f"{plan}#{name}", *statements}
        rules.update(statements)
        for extension in action.get("extension") or ():
            expression = extension.get("valueExpression")
            if str(extension.get("url")).rpartition("/")[2] in NOTE_URLS and isinstance(expression, Mapping):
                rules.add(str(expression.get("name")))
    elements = {element.id for element in guideline.elements.values()} | {parameter.name for parameter in guideline.parameters}
    elements |= {define for defines in guideline.defines.values() for define in defines}
    return Names(frozenset(recommendations), frozenset(rules), frozenset(elements))


def actions_of(guideline: CompiledGuideline) -> Iterator[tuple[str, str, Json]]:
    """Every action of every plan, contained plans included: the plan's id, the action's name and the action."""
    for plan in guideline.plans:
        yield from _actions(plan.id, plan.resource, "")
        for contained in plan.resource.get("contained") or ():
            if contained.get("resourceType") == "PlanDefinition":
                yield from _actions(f"{plan.id}.{contained.get('id')}", contained, "")


def _actions(plan: str, parent: Json, path: str) -> Iterator[tuple[str, str, Json]]:
    for index, action in enumerate(parent.get("action") or (), 1):
        here = f"{path}.{index}" if path else str(index)
        yield plan, str(action.get("id") or f"action-{here}"), action
        yield from _actions(plan, action, here)
