"""Write the compact table of a data model from its model info in XML.

    python scripts/make_model_table.py fhir-modelinfo-4.0.1.xml system-modelinfo.xml

writes ``src/guideway/fhir/models/FHIR-4.0.1.txt`` and ``System-1.0.0.txt``. A table has one line per fact, fields parted by tabs:

    M   name=FHIR   version=4.0.1   url=…           the model
    R   name   version                              a model that it needs
    T   name   base   flags   code path   elements   contexts   searches
    C   function   from   to                        an implicit conversion
    X   name   type   key element   birth date      a context

``flags``: ``r`` retrievable, ``i`` has a structure definition of its own name. ``elements``: ``name:type`` parted by spaces;
``Identifier*`` is a list, ``Quantity|string`` a choice, ``System.DateTime~`` an interval, and names without ``System.`` are the
model's own. ``contexts``: ``context=key element`` parted by ``;``. ``searches``: ``name=type=path`` parted by ``;``.
Only what the program reads is carried over: no descriptions, no bindings.
"""

from __future__ import annotations

import sys
from pathlib import Path

from guideway.fhir.modelinfo import ModelInfo, TypeInfo, read_xml, split_type

TARGET = Path(__file__).resolve().parent.parent / "src" / "guideway" / "fhir" / "models"


def shorten(model: str, expression: str) -> str:
    """The table's shorthand of a type expression; the inverse of reading it."""
    kind, parts = split_type(expression)
    if kind == "list":
        return shorten(model, parts[0]) + "*"
    if kind == "interval":
        return shorten(model, parts[0]) + "~"
    if kind == "choice":
        return "|".join(shorten(model, part) for part in parts)
    prefix, _, name = expression.partition(".")
    return expression if prefix == "System" and model != "System" else name if prefix == model else expression


def type_line(model: str, info: TypeInfo) -> str:
    """The ``T`` line of a type."""
    name = info.name.partition(".")[2]
    own = info.identifier == f"http://hl7.org/fhir/StructureDefinition/{name}"
    if info.identifier and not own:
        raise SystemExit(f"{info.name}: the identifier {info.identifier} is not of its own name; the table cannot hold it")
    if info.target or any(e.target for e in info.elements.values()):
        raise SystemExit(f"{info.name}: maps onto another model; read such a model from its XML")
    return "\t".join(
        (
            "T",
            name,
            shorten(model, info.base) if info.base else "",
            ("r" if info.retrievable else "") + ("i" if own else ""),
            info.primary_code_path or "",
            " ".join(f"{e.name}:{shorten(model, e.type)}" for e in info.elements.values()),
            ";".join(f"{context}={key}" for context, key in info.relationships),
            ";".join(f"{s.name}={shorten(model, s.type) if s.type else ''}={s.path}" for s in info.searches),
        )
    )


def table(model: ModelInfo) -> str:
    """The whole table."""
    head = {"name": model.name, "version": model.version, "url": model.url, "patient_class": model.patient_class}
    head["patient_birth_date"] = model.patient_birth_date
    lines = ["\t".join(["M", *(f"{key}={value}" for key, value in head.items() if value)])]
    lines += [f"R\t{name}\t{version or ''}" for name, version in model.required]
    lines += [type_line(model.name, model.types[name]) for name in sorted(model.types)]
    lines += [
        f"C\t{c.function}\t{shorten(model.name, c.from_type)}\t{shorten(model.name, c.to_type)}"
        for c in sorted(model.conversions)
    ]
    lines += [
        f"X\t{c.name}\t{shorten(model.name, c.type)}\t{c.key_element or ''}\t{c.birth_date_element or ''}"
        for c in sorted(model.contexts)
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write a table for each XML file named on the command line."""
    TARGET.mkdir(exist_ok=True)
    for source in sys.argv[1:]:
        model = read_xml(source)
        path = TARGET / f"{model.name}-{model.version}.txt"
        path.write_text(table(model), encoding="utf-8")
        print(f"{path}: {len(model.types)} types, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
