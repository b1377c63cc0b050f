"""The parser: precedence, phrases, queries, declarations, tags, places, and what it says about wrong texts."""

# ruff: noqa: E501
from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from tests.cql.shapes import shape
from tests.shared import shared_folder

from guideway.cql import syntax as s
from guideway.cql.formatter import format_expression
from guideway.cql.parser import parse, parse_expression
from guideway.cql.unparse import unparse

# Each text with its tree, written as (operator operands ...). The trees were read against the grammar's order of alternatives.

PRECEDENCE = [
    ("a + b * c ^ d", "(+ a (* b (^ c d)))"),
    ("2 ^ 3 ^ 2", "(^ (^ 2 3) 2)"),
    ("-a ^ b", "(^ (- a) b)"),
    ("-a.b", "(- a.b)"),
    ("- - a", "(- (- a))"),
    ("not a = b", "(= (not a) b)"),
    ("not a is null", "(not (is null a))"),
    ("exists a and b", "(and (exists a) b)"),
    ("exists not a", "(exists (not a))"),
    ("not exists a union b", "(union (not (exists a)) b)"),
    ("a union b and c", "(union a (and b c))"),
    ("a in b union c", "(union (in a b) c)"),
    ("a or b and c implies d xor e", "(implies (or a (and b c)) (xor d e))"),
    ("a implies b implies c", "(implies (implies a b) c)"),
    ("a = b < c", "(= a (< b c))"),
    ("a < b = c", "(= (< a b) c)"),
    ("a < b before c", "(before (< a b) c)"),
    ("a before b = c", "(= (before a b) c)"),
    ("a in b and c", "(and (in a b) c)"),
    ("a between b and c and d", "(and Between(a, False, b, c) d)"),
    ("a properly between b and c", "Between(a, True, b, c)"),
    ("a < b between c and d", "(< a Between(b, False, c, d))"),
    ("a is Integer and b as T = c", "(and IsType(a, Integer) (= AsType(b, T, False) c))"),
    ("(a as Integer).b", "AsType(a, Integer, False).b"),
    ("a as List<Integer> union b", "(union AsType(a, List<Integer>, False) b)"),
    ("cast a as T", "AsType(a, T, True)"),
    ("cast a + b as T union c", "(union AsType((+ a b), T, True) c)"),
    ("cast a = b as T", "AsType((= a b), T, True)"),
    ("cast a as T as U", "AsType(AsType(a, T, False), U, True)"),
]

PHRASES = [
    ("start of a + b", "(+ (start of a) b)"),
    ("start of end of a", "(start of (end of a))"),
    ("end of a.b", "(end of a.b)"),
    ("date from start of a", "Component(date, (start of a))"),
    ("year from a + 1", "(+ Component(year, a) 1)"),
    ("years between a and b > 3", "(> DurationBetween(duration, year, a, b) 3)"),
    ("duration in days between a and b + 1", "DurationBetween(duration, day, a, (+ b 1))"),
    ("difference in months between a and b = 2", "(= DurationBetween(difference, month, a, b) 2)"),
    ("duration in days of a", "DurationOf(duration, day, a)"),
    ("days between a and b and c", "(and DurationBetween(duration, day, a, b) c)"),
    ("distinct a union b", "(distinct (union a b))"),
    ("flatten a and b", "(flatten (and a b))"),
    ("collapse a per day", "SetAggregate(collapse, a, day, -)"),
    ("expand a per 2 days", "SetAggregate(expand, a, -, 2 days)"),
    ("collapse a union b", "SetAggregate(collapse, (union a b), -, -)"),
    ("if a then b else c + d", "If(a, b, (+ c d))"),
    ("1 + if a then b else c", "(+ 1 If(a, b, c))"),
    ("case a when 1 then 2 else 3 end + 1", "(+ Case(a, [CaseItem(1, 2)], 3) 1)"),
    ("case when a then b when c then d else e end", "Case(-, [CaseItem(a, b), CaseItem(c, d)], e)"),
    ("convert a + b to Decimal", "Convert((+ a b), Decimal, -, False, False)"),
    ("convert 5 'mg' to 'g'", "Convert(5 'mg', -, g, False, False)"),
    ("convert a to days", "Convert(a, -, day, True, True)"),
    ("minimum Integer + 1", "(+ TypeExtent(minimum, Integer) 1)"),
    ("maximum System.Quantity", "TypeExtent(maximum, System.Quantity)"),
    ("a starts b", "(starts a b)"),
    ("a starts before b", "(starts before a b)"),
    ("a starts 3 days before b", "(starts 3 days before a b)"),
    ("a starts 3 days or more after end b", "(starts 3 days or more after end a b)"),
    ("a occurs less than 3 'h' after b", "(occurs 3 'h' less than after a b)"),
    ("a before or on day of start b", "(before or on day start a b)"),
    ("a on or after b", "(after or on a b)"),
    ("a same day as b", "(same as day a b)"),
    ("a starts same day or before end b", "(starts same or before day end a b)"),
    ("a same as b", "(same as a b)"),
    ("a properly includes start b", "(properly includes start a b)"),
    ("a included in day of b", "(included in day a b)"),
    ("a ends during b", "(ends during a b)"),
    ("a within 3 days of start b", "(3 days within start a b)"),
    ("a starts properly within 3 days of b", "(starts 3 days properly within a b)"),
    ("a meets before day of b", "(meets before day a b)"),
    ("a overlaps after b", "(overlaps after a b)"),
    ("a ends day of b", "(ends day a b)"),
    ("a before start of b", "(before a (start of b))"),
    ("a before end.x", '(before a "end".x)'),
    ("a in day of b", "(in day a b)"),
    ("a in day from b", "(in a Component(day, b))"),
    ("a contains month of b", "(contains month a b)"),
]

