"""AuditEvents: who asked what, for whom, and how it ended; one for each call that looks at a patient's data.

FHIR R4 AuditEvent: ``entity`` holds the patients (role 1) and what was asked, with details of it. No token is in it, and of the
patient nothing but the reference.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from guideway.service.caller import Caller

Json = dict[str, Any]


def audit_event(
    caller: Caller, what: Json, details: Mapping[str, str], *, about: Iterable[str], user: str | None = None, status: int = 200
) -> Json:
    """The event of one call. ``what``: a Reference to what was applied, or its name; ``about``: references of the patients;
    ``user``: who is at the screen; ``status``: that of the answer."""
    agents: list[Json] = [{"requestor": True, "who": {"display": caller.iss or "local"}}]
    if user:
        agents.append({"requestor": False, "who": {"reference": user}})
    told = [{"type": name, "valueString": text} for name, text in (*details.items(), ("status", str(status)))]
    return {
        "resourceType": "AuditEvent",
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "subtype": [{"system": "http://hl7.org/fhir/restful-interaction", "code": "operation"}],
        "action": "E",
        "recorded": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "outcome": "0" if status < 400 else "4" if status < 500 else "8",
        "agent": agents,
        "source": {"observer": {"display": "guideway"}},
        "entity": [*({"what": {"reference": each}, "role": {"code": "1"}} for each in about), {"what": what, "detail": told}],
    }
