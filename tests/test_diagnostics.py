"""The one finding type: its severities."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from guideway.diagnostics import Diagnostic, Severity


def test_there_are_three_severities_each_once() -> None:
    assert Severity("error") is Severity.error
    assert [s.value for s in (Severity.error, Severity.warning, Severity.information)] == ["error", "warning", "information"]
    assert type(Severity.error.value) is str
    assert Severity.error.name == "error"
    with pytest.raises(ValueError, match="fatal"):
        Severity("fatal")


def test_a_severity_comes_back_as_itself() -> None:
    found = Diagnostic("rule", Severity.warning, "words")
    for back in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
        assert back == found
        assert back.severity is Severity.warning
    assert json.loads(json.dumps({"severity": found.severity})) == {"severity": "warning"}