TERMS = [
    ("5 days", "5 days"),
    ("1:128", "1 : 128"),
    ("5 'mg' : 10 'mL'", "5 'mg' : 10 'mL'"),
    ("singleton from a.b", "(singleton from a.b)"),
    ("predecessor of 3 + 4", "(+ (predecessor of 3) 4)"),
    ("width of a", "(width of a)"),
    ("$this.x + $total", "(+ $this.x $total)"),
    ("a.b(c, d)[1].e", "Index(Call(a, b, [c, d]), 1).e"),
    ("Foo()", "Call(-, Foo, [])"),
    ("a.exists()", "Call(a, exists, [])"),
    ("contains", '"contains"'),
    ("Interval[1, 2)", "IntervalSelector(1, 2, True, False)"),
    ("Interval(null, @2014]", "IntervalSelector(null, @2014, False, True)"),
    ("{}", "ListSelector(-, [])"),
    ("{ : }", "TupleSelector([])"),
    ("Tuple { : }", "TupleSelector([])"),
    ("{ a: 1, b: { 2 } }", "TupleSelector([Element(a, 1), Element(b, ListSelector(-, [2]))])"),
    ("List { 1 }", "ListSelector(-, [1])"),
    ("List<Integer> { }", "ListSelector(Integer, [])"),
    ("FHIR.Quantity { value: 5 }", "InstanceSelector(FHIR.Quantity, [Element(value, 5)])"),
    ("Code { code: 'x' }", "InstanceSelector(Code, [Element(code, 'x')])"),
    ("Code 'x' from \"L\" display 'y'", "Code 'x' from \"L\" display 'y'"),
    ("Concept { Code 'x' from L.S } display 'z'", "ConceptSelector([Code 'x' from L.S], z)"),
    ("Concept { codes: { } }", "InstanceSelector(Concept, [Element(codes, ListSelector(-, []))])"),
    ("@2014-01-01 + 3 days", "(+ @2014-01-01 3 days)"),
    ("%foo", "%foo"),
    ("%'a b'", "%'a b'"),
    ("a is not null and b is not true", "(and (is not null a) (is not true b))"),
    ("$index", "$index"),
    ("date", '"date"'),
    ("time from a", "Component(time, a)"),
    ("timezone from a", "Component(timezone, a)"),
    ('"a b"."c d"', '"a b".c d'),
    ("a[0][1]", "Index(Index(a, 0), 1)"),
    ("a | b | c", "(union (union a b) c)"),
    ("a.code.where", "a.code.where"),
]

