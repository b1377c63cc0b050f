"""What is wrong with a string that is no UCUM unit, and which unit was probably meant."""

from __future__ import annotations

import re

from guideway.ucum.grammar import BASES, DEFINITIONS, UnitError, known, parse

WHOLE = {
    "bpm": "/min",
    "beats/min": "/min",
    "beats/minute": "/min",
    "breaths/min": "/min",
    "ratio": "1",
    "none": "1",
    "percent": "%",
    "K/uL": "10*3/uL",
    "k/ul": "10*3/uL",
    "K/mcL": "10*3/uL",
    "thou/uL": "10*3/uL",
    "thou/mcL": "10*3/uL",
    "M/uL": "10*6/uL",
    "m/ul": "10*6/uL",
    "mil/uL": "10*6/uL",
    "G/l": "10*9/L",
    "G/L": "10*9/L",
    "Gpt/l": "10*9/L",
    "Giga/L": "10*9/L",
    "Tpt/l": "10*12/L",
    "mL/min/1.73m2": "mL/min/{1.73_m2}",
    "mL/min/1.73 m2": "mL/min/{1.73_m2}",
    "ml/min/1.73m2": "mL/min/{1.73_m2}",
    "ml/min/1.73 m^2": "mL/min/{1.73_m2}",
}
"""Common strings, whole."""

PARTS = {
    "mcg": "ug",
    "mcL": "uL",
    "mcl": "uL",
    "mcmol": "umol",
    "gm": "g",
    "gms": "g",
    "gram": "g",
    "grams": "g",
    "cc": "mL",
    "IU": "[IU]",
    "iu": "[IU]",
    "mIU": "m[IU]",
    "uIU": "u[IU]",
    "kIU": "k[IU]",
    "mU": "mU",
    "mEq": "meq",
    "mmHg": "mm[Hg]",
    "cmH2O": "cm[H2O]",
    "lb": "[lb_av]",
    "lbs": "[lb_av]",
    "oz": "[oz_av]",
    "in": "[in_i]",
    "inch": "[in_i]",
    "ft": "[ft_i]",
    "hr": "h",
    "hrs": "h",
    "hour": "h",
    "hours": "h",
    "sec": "s",
    "secs": "s",
    "second": "s",
    "seconds": "s",
    "mins": "min",
    "minute": "min",
    "minutes": "min",
    "day": "d",
    "days": "d",
    "week": "wk",
    "weeks": "wk",
    "month": "mo",
    "months": "mo",
    "yr": "a",
    "yrs": "a",
    "year": "a",
    "years": "a",
    "liter": "L",
    "litre": "L",
    "C": "Cel",
    "°C": "Cel",
    "degC": "Cel",
    "celsius": "Cel",
    "F": "[degF]",
    "°F": "[degF]",
    "degF": "[degF]",
    "pH": "[pH]",
    "cumm": "mm3",
    "cmm": "mm3",
    "mm^3": "mm3",
    "mm³": "mm3",
    "tablet": "{tbl}",
    "tablets": "{tbl}",
    "mOsm": "mosm",
    "msec": "ms",
    "units": "U",
    "unit": "U",
    "sq m": "m2",
    "sqm": "m2",
    "m^2": "m2",
    "m²": "m2",
    "cm^3": "cm3",
}
"""Common strings for one part of a unit."""

NUMBERS = {
    "hundred": 2,
    "thousand": 3,
    "thous": 3,
    "thou": 3,
    "tsd": 3,
    "lakh": 5,
    "million": 6,
    "mill": 6,
    "mil": 6,
    "mio": 6,
    "mln": 6,
    "crore": 7,
    "billion": 9,
    "bil": 9,
    "giga": 9,
    "gpt": 9,
    "trillion": 12,
    "tera": 12,
    "tpt": 12,
}
"""Words for powers of ten, as laboratories print them before a volume. In UCUM an annotation in braces counts as one, so a number
is never written in braces."""

_NUMBER = re.compile(rf"({'|'.join(sorted(NUMBERS, key=len, reverse=True))}|k)s?(?:\.?cells?)?")
_VOLUME = re.compile(r"(?:uL|mL|dL|L|mm3|cm3)")

COUNTED = re.compile(
    r"(?:cell|[a-z]+cyte|[a-z]+phil|platelet|tablet|cap(?:sule)?|puff|spray|drop|patch|dose|beat|breaths?|cop(?:y|ie)|colon(?:y|ie)"
    r"|event|particle|cast|crystal|kit|vial|unit dose)e?s?"
)
"""What is counted: UCUM has no units for these, and writes them as annotations."""

PREFIXES = {"nano": "n", "micro": "u", "milli": "m", "centi": "c", "deci": "d", "kilo": "k"}
SPELLED = {"gram": "g", "gramme": "g", "liter": "L", "litre": "L", "meter": "m", "metre": "m", "mole": "mol", "second": "s"}
_SPELLED = re.compile(rf"({'|'.join(PREFIXES)})({'|'.join(sorted(SPELLED, key=len, reverse=True))})s?")

