"""Write src/guideway/ucum/units.py: the facts of UCUM (code, flags, definition) as one compact table.

Takes the path of a ucum-essence.xml (https://ucum.org): ``python scripts/make_ucum_table.py ucum-essence.xml``. Only codes, flags
and definitions carry over: names, print symbols and comments are left out.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

NAMESPACE = "{http://unitsofmeasure.org/ucum-essence}"
TARGET = Path(__file__).parents[1] / "src/guideway/ucum/units.py"

HEADER = '''"""The units of UCUM {version} (https://ucum.org), made by scripts/make_ucum_table.py; do not edit.

``PREFIXES``: code and power of ten (or the whole number of a binary prefix). ``BASES``: the seven base units. ``UNITS``: one a
line: code, flags (``m`` takes prefixes, ``a`` arbitrary, ``s`` special, ``-`` none), value, and the unit that the value counts; a
special unit has the name of its function, a colon, value and unit.
"""

'''


def main(path: str) -> None:
    root = ElementTree.parse(path).getroot()
    prefixes = []
    for prefix in root.iter(f"{NAMESPACE}prefix"):
        value = prefix.find(f"{NAMESPACE}value")
        assert value is not None
        prefixes.append(f"{prefix.get('Code')} {value.get('value')}")
    bases = [f"{base.get('Code')} {base.get('dim')}" for base in root.iter(f"{NAMESPACE}base-unit")]
    units = []
    for unit in root.iter(f"{NAMESPACE}unit"):
        value = unit.find(f"{NAMESPACE}value")
        assert value is not None
        flags = "".join(
            letter for letter, name in (("m", "isMetric"), ("a", "isArbitrary"), ("s", "isSpecial")) if unit.get(name) == "yes"
        )
        function = value.find(f"{NAMESPACE}function")
        if function is not None:
            definition = f"{function.get('name')}:{function.get('value')} {function.get('Unit')}"
        else:
            definition = f"{value.get('value')} {value.get('Unit')}"
        units.append(f"{unit.get('Code')} {flags or '-'} {definition}")
    text = HEADER.format(version=root.get("version"))
    for name, lines in (("PREFIXES", prefixes), ("BASES", bases), ("UNITS", units)):
        text += f'{name} = """\\\n' + "\n".join(lines) + '\n"""\n\n'
    TARGET.write_text(text.rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
