"""A guideline ready to be applied: artifacts, compiled logic, value sets, and the tables that explanations need.

``open_guideline(path)`` gives a ``CompiledGuideline``: from the cache where nothing has changed since it was put there (a
warm start reads one blob (``stored``), and imports neither the CQL front end nor ELM nor any artifact), else by ``load`` and
``compiling.compile_guideline``. What there is many of is a struct whose fields have an order: those with keywords alone take
three times as long to make. Tables of which a run looks at little are mappings by library or by value set: a stored guideline
reads each entry when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from guideway.diagnostics import Diagnostic, GuidewayError
from guideway.guideline.canonical import parse
from guideway.guideline.package import Artifact, Guideline, Manifest

if TYPE_CHECKING:
    from guideway.guideline.actions import PlanFacts

Json = dict[str, Any]
DefineKey = tuple[str, str]
Parts = tuple[tuple[DefineKey | None, DefineKey | None], ...]
"""Each condition of a choice with its branch, and last the branch that needs none; a branch that is not there is None."""

ValueSetUse = tuple[tuple[str, ...], tuple[str, ...]]
"""The canonicals of the value sets that logic names, in retrieves or elsewhere; and what it shares with others (tag ``@shared``),
whose value sets are listed once."""

APPLIED_TYPES = ("PlanDefinition", "ActivityDefinition", "Questionnaire")
"""What a run needs whole; of value sets it needs the members, of libraries the compiled logic."""


class Element(msgspec.Struct, frozen=True):
    """A data element that a user can supply: a define tagged ``@dataElement``."""

    library: str
    define: str
    id: str
    display: str
    unit: str | None = None
    value_set: str | None = None
    """Canonical of the value set (tag ``@valueset``, a local name resolved)."""
    question: str | None = None
    """``<questionnaire canonical>#<linkId>``."""
    type: str | None = None
    """Static type, as CQL writes it."""
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def short_type(self) -> str:
        """The name of its type without the model's."""
        return (self.type or "String").rpartition(".")[2]

    def tag(self, name: str) -> str | None:
        """The first value of a tag."""
        return next((value for key, value in self.tags if key == name), None)


class DateFilter(msgspec.Struct, frozen=True):
    """Which dates an element must have to be read: between two moments (FHIR dates or CQL), or so long before
    the evaluation at most."""

    path: str
    start: str | None = None
    end: str | None = None
    value: str | None = None
    unit: str | None = None
    start_expression: str | None = None
    """In place of ``start``: the moment that CQL gives."""
    end_expression: str | None = None


class Requirement(msgspec.Struct, frozen=True):
    """One retrieve of the logic: what data it reads."""

    type: str
    code_path: str | None = None
    value_set: str | None = None
    codes: tuple[tuple[str | None, str], ...] = ()
    dates: tuple[DateFilter, ...] = ()
    template: str | None = None


class ParameterInfo(msgspec.Struct, frozen=True):
    """A parameter that some library declares."""

    library: str
    name: str
    type: str
    has_default: bool
    unit: str | None = None
    """Of a quantity with a default: the unit of that."""


class Definition(msgspec.Struct, frozen=True):
    """What is known of a define without evaluating it."""

    type: str | None = None
    requirements: tuple[int, ...] = ()
    """Indices into ``CompiledGuideline.requirements``: what it reads, directly or through other defines."""
    elements: tuple[DefineKey, ...] = ()
    """The data elements it rests on, itself included."""
    display: str | None = None
    """What people call it (``@display``), where it is no data element."""


Row = tuple[Any, ...]
"""The fields of a definition, from which it is made when somebody asks for it."""


