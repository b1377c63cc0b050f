"""Property access on FHIR data held as plain JSON objects (the "dict" backend).

Where the static type of the owner is known, the model says at compile time under which JSON names an element lives, so the code
reads the JSON object itself and makes a ``FhirObject`` or ``FhirPrimitive`` only where a whole element is a result. ``Raw`` is an
element that has been located but not read: ``value.value`` of FHIRHelpers, ``is null``, ``as Quantity`` and further properties
all work on it without a wrapper in between. Where the type is not known, ``property_of`` finds out when the code runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guideway.elm import nodes, types
from guideway.engine.access import CONVERSIONS
from guideway.engine.generator import Binding, Generator, Handler
from guideway.engine.generator_emit import Code
from guideway.engine.generator_types import descendants
from guideway.engine.layout import attribute
from guideway.fhir.element import Access, access, is_primitive


class Raw:
    """An element of a JSON object: ``how`` says where in it; ``owner`` is a Python expression for the object (never None).

    The owner is written only when the element is read: finding out whether an element can be located has no effect.
    """

    __slots__ = ("_make", "_owner", "g", "how", "kind")

    def __init__(self, g: Generator, make: Callable[[], Code], how: Access, kind: str) -> None:
        self.g = g
        self.how = how
        self.kind = kind
        """The FHIR type of the owner."""
        self._make = make
        self._owner: Code | None = None

    def _written(self) -> Code:
        if self._owner is None:
            self._owner = self.g.w.settle(self._make())
        return self._owner

    @property
    def owner(self) -> str:
        """The expression for the JSON object."""
        return self._written().text

    @property
    def depth(self) -> int:
        """How deep the expression for the element nests."""
        return self._written().depth + 1

    @property
    def single(self) -> tuple[str, str, bool] | None:
        """The one (JSON name, FHIR type, primitive) this can be; None for a choice."""
        return self.how.alternatives[0] if len(self.how.alternatives) == 1 else None

    def json(self) -> str | None:
        """An expression for the raw JSON value; None for a choice."""
        return None if self.single is None else self._get(self.single[0])

    def _get(self, key: str) -> str:
        """An expression for the value at one JSON name of the owner."""
        decoded = self.g.layout.get(self.kind)
        if decoded is not None and key in decoded:
            return f"{self.owner}.{attribute(key)}"
        return f"{self.owner}.get({key!r})"

    def value(self) -> Code:
        """The element as a CQL value."""
        if self.single is None:
            if self.how.many:
                return self._call("read", Code(f"Access({self.how.alternatives!r}, True)"))
            return self._call("choice", Code(self.g.literal(self.how.alternatives)))
        key, kind, primitive = self.single
        if kind.startswith("System."):
            return self._converted(kind)
        if primitive:
            name = "primitives" if self.how.many else "primitive"
            return Code(f"{name}({kind!r}, {self.owner}, {key!r})", self.depth + 1)
        name = "objects" if self.how.many else "wrap_object"
        return Code(f"{name}({kind!r}, {self.json()})", self.depth + 1)

    def _call(self, name: str, how: Code) -> Code:
        if name == "read":
            return Code(f"read({self.g.constant(how.text)}, {self.owner})", self.depth + 1)
        return Code(f"{name}({self.owner}, {how.text})", self.depth + 1)

    def _converted(self, kind: str) -> Code:
        conversion = CONVERSIONS.get(kind)
        text = self.json()
        return Code(f"{conversion}({text})" if conversion else f"{text}", self.depth + 1)

    def system_value(self) -> Code | None:
        """The CQL value of a primitive: its ``value`` element. None where this is not one primitive."""
        if self.single is None or self.how.many or not self.single[2] or self.single[1].startswith("System."):
            return None
        return self._converted(self.single[1])

    def is_null(self) -> Code:
        """Whether the element is absent."""
        if self.single is None:
            if self.depth > 2 or self.how.many:  # the owner is worth computing once
                return Code(f"({self.value().text} is None)", self.depth + 2, nonnull=True)
            keys = [key for key, _, _ in self.how.alternatives]
            keys += ["_" + key for key, _, primitive in self.how.alternatives if primitive]
            absent = " and ".join(f"{self._get(key)} is None" for key in keys)
            return Code(f"({absent})", self.depth + 1, nonnull=True)
        key, kind, primitive = self.single
        text = f"{self._get(key)} is None"
        if primitive and not kind.startswith("System."):
            if self.depth > 2:  # the owner is worth computing once
                return Code(f"({self.value().text} is None)", self.depth + 2, nonnull=True)
            text += f" and {self._get('_' + key)} is None"
        return Code(f"({text})", self.depth + 1, nonnull=True)

    def has_type(self, name: str | None) -> Code | None:
        """Whether a choice has a value of a FHIR type; None where that has to be asked of the value."""
        if name is None or self.how.many or self.single is not None:
            return None
        kinds = descendants(name)
        keys = [key for key, kind, _ in self.how.alternatives if kind in kinds]
        keys += ["_" + key for key, kind, primitive in self.how.alternatives if kind in kinds and primitive]
        tests = [f"{self._get(key)} is not None" for key in keys]
        return Code(f"({' or '.join(tests) or 'False'})", self.depth + 1, nonnull=True)

    def as_type(self, name: str | None) -> Raw | None:
        """This choice seen as one of its types; None where the type does not settle the JSON name."""
        if name is None or self.how.many:
            return None
        kinds = descendants(name)
        fitting = tuple(a for a in self.how.alternatives if a[1] in kinds)
        if len(fitting) != 1:
            return None
        return Raw(self.g, self._written, Access(fitting, False), self.kind)

    def inner(self, name: str) -> Raw | None:
        """An element of this element."""
        if self.single is None or self.how.many or self.single[2]:
            return None
        kind = self.single[1]
        how = access(kind, name)
        nothing = "NOTHING" if kind in self.g.layout else "EMPTY"
        return None if how is None else Raw(self.g, lambda: Code(f"({self.json()} or {nothing})", self.depth), how, kind)


def raw_of(g: Generator, node: Any) -> Raw | None:
    """The FHIR element that a node names, located but not read; None for anything else (and in traced code)."""
    if g.traced:
        return None
    if isinstance(node, nodes.As) and not node.strict:
        inner = raw_of(g, node.operand)
        type_ = g.env.named_or_specified(node.asType, node.asTypeSpecifier)
        return None if inner is None else inner.as_type(g.env.fhir_name(type_))
    if isinstance(node, nodes.IdentifierRef) and g.items and node.libraryName is None and node.name:
        shadowed = node.name in g.lets or node.name in g.aliases or node.name in g.operands or node.name == "$this"
        return None if shadowed else _of_binding(g, g.items[-1], node.name)
    if type(node) is not nodes.Property or not node.path:
        return None
    raw: Raw | None = None
    steps = node.path.split(".")
    if not all(step.isidentifier() for step in steps):
        return None
    if node.source is None:
        binding = g.aliases.get(node.scope or "")
        raw = None if binding is None else _of_binding(g, binding, steps[0])
    else:
        outer = raw_of(g, node.source)
        raw = outer.inner(steps[0]) if outer is not None else _of_value(g, node.source, steps[0])
    for step in steps[1:]:
        if raw is None:
            return None
        raw = raw.inner(step)
    return raw


def _of_binding(g: Generator, binding: Binding, name: str) -> Raw | None:
    if binding.raw is not None:
        how = access(binding.raw, name)
        return None if how is None else Raw(g, lambda: binding.code, how, binding.raw)
    how = _how(g, binding.type, name)
    kind = g.env.fhir_name(binding.type)
    if how is None or kind is None:
        return None

    def owner() -> Code:
        binding.used = True
        return Code(binding.data) if binding.data is not None else _data_of(g, binding.code, kind)

    return Raw(g, owner, how, kind)


def bind(g: Generator, code: Code, type_: types.Type | None, *, retrieved: bool = False) -> Binding:
    """A binding for a local variable; where it holds a FHIR object, its JSON gets a name too.

    ``retrieved`` says that it comes from the data as it is: never null, and decoded where data are decoded.
    """
    kind = g.env.fhir_name(type_)
    if g.traced or kind is None or is_primitive(kind):
        return Binding(code, type_)
    data = g.w.new_local()
    read = "decoded_data_of" if kind in g.layout else "data_of"
    plain = retrieved or (code.nonnull and kind not in g.layout)
    g.w.line(f"{data} = {code.text}.data" if plain else f"{data} = {read}({code.text})")
    return Binding(code, type_, data=data)


def _of_value(g: Generator, source: Any, name: str) -> Raw | None:
    binding = binding_of(g, source)
    if binding is not None:
        return _of_binding(g, binding, name)
    type_ = g.type_of(source)
    how, kind = _how(g, type_, name), g.env.fhir_name(type_)
    if how is None or kind is None:
        return None
    return Raw(g, lambda: _data_of(g, g.visit(source), kind), how, kind)


def _data_of(g: Generator, code: Code, kind: str) -> Code:
    function = "decoded_data_of" if kind in g.layout else "data_of"
    if code.simple and code.nonnull and kind not in g.layout:
        return Code(f"{code.text}.data")
    return Code(f"{function}({code.text})", code.depth + 1)


def _how(g: Generator, type_: types.Type | None, name: str) -> Access | None:
    kind = g.env.fhir_name(type_)
    return None if kind is None or is_primitive(kind) else access(kind, name)


def binding_of(g: Generator, node: Any) -> Binding | None:
    """The binding of a name that stands for an alias, a let or an operand."""
    match node:
        case nodes.AliasRef():
            return g.aliases.get(node.name or "")
        case nodes.QueryLetRef():
            return g.lets.get(node.name or "")
        case nodes.OperandRef():
            return g.operands.get(node.name or "")
    return None


def json_of(g: Generator, node: Any) -> Code:
    """An expression for the JSON object of a complex FHIR element, or None: what the native conversions take."""
    raw = raw_of(g, node)
    if raw is not None and raw.single is not None and not raw.single[2] and not raw.how.many:
        return Code(raw.json() or "", raw.depth)
    binding = None if g.traced else binding_of(g, node)
    if binding is not None and binding.raw is not None:
        return binding.code
    return g.call("json_of", [g.visit(node)])


def _property(g: Generator, node: nodes.Property) -> Code:
    path = node.path or ""
    if not g.traced:
        if path == "value" and node.source is not None:
            inner = raw_of(g, node.source)
            found = inner.system_value() if inner is not None else None
            if found is not None:
                return found
        elif path.endswith(".value"):
            inner = raw_of(g, nodes.Property(path=path[:-6], scope=node.scope, source=node.source))
            found = inner.system_value() if inner is not None else None
            if found is not None:
                return found
        raw = raw_of(g, node)
        if raw is not None:
            return raw.value()
    if node.source is not None:
        source = g.visit(node.source)
        type_ = g.type_of(node.source)
    else:
        binding = g.aliases.get(node.scope or "")
        if binding is None:
            raise g.problem(node, f"the scope {node.scope!r} of the property {path!r} is not an alias here.")
        source, type_ = bound_value(binding), binding.type
        if g.traced:
            source = g.visit(nodes.AliasRef(name=node.scope, locator=node.locator, result_type=type_))
    direct = _direct(source, type_, path)
    if direct is not None:
        return direct
    if g.traced and path.isidentifier():
        how, kind = _how(g, type_, path), g.env.fhir_name(type_)
        if how is not None and kind is not None:  # as in plain code, where the name is known that the element has in JSON
            return Raw(g, lambda: _data_of(g, source, kind), how, kind).value()
        if path == "value" and kind is not None and is_primitive(kind):
            return g.call("primitive_value", [source], node)
    return g.call("property_of", [source, Code(g.literal(path))], node)


_STRUCTS = {"low": "low", "high": "high", "lowClosed": "low_closed", "highClosed": "high_closed"}


def _direct(source: Code, type_: types.Type | None, path: str) -> Code | None:
    """Elements of CQL's own structured types and of tuples, read without a lookup."""
    if isinstance(type_, types.TupleType):
        if source.simple and source.nonnull:
            return Code(f"{source.text}.get({path!r})", 1)
        return Code(f"({source.text} or EMPTY).get({path!r})", source.depth + 1)
    named = isinstance(type_, types.NamedType) and path in types.SYSTEM_ELEMENTS.get(type_, {})
    field = _STRUCTS.get(path) if isinstance(type_, types.IntervalType) else path if named else None
    if field is None or not source.simple or (field == "codes" and type_ != types.CONCEPT):
        return None
    return Code(f"(None if {source.text} is None else {source.text}.{field})", 1)


def bound_value(binding: Binding) -> Code:
    """What a name stands for, as a CQL value."""
    if binding.raw is not None:
        return Code(f"wrap_object({binding.raw!r}, {binding.code.text})", 1, nonnull=binding.code.nonnull)
    return binding.code


HANDLERS: dict[type[Any], Handler] = {nodes.Property: _property}
