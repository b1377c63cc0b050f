"""What a FHIR search result brings, and whether it is whole (R4 bundle.html, search.html).

Takes one Bundle, of a server or of a CDS Hooks prefetch; gives its resources. A result that failed, or failed in part, must not
look like one that found nothing: the reader would take "not found" for "the patient does not have it".
"""

from __future__ import annotations

from typing import Any, NamedTuple

from guideway.diagnostics import GuidewayError

Json = dict[str, Any]

PARTIAL = frozenset(
    {
        "incomplete", "suppressed", "security", "login", "unknown", "expired", "forbidden", "too-costly",
        "transient", "lock-error", "no-store", "exception", "timeout", "throttled",
    }
)  # fmt: skip
"""Issues that take something from a result, however mildly they are told (R4 issue-type: all that are transient or of security,
what costs too much, and what was left out)."""


class Page(NamedTuple):
    """One page of a result: its resources (OperationOutcomes left out), how many of them match the search itself, and why it is
    not whole (empty where it is)."""

    resources: list[Json]
    matches: int
    failure: str


def page(bundle: Json, kind: str) -> Page:
    """The page that ``bundle`` is, of a search for resources of the type ``kind``.

    GuidewayError where it is no result of such a search: another resource than a Bundle, a Bundle of another type (a collection
    that holds something is taken), entries that hold no resource, or entries of which none is of the type.
    """
    if bundle.get("resourceType") != "Bundle":
        raise GuidewayError(f"{bundle.get('resourceType')} where a Bundle of {kind} was expected")
    entries = bundle.get("entry", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise GuidewayError("Bundle.entry is not an array of objects")
    found: list[Json] = []
    matches = 0
    failure = ""
    for entry in entries:
        resource = entry.get("resource")
        if resource is None:
            status = _status(entry)
            if not status or status.startswith("2"):
                raise GuidewayError("an entry of the Bundle holds no resource")
            failure = failure or f"an entry of the Bundle has the status {status[:20]}"
        elif not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise GuidewayError("an entry of the Bundle holds no resource (an object with a resourceType)")
        elif resource["resourceType"] == "OperationOutcome":
            failure = failure or error_in(resource)
        else:
            found.append(resource)
            matches += resource["resourceType"] == kind
    given = bundle.get("type", "searchset")
    if not failure and given != "searchset" and (given != "collection" or not found):
        raise GuidewayError(f"a Bundle of the type {str(given)[:40]!r} where a search result was expected")
    if found and not matches and not all(_is_included(entry) for entry in entries):
        raise GuidewayError(f"the Bundle holds {found[0]['resourceType']}, and no {kind}")
    return Page(found, matches, failure)


def short_of(bundle: Json, matches: int) -> str:
    """Why a result that ends here is not whole: it told more matches than came; empty where that is not so. GuidewayError where
    what it tells is no number."""
    total = bundle.get("total", 0)
    if not isinstance(total, int) or isinstance(total, bool):
        raise GuidewayError("Bundle.total is not a whole number")
    if total > matches:
        return f"the result says that it has {total} matches and brings {matches}"
    return ""


def next_link(bundle: Json) -> str | None:
    """The URL of a Bundle's next page; None where there is none (or it is empty). GuidewayError for a link that cannot be
    read: there may be more."""
    links = bundle.get("link") or []
    if not isinstance(links, list) or not all(isinstance(link, dict) for link in links):
        raise GuidewayError("Bundle.link is not an array of objects")
    for link in links:
        if link.get("relation") == "next" and link.get("url"):
            if not isinstance(link["url"], str):
                raise GuidewayError("the link to the next page is not a text")
            return str(link["url"])
    return None


def error_in(outcome: Json) -> str:
    """The first error of an OperationOutcome in words; empty where it holds only remarks that take nothing from the result. One
    without an issue, or with one that cannot be read, is no remark."""
    issues = outcome.get("issue")
    if not isinstance(issues, list) or not issues:
        return "the search failed in part, and its OperationOutcome does not say how"
    for issue in issues:
        code = issue.get("code", "") if isinstance(issue, dict) else None
        if not isinstance(code, str):
            return "the search failed in part, and how it did cannot be read"
        if issue.get("severity") not in ("warning", "information") or code.lower() in PARTIAL:
            details = issue.get("details")
            text = issue.get("diagnostics") or (details.get("text") if isinstance(details, dict) else None) or code
            return f"the search failed in part: {str(text)[:200]}" if text else "the search failed in part"
    return ""


def _status(entry: Json) -> str:
    response = entry.get("response")
    return str(response.get("status") or "") if isinstance(response, dict) else ""


def _is_included(entry: Json) -> bool:
    search = entry.get("search")
    return isinstance(search, dict) and search.get("mode") in ("include", "outcome")
