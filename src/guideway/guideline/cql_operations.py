"""``$cql`` and ``Library/$evaluate``: CQL results as FHIR Parameters (Using CQL with FHIR 1.0, operations cpg-cql and
cpg-library-evaluate, in the result forms that the public test runner reads).

Both are pure functions: what they need (data, parameters, the moment) is given. ``Cql`` keeps the programs it has compiled, since
the same expressions come again and again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from guideway.diagnostics import GuidewayError
from guideway.engine.data import DataSource, ResourceSource
from guideway.engine.errors import CqlRuntimeError
from guideway.engine.parameters import define_parameters, error_parameters, result_parameters
from guideway.engine.values import DateTime, Interval
from guideway.fhir.element import FhirObject
from guideway.guideline.compiled import CompiledGuideline
from guideway.guideline.package import Guideline

Json = dict[str, Any]

KEPT = 256


class Cql:
    """Evaluates expressions, with the libraries of a guideline at hand where one is given."""

    def __init__(self, guideline: CompiledGuideline | None = None, package: Guideline | None = None) -> None:
        """``package``: the guideline with the CQL of its libraries, for expressions that include one."""
        self._guideline = guideline
        self._package = package
        self._programs: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._lock = threading.Lock()

    def evaluate(
        self,
        expression: str,
        *,
        now: DateTime,
        source: DataSource | None = None,
        timezone: str | int | None = None,
        parameters: Mapping[str, Any] | None = None,
        includes: Sequence[str] = (),
    ) -> Json:
        """The Parameters resource of one expression: ``return``, or ``evaluation error`` with an OperationOutcome."""
        try:
            declarations = self._declarations(parameters or {}, includes)
            program, library = self._program(expression, tuple(includes), source is not None, declarations)
            terminology = self._guideline.terminology if self._guideline is not None else None
            evaluation = program.evaluation(
                source or ResourceSource(), now=now, timezone=timezone, parameters=dict(parameters or {}), terminology=terminology
            )
            return result_parameters(evaluation.define(library.identifier.id, library.statements[-1].name))
        except CqlRuntimeError as error:
            return error_parameters(str(_placed(error, library)))
        except GuidewayError as error:
            return error_parameters(str(error))

    def _declarations(self, parameters: Mapping[str, Any], includes: Sequence[str]) -> tuple[str, ...]:
        """The parameters that the expression is given beside those of the libraries it includes, as CQL declares them."""
        of_libraries = self._guideline.parameters if self._guideline is not None else ()
        theirs = {each for p in of_libraries if p.library in includes for each in (p.name, f"{p.library}.{p.name}")}
        own = {name: value for name, value in parameters.items() if name not in theirs}
        for name in own:
            if not name or not name.isprintable() or set(name) & set('"\\'):
                raise GuidewayError(f"{name!r} cannot be the name of a parameter")
        return tuple(f'parameter "{name}" {_type_of(value)}' for name, value in own.items())

    def _program(self, expression: str, includes: tuple[str, ...], with_data: bool, declarations: tuple[str, ...]) -> Any:
        """The compiled program of an expression, and the library made around it."""
        key = (expression, includes, with_data, declarations)
        with self._lock:
            program = self._programs.pop(key, None)
            if program is not None:
                self._programs[key] = program
                return program
        program = self._compile(expression, includes, with_data, declarations)
        with self._lock:
            self._programs[key] = program
            if len(self._programs) > KEPT:
                self._programs.popitem(last=False)
        return program

    def _compile(self, expression: str, includes: tuple[str, ...], with_data: bool, declarations: tuple[str, ...]) -> Any:
        from guideway.cql.libraries import BuiltinSource, SourceChain
        from guideway.cql.translator import translate_expression
        from guideway.engine.program import compile_program

        sources: Any = BuiltinSource()
        if self._package is not None and includes:
            from guideway.guideline.compiling import GuidelineSource

            sources = SourceChain(GuidelineSource(self._package, []), BuiltinSource())
        fhir = with_data or bool(includes) or any("FHIR." in each for each in declarations)
        result = translate_expression(
            expression,
            sources=sources,
            includes=[*(["FHIRHelpers"] if fhir else []), *includes],
            using="FHIR version '4.0.1'" if fhir else None,
            context="Patient" if with_data or includes else None,
            parameters="\n".join(declarations),
        )
        if result.library is None or result.errors:
            raise GuidewayError(
                "\n".join(d.as_text() for d in result.errors) or "the expression cannot be translated", result.errors
            )
        return compile_program(result.libraries), result.library


def _type_of(value: Any) -> str:
    """The CQL type of a value, as a declaration names it."""
    if isinstance(value, list):
        kinds = {_type_of(each) for each in value}
        if len(kinds) != 1:
            raise GuidewayError("a parameter that is given several times needs values of one type")
        return f"List<{kinds.pop()}>"
    if isinstance(value, Interval):
        return f"Interval<System.{value.point_type}>"
    if isinstance(value, FhirObject):
        return f'FHIR."{value.fhir_type}"'
    kind = {bool: "Boolean", int: "Integer", str: "String"}.get(type(value), type(value).__name__)
    return f"System.{kind}"


def _placed(error: CqlRuntimeError, library: Any) -> CqlRuntimeError:
    """An error of the expression itself with its place in the caller's text, not in the library made around it."""
    if (error.library, error.define) != (library.identifier.id, library.statements[-1].name):
        return error
    from guideway.cql.translator import locator_in_expression

    return CqlRuntimeError(error.message, define="expression", locator=locator_in_expression(library, error.locator))


def evaluate_library(
    guideline: CompiledGuideline,
    library: str,
    source: DataSource,
    *,
    now: DateTime,
    timezone: str | int | None = None,
    parameters: Mapping[str, Any] | None = None,
    expressions: Sequence[str] = (),
) -> Json:
    """The Parameters resource of a library's defines (``expressions``, or all public ones that are no functions).

    A define that fails is an ``evaluation error`` beside the others. GuidewayError: no such library or define.
    """
    name = guideline.library_name(library) or library
    if name not in guideline.defines:
        known = ", ".join(sorted(guideline.defines))
        raise GuidewayError(f"{guideline.manifest.label} has no library {library!r}; there are: {known}")
    known_defines = guideline.program.library(name).defines
    unknown = [e for e in expressions if e not in known_defines]
    if unknown:
        raise GuidewayError(f"the library {name} has no define {unknown[0]!r}")
    wanted = expressions or [d.name for d in known_defines.values() if d.access != "Private"]
    evaluation = guideline.program.evaluation(
        source, now=now, timezone=timezone, parameters=dict(parameters or {}), terminology=guideline.terminology
    )
    values: dict[str, Any] = {}
    errors: list[Json] = []
    for define in wanted:
        try:
            values[define] = evaluation.define(name, define)
        except GuidewayError as error:
            errors += error_parameters(f"{define}: {error}")["parameter"]
    found = [*define_parameters(values)["parameter"], *errors]
    return {"resourceType": "Parameters", "parameter": found} if found else {"resourceType": "Parameters"}