class CompiledGuideline:
    """See the module's text; ``compiling`` makes it, ``state``/``from_state`` carry it through the cache."""

    def __init__(
        self,
        *,
        manifest: Manifest,
        content_hash: str,
        artifacts: Iterable[Artifact],
        defines: Mapping[str, dict[str, int]] | None = None,
        definitions: Iterable[Definition | Row] = (),
        library_urls: dict[str, str] | None = None,
        aliases: Mapping[str, dict[str, str]] | None = None,
        inline: dict[tuple[str, str], DefineKey] | None = None,
        inline_errors: dict[tuple[str, str], str] | None = None,
        elements: dict[DefineKey, Element] | None = None,
        elements_on: dict[DefineKey, frozenset[DefineKey]] | None = None,
        resting: Mapping[str, dict[str, tuple[DefineKey, ...]]] | None = None,
        requirements: tuple[Requirement, ...] = (),
        branches: Mapping[str, dict[str, tuple[DefineKey, ...]]] | None = None,
        choices: Mapping[str, dict[str, Parts]] | None = None,
        read_in_parts: dict[DefineKey, tuple[int, ...]] | None = None,
        parameters: tuple[ParameterInfo, ...] = (),
        value_sets: Mapping[str, Any] | None = None,
        value_set_titles: dict[str, str] | None = None,
        code_names: Mapping[str, dict[str, str]] | None = None,
        value_set_uses: Mapping[str, dict[str, ValueSetUse]] | None = None,
        shared_value_sets: Mapping[str, tuple[str, ...]] | None = None,
        must_support: Mapping[str, dict[str, tuple[tuple[str, str], ...]]] | None = None,
        program: Any = None,
        findings: Iterable[Diagnostic] = (),
        roots: Iterable[str] | None = None,
        facts: Iterable[PlanFacts] = (),
        parts: dict[str, tuple[str, ...]] | None = None,
    ) -> None:
        """``roots`` are the canonicals of the root plans, ``parts`` those of the plans in each plan, ``facts`` those of
        plans, where they have been found before."""
        self.manifest = manifest
        self.content_hash = content_hash
        self.artifacts = tuple(artifacts)
        self.defines: Mapping[str, dict[str, int]] = defines or {}
        """By library and name of a define: the number of its definition, which many have in common."""
        self._definitions = list(definitions)
        """Definitions, and rows for those that nobody has asked for."""
        self._known: dict[DefineKey, Definition] = {}
        """Those of defines that somebody has asked for."""
        self.library_urls: dict[str, str] = library_urls or {}
        self.aliases: Mapping[str, dict[str, str]] = aliases or {}
        self.inline: dict[tuple[str, str], DefineKey] = inline or {}
        self.inline_errors: dict[tuple[str, str], str] = inline_errors or {}
        self.elements: dict[DefineKey, Element] = elements or {}
        self.elements_on: dict[DefineKey, frozenset[DefineKey]] = elements_on or {}
        """For each data element on which others rest: these."""
        self.resting: Mapping[str, dict[str, tuple[DefineKey, ...]]] = resting or {}
        """By library and define of a data element: all defines that rest on it."""
        self.requirements = requirements
        self.branches: Mapping[str, dict[str, tuple[DefineKey, ...]]] = branches or {}
        """By library and locator of an if or case: the data elements in the branches that a null condition passes over."""
        self.choices: Mapping[str, dict[str, Parts]] = choices or {}
        """By library and locator: the defines that the parts are which a run may leave unevaluated (``choices``)."""
        self.read_in_parts: dict[DefineKey, tuple[int, ...]] = read_in_parts or {}
        """Of these defines those that are parts alone: what they read themselves, as indices into ``requirements``."""
        self.parameters = parameters
        self.value_sets: Mapping[str, Any] = value_sets or {}
        self.value_set_titles: dict[str, str] = value_set_titles or {}
        self.code_names: Mapping[str, dict[str, str]] = code_names or {}
        """By system and code: what the value sets call it; of several the first."""
        self.value_set_uses: Mapping[str, dict[str, ValueSetUse]] = value_set_uses or {}
        """By library and define."""
        self.shared_value_sets: Mapping[str, tuple[str, ...]] = shared_value_sets or {}
        """By tag ``@shared`` the value sets that such a part of the logic names."""
        self.must_support: Mapping[str, dict[str, tuple[tuple[str, str], ...]]] = must_support or {}
        """By library and define: the (type, element path) pairs that it touches."""
        self.program = program
        self.findings = tuple(findings)
        self.memory: dict[Any, Any] = {}
        """What others found out about parts of the artifacts, by identity of the part; never stored."""
        self._package: Guideline | None = None
        self._resolved: dict[tuple[str, tuple[str, ...]], Artifact | None] = {}
        self._roots: list[Artifact] | None = None
        self._root_names = None if roots is None else tuple(roots)
        self._parts = parts
        self._terminology: Any = None
        self.entry: tuple[Any, str, Any] | None = None
        """Where it comes from, if that is a cache: the cache, the key, and what is there."""
        self._facts: dict[int, PlanFacts] = {id(found.resource): found for found in facts}
        """By identity of the plan's JSON."""

    # -- artifacts

    @property
    def package(self) -> Guideline:
        """The artifacts with their look-ups."""
        if self._package is None:
            self._package = Guideline(self.manifest, self.artifacts, content_hash=self.content_hash)
        return self._package

    @property
    def plans(self) -> list[Artifact]:
        """The PlanDefinitions, in file order."""
        return self.package.plans

    def plan(self, name: str) -> Artifact:
        """The plan with this id, name, title or URL; ``GuidewayError`` otherwise."""
        return self.package.plan(name)

    def resolve(self, reference: str, *types: str) -> Artifact | None:
        """The artifact a canonical names."""
        key = (reference, types)
        if key not in self._resolved:
            self._resolved[key] = self.package.resolve(reference, *types)
        return self._resolved[key]

    def facts(self, plan: Artifact) -> PlanFacts:
        """What a plan and its actions say, whoever the patient is; of a plan of this guideline it is found out once."""
        found = self._facts.get(id(plan.resource))
        if found is None:
            from guideway.guideline.plan_facts import facts_of_plan

            found = facts_of_plan(plan.resource, self)
            if any(plan.resource is known.resource for known in self.plans):
                self._facts[id(plan.resource)] = found
        return found

    def root_plans(self) -> list[Artifact]:
        """The plans that no other plan's action points at: applying these reaches every plan once from the top.

        Plans that only point at each other in a circle are all roots.
        """
        if self._roots is None:
            self._roots = self._find_roots()
        return list(self._roots)

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Of each plan whose actions point at plans, the canonicals of these."""
        if self._parts is None:
            self._parts = {}
            for plan in self.plans:
                inner = [self.resolve(reference, "PlanDefinition") for reference in definitions_in(plan.resource)]
                named = dict.fromkeys(p.canonical for p in inner if p is not None and p.canonical != plan.canonical)
                if named:
                    self._parts[plan.canonical] = tuple(named)
        return self._parts

    def wholes(self, plan: Artifact) -> list[Artifact]:
        """The plans that this one is a part of, in the order of the guideline."""
        canonical = plan.canonical
        names = {whole for whole, parts in self.parts().items() if canonical in parts}
        return [whole for whole in self.plans if whole.canonical in names] if names else []

    def _find_roots(self) -> list[Artifact]:
        if self._root_names is not None:
            by_canonical = {plan.canonical: plan for plan in self.plans}
            return [by_canonical[name] for name in self._root_names]
        inner = {name for names in self.parts().values() for name in names}
        roots = [p for p in self.plans if p.canonical not in inner]
        reached: set[str] = set()
        for plan in roots:
            self._reach(plan, reached)
        return roots + [p for p in self.plans if p.canonical not in reached]

    def _reach(self, plan: Artifact, reached: set[str]) -> None:
        pending = [plan]
        while pending:
            current = pending.pop()
            if current.canonical in reached:
                continue
            reached.add(current.canonical)
            for reference in definitions_in(current.resource):
                found = self.resolve(reference, "PlanDefinition")
                if found is not None:
                    pending.append(found)

    # -- logic

    def library_name(self, reference: str) -> str | None:
        """The compiled library that a Library canonical names; None also where that has another version."""
        wanted = parse(reference)
        found = self.library_urls.get(str(wanted))
        if found is None and wanted.version and any(known.startswith(f"{wanted.url}|") for known in self.library_urls):
            return None
        found = found or self.library_urls.get(wanted.url)
        if found is None:
            name = wanted.url.rstrip("/").rpartition("/")[2]
            found = name if name in self.defines or name in self.aliases else None
        return found

    @property
    def definitions(self) -> list[Definition]:
        """What is known of defines, by their numbers: all are made."""
        return [self._definition(number) for number in range(len(self._definitions))]

    def definition(self, key: DefineKey) -> Definition | None:
        """What is known of a define."""
        found = self._known.get(key)
        if found is None:
            number = self.defines.get(key[0], {}).get(key[1])
            if number is not None:
                found = self._known[key] = self._definition(number)
        return found

    def _definition(self, number: int) -> Definition:
        found = self._definitions[number]
        if type(found) is tuple:
            found = self._definitions[number] = Definition(*found)
        return found  # type: ignore[return-value]

    def has_define(self, library: str, name: str) -> bool:
        """Whether a library has a define of this name."""
        return name in self.defines.get(library, ())

    def resting_on(self, elements: Iterable[DefineKey]) -> Iterable[DefineKey]:
        """The defines that rest on one of these data elements, each once."""
        found: dict[DefineKey, None] = {}
        for library, define in elements:
            found |= dict.fromkeys(self.resting.get(library, {}).get(define, ()))
        return found

    def value_sets_of(self, key: DefineKey) -> ValueSetUse:
        """The value sets that a define's logic names."""
        return self.value_set_uses.get(key[0], {}).get(key[1], ((), ()))

    def element_named(self, name: str) -> Element:
        """The data element with this id, define name or display; ``GuidewayError`` lists the nearest."""
        for element in self.elements.values():
            if name in (element.id, element.define, f"{element.library}.{element.define}"):
                return element
        folded = name.replace(" ", "").replace("-", "").casefold()
        for element in self.elements.values():
            if folded in (element.id.casefold(), element.define.replace(" ", "").casefold()):
                return element
        from guideway.guideline.nearest import nearest

        known = {e.id: e for e in self.elements.values()}
        near = nearest(name, ((e.id, (e.id, e.define, e.display)) for e in known.values())) or sorted(known)[:8]
        words = [f"{id} ({known[id].display})" if known[id].display else id for id in near]
        hint = f"; the nearest are: {', '.join(words)}" if near else "; this guideline names none"
        raise GuidewayError(f"no data element {name!r} in {self.manifest.label}{hint}")

    @property
    def terminology(self) -> Any:
        """The value sets, as the engine asks for them (``terminology.ValueSetIndex``)."""
        if self._terminology is None:
            from guideway.terminology.valuesets import ValueSetIndex

            self._terminology = ValueSetIndex.from_snapshot(self.value_sets)
        return self._terminology

    @terminology.setter
    def terminology(self, terminology: Any) -> None:
        """Let something else answer, such as what is at hand with a server behind it."""
        self._terminology = terminology

    # -- through the cache

    def state(self) -> Json:
        """Everything, as one picklable object of plain parts."""
        names = (
            "manifest", "content_hash", "artifacts", "defines", "definitions", "library_urls", "aliases", "inline",
            "inline_errors", "elements", "elements_on", "resting", "requirements", "branches", "choices", "read_in_parts",
            "parameters", "value_sets", "value_set_titles", "code_names", "value_set_uses", "shared_value_sets", "must_support",
            "program", "findings",
        )  # fmt: skip
        roots = tuple(plan.canonical for plan in self.root_plans())
        state = {name: getattr(self, name) for name in names} | {"roots": roots, "parts": self.parts()}
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in state.items()}

    @classmethod
    def from_state(cls, state: Json) -> CompiledGuideline:
        """The guideline whose ``state`` this was."""
        return cls(**state)