_ALREADY_ONE = re.compile(r"10(?:\d+)(?:\.?cells?)?(?:/|$)")
"""A ten with digits after it: raised once, or a number as it stands."""
_WHOLE_POWER = re.compile(r"^(?:x|X|\*)?1(0{2,})(?:\.?cells?)?(?=/|$)")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_RAISED = re.compile("10([⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_POWER = re.compile(r"^(?:[xX*]?10(?:\^|\*\*|E|e|\*|(?=\())\(?|[xX*]10)([+-]?0*[1-9]\d*)\)?(?:\.?cells?)?(?=/|$)")


def problem(code: str) -> str | None:
    """Why ``code`` is not a unit of UCUM; None where it is one."""
    try:
        parse(code)
    except UnitError as error:
        return str(error)
    return None


def suggestion(code: str) -> str | None:
    """The UCUM unit that ``code`` probably means; None where nothing comes near, or it is a unit already.

    A few codes are units by accident and get a suggestion all the same: K/uL is kelvin per microlitre, G/l gauss per litre.
    """
    text = code.strip()
    if text in WHOLE:
        return WHOLE[text]
    if known(code):
        return None
    text = _RAISED.sub(lambda found: "10*" + found[1].translate(_SUPERSCRIPTS), text)
    text = text.replace("µ", "u").replace("μ", "u").replace("×", "x").replace(" per ", "/").replace(" ", "")
    text = _WHOLE_POWER.sub(lambda found: f"10*{len(found[1])}", text)
    if _ALREADY_ONE.match(text):  # "10 9/L": the ninth power, or a hundred and nine
        return None
    for candidate in (text, _POWER.sub(r"10*\1", text), WHOLE.get(text, "")):
        if candidate and known(candidate):
            return candidate
    text = _POWER.sub(r"10*\1", text)
    first, *below = text.split("/")
    parts = [_part(part) for part in below]
    number = _NUMBER.fullmatch(first.lower())
    if number is None:
        parts.insert(0, _part(first))
    else:  # "k" is a thousand before a volume; without one it may be anything
        volume = len(parts) == 1 and parts[0] is not None and _VOLUME.fullmatch(parts[0])
        parts.insert(0, f"10*{NUMBERS.get(number[1], 3)}" if volume or number[1] != "k" else None)
    candidate = "/".join(part for part in parts if part is not None)
    if None not in parts and known(candidate):
        return candidate
    return None


def doubt(unit: str) -> str | None:
    """Why a unit that UCUM knows is probably not what was meant; None where nothing speaks against it.

    >>> doubt("{Thousand}/uL"), doubt("{x10^3 cells}/uL") is not None
    ("'{Thousand}/uL' names a number in braces, which UCUM counts as one", True)
    >>> doubt("103/uL"), doubt("mL/min/{1.73_m2}")
    ("'103/uL' may mean '10*3/uL'", None)
    """
    if _NUMBER_IN_BRACES.search(unit.lower()):
        return f"{unit!r} names a number in braces, which UCUM counts as one"
    lost = _LOST_POWER.fullmatch(unit.strip())
    return f"{unit!r} may mean '10*{lost[1]}/{lost[2]}'" if lost else None


_NUMBER_IN_BRACES = re.compile(
    r"\{(?:[^}]*[^a-z}])?(?:x?(?:10|00|e\+?[0-9])"
    rf"|(?:{'|'.join(NUMBERS)}|k|th|thds)s?(?:\.?cells?)?(?:[^a-z}}][^}}]*)?\}})|^\{{[mgt](?:[ ._]?cells?)?\}}/"
)
_LOST_POWER = re.compile(r"10[.]?(3|6|9|12)(?:\{[^}]*\})?/(.+)")
"""A power of ten whose raised digits are no longer raised."""

COMMON = (
    "mg", "g", "kg", "ug", "ng", "pg", "mL", "dL", "uL", "L", "mmol", "umol", "nmol", "pmol", "mol", "mm", "cm", "m", "mm[Hg]",
    "h", "min", "d", "wk", "mo", "a", "s", "ms", "Cel", "meq", "U", "mU", "[iU]", "[lb_av]", "[in_i]", "kcal", "mosm",
)  # fmt: skip
"""Units that records and logic use all the time: what a slip of the keyboard most likely meant."""


def nearest(code: str) -> str | None:
    """The unit that a mistyped ``code`` may have meant, by one letter more, less or other; for hints alone, never for repair.

    >>> nearest("mgg/dL"), nearest("mgs"), nearest("xyz")
    ('mg/dL', 'mg', None)
    """
    parts = [_near_part(part) for part in code.strip().split("/")]
    found = "/".join(part for part in parts if part is not None)
    return found if None not in parts and found != code and known(found) else None


def _near_part(text: str) -> str | None:
    if not text or known(text):
        return text
    if text.endswith("s") and known(text[:-1]):
        return text[:-1]
    shorter = {text[:at] + text[at + 1 :] for at in range(len(text))}
    swapped = {text[:at] + text[at + 1] + text[at] + text[at + 2 :] for at in range(len(text) - 1)}
    for unit in COMMON:
        if unit in shorter or unit in swapped:
            return unit
    if len(text) < 3:
        return None
    return next((u for u in COMMON if len(u) == len(text) + 1 and any(u[:i] + u[i + 1 :] == text for i in range(len(u)))), None)


def _part(text: str) -> str | None:
    if not text or known(text):
        return text
    if text in PARTS:
        return PARTS[text]
    lower = text.lower()
    for code in (*BASES, *DEFINITIONS):
        if code.lower() in (lower, f"[{lower}]"):
            return code
    if lower in PARTS:
        return PARTS[lower]
    if known(lower):
        return lower
    spelled = _SPELLED.fullmatch(lower)
    if spelled is not None:
        return PREFIXES[spelled[1]] + SPELLED[spelled[2]]
    prefix, rest = text[:1], text[1:]
    if prefix == "K" and known("k" + rest):
        return "k" + rest
    return f"{{{text}}}" if COUNTED.fullmatch(lower) else None
