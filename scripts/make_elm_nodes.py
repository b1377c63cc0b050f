"""Write src/guideway/elm/nodes.py from the ELM XML schema.

    python scripts/make_elm_nodes.py FOLDER_WITH_THE_XSD_FILES

The schema (expression.xsd, clinicalexpression.xsd, library.xsd, HL7 CQL 1.5) is not part of the repository; the classes made from
it are. Every complex type becomes one msgspec Struct of the same name with the schema's own field names (Python keywords get a
trailing underscore), so the tree reads like the specification.
"""

from __future__ import annotations

import keyword
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

X = "{http://www.w3.org/2001/XMLSchema}"
SCALARS = {
    "xs:string": "str",
    "xs:boolean": "bool",
    "xs:integer": "int",
    "xs:int": "int",
    "xs:decimal": "Decimal",
    "xs:QName": "str",
    "xs:anyURI": "str",
    "xs:NCName": "str",
    "xs:dateTime": "str",
    "xs:anySimpleType": "str",
    "xs:anyType": "Any",
    "vt:id": "str",
}
SECTIONS = ("usings", "includes", "parameters", "codeSystems", "valueSets", "codes", "concepts", "contexts", "statements")


def local(name: str) -> str:
    return name.split(":")[-1]


def main(folder: Path) -> None:
    classes: dict[str, tuple[str | None, bool, list[tuple[str, str, bool, str | None]]]] = {}
    enums: dict[str, list[str]] = {}
    for file in ("expression.xsd", "clinicalexpression.xsd", "library.xsd"):
        root = ET.parse(folder / file).getroot()
        for simple in root.findall(X + "simpleType"):
            enums[simple.get("name", "")] = [e.get("value", "") for e in simple.iter(X + "enumeration")]
        for node in root.findall(X + "complexType"):
            name = node.get("name", "")
            extension = node.find(".//" + X + "extension")
            body = extension if extension is not None and extension in list(node.find(X + "complexContent") or []) else node
            base = local(body.get("base", "")) if body is not node else None
            fields: list[tuple[str, str, bool, str | None]] = []
            group = body.find(X + "sequence")
            if group is None:
                group = body.find(X + "choice")
            for e in list(group.iter(X + "element")) if group is not None else []:
                if e.get("name") is None:
                    continue
                if name == "Library" and e.get("name") in SECTIONS:
                    inner = e.find(f".//{X}element")
                    assert inner is not None
                    fields.append((e.get("name", ""), local(inner.get("type", "")), True, None))
                    continue
                if name == "Library" and group is not None and e.get("name") == "def":
                    continue
                if e.get("type") is None and e.find(X + "complexType") is None:
                    continue
                kind = e.get("type", "xs:anyType")
                many = e.get("maxOccurs") == "unbounded" or (
                    (e.get("maxOccurs") or "1").isdigit() and int(e.get("maxOccurs") or "1") > 1
                )
                fields.append((e.get("name", ""), kind if kind.startswith("xs:") else local(kind), many, None))
            for a in body.findall(X + "attribute"):
                fields.append((a.get("name", ""), a.get("type", "xs:string"), False, a.get("default")))
            classes[name] = (base, node.get("abstract") == "true", fields)

    lines = [
        '"""The ELM tree: one class for every complex type of the ELM schema (HL7 CQL 1.5, urn:hl7-org:elm:r1).',
        "",
        "Made by scripts/make_elm_nodes.py from the schema; do not edit. Field names are the schema's. ``result_type`` is the",
        "translator's own note of the static type (a ``guideway.elm.types.Type``); it is never written out as such.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from decimal import Decimal",
        "from typing import Any",
        "",
        "import msgspec",
        "",
    ]
    done: set[str] = set()
    tables: list[str] = []

    def emit(name: str) -> None:
        if name in done:
            return
        base, abstract, fields = classes[name]
        if base and base in classes:
            emit(base)
        done.add(name)
        parent = base if base in classes else "msgspec.Struct, kw_only=True"
        lines.append("")
        lines.append(f"class {name}({parent}{', kw_only=True' if base in classes else ''}):")
        doc = "Abstract." if abstract else f"ELM {name}."
        lines.append(f'    """{doc}"""')
        if not fields and name != "Element":
            pass
        lines.append("")
        row = []
        for field, kind, many, default in fields:
            python = field + "_" if keyword.iskeyword(field) else field
            scalar = SCALARS.get(kind)
            if scalar is None and local(kind) in enums:
                scalar = "str"
            if kind.startswith("a:") or local(kind) == "CqlToElmBase":
                scalar = "Any"
            python_type = scalar or local(kind)
            if scalar is None and python_type not in classes:
                python_type = "Any"
            row.append((field, python, python_type, many))
            if many:
                lines.append(f"    {python}: list[{python_type}] = msgspec.field(default_factory=list)")
            elif default is not None:
                value = {"true": "True", "false": "False"}.get(default, default) if python_type == "bool" else repr(default)
                lines.append(f"    {python}: {python_type} = {value}")
            else:
                lines.append(f"    {python}: {python_type} | None = None")
        if name == "Element":
            lines.append("    result_type: Any = None")
        if lines[-1] == "":
            lines.pop()
        lines.append("")
        tables.append(f"    {name!r}: ({base if base in classes else None!r}, {abstract}, {row!r}),")

    for name in classes:
        emit(name)
    lines += [
        "",
        "# class name -> (base name, abstract, ((JSON name, Python name, type name, is list), ...)); own fields only",
        "FIELDS: dict[str, tuple[str | None, bool, list[tuple[str, str, str, bool]]]] = {",
    ]
    for name in classes:
        base, _, _ = classes[name]
        entry = next(t for t in tables if t.startswith(f"    {name!r}:"))
        lines.append(entry.replace(f"({base if base in classes else None!r},", f"({(base if base in classes else None)!r},", 1))
    lines.append("}")
    lines.append("")
    lines.append("# enumerations of the schema")
    lines.append(f"ENUMERATIONS: dict[str, list[str]] = {enums!r}")
    target = Path(__file__).parent.parent / "src" / "guideway" / "elm" / "nodes.py"
    target.write_text("\n".join(lines) + "\n")
    print(f"{target}: {len(classes)} classes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