QUERIES = [
    ("[Observation]", "Retrieve(Observation, -, -, -, -)"),
    ('[Observation: "VS"]', 'Retrieve(Observation, -, -, -, "VS")'),
    ('[Observation: code in "VS"]', 'Retrieve(Observation, -, "code", in, "VS")'),
    ('[Observation: code.coding[0] ~ Lib."C"]', 'Retrieve(Observation, -, Index("code".coding, 0), ~, Lib.C)'),
    ("[Observation: a union b]", "Retrieve(Observation, -, -, -, (union a b))"),
    ('[Patient -> "Other": code = x]', 'Retrieve(Other, Patient, "code", =, x)'),
    ("[FHIR.Observation: First(x)]", "Retrieve(FHIR.Observation, -, -, -, Call(-, First, [x]))"),
    ("[A] x", "Query([AliasedSource(Retrieve(A, -, -, -, -), x)], [], [], -, -, -, -)"),
    (
        "[A] x where x.a and x.b return x.c union d",
        "Query([AliasedSource(Retrieve(A, -, -, -, -), x)], [], [], (and x.a x.b), Return(-, (union x.c d)), -, -)",
    ),
    (
        "[A] x, [B] y where x.a = y.b",
        "Query([AliasedSource(Retrieve(A, -, -, -, -), x), AliasedSource(Retrieve(B, -, -, -, -), y)], [], [], (= x.a y.b), -, -, -)",
    ),
    (
        "from [A] x, (b) y, c.d z let q: 1, r: 2 with [E] e such that e.a without f g such that true where a return all distinct x sort desc",
        "Query([AliasedSource(Retrieve(A, -, -, -, -), x), AliasedSource(b, y), AliasedSource(c.d, z)], [Let(q, 1), Let(r, 2)], [With(AliasedSource(Retrieve(E, -, -, -, -), e), e.a, False), With(AliasedSource(f, g), true, True)], a, Return(all, (distinct x)), -, Sort(desc, []))",
    ),
    (
        "(A) x return distinct x sort by a.b desc, start of c asc, d",
        "Query([AliasedSource(A, x)], [], [], -, Return(distinct, x), -, Sort(-, [SortItem(a.b, desc), SortItem((start of c), asc), SortItem(d, -)]))",
    ),
    ("A x aggregate R: R + x", "Query([AliasedSource(A, x)], [], [], -, -, Aggregate(-, R, -, (+ R x)), -)"),
    ("A x aggregate all R starting 1: 2 * R", "Query([AliasedSource(A, x)], [], [], -, -, Aggregate(all, R, 1, (* 2 R)), -)"),
    (
        "A x aggregate distinct R starting (null as Integer): R",
        "Query([AliasedSource(A, x)], [], [], -, -, Aggregate(distinct, R, AsType(null, Integer, False), R), -)",
    ),
    ("Count(A x where x.b, c)", "Call(-, Count, [Query([AliasedSource(A, x)], [], [], x.b, -, -, -), c])"),
    ("a and B x where x.c or d", "(and a Query([AliasedSource(B, x)], [], [], (or x.c d), -, -, -))"),
    (
        "A x sort by y union B z",
        "(union Query([AliasedSource(A, x)], [], [], -, -, -, Sort(-, [SortItem(y, -)])) Query([AliasedSource(B, z)], [], [], -, -, -, -))",
    ),
]


@pytest.mark.parametrize(("text", "tree"), PRECEDENCE + PHRASES + TERMS + QUERIES)
def test_expressions(text: str, tree: str) -> None:
    node, diagnostics = parse_expression(text)
    assert diagnostics == []
    assert shape(node) == tree
    assert (node.start, node.end) == (0, len(text))


