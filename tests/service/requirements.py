"""What is asked of a CDS Hooks service, each with an id that tests bear in their names (``test_D1_…``, ``test_S_replay_…``).

Levels: M the specification says SHALL or REQUIRED, S it says SHOULD or RECOMMENDED, O it may, and - the specification is silent
and this is the project's own rule.
"""

from __future__ import annotations

import re

REQUIREMENTS: dict[str, tuple[str, str]] = {
    "J1": ("M", "JSON everywhere, FHIR resources as FHIR JSON"),
    "J2": ("M", "No null values where none are provided for"),
    "J3": ("S", "No comments in JSON"),
    "J4": ("M", "No empty texts, arrays or objects"),
    "D1": ("M", "Discovery at `{base}/cds-services`"),
    "D2": ("M", "`services` is an array, even an empty one"),
    "D3": ("M", "Every service has a hook, a description and an id"),
    "D4": ("S", "Every service has a title"),
    "D5": ("S", "The version of the specification and of the hook, where 3.0 is spoken"),
    "D6": ("M", "The id is the last segment of the service's URL"),
    "D7": ("S", "One id for each hook"),
    "D8": ("M", "Separate endpoints for separate hooks"),
    "D9": ("O", "An extension is an object"),
    "R1": ("M", "A POST of JSON to the service's URL is answered"),
    "R2": ("M", "hook, hookInstance and context are asked for"),
    "R3": ("M", "fhirAuthorization needs a fhirServer, and is whole"),
    "R4": ("-", "The wrong hook: 400"),
    "R5": ("-", "A hookInstance that is no UUID: 400"),
    "R6": ("-", "Bad JSON: 400"),
    "R7": ("-", "A required field of the context is missing: 400"),
    "R8": ("-", "An unknown service: 404"),
    "R9": ("-", "Another content type: 415"),
    "E1": ("M", "Extensions are objects, and tolerated"),
    "E2": ("S", "Unknown fields are ignored"),
    "H1": ("M", "Each hook of the library with its complete context"),
    "H2": ("M", "Each required field of each hook"),
    "H3": ("M", "userId is `Type/id` of a person"),
    "H4": ("O", "encounterId, where it is optional"),
    "H5": ("-", "Odd draft orders"),
    "P0": ("M", "Prefetch templates are FHIR reads or searches"),
    "P1": ("M", "Prefetch maps texts to texts"),
    "P2": ("M", "Tokens are root fields of the context that the hook allows"),
    "P3": ("S", "Reads and type searches only"),
    "P4": ("S", "Token parameters with `=` or `:in` only"),
    "P5": ("M", "Templates are relative"),
    "P6": ("M", "A key left out, null, an OperationOutcome, a result (in pages)"),
    "P7": ("M", "412 for required data that cannot be obtained"),
    "P8": ("S", "412 comes with an OperationOutcome"),
    "P9": ("S", "An OperationOutcome in the prefetch is noticed"),
    "P10": ("M", "null in the prefetch is legal"),
    "P11": ("S", "Prefetch, FHIR server or both: the same cards"),
    "T1": ("M", "The access token is passed on to its server and kept nowhere"),
    "T2": ("S", "SMART scopes of versions 1 and 2"),
    "C1": ("M", "`cards` is an array, even an empty one"),
    "C2": ("M", "Summaries shorter than 140 characters"),
    "C3": ("M", "Indicators info, warning, critical"),
    "C4": ("M", "A source with a label"),
    "C5": ("M", "URLs of sources are absolute"),
    "C6": ("O", "A topic, where there is one, is a Coding"),
    "C7": ("S", "Cards have a UUID"),
    "C8": ("M", "Suggestions come with a selectionBehavior"),
    "C9": ("M", "Actions create, update or delete"),
    "C10": ("M", "Actions have a description"),
    "C11": ("M", "create and update hold the whole resource"),
    "C12": ("S", "delete names a resourceId and holds no resource"),
    "C13": ("M", "at-most-one: at most one is recommended"),
    "C14": ("M", "Suggestions have a label"),
    "C15": ("S", "Suggestions have a UUID"),
    "C16": ("M", "No actionSelectionBehavior"),
    "C17": ("M", "Override reasons have code, system and display"),
    "C18": ("M", "Links have label, URL and type"),
    "C19": ("M", "appContext only with smart links"),
    "C20": ("-", "No systemActions"),
    "F1": ("M", "Feedback has card, outcome, time, and what was accepted"),
    "F2": ("M", "The same feedback again counts once; several at once"),
    "F3": ("M", "An override reason holds a reason or a comment"),
    "F4": ("-", "Bad feedback: 400"),
    "F5": ("-", "Feedback for an unknown service: 404"),
    "A1": ("S", "A JWT on every call, signed with ES384 or RS384"),
    "A3": ("S", "A jti is accepted once, whichever worker is asked"),
    "A5": ("M", "Never `none`, never symmetric"),
    "A9": ("S", "Only listed issuers"),
    "A12": ("S", "Only listed key URLs"),
    "A14": ("S", "401 without a reason; the token is not logged"),
    "X1": ("M", "CORS preflight with what browsers need"),
    "X2": ("S", "Other origins are not reflected"),
    "S-jwt": ("-", "JWT: issuer, audience, times, signature, replay; 401 without reason"),
    "S-jku": ("-", "Remote keys: listed URLs only, cached, an unknown key asked for seldom"),
    "S-fhir_server": ("-", "Outgoing requests: listed servers, no redirects, no private addresses, bounded time and memory"),
    "S-token": ("-", "The FHIR token lives in memory, for one request"),
    "S-phi": ("-", "Nothing about the patient in logs"),
    "S-errors": ("-", "A failure is never an empty list of cards"),
    "S-missing": ("-", "Missing data: 412 with the keys, or (configured) a warning card"),
    "S-time": ("-", "The service's own deadline: 504"),
    "S-sizes": ("-", "Caps on body, depth, entries and pages"),
    "S-replay": ("-", "Replay protection across workers"),
    "S-isolation": ("-", "Patients at the same time do not mix"),
    "S-412": ("-", "412s are logged and counted; insufficient data is a card"),
    "S-markdown": ("-", "Text of the record stays text in cards"),
    "S-context": ("-", "Lenient with Bundles without type, incomplete drafts, `Patient/1`"),
    "S-patient": ("-", "Every resource is about context.patientId"),
    "S-audit": ("-", "Every call leaves an AuditEvent"),
    "S-feedback": ("-", "Feedback is kept, whatever characters it holds"),
    "S-ops": ("-", "Health, metrics, rate limits, ETag"),
    "S-bind": ("-", "Unsafe starts are refused; the audience is the configured URL"),
    "S-fhir_bearer": ("-", "/fhir: bearer tokens by issuer, audience and scope"),
    "L1": ("-", "Shadow mode"),
    "L2": ("-", "Recommendations switched off, parameters of a site"),
}
DEPLOYMENTS = {
    "in-process": ("none", 1, "in-process"),
    **{
        f"{algorithm.lower()}-{workers}-{store}": (algorithm, workers, store)
        for store in ("sqlite", "postgresql")
        for workers in (1, 4)
        for algorithm in ("none", "ES384", "RS384")
    },
}
"""The ways to deploy the service that the tests go through: which tokens it asks for, how many workers, which store. All but the
first run in another process and are asked over HTTP."""
OF_TOKENS = {"A1", "A3", "A5", "A9", "A12", "A14", "S-jwt", "S-jku", "S-replay", "S-fhir_bearer"}
"""What says something only of services that ask for tokens."""
_PLAIN = re.compile(r"(?:^|_)([A-Z][0-9]+)(?=_)")


def ids_of(test: str) -> list[str]:
    """The ids that a test's name bears."""
    name = test.partition("[")[0].removeprefix("test_")
    found = [i for i in _PLAIN.findall(name) if i in REQUIREMENTS]
    return found + [i for i in REQUIREMENTS if i.startswith("S-") and f"S_{i[2:]}_" in f"{name}_"]


def deployments_of(requirement: str) -> list[str]:
    """The deployments in which a requirement is tested."""
    return [name for name, (tokens, *_) in DEPLOYMENTS.items() if tokens != "none" or requirement not in OF_TOKENS]
