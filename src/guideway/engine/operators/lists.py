"""Lists (CQL 1.5 Appendix B, "List Operators").

Elements are compared by equality with two nulls the same. Membership is three-valued: it is null where no element is surely
equal and one may be (dates of different precision). A long list of simple values is searched through a hash instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cmp_to_key
from typing import Any

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.operators.comparison import alike, same, sort_order
from guideway.engine.operators.logical import Truth, all_of, logical_and
from guideway.engine.operators.operator import Operator
from guideway.engine.values.clinical import Code
from guideway.engine.values.numbers import Long
from guideway.engine.values.temporal import Date, Time
from guideway.engine.values.uncertainty import doubtful

HASHED = frozenset({int, str, Decimal, Long, Date, Time, Code})
"""Types whose equality is Python's own, as long as all values compared have the one type."""


def _same(left: Any, right: Any, precision: str | None = None) -> Truth:
    """Equality with two nulls equal and one null different."""
    if left is None or right is None:
        return left is None and right is None
    return alike(left, right) if precision is None else same(left, right, precision)


def _one_type(values: list[Any]) -> type | None:
    """The one hashable type of all values, or None."""
    kinds = set(map(type, values))
    if len(kinds) == 1:
        kind = kinds.pop()
        if kind in (Date, Time) and any(value.precision != kind.finest for value in values):
            return None
        if kind in HASHED or hasattr(kind, "fhir_type"):  # FHIR data hashes by type and id and compares as JSON
            return kind
    return None


def contains(source: list[Any], element: Any, precision: str | None = None) -> Truth:
    """Whether the element is in the list."""
    unknown = False
    for item in source:
        result = _same(item, element, precision)
        if result:
            return True
        unknown = unknown or result is None
    return None if unknown else False


def proper_contains(source: list[Any], element: Any, precision: str | None = None) -> Truth:
    """Whether the element is in the list and something else is too; against a null, "something else" is unknown."""
    if element is None:
        return any(item is None for item in source) and any(item is not None for item in source)
    others: Truth = False
    for item in source:
        result = alike(item, element) if precision is None else same(item, element, precision)
        if result is False:
            others = True
            break
        if result is None:
            others = None
    return logical_and(contains(source, element, precision), others)


def includes(left: list[Any], right: Any, precision: str | None = None) -> Truth:
    """Whether every element of ``right`` is in ``left``; a right operand that is no list is one element."""
    if type(right) is not list:
        return contains(left, right, precision)
    if precision is None and len(left) > 8 and len(right) > 8 and (kind := _one_type(left)) and kind is _one_type(right):
        return set(right) <= set(left)
    return all_of(contains(left, item, precision) for item in right)


def proper_includes(left: list[Any], right: Any, precision: str | None = None) -> Truth:
    """Whether ``left`` includes ``right`` and has more elements."""
    if type(right) is not list:
        return proper_contains(left, right, precision)
    return logical_and(len(left) > len(right), includes(left, right, precision))


def distinct(operand: list[Any] | None) -> list[Any] | None:
    """The elements, each once, in the order of first appearance."""
    if operand is None:
        return None
    if len(operand) < 2:
        return list(operand)
    if _one_type(operand):
        return list(dict.fromkeys(operand))
    result: list[Any] = []
    for item in operand:
        if not any(kept is item or _same(kept, item) for kept in result):
            result.append(item)
    return result


def union(left: list[Any] | None, right: list[Any] | None) -> list[Any] | None:
    """All elements of both, each once; a null list counts as empty."""
    if left is None and right is None:
        return None
    return distinct([*(left or ()), *(right or ())])


def intersect(left: list[Any] | None, right: list[Any] | None) -> list[Any] | None:
    """The elements that both have, each once."""
    if left is None or right is None:
        return None
    return _filtered(left, right, True)


def except_(left: list[Any] | None, right: list[Any] | None) -> list[Any] | None:
    """The elements of the first that the second does not have, each once; a null second counts as empty."""
    if left is None:
        return None
    return _filtered(left, right or [], False)


def _filtered(left: list[Any], right: list[Any], wanted: bool) -> list[Any]:
    kind = _one_type(left)
    if kind is not None and kind is _one_type(right):
        members = set(right)
        return [item for item in dict.fromkeys(left) if (item in members) is wanted]
    unique = distinct(left) or []
    return [item for item in unique if any(other is item or _same(item, other) is True for other in right) is wanted]