LIBRARY = """\
/* What it is for.
   @license: open */
library a.b.Foo version '1.0'

using FHIR version '4.0.1'
include x.FHIRHelpers version '4.0.1' called FH
include Other
codesystem "LOINC": 'http://loinc.org' version '2'
private valueset "VS": 'urn:vs' version '1' codesystems { "LOINC", FH.X }
code "C": '1-2' from "LOINC" display 'd'
public concept "K": { "C", FH."D" } display 'k'
parameter "Period" Interval<DateTime> default Interval[@2020-01-01, @2021-01-01)
parameter P default 1

context FHIR.Patient

// far away

// @dataElement: anc
// @unit: 10*3/uL
/* @rec: R1
 * @rec: R2
 * words @not: a tag
 * @flag */
define private "ANC": 1 // behind
define fluent function foo(a Integer, date List<Choice<A, FHIR.B>>) returns Tuple { x Boolean }: a
define function date(): 1
define function ext(a Code) returns Integer: external
context Unfiltered
define Z: 2
"""


def test_declarations() -> None:
    library, diagnostics = parse(LIBRARY, "Foo.cql")
    assert diagnostics == []
    assert (library.name, library.namespace, library.version) == ("Foo", ["a", "b"], "1.0")
    assert [shape(definition) for definition in library.definitions] == [
        "UsingDef(FHIR, -, 4.0.1, -)",
        "IncludeDef(FHIRHelpers, -, [x], 4.0.1, FH)",
        "IncludeDef(Other, -, [], -, -)",
        "CodeSystemDef(LOINC, -, http://loinc.org, 2)",
        'ValueSetDef(VS, private, urn:vs, 1, ["LOINC", FH.X])',
        'CodeDef(C, -, 1-2, "LOINC", d)',
        'ConceptDef(K, public, ["C", FH.D], k)',
        "ParameterDef(Period, -, Interval<DateTime>, IntervalSelector(@2020-01-01, @2021-01-01, True, False))",
        "ParameterDef(P, -, -, 1)",
        "ContextDef(Patient, -, FHIR)",
        "ExpressionDef(ANC, private, 1)",
        "FunctionDef(foo, -, [Operand(a, Integer), Operand(date, List<Choice<A, FHIR.B>>)], Tuple { x Boolean }, a, True, False)",
        "FunctionDef(date, -, [], -, 1, False, False)",
        "FunctionDef(ext, -, [Operand(a, Code)], Integer, -, False, True)",
        "ContextDef(Unfiltered, -, -)",
        "ExpressionDef(Z, -, 2)",
    ]
    assert [d.local_name for d in library.of(s.IncludeDef)] == ["FH", "Other"]


def test_tags_stand_in_the_comments_directly_before_a_definition() -> None:
    library, _ = parse(LIBRARY)
    (anc,) = (d for d in library.of(s.ExpressionDef) if d.name == "ANC")
    assert [(t.name, t.value) for t in anc.tags] == [
        ("dataElement", "anc"),
        ("unit", "10*3/uL"),
        ("rec", "R1"),
        ("rec", "R2"),
        ("flag", ""),
    ]
    assert [LIBRARY[c.start : c.end] for c in anc.comments][:2] == ["// @dataElement: anc", "// @unit: 10*3/uL"]
    assert LIBRARY[anc.tags[0].start : anc.tags[0].end] == "@dataElement: anc"
    assert [(t.name, t.value) for t in library.tags] == [("license", "open")]
    (foo,) = (d for d in library.of(s.FunctionDef) if d.name == "foo")
    assert (foo.comments, foo.tags) == ([], [])
    assert len(library.comments) == 6


def test_places() -> None:
    text = "define A:\n  b +\n    c.d\n"
    library, _ = parse(text, "x.cql")
    body = library.definitions[0].expression
    assert str(library.source.position(body.start, body.end)) == "2:3"
    assert library.source.locator(body.start, body.end) == "2:3-3:7"
    assert library.source.locator(body.right.at, body.right.end) == "3:7-3:7"


@pytest.mark.parametrize("word", ["where", "code", "start", "end", "date", "version", "contains", "define", "display"])
def test_unreserved_words_are_names_where_a_reference_is_expected(word: str) -> None:
    for text in (word, f"x.{word}", f"{word}(1)", f"Tuple {{ {word}: 1 }}"):
        _, diagnostics = parse_expression(text)
        assert diagnostics == [], text
    _, diagnostics = parse(f"define function f({word} Integer): {word}")
    assert diagnostics == []
    _, (diagnostic,) = parse(f"define {word}: 1")
    assert diagnostic.rule == "cql-keyword-as-name"


