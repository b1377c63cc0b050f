"""One evaluation of a program: the data, the moment, the parameters, and what has been worked out so far.

An evaluation is a pure function of what it is given; nothing reads a clock or the environment. Each define is evaluated once. The
object is also the context that operators receive (``now``, ``timezone_offset``, ``terminology``, ``messages``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from guideway.diagnostics import GuidewayError
from guideway.engine.errors import CqlRuntimeError
from guideway.engine.values import DateTime, Interval, Long, Uncertainty
from guideway.engine.values.temporal import HOUR, parse_offset, using_offset

if TYPE_CHECKING:
    from guideway.engine.data import DataSource
    from guideway.engine.program import Program
    from guideway.engine.trace import TraceNode, Tracer


class _Unset:
    def __repr__(self) -> str:
        return "UNSET"


UNSET: Any = _Unset()
"""Stands for "not evaluated yet" and "not given", where None is a value."""


Known = tuple[dict[Any, Any], "dict[Any, TraceNode]", dict[int, tuple[str, str]]]
"""Values and traces by the function of their define, and the origins of data."""


class Evaluation:
    """What one evaluation knows. Make it with ``Program.evaluation``."""

    __slots__ = (
        "context", "externals", "home", "made", "memo", "messages", "now", "parameters", "population", "program", "results",
        "source", "terminology", "timezone_offset", "tracer",
    )  # fmt: skip

    def __init__(
        self,
        program: Program,
        source: DataSource,
        now: DateTime,
        timezone_offset: int,
        parameters: Mapping[str, Any],
        terminology: Any,
        tracer: Tracer | None,
        externals: Mapping[Any, Callable[..., Any]],
        population: Iterable[DataSource],
    ) -> None:
        self.program = program
        self.source = source
        self.now = now
        self.timezone_offset = timezone_offset
        self.parameters = parameters
        self.terminology = terminology
        self.externals = externals
        self.population = population
        self.tracer = tracer
        self.context = "Patient"
        self.made: Any = None
        """Traced: what the define or function that was called last has made for the node that called it."""
        self.home: Any = None
        """Traced: the library and the name of the define for which a function is called."""
        self.memo: dict[Any, Any] = {}
        self.results: dict[Any, Any] = {}
        """What functions that search texts came to, by function and operands (``closed``)."""
        self.messages: list[Any] = []

    def again(self, known: Known | None = None) -> Evaluation:
        """Another evaluation of the same at the same moment, traced if this one is; it knows nothing yet but is
        given as ``known`` (see ``known_without``)."""
        other = self.program.evaluation(
            self.source, now=self.now, timezone=self.timezone_offset, parameters=self.parameters, terminology=self.terminology,
            trace=self.tracer is not None, externals=self.externals, population=self.population,
        )  # fmt: skip
        if known is not None:
            values, traces, origins = known
            other.memo.update(values)
            if other.tracer is not None:
                other.tracer.defines.update(traces)
                other.tracer.origins.update(origins)
        return other

    def override(self, values: Mapping[tuple[str, str], Any]) -> None:
        """Give defines (by library and name) a value, in place of what their logic gives; before anything is evaluated."""
        for (library, define), value in values.items():
            self.memo[self.program.entry(library, define, False)] = value  # traced code asks plain code too
            if self.tracer is not None:
                from guideway.engine.trace import define_node

                key = self.program.entry(library, define, True)
                self.memo[key] = value
                self.tracer.defines[key] = define_node(library, define, value)

    def known_without(self, defines: Iterable[tuple[str, str]]) -> Known:
        """What has been evaluated of all defines but these (by library and name): values and traces, and where data came from."""
        values, tracer = dict(self.memo), self.tracer
        traces = {} if tracer is None else dict(tracer.defines)
        for library, name in defines:
            for traced in (False, True):
                function = self.program.entry_made(library, name, traced)
                values.pop(function, None)
                traces.pop(function, None)
        return values, traces, {} if tracer is None else tracer.origins

    # ---- results -------------------------------------------------------------------------------------------------------

    def define(self, library: str, name: str) -> Any:
        """The value of a define. ``library`` is a name or ``Name|version``.

        Raises GuidewayError for an unknown define, CqlRuntimeError (placed) where the logic fails, and the terminology's own
        error where a value set is not known.
        """
        function = self.program.entry(library, name, self.tracer is not None)
        value = self.memo.get(function, UNSET)
        return self._evaluated(function) if value is UNSET else presented(value)

    def value_of_parameter(self, library: str, name: str) -> Any:
        """What a parameter of a library is in this evaluation: as it was given, else its default. Raises as ``define`` does."""
        return self._run(self.program.parameter_entry(library, name))

    def all_of(self, library: str, names: Iterable[str]) -> dict[str, Any]:
        """The values of several defines of one library; what ``define`` raises, this raises."""
        functions = [(name, self.program.entry(library, name, self.tracer is not None)) for name in names]
        if self.tracer is None:
            return self._run(lambda e: {name: presented(function(e)) for name, function in functions})  # type: ignore[no-any-return]
        return {name: self._evaluated(function) for name, function in functions}

    def function(self, library: str, name: str, *operands: Any) -> Any:
        """The result of a function for the given operands."""
        function = self.program.function_entry(library, name, operands, self.tracer is not None)
        return self._run(lambda e: function(e, *operands))

    def trace(self, library: str, name: str) -> TraceNode:
        """How the define came to its value; the evaluation must have been made with ``trace=True``."""
        if self.tracer is None:
            raise GuidewayError("The evaluation was made without a trace; ask for one with trace=True.")
        function = self.program.entry(library, name, True)
        if function not in self.tracer.defines:
            self._evaluated(function)
        return self.tracer.defines[function]

    def forget_traces(self) -> None:
        """Let go of all traces: they lead back here, so only the garbage collector would notice that nobody needs them any more.
        What is evaluated after that has no trace of what was evaluated before."""
        self.made = None
        if self.tracer is not None:
            self.tracer.defines.clear()

    def _evaluated(self, define: Callable[[Evaluation], Any]) -> Any:
        """The value of the define with this code."""
        tracer = self.tracer
        return self._run(define if tracer is None else lambda e: tracer.value(e, define))

    def _run(self, function: Callable[[Evaluation], Any]) -> Any:
        try:
            with using_offset(self.timezone_offset):
                value = function(self)
        except CqlRuntimeError as error:
            raise self.program.placed(error) from None
        except GuidewayError:
            raise
        except RecursionError as error:
            message = "the definitions refer to one another in a circle, or nest too deeply to be evaluated"
            raise self.program.placed(CqlRuntimeError(message), error) from None
        except (TypeError, AttributeError, ValueError, ArithmeticError, LookupError) as error:
            message = f"the values cannot be used as the expression uses them ({type(error).__name__}: {error})"
            raise self.program.placed(CqlRuntimeError(message), error) from error
        return presented(value)

    # ---- what the generated code asks ----------------------------------------------------------------------------------

    def parameter(self, library: str, name: str, test: Any, type_name: str) -> Any:
        """A parameter that was given, else UNSET. Raises CqlRuntimeError where the value is not of the declared type."""
        short = library.partition("|")[0]
        for key in (f"{short}.{name}", name):
            if key in self.parameters:
                value = self.parameters[key]
                break
        else:
            return UNSET
        from guideway.engine import typetests

        value = _promoted(value, test)
        if value is not None and not typetests.is_type(value, test):
            raise CqlRuntimeError(f"the parameter {name!r} of {short} is a {type_name}, not a {typetests.type_name(value)}")
        return value

    def subjects(self) -> list[Evaluation]:
        """An evaluation for every subject of the population; for this one alone where no population was given."""
        sources = list(self.population)
        if not sources:
            return [self]
        made = []
        for source in sources:
            other = Evaluation(
                self.program, source, self.now, self.timezone_offset, self.parameters, self.terminology, self.tracer,
                self.externals, (),
            )  # fmt: skip
            other.messages = self.messages
            made.append(other)
        return made


def _promoted(value: Any, test: Any) -> Any:
    """Integers given where a Long or Decimal is declared (CQL 1.5, "Implicit Conversions")."""
    if type(value) is int:
        if test == "Decimal":
            return Decimal(value)
        if test == "Long":
            return Long(value)
    return value


def presented(value: Any) -> Any:
    """A result as callers see it: an uncertainty is the interval of what it may be (CQL 1.5 Author's Guide, "Uncertainty")."""
    kind = type(value)
    if kind is list:
        doubtful = not _MAY_BE_UNCERTAIN.isdisjoint(map(type, value)) and any(_uncertain(item) for item in value)
        return [presented(item) for item in value] if doubtful else value
    if kind not in _MAY_BE_UNCERTAIN or not _uncertain(value):
        return value
    from guideway.engine.operators.interval import shown

    return shown(value)


_MAY_BE_UNCERTAIN = frozenset((Interval, Uncertainty))


def _uncertain(value: Any) -> bool:
    """Whether a value is an uncertainty, or an interval with an uncertain end."""
    if type(value) is Interval:
        return type(value.low) is Uncertainty or type(value.high) is Uncertainty
    return type(value) is Uncertainty


def offset_of(timezone: str | int | None, now: DateTime) -> int:
    """Minutes east of UTC: of an offset (``+02:00``, ``Z``, minutes), of a time zone's name at ``now``, or of ``now`` itself.

    Raises GuidewayError for a time zone that is not known.
    """
    if timezone is None:
        return now.offset or 0
    if isinstance(timezone, int):
        return timezone
    if timezone.upper() in ("UTC", "Z", "GMT"):
        return 0
    if timezone[:1] in "+-":
        try:
            return parse_offset(timezone)
        except (ValueError, IndexError):
            raise GuidewayError(f"{timezone!r} is not an offset from UTC; write it as +02:00.") from None
    from datetime import UTC, datetime, timedelta
    from zoneinfo import ZoneInfo

    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        raise GuidewayError(f"The time zone {timezone!r} is not known; use a name such as Europe/Berlin, or +02:00.") from None
    base = datetime.fromordinal(now.ticks // 86_400_000).replace(tzinfo=UTC)
    seconds = now.ticks % 86_400_000 // 1000 - (now.offset or 0) * 60
    offset = (base + timedelta(seconds=seconds)).astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds() // 60)


def in_offset(now: DateTime, offset: int) -> DateTime:
    """The same moment with another offset; a date-time without an offset is taken to be in it already."""
    if now.offset is None or now.precision < HOUR:
        return DateTime(now.ticks, now.precision, offset)
    return DateTime(now.ticks + (offset - now.offset) * 60_000, now.precision, offset)
