"""Where third-party test material lives: the folder named by GUIDEWAY_SHARED."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def shared_folder(path: str = "") -> Path:
    """The folder (or file) ``path`` inside GUIDEWAY_SHARED; skips the calling test, saying so, where that is unset."""
    root = os.environ.get("GUIDEWAY_SHARED")
    if not root:
        pytest.skip("needs third-party material: set GUIDEWAY_SHARED to the folder that holds it")
    found = Path(root) / path
    assert found.exists(), f"GUIDEWAY_SHARED is set, but {found} does not exist"
    return found