def test_any_word_names_a_function() -> None:
    for word in ("all", "exists", "not", "where", "distinct"):
        _, diagnostics = parse(f"define fluent function {word}(x Integer): x\ndefine A: x.{word}(1)")
        assert diagnostics == []


# --- wrong texts: the place, what is said, and the hint. The declarations that are found all the same come last.

ERRORS = [
    ("define A: 1 +\ndefine B: 2", "1:14", "expected an expression, found the word 'define'", None, "AB"),
    ("defin A: 1\ndefine B: 2", "1:1", "expected a library, using, define or other declaration", "did you mean 'define'?", "B"),
    ("define A: X\ndefin B: 2\ndefine C: 3", "2:1", "found the name 'defin'", "did you mean 'define'?", "AC"),
    ("define A: f(x)\ndefin B: 2\ndefine C: 3", "2:1", "found the name 'defin'", "did you mean 'define'?", "AC"),
    ("define A 1\ndefine B: A", "1:10", "expected ':' after the name 'A', found the number '1'", None, "AB"),
    ("define: 1", "1:7", "expected a name after 'define'", None, ""),
    ("define Code: 1", "1:8", "Code is a word of the language", '"Code"', ["Code"]),
    ("define A: (1 + 2\ndefine B: 3", "1:17", "expected ')' after what the '(' at 1:11 opened", None, "AB"),
    ("define A: (1 + ) * 2", "1:16", "expected an expression, found ')'", None, "A"),
    ("define A: {1 2}", "1:14", "an operator is missing before this number", None, "A"),
    ("define A: a[", "1:13", "expected an expression, found the end of the text", None, "A"),
    ("define A: a and\n\n", "1:16", "expected an expression, found the end of the text", None, "A"),
    ("define A: x == 1", "1:14", "expected an expression, found '='", "equality is written with a single '='", "A"),
    ("define A: x <> 1", "1:14", "expected an expression, found '>'", "not equal is written '!='", "A"),
    ("define A: in", "1:11", "expected an expression, found the word 'in'", "in is a reserved word", "A"),
    ("define A: 5 mg", "1:13", "found the name 'mg'", "a unit is written in single quotes: 5 'mg'", "A"),
    ("define A: 5 dayz", "1:13", "found the name 'dayz'", "did you mean 'day", "A"),
    ("define A: x AND y", "1:13", "found the name 'AND'", "did you mean 'and'?", "A"),
    ("define A: x adn y", "1:13", "found the name 'adn'", "did you mean 'and'?", "A"),
    ("define A: if a then b", "1:22", "expected 'else' to finish the 'if'", None, "A"),
    ("define A: if a b else c", "1:18", "expected 'then' after the condition of 'if'", None, "A"),
    ("define A: if a then b elseif c then d else e", "1:23", "found the name 'elseif'", "write 'else if'", "A"),
    ("define A: case when a then b end", "1:30", "expected 'else' or 'when'", None, "A"),
    ("define A: [Observation code in VS]", "1:24", "expected ':', '->' or ']' in a retrieve", None, "A"),
    ("define A: [Observation].value", "1:11", "a retrieve must be in parentheses before '.'", None, "A"),
    ("define A: a is null + 1", "1:11", "'... is null' must be in parentheses before '+'", None, "A"),
    ("define A: a as T[1]", "1:11", "'... as type' must be in parentheses before '['", None, "A"),
    ("define A: cast a as T * 2", "1:11", "'cast ... as type' must be in parentheses before '*'", None, "A"),
    ("define A: X x + 1", "1:11", "a query must be in parentheses before '+'", None, "A"),
    ("define A: [Observation: code = ]\ndefine B: 1", "1:32", "expected an expression, found ']'", None, "AB"),
    ("define A: 1 + [Observation]", "1:15", "a retrieve must be in parentheses here", None, "A"),
    ("define A: 1 + not x", "1:15", "'not ...' must be in parentheses here", None, "A"),
    ("define A: 1 + X x where y", "1:15", "a query must be in parentheses here", None, "A"),
    ("define A: 1 + days between a and b", "1:15", "'days between ... and ...' must be in parentheses here", None, "A"),
    ("define A: f(x) y where z", "1:11", "the source of a query must be", "put parentheses around it", "A"),
    ("define A: x.all", "1:13", "all is a reserved word", '"all"', "A"),
    ("define A: x.", "1:13", "expected the name of an element or function after '.'", None, "A"),
    ("define A: Interval 1, 2", "1:20", "expected '[' or '(' after Interval", "for example Interval[1, 5)", "A"),
    ("define A: X x return y where z", "1:24", "'where' comes too late in this query", "the order is: sources, let", "A"),
    ("define A: X x wher y", "1:15", "found the name 'wher'", "did you mean 'where'?", "A"),
    ("define A: X x sort y", "1:20", "expected 'by' or a direction", None, "A"),
    ("define A: X x with Y such that z", "1:22", "expected an alias for the source", None, "A"),
    ("define A: X x with Y y z", "1:24", "expected 'such that' and a condition", None, "A"),
    ("define A: from X x, Y where z", "1:23", "expected an alias for the source", None, "A"),
    ("define A: a same day b", "1:22", "expected 'as', 'or before' or 'or after'", None, "A"),
    ("define A: a occurs b", "1:20", "expected a timing phrase after 'occurs'", "for example", "A"),
    ("define A: a in days of b", "1:16", "expected 'day' before 'of'", "write day of", "A"),
    ("define A: day between a and b", "1:11", "expected 'days' before 'between'", "write days between", "A"),
    ("define A: duration in day between a and b", "1:23", "expected 'days' after 'duration in'", "write", "A"),
    ("define A: year x", "1:16", "expected 'from' after 'year'", None, "A"),
    ("define A: a is not Integer", "1:20", "expected null, true or false after 'is not'", "not (x is Type)", "A"),
    ("define A: a between b or c", "1:23", "expected 'and' between the two bounds", None, "A"),
    ("define A: cast a", "1:17", "expected 'as' and a type", None, "A"),
    ("define A: convert a to", "1:23", "expected the name of a type", None, "A"),
    ("define A: List<Integer {1}", "1:24", "expected '>' to close List<", None, "A"),
    ("define A: x as List", "1:20", "expected '<' after List in a type", "for example List<Integer>", "A"),
    ("define A: 1 { a: 1}", "1:13", "unexpected '{'", "follow the name of a type", "A"),
    ("define A: FHIR.Quantity { value 5 }", "1:33", "expected ':' between the name of an element and its value", None, "A"),
    ("define A: Code 5", "1:16", "expected the id of a code in single quotes", "for example Code", "A"),
    ("parameter A: Integer", "1:12", "a parameter has no ':'", None, "A"),
    ("parameter A", "1:11", "expected a type or 'default'", None, "A"),
    ("code A: 'a'", "1:12", "expected 'from' and the code system", None, "A"),
    (
        'valueset A: "id"',
        "1:13",
        "expected the id of a value set in single quotes",
        "double quotes are for names; write 'id'",
        "A",
    ),
    ("using A version 4.0.1", "1:17", "expected a version in single quotes", None, ""),
    ("include A called B C", "1:20", "expected the next declaration, found the name 'C'", None, "A"),
    ("define A: 1\nparameter B Integer", "2:1", "'parameter' comes too late", None, "AB"),
    ("library X\nlibrary Y", "2:1", "'library' comes too late: the library line is the first", None, ""),
    ("public define A: 1", "1:1", "'public' stands behind 'define'", "write define public", "A"),
    ("define function f(a: Integer): 1", "1:20", "an operand has no ':'", None, "f"),
    ("define function f(a Integer): external", "1:31", "an external function must say what it returns", "returns", "f"),
    ("define fluent f(a Integer): a", "1:15", "expected 'function' after 'fluent'", None, ""),
    ("define A: 'abc\ndefine B: 2", "1:11", "this text is not closed", None, "AB"),
    ("define A: a;\ndefine B: b", "1:12", "';' has no meaning in CQL", "leave the semicolon out", "AB"),
    ("define A: @T10:00Z", "1:11", "a time of day has no time zone", None, "A"),
    ("context", "1:8", "expected the name of a context", None, ""),
    ("}} ))", "1:1", "expected a library, using, define or other declaration", None, ""),
]


