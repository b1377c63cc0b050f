"""Where the guideline lives: the one place that knows the difference between a checkout and an installed wheel.

In a checkout (and an editable install) the reviewers' own folders ``plandefinitions/`` and ``valuesets/`` at the root of the
repository are used; a wheel carries copies of both below ``guideway/_guideline``. A guideline folder given by the user is
looked at the same way: ``content_folders`` says which folders of it hold artifacts.
"""

from __future__ import annotations

import os

PLAN_FOLDER = "plandefinitions"
VALUE_SET_FOLDER = "valuesets"
MANIFEST = "package.json"


def installed_guideline() -> str | None:
    """The folder that holds ``plandefinitions`` and ``valuesets`` of the guideline that came with this program; None: there
    is none."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    checkout = os.path.dirname(os.path.dirname(package))
    if os.path.basename(os.path.dirname(package)) == "src" and os.path.isfile(os.path.join(checkout, PLAN_FOLDER, MANIFEST)):
        return checkout
    carried = os.path.join(package, "_guideline")
    return carried if os.path.isdir(os.path.join(carried, PLAN_FOLDER)) else None


def content_folders(folder: str) -> list[tuple[str, str]]:
    """The folders of a guideline folder that hold artifacts, each with the prefix of its files' names.

    - a folder with a ``plandefinitions`` folder in it: that one and ``valuesets`` beside it, nothing else (examples stay out);
    - a folder that is itself called ``plandefinitions``: the same, from its parent;
    - an unpacked FHIR package: its ``package`` folder;
    - anything else: the folder itself.
    """
    folder = os.path.abspath(folder)
    if os.path.basename(folder) == PLAN_FOLDER and os.path.isdir(os.path.join(os.path.dirname(folder), VALUE_SET_FOLDER)):
        folder = os.path.dirname(folder)
    if os.path.isdir(os.path.join(folder, PLAN_FOLDER)):
        names = [PLAN_FOLDER, VALUE_SET_FOLDER]
        return [(name + "/", os.path.join(folder, name)) for name in names if os.path.isdir(os.path.join(folder, name))]
    inner = os.path.join(folder, "package")
    if not os.path.isfile(os.path.join(folder, MANIFEST)) and os.path.isfile(os.path.join(inner, MANIFEST)):
        return [("", inner)]
    return [("", folder)]