def exists(operand: list[Any] | None) -> bool:
    """Whether there is an element that is not null."""
    return operand is not None and any(item is not None for item in operand)


def first(source: list[Any] | None) -> Any:
    """The first element; null where there is none."""
    return source[0] if source else None


def last(source: list[Any] | None) -> Any:
    """The last element; null where there is none."""
    return source[-1] if source else None


def part(source: list[Any] | None, start: int | None = None, end: int | None = None) -> list[Any] | None:
    """Slice: from ``start`` up to but not including ``end``; negative positions count from the end.

    Skip, Take and Tail are slices too: ``Skip(n)`` from n on, ``Take(n)`` from 0 to n, ``Tail`` from 1 on.
    """
    return None if source is None or doubtful(start, end) else source[slice(start, end)]


def take(source: list[Any] | None, count: int | None) -> list[Any] | None:
    """The first elements; none for a null or negative count."""
    if source is None:
        return None
    return source[:count] if count is not None and count > 0 else []


def skip(source: list[Any] | None, count: int | None) -> list[Any] | None:
    """All but the first elements; none for a negative count, all for a null one."""
    if source is None:
        return None
    if count is None:
        return list(source)
    return source[count:] if count >= 0 else []


def tail(source: list[Any] | None) -> list[Any] | None:
    """All but the first element."""
    return None if source is None else source[1:]


def index_of(source: list[Any] | None, element: Any) -> int | None:
    """The position of the element, from 0; -1 where it is not there."""
    if source is None or element is None:
        return None
    for index, item in enumerate(source):
        if alike(item, element):
            return index
    return -1


def flatten(operand: list[Any] | None) -> list[Any] | None:
    """The elements of a list of lists; null lists are left out."""
    if operand is None:
        return None
    result: list[Any] = []
    for item in operand:
        if isinstance(item, list):
            result.extend(item)
        elif item is not None:
            result.append(item)
    return result


def singleton_from(operand: list[Any] | None) -> Any:
    """The one element; null of an empty list, a run-time error where there are more."""
    if not operand:
        return None
    if len(operand) > 1:
        raise CqlRuntimeError(f"singleton from: the list has {len(operand)} elements")
    return operand[0]


def times(left: list[Any] | None, right: list[Any] | None) -> list[Any] | None:
    """Every tuple of the first combined with every tuple of the second."""
    if left is None or right is None:
        return None
    return [type(one)({**one, **other}) for one in left for other in right]


_compared = cmp_to_key(sort_order)


def _sort_key(key: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    return _compared if key is None else lambda item: _compared(key(item))


def sorted_by(source: Iterable[Any], keys: list[tuple[Callable[[Any], Any] | None, bool]]) -> list[Any]:
    """The elements sorted by keys (None: the element itself) and directions (True: descending), stably; nulls come first.

    Descending is the whole order turned round: nulls come last.
    """
    result = list(source)
    for key, descending in reversed(keys):
        result.sort(key=_sort_key(key), reverse=descending)
    return result


def children(source: Any) -> list[Any] | None:
    """The values of all elements of a structure, one level down."""
    if source is None:
        return None
    if isinstance(source, dict):
        values: Iterable[Any] = source.values()
    elif isinstance(source, list):
        return [child for item in source for child in children(item) or ()]
    elif hasattr(source, "__struct_fields__"):
        values = (getattr(source, name) for name in source.__struct_fields__)
    else:
        return []
    result: list[Any] = []
    for value in values:
        if isinstance(value, list):
            result.extend(item for item in value if item is not None)
        elif value is not None:
            result.append(value)
    return result


def descendants(source: Any) -> list[Any] | None:
    """The values of all elements of a structure, all levels down."""
    if source is None:
        return None
    result: list[Any] = []
    level = children(source) or []
    while level:
        result.extend(level)
        level = [child for item in level for child in children(item) or ()]
    return result


TABLE = {
    "Exists": Operator(exists, null_in_null_out=False),
    "Distinct": Operator(distinct),
    "First": Operator(first, ("source",)),
    "Last": Operator(last, ("source",)),
    "Slice": Operator(part, ("source", "startIndex", "endIndex"), null_in_null_out=False),
    "IndexOf": Operator(index_of, ("source", "element")),
    "Flatten": Operator(flatten),
    "SingletonFrom": Operator(singleton_from),
    "Times": Operator(times),
    "Children": Operator(children, ("source",)),
    "Descendants": Operator(descendants, ("source",)),
    "Descendents": Operator(descendants, ("source",)),
}
