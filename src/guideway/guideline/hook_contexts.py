"""The hooks of CDS Hooks, each with the parts of its context that must be there (version 1 of each hook, "Hook library").

One table for both sides: the service that is called and the client that calls.
"""

from __future__ import annotations

REQUIRED_CONTEXT: dict[str, tuple[str, ...]] = {
    "patient-view": ("userId", "patientId"),
    "order-select": ("userId", "patientId", "selections", "draftOrders"),
    "order-sign": ("userId", "patientId", "draftOrders"),
    "order-dispatch": ("patientId", "dispatchedOrders", "performer"),
    "appointment-book": ("userId", "patientId", "appointments"),
    "encounter-start": ("userId", "patientId", "encounterId"),
    "encounter-discharge": ("userId", "patientId", "encounterId"),
}

OPTIONAL_CONTEXT: dict[str, tuple[str, ...]] = {
    "patient-view": ("encounterId",),
    "order-select": ("encounterId",),
    "order-sign": ("encounterId",),
    "order-dispatch": ("fulfillmentTasks",),
    "appointment-book": ("encounterId",),
}

HOOK_VERSIONS = dict.fromkeys(REQUIRED_CONTEXT, "1.0") | {"order-dispatch": "1.1"}

CONTEXT_PARTS = frozenset(name for table in (REQUIRED_CONTEXT, OPTIONAL_CONTEXT) for names in table.values() for name in names)
"""Every part that some hook defines; what else a context holds means nothing to the logic."""
