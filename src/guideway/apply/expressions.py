"""The expressions of artifacts, evaluated: every language that conditions and dynamic values are written in.

Takes a FHIR ``Expression`` and the artifact it stands in; gives an ``Answer`` with the value, or the error in words, and
which define was evaluated (for the trace). CQL identifiers name a define of the artifact's library (or of
``Expression.reference``, or ``Library.Define``); CQL expressions were compiled with the guideline; FHIRPath is evaluated on
the patient. An expression whose result is null, or whose language is not known here, gives way to its
cqf-alternativeExpression where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import msgspec

from guideway.diagnostics import GuidewayError
from guideway.guideline.actions import Question
from guideway.guideline.compiled import CompiledGuideline, Requirement
from guideway.guideline.expressions import CQL_LANGUAGES, FHIRPATH, Bound, bind, inputs_of
from guideway.guideline.names import ALTERNATIVE_EXPRESSION, extension_value, extensions

Json = dict[str, Any]


class Evaluation(Protocol):
    """What ``apply`` asks of the engine: one patient, one moment, every library of the guideline."""

    def define(self, library: str, name: str) -> Any:
        """The value of a define."""
        ...

    def trace(self, library: str, name: str) -> Any:
        """The trace of a define (``engine.trace.TraceNode``)."""
        ...

    def value_of_parameter(self, library: str, name: str) -> Any:
        """What a parameter is: as it was given, else its default."""
        ...


class Answer(msgspec.Struct):
    """What an expression gave; ``error`` set: nothing."""

    value: Any = None
    error: str | None = None
    library: str | None = None
    define: str | None = None
    read: list[str] = []
    """Of FHIRPath, which leaves no trace: the resources that it looked at."""
    absent: list[str] = []
    """And what was not there: elements of these, as ``Patient.birthDate``, and data that the record has none of."""
    nothing: list[str] = []
    """Data that the record has none of, which is what decided or leaves nothing open."""
    asked: list[Requirement] = []
    """The retrieves of the inputs that a FHIRPath expression looked at."""


def quoted(text: str) -> str | None:
    """What a FHIRPath expression says that is nothing but a text in quotation marks, which plans often set an element to; None
    for any other. So whatever reads FHIRPath is not needed for it.

    >>> quoted("'before the procedure'"), quoted("'a' & 'b'")
    ('before the procedure', None)
    """
    expression = text.strip()
    inside = expression[1:-1]
    plain = len(expression) > 1 and expression[0] == expression[-1] == "'" and "'" not in inside and "\\" not in inside
    return inside if plain else None


def _any_of(values: Iterable[Any], reads: Mapping[tuple[str, str], bool | None]) -> bool:
    """Whether one of these resources was looked at."""
    return any((value.reference, "") in reads for value in values)


class Expressions:
    """Evaluates the expressions of one run."""

    def __init__(
        self,
        guideline: CompiledGuideline,
        evaluation: Evaluation,
        variables: Mapping[str, Any],
        now: Any = None,
        resolve: Any = None,
        inputs: Callable[[Json], Mapping[str, Any]] | None = None,
    ) -> None:
        self.guideline = guideline
        self.evaluation = evaluation
        self.variables = dict(variables)
        """FHIRPath variables by name, without ``%``: resources as JSON, or runtime values."""
        self.now = now
        self.resolve = resolve
        self.inputs = inputs
        """The FHIRPath variables that an action brings with it (its inputs by id)."""

    def of_action(self, action: Json) -> Mapping[str, Any]:
        """The FHIRPath variables of one action, beyond those of the run."""
        return self.inputs(action) if self.inputs is not None and action.get("input") else {}

    def evaluate(
        self, expression: Any, libraries: list[str], extra: Mapping[str, Any] | None = None, inputs: tuple[Json, ...] = ()
    ) -> Answer:
        """The answer to one Expression; ``libraries`` are the canonicals of the artifact it stands in, ``inputs`` those of the
        action on which it is a condition."""
        answer = self._one(expression, libraries, extra, inputs)
        if (answer.value is None or answer.error) and isinstance(expression, dict):
            for alternative in extensions(expression, ALTERNATIVE_EXPRESSION):
                other = self._one(extension_value(alternative), libraries, extra, inputs)
                if other.error is None and (other.value is not None or answer.error):
                    return other
        return answer

    def answer(self, question: Question, action: Json, libraries: list[str]) -> Answer:
        """The answer to a question of an action."""
        if question.library is not None and question.define is not None:
            return self._define(question.library, question.define)
        return self.evaluate(question.expression, libraries, self.of_action(action), inputs_of(action))

    def _define(self, library: str, define: str) -> Answer:
        answer = Answer(library=library, define=define)
        try:
            answer.value = self.evaluation.define(library, define)
        except GuidewayError as error:
            answer.error = str(error)
        except RecursionError:
            answer.error = f"{library}.{define}: the evaluation is nested too deeply"
        return answer

    def _one(self, expression: Any, libraries: list[str], extra: Mapping[str, Any] | None, inputs: tuple[Json, ...]) -> Answer:
        if not isinstance(expression, dict):
            return Answer(error="no expression")
        language = expression.get("language")
        text = expression.get("expression")
        if not isinstance(text, str) or not text.strip():
            return Answer(error="an expression without text")
        if language == FHIRPATH:
            return self._fhirpath(text, libraries, extra)
        if not isinstance(language, str) or language not in CQL_LANGUAGES:
            return Answer(error=f"expressions in {str(language)[:60]} are not evaluated; use text/cql-identifier")
        bound = self._bound(expression, libraries, inputs)
        if bound.error is not None or bound.library is None or bound.define is None:
            return Answer(error=bound.error or "the expression names no define")
        return self._define(bound.library, bound.define)

    def _bound(self, expression: Json, libraries: list[str], inputs: tuple[Json, ...]) -> Bound:
        """Which define an expression names: found out once for each guideline."""
        known = self.guideline.memory.get(id(expression))
        if isinstance(known, tuple) and known[0] is expression and known[1] == libraries:
            found: Bound = known[2]
            return found
        bound = bind(self.guideline, expression, libraries, inputs)
        self.guideline.memory[id(expression)] = (expression, list(libraries), bound)
        return bound

    def _fhirpath(self, text: str, libraries: list[str], extra: Mapping[str, Any] | None) -> Answer:
        said = quoted(text)
        if said is not None:
            return Answer(value=said)
        from guideway.apply.fhirpath import FhirPathError, Reads, evaluate
        from guideway.apply.input_data import Held

        reads: Reads = {}
        variables = self.variables | dict(extra or {})
        if any(isinstance(value, GuidewayError) for value in variables.values()):
            from guideway.apply.fhirpath_syntax import variables_named

            named = variables_named(text)
            for name, value in variables.items():
                if isinstance(value, GuidewayError) and name in named:
                    return Answer(error=f"FHIRPath {text!r}: {value}")
        try:
            variables |= self._declared(text, libraries, variables)
        except GuidewayError as error:
            return Answer(error=f"FHIRPath {text!r}: {error}")
        try:
            found = evaluate(text, variables, now=self.now, resolve=self.resolve, reads=reads)
        except FhirPathError as error:
            return Answer(error=f"FHIRPath {text!r}: {error}")
        value = None if not found else found[0] if len(found) == 1 else found
        held = {name: each for name, each in (extra or {}).items() if isinstance(each, Held)}
        empty = [(held[of[1:]].display, there) for (of, _), there in reads.items() if of[0] == "%" and of[1:] in held]
        nothing = [display for display, there in empty if value is not None or there is None]
        needed = [display for display, there in empty if there is False]
        asked = [each.reads for name, each in held.items() if (f"%{name}", "") in reads or _any_of(each, reads)]
        read = list(dict.fromkeys(reference for reference, _ in reads if reference[0] != "%"))
        absent = [f"{of.partition('/')[0]}.{name}" for (of, name), there in reads.items() if there is False and of[0] != "%"]
        return Answer(
            value=value,
            read=read,
            absent=list(dict.fromkeys([*needed, *absent])),
            nothing=nothing,
            asked=[each for every in asked for each in every],
        )

    def _declared(self, text: str, libraries: list[str], known: Mapping[str, Any]) -> Json:
        """The parameters that a FHIRPath expression names and that are not given by that name: as given to the library of the
        artifact, else with their default; of one that several other libraries declare, the first."""
        found: Json = {}
        if "%" not in text or not self.guideline.parameters:
            return found
        from guideway.apply.fhirpath_syntax import variables_named

        named = variables_named(text)
        own = [self.guideline.library_name(each) for each in libraries]
        for parameter in self.guideline.parameters:
            name = parameter.name
            if name not in named or name in found or known.get(name) is not None:
                continue
            declaring = [each.library for each in self.guideline.parameters if each.name == name]
            library = next((each for each in own if each in declaring), None) or parameter.library
            value = self.evaluation.value_of_parameter(library, name)
            found[name] = [] if value is None else value
        return found
