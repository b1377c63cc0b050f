"""Whether an action applies: its conditions in three-valued logic, and the status that follows.

Kind ``applicability`` decides: all of them must be true; one that is false settles it, and the rest is not evaluated;
otherwise null leaves it unknown. An expression that fails, does not exist or is not Boolean is an error, never "does not
apply". Kinds ``start`` and ``stop`` are not evaluated: they tell whoever carries the plan out when to begin and end, and are
carried over. After applicability come ``withheld-when`` (any true: suppressed) and ``satisfied-when`` (true: already in
place).
"""

from __future__ import annotations

from typing import Any

import msgspec

from guideway.apply.expressions import Expressions
from guideway.apply.outcome import (
    APPLIES,
    DOES_NOT_APPLY,
    ERROR,
    SATISFIED,
    SUPPRESSED,
    UNKNOWN,
    ConditionResult,
)
from guideway.guideline.actions import APPLICABILITY as APPLICABILITY
from guideway.guideline.actions import SATISFIED_KIND as SATISFIED_KIND
from guideway.guideline.actions import WITHHELD as WITHHELD
from guideway.guideline.actions import ActionFacts, Question
from guideway.guideline.expressions import is_companion

Json = dict[str, Any]


Standing = tuple[bool | None, bool, bool, bool, bool]
"""What of a verdict the statuses below it follow from: applicability; whether there is an error, a reason to withhold, something
in place; whether one of these two is not known."""


class Verdict(msgspec.Struct):
    """What the conditions on the way down to an action, and its own, have come to so far."""

    applicability: bool | None = True
    results: list[ConditionResult] = []
    error: str | None = None
    earlier: list[tuple[str, Verdict]] = []
    """Of actions of which only the first that applies counts: status and verdict of those before it, which did not."""
    withheld: bool = False
    satisfied: bool = False
    open: bool = False
    """Whether some result withholds it, says that it is in place, or leaves one of these two unknown."""
    said: str | None = None
    """The reason in words, once it has been asked for: by then there are all results."""

    @property
    def reason(self) -> str:
        """One sentence for people: which condition decided."""
        if self.said is None:
            self.said = reason_of(self.status, self)
        return self.said

    @property
    def status(self) -> str:
        """One status from all results, in the order of the outcome format."""
        if self.applicability is False:
            return DOES_NOT_APPLY
        if self.error is not None:
            return ERROR
        if self.applicability is None:
            return UNKNOWN
        return SUPPRESSED if self.withheld else SATISFIED if self.satisfied else UNKNOWN if self.open else APPLIES

    @property
    def standing(self) -> Standing:
        """See ``Standing``."""
        return self.applicability, self.error is not None, self.withheld, self.satisfied, self.open

    def and_(self, other: Verdict) -> Verdict:
        """The verdict on a child, from its parent's and its own."""
        first, second = self.applicability, other.applicability
        both = False if first is False or second is False else None if first is None or second is None else True
        return Verdict(
            both,
            [*self.results, *other.results],
            self.error or other.error,
            self.earlier,
            self.withheld or other.withheld,
            self.satisfied or other.satisfied,
            self.open or other.open,
        )

    def after(self, status: str, other: Verdict) -> Verdict:
        """The same for whatever comes after an action that did not apply."""
        return msgspec.structs.replace(self, earlier=[*self.earlier, (status, other)], said=None)


def statuses(kinds: list[str], every: int, values: list[tuple[int, int]]) -> tuple[int, ...]:
    """In which cases conditions of these kinds come to which status (``Verdict.status``); in the others it is not known.

    A case is a bit; ``every`` has all of them, and a value is the cases where it is true and those where it is false.
    """
    refused = withheld = satisfied = 0
    open_ = met = every
    for kind, (true, false) in zip(kinds, values):
        if kind == APPLICABILITY:
            refused |= false
            met &= true
        elif kind == WITHHELD:
            withheld |= true
            open_ &= false
        elif kind == SATISFIED_KIND:
            satisfied |= true
            open_ &= false
    return refused, met & withheld, met & ~withheld & satisfied, met & open_


def judge(facts: ActionFacts, libraries: list[str], expressions: Expressions, of: str | None = None) -> Verdict:
    """The verdict of an action's own conditions; ``of`` names the action in results that children inherit."""
    verdict = Verdict()
    for condition in facts.conditions:
        result = ask(condition, facts.definition, libraries, expressions, of)
        verdict.results.append(result)
        if result.error is not None:
            verdict.error = verdict.error or result.error
        if condition.kind == APPLICABILITY:
            if result.value is False:
                return Verdict(False, [result])
            if result.value is None and result.error is None:
                verdict.applicability = None
        elif result.value is None:
            verdict.open = True
        elif result.value:
            verdict.withheld = verdict.withheld or condition.kind == WITHHELD
            verdict.satisfied = verdict.satisfied or condition.kind == SATISFIED_KIND
    return verdict


def ask(question: Question, action: Json, libraries: list[str], expressions: Expressions, of: str | None) -> ConditionResult:
    """One expression of an action that must be Boolean."""
    answer = expressions.answer(question, action, libraries)
    text, error = question.text, answer.error
    value = answer.value
    if value is not None and value is not True and value is not False:
        value = unwrapped(value)
        if error is None and value is not None and not isinstance(value, bool):
            error = f"{text!r} is not Boolean: it gave {_KINDS.get(type(value).__name__, type(value).__name__)}"
    return ConditionResult(
        kind=question.kind,
        expression=text,
        value=value if error is None else None,
        description=question.description,
        name=question.name,
        error=error,
        of=of,
        library=answer.library,
        define=answer.define,
        read=answer.read,
        absent=answer.absent,
        nothing=answer.nothing,
        asked=answer.asked,
    )


_KINDS = {"int": "an Integer", "Decimal": "a Decimal", "str": "a String", "list": "a List", "FhirObject": "a resource"}
"""What the types of this language are called in CQL."""


def unwrapped(value: Any) -> Any:
    """A FHIR boolean as the Boolean it holds."""
    from guideway.fhir.element import FhirPrimitive

    return value.value if isinstance(value, FhirPrimitive) else value


def reason_of(status: str, verdict: Verdict) -> str:
    """One sentence for people: which condition decided."""
    if status == ERROR:
        return verdict.error or "an expression failed"
    applicability = [r for r in verdict.results if r.kind == APPLICABILITY]
    if status == DOES_NOT_APPLY:
        decided = [r for r in applicability if r.value is False]
        return f"Not the case: {words(decided[0])}" if decided else "Not the case for this patient"
    if status == UNKNOWN:
        waiting = [r for r in applicability if r.value is None] or [
            r for r in verdict.results if r.kind != APPLICABILITY and r.value is None
        ]
        return "Cannot be known yet: " + "; ".join(dict.fromkeys(words(r) for r in waiting))
    if status in (SUPPRESSED, SATISFIED):
        kind = WITHHELD if status == SUPPRESSED else SATISFIED_KIND
        found = dict.fromkeys(words(r) for r in verdict.results if r.kind == kind and r.value is True)
        return ("Withheld: " if status == SUPPRESSED else "Already in place: ") + "; ".join(found)
    met = dict.fromkeys(words(r) for r in applicability)
    return "Met: " + "; ".join(met) if met else "No condition: it applies to everyone"


def words(result: ConditionResult) -> str:
    """The condition in words: its description, else the name of the define; of an expression that is written out its name, else
    its text in short."""
    if result.description is not None or (result.define is not None and not is_companion(result.library or "")):
        return (result.description or result.define or result.expression).rstrip(".")
    return (result.name or result.define or result.expression).rstrip(".")
