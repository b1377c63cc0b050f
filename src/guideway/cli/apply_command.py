"""``guideway apply`` as click knows it: for help, completion and complaints; plain command lines go past it (``options``)."""

from __future__ import annotations

from guideway.cli.apply import HELP, OPTIONS
from guideway.cli.apply import apply as run
from guideway.cli.options import as_click

apply = as_click("apply", OPTIONS, "bundles", "[BUNDLE]...", run, HELP)