@pytest.mark.parametrize(("text", "place", "message", "hint", "found"), ERRORS)
def test_errors(text: str, place: str, message: str, hint: str | None, found: list[str]) -> None:
    library, diagnostics = parse(text, "a.cql")
    (diagnostic,) = diagnostics
    assert diagnostic.file == "a.cql"
    assert str(diagnostic.position) == place
    assert message in diagnostic.message
    if hint is not None:
        assert hint in (diagnostic.hint or "")
    assert diagnostic.excerpt is not None
    assert diagnostic.excerpt.count("\n") == 1
    assert "^" in diagnostic.excerpt
    assert [d.name for d in library.definitions] == list(found)


def test_every_error_is_reported_in_one_run() -> None:
    text = "define A: (1 + ) * f(, 2)\ndefine B: { 1 2, a[ ] }\ncode X\ndefine C: 'x' in\ndefine D: 4"
    library, diagnostics = parse(text)
    assert {d.position.line for d in diagnostics if d.position} == {1, 2, 3, 4}
    assert len(diagnostics) == 6
    assert [d.name for d in library.definitions] == ["A", "B", "X", "C", "D"]


def test_what_was_wrong_is_missing_and_what_was_right_is_there() -> None:
    library, _ = parse("define A: f(1, ) + g(2)")
    assert shape(library.definitions[0].expression) == "(+ Call(-, f, [1, Missing()]) Call(-, g, [2]))"


