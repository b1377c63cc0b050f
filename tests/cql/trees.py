"""Hypothesis strategies for syntax trees of the whole language: what the parser could have made, without places."""

# ruff: noqa: E501
from __future__ import annotations

from hypothesis import strategies as st

from guideway.cql import syntax as s

WORDS = (
    "a",
    "b",
    "foo",
    "Observation",
    "code",
    "start",
    "end",
    "day",
    "on",
    "Choice",
    "two words",
    'q"q',
    "back`tick",
    "é",
    "\\",
    "",
)
names = st.sampled_from(WORDS)
texts = st.one_of(
    st.sampled_from(("", "mg", "it's", 'a "b"', "line\nbreak", "tab\t", "\\n", "é", "\u2028", "*/", "//x")), st.text(max_size=8)
)
texts = texts.filter(lambda t: not any("\ud800" <= c <= "\udfff" for c in t))
integers = st.sampled_from(("0", "1", "007", "2147483648"))
numbers = st.one_of(integers, st.sampled_from(("1.0", "0.80", "12.345")))
precisions = st.sampled_from(s.PRECISIONS)
maybe = st.booleans()


def _maybe(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.one_of(st.none(), strategy)


def identifier(name: str) -> s.Identifier:
    return s.Identifier(0, 0, name, "")


identifiers = names.map(identifier)

# --- types

named_types = st.lists(st.sampled_from(("Integer", "FHIR", "Patient", "two words", "day", "Choice")), min_size=1, max_size=3).map(
    lambda parts: s.NamedType(0, 0, parts)
)


def _types(inner: st.SearchStrategy) -> st.SearchStrategy:
    element = st.builds(lambda i, t: s.TupleTypeElement(0, 0, i, t), identifiers, inner)
    return st.one_of(
        inner.map(lambda t: s.ListType(0, 0, t)),
        inner.map(lambda t: s.IntervalType(0, 0, t)),
        st.lists(element, min_size=1, max_size=3).map(lambda e: s.TupleType(0, 0, e)),
        st.lists(inner, min_size=1, max_size=3).map(lambda c: s.ChoiceType(0, 0, c)),
    )


types = st.recursive(named_types, _types, max_leaves=3)

# --- leaves

quantities = st.one_of(
    st.builds(lambda v, u: s.Quantity(0, 0, v, u, False, False), numbers, texts),
    st.builds(lambda v, u, p: s.Quantity(0, 0, v, u, True, p), numbers, precisions, maybe),
)
bare_quantities = numbers.map(lambda v: s.Quantity(0, 0, v, None, False, False))
sides = st.one_of(quantities, bare_quantities)
simple_literals = st.one_of(
    integers.map(lambda v: s.Literal(0, 0, "integer", v)),
    st.sampled_from(("1.0", "0.80")).map(lambda v: s.Literal(0, 0, "decimal", v)),
    texts.map(lambda v: s.Literal(0, 0, "string", v)),
)
literals = st.one_of(
    simple_literals,
    st.sampled_from(
        [
            ("null", "null"),
            ("boolean", "true"),
            ("boolean", "false"),
            ("long", "12"),
            ("date", "2020"),
            ("date", "2020-02-29"),
            ("datetime", "2020-02-29T"),
            ("datetime", "2020-02-29T10:11:12.123+01:30"),
            ("time", "10:11"),
        ]
    ).map(lambda kv: s.Literal(0, 0, *kv)),
)
references = names.map(lambda n: s.Name(0, 0, n, ""))
paths = st.recursive(references, lambda inner: st.builds(lambda t, n: s.Member(0, 0, t, n, "", 0), inner, names), max_leaves=2)
qualified = st.one_of(references, st.builds(lambda t, n: s.Member(0, 0, t, n, "", 0), references, names))
codes = st.builds(lambda c, system, d: s.CodeSelector(0, 0, c, system, d), texts, qualified, _maybe(texts))
leaves = st.one_of(
    literals,
    references,
    quantities,
    st.builds(lambda n, d: s.Ratio(0, 0, n, d), sides, sides),
    st.sampled_from(("$this", "$index", "$total")).map(lambda n: s.Special(0, 0, n)),
    names.map(lambda n: s.ExternalConstant(0, 0, n, "")),
    codes,
    st.builds(lambda c, d: s.ConceptSelector(0, 0, c, d), st.lists(codes, min_size=1, max_size=2), _maybe(texts)),
    st.builds(lambda o, t: s.TypeExtent(0, 0, o, t), st.sampled_from(("minimum", "maximum")), named_types),
    named_types.map(lambda t: s.Retrieve(0, 0, t, None, None, None, None)),
)

# --- inner nodes

BINARY = [
    "+",
    "-",
    "*",
    "/",
    "div",
    "mod",
    "^",
    "&",
    "<",
    "<=",
    ">",
    ">=",
    "=",
    "!=",
    "~",
    "!~",
    "and",
    "or",
    "xor",
    "implies",
    "union",
    "intersect",
    "except",
]
UNARY = [
    *("-", "+", "not", "exists", "distinct", "flatten", "start of", "end of", "width of", "successor of", "predecessor of"),
    *("singleton from", "point from", "is null", "is not null", "is true", "is not true", "is false", "is not false"),
]

boundaries = st.sampled_from((None, "start", "end"))
leads = st.sampled_from((None, "starts", "ends", "occurs"))
offsets = st.builds(
    lambda q, r: s.Offset(0, 0, q, r), sides, st.sampled_from((None, "or more", "or less", "less than", "more than"))
)
_of = _maybe(precisions)
phrases = st.one_of(
    st.builds(
        lambda left, p, r, b: s.TimingPhrase(0, 0, "same", left, b, p, False, r, None),
        leads, _of, st.sampled_from(("as", "or before", "or after")), boundaries,
    ),
    st.builds(lambda p, b, x: s.TimingPhrase(0, 0, "includes", None, b, p, x, None, None), _of, boundaries, maybe),
    st.builds(
        lambda k, left, p, x: s.TimingPhrase(0, 0, k, left, None, p, x, None, None),
        st.sampled_from(("during", "included in")), leads, _of, maybe,
    ),
    st.builds(
        lambda k, left, b, p, r, o: s.TimingPhrase(0, 0, k, left, b, p, False, r, o),
        st.sampled_from(("before", "after")), leads, boundaries, _of, st.sampled_from((None, "or on")), _maybe(offsets),
    ),
    st.builds(
        lambda left, b, x, q: s.TimingPhrase(0, 0, "within", left, b, None, x, None, s.Offset(0, 0, q, None)),
        leads, boundaries, maybe, sides,
    ),
    st.builds(
        lambda k, r, p: s.TimingPhrase(0, 0, k, None, None, p, False, r, None),
        st.sampled_from(("meets", "overlaps")), st.sampled_from((None, "before", "after")), _of,
    ),
    st.builds(lambda k, p: s.TimingPhrase(0, 0, k, None, None, p, False, None, None), st.sampled_from(("starts", "ends")), _of),
)  # fmt: skip


def _retrieves(e: st.SearchStrategy) -> st.SearchStrategy:
    path = st.one_of(paths, st.builds(lambda t, i: s.Index(0, 0, t, i), paths, simple_literals))
    return st.one_of(
        st.builds(lambda t, c, x: s.Retrieve(0, 0, t, c, None, None, x), named_types, _maybe(paths), _maybe(e)),
        st.builds(
            lambda t, c, p, o, x: s.Retrieve(0, 0, t, c, p, o, x),
            named_types, _maybe(paths), path, st.sampled_from(("in", "=", "~")), e,
        ),
    )  # fmt: skip


def _queries(e: st.SearchStrategy) -> st.SearchStrategy:
    source = st.builds(lambda x, i: s.AliasedSource(0, 0, x, i), e, identifiers)
    let = st.builds(lambda i, x: s.Let(0, 0, i, x), identifiers, e)
    related = st.builds(lambda a, c, w: s.With(0, 0, a, c, w), source, e, maybe)
    mode = st.sampled_from((None, "all", "distinct"))
    returned = st.builds(lambda m, x: s.Return(0, 0, m, x), mode, e)
    aggregate = st.builds(lambda m, i, b, x: s.Aggregate(0, 0, m, i, b, x), mode, identifiers, _maybe(e), e)
    direction = st.sampled_from(("asc", "desc"))
    item = st.builds(lambda x, d: s.SortItem(0, 0, x, d), e, _maybe(direction))
    sort = st.one_of(
        direction.map(lambda d: s.Sort(0, 0, d, [])),
        st.lists(item, min_size=1, max_size=2).map(lambda i: s.Sort(0, 0, None, i)),
    )
    end = st.one_of(st.tuples(st.none(), st.none()), st.tuples(returned, st.none()), st.tuples(st.none(), aggregate))
    return st.builds(
        lambda src, lets, rel, where, tail, order: s.Query(0, 0, src, lets, rel, where, tail[0], tail[1], order),
        st.lists(source, min_size=1, max_size=2), st.lists(let, max_size=2), st.lists(related, max_size=1), _maybe(e), end,
        _maybe(sort),
    )  # fmt: skip


def _inner(e: st.SearchStrategy) -> st.SearchStrategy:
    items = st.lists(e, max_size=3)
    element = st.builds(lambda i, x: s.Element(0, 0, i, x), identifiers, e)
    elements = st.lists(element, max_size=2)
    return st.one_of(
        st.builds(lambda o, a, b: s.Binary(0, 0, o, a, b), st.sampled_from(BINARY), e, e),
        st.builds(lambda o, a: s.Unary(0, 0, o, a), st.sampled_from(UNARY), e),
        st.builds(lambda a, p, b: s.Timing(0, 0, a, p, b), e, phrases, e),
        st.builds(lambda o, p, a, b: s.Membership(0, 0, o, p, a, b), st.sampled_from(("in", "contains")), _of, e, e),
        st.builds(lambda x, p, a, b: s.Between(0, 0, x, p, a, b), e, maybe, e, e),
        st.builds(lambda k, p, a, b: s.DurationBetween(0, 0, k, p, a, b), st.sampled_from(("duration", "difference")), precisions, e, e),
        st.builds(lambda k, p, a: s.DurationOf(0, 0, k, p, a), st.sampled_from(("duration", "difference")), precisions, e),
        st.builds(
            lambda c, a: s.Component(0, 0, c, a), st.sampled_from((*s.PRECISIONS, "date", "time", "timezoneoffset", "timezone")), e
        ),
        st.builds(lambda x, t: s.IsType(0, 0, x, t), e, types),
        st.builds(lambda x, t, k: s.AsType(0, 0, x, t, k), e, types, maybe),
        st.builds(lambda x, t: s.Convert(0, 0, x, t, None, False, False), e, types),
        st.builds(lambda x, u: s.Convert(0, 0, x, None, u, False, False), e, texts),
        st.builds(lambda x, u, p: s.Convert(0, 0, x, None, u, True, p), e, precisions, maybe),
        st.builds(lambda o, x: s.SetAggregate(0, 0, o, x, None, None), st.sampled_from(("collapse", "expand")), e),
        st.builds(lambda x, p: s.SetAggregate(0, 0, "expand", x, p, None), e, precisions),
        st.builds(lambda x, p: s.SetAggregate(0, 0, "collapse", x, None, p), e, e),
        st.builds(lambda a, b, c: s.If(0, 0, a, b, c), e, e, e),
        st.builds(
            lambda c, i, x: s.Case(0, 0, c, i, x),
            _maybe(e), st.lists(st.builds(lambda w, t: s.CaseItem(0, 0, w, t), e, e), min_size=1, max_size=2), e,
        ),
        st.builds(lambda a, b, x, y: s.IntervalSelector(0, 0, a, b, x, y), e, e, maybe, maybe),
        elements.map(lambda i: s.TupleSelector(0, 0, i)),
        st.builds(lambda t, i: s.InstanceSelector(0, 0, t, i), named_types, elements),
        st.builds(lambda t, i: s.ListSelector(0, 0, t, i), _maybe(types), items),
        st.builds(lambda t, n: s.Member(0, 0, t, n, "", 0), e, names),
        st.builds(lambda t, n, a: s.Call(0, 0, t, n, "", 0, a), _maybe(e), names, items),
        st.builds(lambda t, i: s.Index(0, 0, t, i), e, e),
        _retrieves(e),
        _queries(e),
    )  # fmt: skip


expressions = st.recursive(leaves, _inner, max_leaves=10)

# --- libraries

access = st.sampled_from((None, "public", "private"))
declarations = st.one_of(
    st.builds(lambda i, v: s.UsingDef(0, 0, i, None, [], [], v, None), identifiers, _maybe(texts)),
    st.builds(
        lambda n, i, v, a: s.IncludeDef(0, 0, i, None, [], [], n, v, a),
        st.lists(names, max_size=2), identifiers, _maybe(texts), _maybe(identifiers),
    ),
    st.builds(lambda i, a, x, v: s.CodeSystemDef(0, 0, i, a, [], [], x, v), identifiers, access, texts, _maybe(texts)),
    st.builds(
        lambda i, a, x, v, c: s.ValueSetDef(0, 0, i, a, [], [], x, v, c),
        identifiers, access, texts, _maybe(texts), st.lists(qualified, max_size=2),
    ),
    st.builds(lambda i, a, x, y, d: s.CodeDef(0, 0, i, a, [], [], x, y, d), identifiers, access, texts, qualified, _maybe(texts)),
    st.builds(
        lambda i, a, c, d: s.ConceptDef(0, 0, i, a, [], [], c, d),
        identifiers, access, st.lists(qualified, min_size=1, max_size=2), _maybe(texts),
    ),
    st.builds(lambda i, a, t, x: s.ParameterDef(0, 0, i, a, [], [], t, x), identifiers, access, types, _maybe(expressions)),
)  # fmt: skip
operands = st.builds(lambda i, t: s.Operand(0, 0, i, t), identifiers, types)
statements = st.one_of(
    st.builds(lambda i, m: s.ContextDef(0, 0, i, None, [], [], m), identifiers, _maybe(names)),
    st.builds(lambda i, a, x: s.ExpressionDef(0, 0, i, a, [], [], x), identifiers, access, expressions),
    st.builds(
        lambda i, a, o, r, x, f: s.FunctionDef(0, 0, i, a, [], [], o, r, x, f, False),
        identifiers, access, st.lists(operands, max_size=2), _maybe(types), expressions, maybe,
    ),
    st.builds(
        lambda i, a, o, r, f: s.FunctionDef(0, 0, i, a, [], [], o, r, None, f, True),
        identifiers, access, st.lists(operands, max_size=2), types, maybe,
    ),
)  # fmt: skip
libraries = st.builds(
    lambda i, n, v, d, t: s.Library(0, 0, None, i, n if i else [], v if i else None, [*d, *t], [], [], []),
    _maybe(identifiers), st.lists(names, max_size=2), _maybe(texts), st.lists(declarations, max_size=3), st.lists(statements, max_size=3),
)  # fmt: skip
