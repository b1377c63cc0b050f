"""What ties artifacts to their CQL: one library each, no stubs, no clock, value sets and codes that exist, nothing left over.

Takes the guideline, its ELM and the value sets; gives diagnostics with the CQL's own positions. What the CQL translator warns of
is reported beside these (docs/validate.md names both).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from guideway.authoring.rules import breach
from guideway.diagnostics import Diagnostic, Position, Severity
from guideway.elm import nodes
from guideway.guideline.canonical import parse
from guideway.guideline.compiled import CompiledGuideline, DefineKey
from guideway.guideline.expressions import CQL_LANGUAGES, bind, expressions_of
from guideway.guideline.package import Guideline
from guideway.guideline.requirements import base_name, name_of, walk
from guideway.terminology.expansion import concept_table
from guideway.terminology.valuesets import ValueSetIndex

Json = dict[str, Any]
Libraries = Mapping[tuple[str, str | None], nodes.Library]
_CLOCK = (nodes.Now, nodes.Today, nodes.TimeOfDay)
_LONGEST_NAME = 30


def translate(guideline: Guideline) -> tuple[dict[tuple[str, str | None], nodes.Library], list[Diagnostic]]:
    """The ELM of every library of the guideline, and all that the translator says, warnings included."""
    from guideway.cql.libraries import BuiltinSource, SourceChain
    from guideway.cql.translator import translate_all
    from guideway.guideline.compiling import GuidelineSource

    findings: list[Diagnostic] = []
    source = GuidelineSource(guideline, [])
    libraries = translate_all(SourceChain(source, BuiltinSource()), list(source.names()), diagnostics=findings)
    own = {library.name for library in guideline.libraries}
    return {key: library for key, library in libraries.items() if key[0] in own}, findings


def value_sets_used(libraries: Libraries) -> set[str]:
    """The canonicals of the value sets and code systems that the libraries declare."""
    found = {d.id for library in libraries.values() for d in library.valueSets if d.id}
    return found | {d.id for library in libraries.values() for d in library.codeSystems if d.id}


def check(guideline: Guideline, libraries: Libraries, compiled: CompiledGuideline, values: ValueSetIndex) -> Iterator[Diagnostic]:
    """All checks."""
    files = {library.name: library.file for library in guideline.libraries}
    yield from _artifact_libraries(guideline)
    yield from _carried(guideline)
    conditions, named = _named(guideline, compiled)
    used = named | _referenced(libraries.values())
    for library in libraries.values():
        name = name_of(library)
        file = files.get(name)
        if len(name) > _LONGEST_NAME or not name.isalnum():
            text = f"library {name}: the name has {len(name)} characters; up to {_LONGEST_NAME} letters and digits are advised"
            yield breach("library-name", text, file=file)
        yield from _terminology(library, file, guideline, values)
        yield from _clock(library, file)
        yield from _defines(library, file, conditions, used)


def _artifact_libraries(guideline: Guideline) -> Iterator[Diagnostic]:
    for artifact in guideline.artifacts:
        libraries = artifact.resource.get("library")
        if artifact.type in ("PlanDefinition", "ActivityDefinition") and isinstance(libraries, list) and len(libraries) > 1:
            text = f"it names {len(libraries)} libraries; other engines look in the first only"
            yield breach("artifact-libraries", text, artifact, "/library", "include the others in one library and name that")


def _carried(guideline: Guideline) -> Iterator[Diagnostic]:
    """Library resources beside .cql files: the same text, under the content type that other engines look for."""
    from base64 import b64decode

    texts = {(x.name, x.version): x for x in guideline.libraries if x.cql is not None and x.file.endswith(".cql")}
    for artifact in guideline.of_type("Library"):
        contents = artifact.resource.get("content")
        for number, content in enumerate(contents if isinstance(contents, list) else ()):
            kind = str(content.get("contentType", "")) if isinstance(content, dict) else ""
            if not kind.startswith("text/cql") or not isinstance(content.get("data"), str):
                continue
            if kind != "text/cql":
                text = f"its CQL has content type {kind!r}; engines look for exactly text/cql"
                yield breach("library-content-type", text, artifact, f"/content/{number}/contentType")
            file = texts.get((str(artifact.resource.get("name")), artifact.version))
            try:
                carried = b64decode(content["data"]).decode("utf-8-sig")
            except ValueError:
                continue  # that it cannot be read is said where it is loaded
            if file is not None and file.cql is not None and file.cql.split() != carried.split():
                text = f"the CQL that it carries is not that of {file.file}"
                hint = "leave the content out: it is made from the .cql file"
                yield breach("library-out-of-sync", text, artifact, f"/content/{number}", hint)


def _named(guideline: Guideline, compiled: CompiledGuideline) -> tuple[set[DefineKey], set[DefineKey]]:
    """The defines that artifacts use as conditions, and all that they use."""
    conditions: set[DefineKey] = set()
    named: set[DefineKey] = set()
    for artifact in guideline.artifacts:
        references = artifact.resource.get("library")
        libraries = [x for x in references if isinstance(x, str)] if isinstance(references, list) else []
        for found in expressions_of(artifact.resource):
            if found.expression.get("language") not in CQL_LANGUAGES:
                continue
            bound = bind(compiled, found.expression, libraries, found.inputs)
            if bound.library is not None and bound.define is not None:
                named.add((bound.library, bound.define))
                if "/condition/" in found.pointer:
                    conditions.add((bound.library, bound.define))
    return conditions, named


def _referenced(libraries: Iterable[nodes.Library]) -> set[DefineKey]:
    """The defines that other defines refer to."""
    found: set[DefineKey] = set()
    for library in libraries:
        own = name_of(library)
        aliases = {include.localIdentifier: base_name(include.path) for include in library.includes}
        for statement in library.statements:
            for node in walk(statement.expression):
                if isinstance(node, nodes.ExpressionRef) and node.name:
                    target = aliases.get(node.libraryName, node.libraryName) if node.libraryName else own
                    if (target, node.name) != (own, statement.name):
                        found.add((str(target), node.name))
    return found


def _defines(library: nodes.Library, file: str | None, conditions: set[DefineKey], used: set[DefineKey]) -> Iterator[Diagnostic]:
    name = name_of(library)
    for statement in library.statements:
        define = statement.name or ""
        if define == "Patient" or statement.expression is None:
            continue
        expression = statement.expression
        while isinstance(expression, nodes.As) and isinstance(expression.operand, nodes.Expression):
            expression = expression.operand
        if isinstance(expression, nodes.Null):
            yield _at(breach("define-null", f'"{define}" is null', file=file), statement)
        if isinstance(expression, nodes.Literal) and (name, define) in conditions:
            yield _at(
                breach("condition-constant", f'the condition "{define}" is always {expression.value}', file=file), statement
            )
    unused = [s.name or "" for s in library.statements if (name, s.name) not in used and not _tagged(s) and s.name != "Patient"]
    if unused:
        shown = ", ".join(f'"{define}"' for define in unused[:6]) + (f" and {len(unused) - 6} more" if len(unused) > 6 else "")
        yield breach("define-unused", f"nothing refers to {len(unused)} of the defines of {name}: {shown}", file=file)


def _tagged(statement: nodes.ExpressionDef) -> bool:
    """Whether a define carries tags: those are read by name (data elements, recommendations)."""
    return bool(statement.annotation)


def _clock(library: nodes.Library, file: str | None) -> Iterator[Diagnostic]:
    for statement in library.statements:
        for node in walk(statement.expression):
            if isinstance(node, _CLOCK):
                text = f'"{statement.name}" reads the clock with {type(node).__name__}()'
                hint = "declare a parameter with that default and use it: parameter Today Date default Today()"
                yield _at(breach("clock-read", text, file=file, hint=hint), node, statement)
                break


def _terminology(library: nodes.Library, file: str | None, guideline: Guideline, values: ValueSetIndex) -> Iterator[Diagnostic]:
    base = guideline.manifest.canonical
    for declared in library.valueSets:
        wanted = declared.id or ""
        resource = values.value_set(wanted, declared.version)
        if resource is None:
            own = bool(base) and wanted.startswith(f"{base}/")
            text = f'value set "{declared.name}" ({wanted}) is not in the package'
            severity = None if own else Severity.warning
            finding = breach("valueset-unknown", text, file=file, hint=_near(wanted, values.urls()), severity=severity)
            yield _at(finding, declared)
        elif declared.name not in (resource.get("title"), resource.get("name"), None):
            text = f'value set "{declared.name}" is called {resource.get("title")!r} by its title'
            yield _at(breach("valueset-local-name", text, file=file), declared)
    systems = {d.name: d.id for d in library.codeSystems}
    for code in library.codes:
        system = systems.get(code.codeSystem.name) if code.codeSystem is not None else None
        resource = values.code_system(system) if system else None
        if resource is not None and resource.get("content") == "complete" and code.id not in concept_table(resource):
            text = f'code "{code.name}": {system} has no code {code.id!r}'
            yield _at(breach("code-unknown", text, file=file, hint=_near(str(code.id), list(concept_table(resource)))), code)


def _near(name: str, known: Iterable[str]) -> str | None:
    from difflib import get_close_matches

    near = get_close_matches(parse(name).url, list(known), 1, 0.75)
    return f"did you mean {near[0]}?" if near else None


def _at(finding: Diagnostic, *places: Any) -> Diagnostic:
    """The finding at the first of the ELM nodes that says where it stands (``12:3-12:20``, both ends inclusive)."""
    for node in places:
        locator = getattr(node, "locator", None)
        if isinstance(locator, str):
            start, _, end = locator.partition("-")
            try:
                line, column = (int(n) for n in start.split(":"))
                end_line, end_column = (int(n) for n in (end or start).split(":"))
            except ValueError:
                continue
            return replace(finding, position=Position(line, column, end_line, end_column + 1))
    return finding