# --- depth


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000 + "1" + ")" * 10_000,
        "(" * 10_000,
        "not " * 10_000 + "a",
        "- " * 10_000 + "a",
        "{" * 10_000,
        "[A: " * 10_000,
        "f(" * 10_000,
        "a[" * 10_000,
        "if a then " * 10_000,
        "case when " * 10_000,
        "a + (" * 10_000,
        "X x where " * 10_000,
        "convert " * 10_000,
        "distinct " * 10_000,
        "Interval[" * 10_000,
        "Tuple { a: " * 10_000,
        "a as " + "List<" * 10_000,
        "a is " + "Tuple { a " * 10_000,
        "from (" * 10_000,
        "start of " * 10_000,
    ],
)
def test_deep_nesting_is_a_diagnostic(text: str) -> None:
    for _, diagnostics in (parse_expression(text), parse("define A: " + text + "\ndefine B: 1")):
        assert "cql-nesting" in {d.rule for d in diagnostics}
        assert len(diagnostics) <= 2


def test_as_deep_as_the_limit_is_fine() -> None:
    levels = s.MAXIMUM_DEPTH - 1
    text = "(" * levels + "1" + ")" * levels
    node, diagnostics = parse_expression(text)
    assert diagnostics == []
    assert unparse(node) == text


@pytest.mark.parametrize(
    "tail", [" + a", " and a", " = a", ".b", "[0]", ".f()", " is null", " as T", " in a", " before a", " union a"]
)
def test_long_chains_are_no_depth(tail: str) -> None:
    text = "a" + tail * 5_000
    node, diagnostics = parse_expression(text)
    assert diagnostics == []
    assert len(s.left_spine(node)) == 5_001
    again, _ = parse_expression(format_expression(text)[0])
    assert s.equal(node, again)


# --- the public suite


def test_everything_in_the_public_suite_parses() -> None:
    """All but what the suite marks as wrong syntax, and one time of day with a time zone, which no grammar from 1.4 on has."""
    namespace = "{http://hl7.org/fhirpath/tests}"
    count = 0
    rejected = []
    for file in sorted(shared_folder("conformance/cql-tests").glob("*.xml")):
        for test in ElementTree.parse(file).iter(f"{namespace}test"):
            expression = test.find(f"{namespace}expression")
            assert expression is not None
            node, diagnostics = parse_expression(expression.text or "")
            count += 1
            if diagnostics:
                rejected.append(test.get("name"))
            else:
                assert s.equal(parse_expression(unparse(node))[0], node)
    assert count > 1_300
    assert rejected == ["TimeDurationBetweenHourDiffPrecision"]
