"""From a loaded guideline to a compiled one: translate the CQL, compile the ELM, and make the tables that ``apply`` works from.

Heavy (the CQL front end, ELM, the code generator): imported when nothing fitting is in the cache. A library that cannot be
translated or compiled is a finding and is left out, with what depends on it; recommendations whose expressions need it then
report an error, and everything else works.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any

from guideway.cql.libraries import BuiltinSource, SourceChain
from guideway.cql.libraries import LibraryText as CqlText
from guideway.cql.parser import parse_expression
from guideway.cql.translator import translate, translate_all
from guideway.cql.unparse import string
from guideway.diagnostics import Diagnostic, GuidewayError, Severity
from guideway.elm import nodes
from guideway.elm.types import ListType, NamedType, Type, from_specifier
from guideway.engine.program import Program, compile_program
from guideway.guideline.choices import with_parts
from guideway.guideline.companions import referring
from guideway.guideline.compiled import (
    APPLIED_TYPES,
    CompiledGuideline,
    DefineKey,
    Definition,
    Element,
    ParameterInfo,
)
from guideway.guideline.elements import element_of, tags_of
from guideway.guideline.expressions import (
    COMPANION,
    EITHER,
    INLINE,
    companion_of,
    expressions_of,
    inline_key,
    is_companion,
    named_inputs,
    unquoted,
)
from guideway.guideline.input_defines import NotFollowed, declared
from guideway.guideline.libraries import LibraryText
from guideway.guideline.package import Guideline
from guideway.guideline.requirements import FHIR_URI, Analysis, base_name, local_name, name_of, value_set_url
from guideway.terminology.valuesets import ValueSetIndex, version_key

Json = dict[str, Any]


class GuidelineSource:
    """The guideline's libraries, as the translator asks for them; ELM is read where there is no CQL text, or where the text
    failed."""

    def __init__(self, guideline: Guideline, findings: list[Diagnostic]) -> None:
        self._libraries = guideline.libraries
        self._findings = findings
        self._elm: dict[tuple[str, str | None], nodes.Library | None] = {}
        self.use_elm: set[tuple[str, str | None]] = set()

    def find(self, name: str, version: str | None) -> CqlText | nodes.Library | None:
        """The library of that name and version, the newest where none is asked for."""
        found = [x for x in self._libraries if x.name == name and (version is None or x.version == version)]
        if not found:
            return None
        library = max(found, key=lambda x: version_key(x.version))
        if library.cql is not None and (library.name, library.version) not in self.use_elm:
            return CqlText(library.cql, library.file or None)
        return self.elm(library)

    def names(self) -> Iterator[str]:
        """The names of all libraries."""
        return iter(dict.fromkeys(x.name for x in self._libraries))

    def elm(self, library: LibraryText) -> nodes.Library | None:
        """The ELM that a library carries; one that cannot be read is a finding."""
        key = (library.name, library.version)
        if key not in self._elm:
            self._elm[key] = None
            data = library.elm_json or library.elm_xml
            if data is not None:
                from guideway.elm.codec import read

                try:
                    self._elm[key] = read(data, file=library.file)
                except GuidewayError as error:
                    self._findings.append(Diagnostic("library-elm", Severity.error, str(error), library.file))
        return self._elm[key]


def compile_guideline(guideline: Guideline) -> CompiledGuideline:
    """The guideline, ready to be applied. Problems of single artifacts are its findings."""
    findings = list(guideline.findings)
    libraries = _translated(guideline, findings)
    inline, inline_errors, wrappers = _inline(guideline, libraries, findings)
    written = [*libraries.values(), *wrappers]
    whole, choices = with_parts(written)
    program, compiled = _compiled(whole, findings)
    names = {name_of(library) for library in compiled}
    kept = [library for library in written if name_of(library) in names]  # without the defines for parts
    index = ValueSetIndex(a.resource for a in guideline.artifacts if a.type in ("ValueSet", "CodeSystem"))
    analysis = Analysis([library for library in whole if name_of(library) in names])
    elements = _elements(kept)
    defined = {name_of(library): _definitions(library, analysis, frozenset(elements)) for library in kept}
    every = dict.fromkeys(definition for defines in defined.values() for definition in defines.values())
    numbers = {definition: number for number, definition in enumerate(every)}
    pairs = (pair for found in choices.values() for parts in found.values() for pair in parts)
    parts = dict.fromkeys(key for pair in pairs for key in pair if key is not None)
    alone = {key: read for key in parts if key[1] not in defined.get(key[0], ()) and (read := analysis.own_requirements(key))}
    value_sets = index.snapshot(_value_sets(kept, guideline))
    return CompiledGuideline(
        manifest=guideline.manifest,
        content_hash=guideline.content_hash,
        artifacts=[a for a in guideline.artifacts if a.type in APPLIED_TYPES],
        defines={library: {name: numbers[found] for name, found in defines.items()} for library, defines in defined.items()},
        definitions=numbers,
        library_urls=_library_urls(guideline),
        aliases={name_of(x): {i.localIdentifier or "": base_name(i.path) for i in x.includes} for x in kept},
        inline={key: bound for key, bound in inline.items() if bound[0] in names},
        inline_errors=inline_errors,
        elements=elements,
        elements_on=_elements_on(elements, defined),
        resting=_resting(defined),
        requirements=tuple(analysis.requirements),
        branches=analysis.branches(frozenset(elements)),
        choices={name: found for name, found in choices.items() if name in names},
        read_in_parts=alone,
        parameters=tuple(p for library in kept for p in _parameters(library)),
        value_sets=value_sets,
        code_names=names_of_codes(value_sets),
        value_set_uses=_of_defines(kept, analysis.value_sets),
        shared_value_sets=analysis.shared_value_sets(),
        must_support=_of_defines(kept, analysis.must_support),
        value_set_titles={a.url: a.title for a in guideline.of_type("ValueSet")},
        program=program,
        findings=findings,
    )


def _translated(guideline: Guideline, findings: list[Diagnostic]) -> dict[tuple[str, str | None], nodes.Library]:
    source = GuidelineSource(guideline, findings)
    chain = SourceChain(source, BuiltinSource())
    found: list[Diagnostic] = []
    libraries = translate_all(chain, list(source.names()), diagnostics=found)
    done = {name for name, _ in libraries}
    failed = [x for x in guideline.libraries if x.name not in done and x.cql is not None and (x.elm_json or x.elm_xml)]
    if failed:
        # Text that this translator does not take, with ELM beside it that another one made.
        source.use_elm = {(x.name, x.version) for x in failed}
        found = []
        libraries = translate_all(chain, list(source.names()), diagnostics=found)
    findings += [d for d in found if d.severity is Severity.error]
    return libraries


def _inline(
    guideline: Guideline, libraries: dict[tuple[str, str | None], nodes.Library], findings: list[Diagnostic]
) -> tuple[dict[tuple[str, str], DefineKey], dict[tuple[str, str], str], list[nodes.Library]]:
    """Compile the CQL expressions that stand in artifacts: each library that they refer to gets a companion which includes it,
    and sees its names as if the expression stood at its end."""
    wanted: dict[str, dict[str, tuple[str, tuple[Json, ...]]]] = {}
    names = {name for name, _ in libraries}
    for artifact in guideline.artifacts:
        if artifact.type not in APPLIED_TYPES:
            continue
        references = artifact.resource.get("library")
        own = [x for x in references if isinstance(x, str)] if isinstance(references, list) else []
        for found in expressions_of(artifact.resource):
            language = found.expression.get("language")
            text = str(found.expression["expression"]).strip()
            reference = found.expression.get("reference") or (own[0] if own else None)
            library = guideline.library_of(reference) if isinstance(reference, str) else None
            name = library.name if library is not None else ""
            if language in INLINE or (language == EITHER and not _is_define(libraries, name, text)):
                wanted.setdefault(name, {})[inline_key(text, found.inputs)] = text, named_inputs(text, found.inputs)
    bound: dict[tuple[str, str], DefineKey] = {}
    errors: dict[tuple[str, str], str] = {}
    made: list[nodes.Library] = []
    texts = {x.name: x for x in guideline.libraries}
    for name, expressions in sorted(wanted.items()):
        if name and name not in names:
            continue
        original = next((elm for (own, _), elm in libraries.items() if own == name), None)
        apart: dict[str, tuple[tuple[Json, ...], dict[str, str]]] = {}
        for key, (text, inputs) in expressions.items():
            apart.setdefault(key.removeprefix(text), (inputs, {}))[1][key] = text
        for number, (inputs, texts_by_key) in enumerate(apart.values()):
            companion = companion_of(f"{name or 'Guideline'}Inputs{number}" if inputs else name)
            added = [each for each in inputs if original is None or not _declares(original, each["id"])]
            good: dict[str, str] = {}
            for key, text in texts_by_key.items():
                define = _called(text, [*good, *(each["id"] for each in added)])
                problem = _problem(guideline, companion, texts.get(name), {define: text}, findings, added)
                if problem is None:
                    good[define] = text
                    bound[name, key] = (companion, define)
                else:
                    errors[name, key] = problem
            if good:
                result = _companion(guideline, companion, texts.get(name), good, findings, added)
                if result.library is not None:
                    own_names = {*good, *(each["id"] for each in added)}
                    made.append(result.library if original is None else referring(result.library, original, own_names))
    return bound, errors, made


def _declares(library: nodes.Library, name: str) -> bool:
    """Whether a library has something of that name, which an expression then means."""
    declared_there = (
        library.statements,
        library.parameters,
        library.valueSets,
        library.codes,
        library.concepts,
        library.codeSystems,
    )
    return any(each.name == name for of_a_kind in declared_there for each in of_a_kind)


_QUOTE = '"'
_SHOWN = 80
"""So long may the name be that an expression is given."""


def _called(text: str, others: Container[str]) -> str:
    """What the define of an expression is called: by its text, which reasons and traces then show; never as one of its library
    is (a name that stands alone is put in quotes, as in CQL)."""
    short = " ".join(text.split())
    short = short if len(short) <= _SHOWN else short[: _SHOWN - 1].rstrip() + "…"
    short = f'"{short}"' if short.isidentifier() else short
    name, number = short, 1
    while name in others:
        number += 1
        name = f"{short} ({number})"
    return name


def _is_define(libraries: dict[tuple[str, str | None], nodes.Library], library: str, text: str) -> bool:
    """Whether ``text/cql`` is the name of a define, also one qualified by a library."""
    name = unquoted(text)
    head, dot, rest = text.partition(".")
    for (own, _), elm in libraries.items():
        known = {s.name for s in elm.statements}
        if own == library and name in known:
            return True
        if dot and unquoted(rest) in known and own == unquoted(head):
            return True
    return False


def _problem(
    guideline: Guideline,
    name: str,
    library: LibraryText | None,
    defines: dict[str, str],
    findings: list[Diagnostic],
    inputs: Sequence[Json],
) -> str | None:
    for text in defines.values():
        _, faults = parse_expression(text)
        if faults:  # not seen where it stands in a library, which goes on with whatever comes after an expression
            return "; ".join(fault.message for fault in faults[:2])
    try:
        result = _companion(guideline, name, library, defines, findings, inputs)
    except NotFollowed as error:
        return str(error)
    return None if result.library is not None else "; ".join(d.message for d in result.errors[:2]) or "it cannot be translated"


def _companion(
    guideline: Guideline,
    name: str,
    library: LibraryText | None,
    defines: dict[str, str],
    findings: list[Diagnostic],
    inputs: Sequence[Json],
) -> Any:
    """A library of expressions: the text of the library they refer to under another name, which also includes the original, with
    one define for each input and each expression at its end."""
    head, own = declared(inputs, {a.url: a.title for a in guideline.of_type("ValueSet")}) if inputs else ("", "")
    added = own + "\n".join(f"define {string(define, _QUOTE)}:\n  {text}\n" for define, text in defines.items())
    if library is None:
        text = (
            f"library {name}\nusing FHIR version '4.0.1'\ninclude FHIRHelpers version '4.0.1'\n{head}\ncontext Patient\n{added}"
        )
    elif library.cql is None:
        version = f" version '{library.version}'" if library.version else ""
        include = f'include "{library.name}"{version} called "{library.name}"'
        text = f"library {name}\nusing FHIR version '4.0.1'\n{include}\n{head}\ncontext Patient\n{added}"
    else:
        text = f"{_renamed(library, name, head)}\n{added}"
    chain = SourceChain(GuidelineSource(guideline, findings), BuiltinSource())
    return translate(text, file=library.file if library is not None else name, sources=chain)


def _renamed(library: LibraryText, name: str, declared_too: str) -> str:
    """A library's text under another name, including the original by its own name so that ``Library.Define`` works, and with more
    declarations."""
    from guideway.guideline.libraries import header_span

    assert library.cql is not None
    start, end = header_span(library.cql)
    head, rest = library.cql[:start], library.cql[end:]
    version = f" version '{library.version}'" if library.version else ""
    cut = _after_usings(rest)
    include = f'\ninclude "{library.name}"{version} called "{library.name}"\n{declared_too}\n'
    return f"{head}library {name}{rest[:cut]}{include}{rest[cut:]}"


def _after_usings(text: str) -> int:
    """Where the using statements end: includes follow them."""
    import re

    end = 0
    for match in re.finditer(r"^[ \t]*using\s+\S+(?:\s+version\s+'[^']*')?[^\n]*$", text, re.MULTILINE):
        end = match.end()
    return end


def _compiled(libraries: list[nodes.Library], findings: list[Diagnostic]) -> tuple[Program, list[nodes.Library]]:
    """The program; a library that the engine refuses is left out with everything that includes it."""
    kept = list(libraries)
    while True:
        try:
            program = compile_program(kept)
            return program, kept
        except GuidewayError as error:
            failed = _culprit(kept)
            if failed is None:
                raise
            findings.append(Diagnostic("library-not-compiled", Severity.error, str(error)))
            kept = _without(kept, failed)


def _culprit(libraries: list[nodes.Library]) -> str | None:
    """The first library, in the order of includes, that cannot be compiled with what it includes."""
    for library in libraries:
        needed = _closure(library, libraries)
        try:
            compile_program(needed)
        except GuidewayError:
            return name_of(library)
    return None


def _closure(library: nodes.Library, libraries: list[nodes.Library]) -> list[nodes.Library]:
    wanted = {name_of(library)}
    while True:
        more = {base_name(i.path) for x in libraries if name_of(x) in wanted for i in x.includes} - wanted
        if not more:
            return [x for x in libraries if name_of(x) in wanted]
        wanted |= more


def _without(libraries: list[nodes.Library], failed: str) -> list[nodes.Library]:
    out = {failed}
    while True:
        more = {name_of(x) for x in libraries if any(base_name(i.path) in out for i in x.includes)} - out
        if not more:
            return [x for x in libraries if name_of(x) not in out]
        out |= more


def _definitions(library: nodes.Library, analysis: Analysis, elements: frozenset[DefineKey]) -> dict[str, Definition]:
    name = name_of(library)
    return {
        s.name: analysis.definition((name, s.name), type_text(s), elements, dict(tags_of(s.annotation)).get("display") or None)
        for s in library.statements
        if s.name is not None and not isinstance(s, nodes.FunctionDef)
    }


def _of_defines(libraries: list[nodes.Library], of: Callable[[DefineKey], Any]) -> dict[str, dict[str, Any]]:
    """What is found out about each define, by library and name."""
    return {
        name_of(library): {
            s.name: of((name_of(library), s.name))
            for s in library.statements
            if s.name is not None and not isinstance(s, nodes.FunctionDef)
        }
        for library in libraries
    }


def _elements(libraries: list[nodes.Library]) -> dict[DefineKey, Element]:
    by_name = {name_of(library): library for library in libraries}
    found: dict[DefineKey, Element] = {}
    for library in libraries:
        name = name_of(library)
        if is_companion(name) and name.removesuffix(COMPANION) in by_name:
            continue  # a companion repeats the defines of its library

        def value_set(local: str, home: nodes.Library = library) -> str | None:
            near = [home, *(by_name[base_name(i.path)] for i in home.includes if base_name(i.path) in by_name)]
            return next((url for x in near if (url := value_set_url(x, local)) is not None), None)

        for statement in library.statements:
            if isinstance(statement, nodes.FunctionDef):
                continue
            element = element_of(name, statement, type_text(statement), value_set)
            if element is not None:
                found[name, element.define] = element
    return found


def _parameters(library: nodes.Library) -> Iterator[ParameterInfo]:
    for parameter in library.parameters:
        if parameter.name is not None:
            declared = parameter.parameterTypeSpecifier
            named = parameter.parameterType or parameter.resultTypeName
            kind: Any = from_specifier(declared) if declared is not None else None
            kind = kind or (parameter.result_type if isinstance(parameter.result_type, Type) else None)
            text = str(kind) if kind is not None else local_name(named or "Any")
            unit = parameter.default.unit if isinstance(parameter.default, nodes.Quantity) else None
            yield ParameterInfo(
                library=name_of(library), name=parameter.name, type=text, has_default=parameter.default is not None, unit=unit
            )


def type_text(statement: nodes.ExpressionDef) -> str | None:
    """The static type of a define, as CQL writes it (types of FHIR with their model: ``FHIR.Quantity``); None where the ELM does
    not say."""
    for node in (statement, statement.expression):
        if node is None:
            continue
        if isinstance(node.result_type, Type):
            return _written(node.result_type)
        if node.resultTypeName:
            return _written(NamedType(node.resultTypeName))
        if node.resultTypeSpecifier is not None:
            return _written(from_specifier(node.resultTypeSpecifier))
    return None


def _written(kind: Any) -> str:
    if isinstance(kind, ListType):
        return f"List<{_written(kind.element)}>"
    if isinstance(kind, NamedType) and kind.uri == FHIR_URI:
        return f"FHIR.{kind.local_name}"
    return str(kind)


def _library_urls(guideline: Guideline) -> dict[str, str]:
    """Library canonicals, with and without version, to the names of libraries, those that failed included."""
    found: dict[str, str] = {}
    for library in guideline.libraries:
        if library.url:
            found[library.url] = library.name
            if library.version:
                found[f"{library.url}|{library.version}"] = library.name
    for artifact in guideline.of_type("Library"):
        known = guideline.library_of(artifact.url)
        if known is not None:
            found.setdefault(artifact.url, known.name)
            found.setdefault(artifact.canonical, known.name)
    return found


def _value_sets(libraries: list[nodes.Library], guideline: Guideline) -> list[tuple[str, str | None]]:
    """The value sets that the logic declares, and those of the guideline (inputs, prefetch, classes)."""
    wanted: dict[tuple[str, str | None], None] = {}
    for library in libraries:
        wanted |= {(v.id, v.version): None for v in library.valueSets if v.id}
    for artifact in guideline.of_type("ValueSet"):
        wanted[artifact.url, None] = None
    return list(wanted)


def _elements_on(
    elements: dict[DefineKey, Element], defined: dict[str, dict[str, Definition]]
) -> dict[DefineKey, frozenset[DefineKey]]:
    """For each data element on which others rest: these."""
    found: dict[DefineKey, set[DefineKey]] = {}
    for library, name in elements:
        for other in defined[library][name].elements:
            if other != (library, name):
                found.setdefault(other, set()).add((library, name))
    return {key: frozenset(keys) for key, keys in found.items()}


def _resting(defined: dict[str, dict[str, Definition]]) -> dict[str, dict[str, tuple[DefineKey, ...]]]:
    """For each data element the defines that rest on it, by its library and define."""
    found: dict[str, dict[str, list[DefineKey]]] = {}
    for library, defines in defined.items():
        for name, definition in defines.items():
            for home, element in definition.elements:
                found.setdefault(home, {}).setdefault(element, []).append((library, name))
    return {home: {element: tuple(keys) for element, keys in resting.items()} for home, resting in found.items()}


def names_of_codes(value_sets: Json) -> dict[str, dict[str, str]]:
    """What the value sets call a code, by system and code; the first one that has a name for it counts. Those that could not be
    enumerated are texts there, and of a code system, which is held beside them, there are only its codes."""
    found: dict[str, dict[str, str]] = {}
    for _, members in sorted(value_sets.items()):
        for system, code, display, *_ in (each for each in members if not isinstance(each, str)):
            if display:
                found.setdefault(system, {}).setdefault(code, display)
    return found
