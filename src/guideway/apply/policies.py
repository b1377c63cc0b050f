"""Which status, intent, ids and references a result carries: three named policies.

- ``cpg`` (the default): a proposal that a clinician must still take up. CarePlan, RequestGroup and every request are drafts,
  every request's intent is ``proposal`` whatever the ActivityDefinition says (CPG: request instances are proposals).
- ``cqf``: the forms of the Java reference implementation (cqframework clinical-reasoning 4): active, the activity's own
  intent or the kind's default, ids made of action and activity, its elements and no others (``reference_forms``).
- ``spec``: what the R4 text of $apply says: drafts, the activity's own intent, ``option`` inside a RequestGroup.
"""

from __future__ import annotations

import msgspec

from guideway.diagnostics import GuidewayError


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """One policy; see the module's text."""

    name: str
    care_plan_status: str
    care_plan_intent: str
    group_status: str
    group_intent: str
    nested_group_intent: str
    request_status: str
    """``draft`` or ``active``: each kind says which of its own codes that is."""
    request_intent: str | None
    """None: the ActivityDefinition's own, else the kind's default."""
    reference_forms: bool
    """Whether resources have the elements, the order and the references of the Java reference, without outcomes, notes and
    conflicts; else all that the definitions say, valid by every invariant, explained."""
    folds: bool
    """Whether requests for the same become one, and open proposals on record are pointed at."""


POLICIES: dict[str, Policy] = {
    "cpg": Policy(
        name="cpg", care_plan_status="draft", care_plan_intent="proposal", group_status="draft", group_intent="proposal",
        nested_group_intent="proposal", request_status="draft", request_intent="proposal", reference_forms=False,
        folds=True,
    ),
    "cqf": Policy(
        name="cqf", care_plan_status="active", care_plan_intent="proposal", group_status="active", group_intent="proposal",
        nested_group_intent="proposal", request_status="active", request_intent=None, reference_forms=True,
        folds=False,
    ),
    "spec": Policy(
        name="spec", care_plan_status="draft", care_plan_intent="proposal", group_status="draft", group_intent="proposal",
        nested_group_intent="option", request_status="draft", request_intent=None, reference_forms=False,
        folds=True,
    ),
}  # fmt: skip


def policy(name: str) -> Policy:
    """The policy of that name; ``GuidewayError`` names the others."""
    found = POLICIES.get(name)
    if found is None:
        raise GuidewayError(f"no policy {name!r}; there are {', '.join(POLICIES)}")
    return found