def definitions_in(resource: Json) -> list[str]:
    """Every definitionCanonical of a plan's actions, at any depth, in document order."""
    found: list[str] = []
    pending: list[Any] = [resource.get("action")]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += reversed(node)
        elif isinstance(node, dict):
            if isinstance(node.get("definitionCanonical"), str):
                found.append(node["definitionCanonical"])
            pending.append(node.get("action"))
    return found


def open_guideline(path: str | None = None, *, cache: Any = None) -> CompiledGuideline:
    """The guideline at ``path`` (None: the one that came with the program), compiled; ``cache`` is a ``guideway.cache.Cache``.

    A path that is no guideline raises ``GuidewayError``.
    """
    import os

    from guideway.cache import digest, installed_record, tree_stamp, user_cache
    from guideway.guideline.locate import content_folders, installed_guideline
    from guideway.guideline.stored import thaw

    origin = path if path is not None else installed_guideline()
    if origin is None:
        raise GuidewayError("no guideline came with this program; give one with --package PATH")
    kept = user_cache() if cache is None else cache
    key: str | None = None
    try:
        if (record := installed_record(origin)) is not None:
            key = digest("guideline", origin, record)
        elif os.path.isdir(origin):
            key = digest(
                "guideline", *(part for prefix, root in content_folders(origin) for part in (prefix, root, tree_stamp(root)))
            )
        elif os.path.isfile(origin):
            key = digest("guideline", os.path.abspath(origin), tree_stamp(origin))
    except OSError:
        key = None
    if key is not None:
        blob = kept.view("guideline", key)
        found = thaw(blob) if blob is not None else None
        if found is not None:
            found.entry = (kept, key, blob)
            return found
    from guideway.guideline.compiling import compile_guideline
    from guideway.guideline.loading import load
    from guideway.guideline.storing import freeze

    compiled: CompiledGuideline = compile_guideline(load(origin))
    if key is not None:
        try:
            kept.write("guideline", key, freeze(compiled))
        except (RecursionError, ValueError):  # something nests too deeply to be kept: it is made again each time
            return compiled
    return compiled
