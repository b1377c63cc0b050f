"""From a library's ELM to its compiled form: generate the source, compile it, and keep what callers ask without running it."""

from __future__ import annotations

import ast
import marshal
import warnings
from typing import Any

from guideway.diagnostics import GuidewayError
from guideway.elm import nodes, types
from guideway.engine.generator import Generator
from guideway.engine.generator_types import Environment, LibraryInfo, operand_type
from guideway.engine.layout import Layout
from guideway.engine.packing import PLAIN, Constant, functions_of, pack, slim
from guideway.engine.program import CompiledLibrary
from guideway.marshalling import compact

_MAKERS = ("CodeSystemRef", "Decimal", "ValueSetRef")
"""What makes constants of plain values, and is among the names of all modules."""

_HELPERS: list[tuple[nodes.Library, CompiledLibrary]] = []
"""FHIRHelpers as compiled last, and its ELM: nearly every program of a process has the same."""


def compiled_for(environment: Environment, info: LibraryInfo, *, traced: bool = False) -> CompiledLibrary:
    """One library of a program. FHIRHelpers, which the translator makes once in a process, is compiled once as well."""
    if info.name != "FHIRHelpers" or info.includes or len(environment.models) > 1:
        return compile_library(environment, info, traced=traced)
    for elm, known in _HELPERS[-1:]:
        if elm is info.library:
            if not known.has(traced):
                known.add(compile_library(environment, info, traced=traced))
            return known
    made = compile_library(environment, info, traced=traced)
    _HELPERS[:] = [(info.library, made)]
    return made


def compile_library(
    environment: Environment, info: LibraryInfo, *, traced: bool = False, layout: Layout | None = None
) -> CompiledLibrary:
    """One library, plain or traced; with a layout for decoded data (``typed``). Raises GuidewayError for ELM that cannot be
    evaluated."""
    generator = Generator(environment, info, traced=traced, layout=layout)
    text, lines = generator.source()
    file = f"<cql {'traced ' if traced else ''}{info.key}>"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            code = compile(text, file, "exec", dont_inherit=True, optimize=0)
            constants = {name: _constant(expression, file) for expression, name in generator.constants.items()}
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise GuidewayError(f"Library {info.name}: its code cannot be compiled ({error}).") from error
    links = {name: _target(environment, *link) for link, name in generator.links.items()}
    functions = functions_of(code)
    lean = {name: slim(function) for name, function in functions.items()}
    packed = pack(info.key, lean, constants, links, {short: name for name, short in generator.operators.items()}, generator.forms)
    positions = {name: function.co_linetable for name, function in functions.items()}
    return CompiledLibrary(
        info.key,
        compact(marshal.dumps(_entries(info))),
        _tables(environment, info),
        {traced: packed},
        {traced: marshal.dumps((lines, generator.marks, positions))},
    )


def _constant(expression: str, file: str) -> Constant:
    tree = ast.parse(expression, mode="eval").body
    maker, given = "", tree
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and not tree.keywords:
        maker, given = tree.func.id, ast.Tuple(tree.args, ast.Load())
    if maker in ("", *_MAKERS):
        try:
            return maker, ast.literal_eval(given)
        except ValueError:  # something in it has to be worked out
            pass
    return compile(expression, file, "eval", dont_inherit=True)


def _target(environment: Environment, kind: str, key: str, name: str, index: int) -> tuple[str, str]:
    """Where a reference into another library leads: that library's key, and the name in its module."""
    info = environment.libraries[key]
    plain, _, kind = kind.rpartition(" ")
    if kind == "define":
        wanted = info.defines[name]
        target = f"d{next(at for at, statement in enumerate(info.library.statements) if statement is wanted)}"
    elif kind == "parameter":
        target = f"p{list(info.parameters).index(name)}"
    else:
        target = f"f{index}"
    return key, f"{PLAIN}{target}" if plain else target


def source_text(environment: Environment, info: LibraryInfo, *, traced: bool = False) -> str:
    """The generated Python source, for people who look into it."""
    return Generator(environment, info, traced=traced).source()[0]


def _entries(info: LibraryInfo) -> dict[str, int]:
    """The number of each define's function in the module, where it is called ``d…``."""
    statements = enumerate(info.library.statements)
    return {s.name or "": index for index, s in statements if not isinstance(s, nodes.FunctionDef)}


def _tables(environment: Environment, info: LibraryInfo) -> bytes:
    defines: list[tuple[Any, ...]] = []
    functions: dict[str, list[tuple[int, str, tuple[Any, ...]]]] = {}
    for index, statement in enumerate(info.library.statements):
        name = statement.name or ""
        if isinstance(statement, nodes.FunctionDef):
            tests = tuple(environment.type_test(operand_type(operand)) for operand in statement.operand)
            functions.setdefault(name, []).append((index, f"f{index}", tests))
            continue
        type_ = statement.result_type or environment.type_of(statement.expression, info)
        defines.append(
            (
                name, f"d{index}", statement.context, statement.accessLevel, "" if type_ is None else str(type_),
                statement.locator, tags_of(statement),
            )
        )  # fmt: skip
    parameters = {}
    for index, (name, parameter) in enumerate(info.parameters.items()):
        declared = environment.named_or_specified(parameter.parameterType, parameter.parameterTypeSpecifier)
        type_ = declared or (types.ANY if parameter.default is None else environment.type_of(parameter.default, info))
        parameters[name] = (f"p{index}", "" if type_ is None else str(type_))
    return compact(marshal.dumps((defines, functions, parameters)))


def tags_of(definition: nodes.ExpressionDef) -> tuple[tuple[str, str], ...]:
    """The tags of a definition's annotation, as (name, value), in order."""
    found = []
    for annotation in definition.annotation:
        if isinstance(annotation, dict):
            found += [(str(tag.get("name")), str(tag.get("value", ""))) for tag in annotation.get("t") or ()]
    return tuple(found)
