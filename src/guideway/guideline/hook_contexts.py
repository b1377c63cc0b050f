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
