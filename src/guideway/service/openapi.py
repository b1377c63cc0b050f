"""The OpenAPI 3.1 document, made from the route table; schemas of what CDS Hooks and the operations exchange."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from guideway.service.intake import FORM_TYPE, JSON_TYPES
from guideway.service.routes import Place, json_response
from guideway.service.runtime import Runtime

Json = dict[str, Any]

_TEXT: Json = {"type": "string", "minLength": 1}
_CODING: Json = {"type": "object", "properties": {"system": _TEXT, "code": _TEXT, "display": _TEXT}}
SCHEMAS: dict[str, Json] = {
    "Resource": {"type": "object", "required": ["resourceType"], "properties": {"resourceType": _TEXT, "id": _TEXT}},
    "OperationOutcome": {
        "type": "object",
        "required": ["resourceType", "issue"],
        "properties": {
            "resourceType": {"const": "OperationOutcome"},
            "issue": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["severity", "code"],
                    "properties": {
                        "severity": {"enum": ["fatal", "error", "warning", "information"]},
                        "code": _TEXT,
                        "diagnostics": _TEXT,
                        "expression": {"type": "array", "items": _TEXT},
                    },
                },
            },
        },
    },
    "Parameters": {
        "type": "object",
        "required": ["resourceType"],
        "properties": {
            "resourceType": {"const": "Parameters"},
            "parameter": {"type": "array", "items": {"type": "object", "required": ["name"], "properties": {"name": _TEXT}}},
        },
    },
    "Discovery": {
        "type": "object",
        "required": ["services"],
        "properties": {"services": {"type": "array", "items": {"$ref": "#/components/schemas/CdsService"}}},
    },
    "CdsService": {
        "type": "object",
        "required": ["hook", "id", "description"],
        "properties": {
            "hook": _TEXT, "id": _TEXT, "title": _TEXT, "description": _TEXT, "version": _TEXT, "hookVersion": _TEXT,
            "prefetch": {"type": "object", "additionalProperties": _TEXT},
        },
    },
    "CdsRequest": {
        "type": "object",
        "required": ["hook", "hookInstance", "context"],
        "properties": {
            "hook": _TEXT, "hookInstance": {"type": "string", "format": "uuid"},
            "fhirServer": {"type": "string", "format": "uri"},
            "fhirAuthorization": {
                "type": "object",
                "required": ["access_token", "token_type", "expires_in", "scope", "subject"],
                "properties": {
                    "access_token": _TEXT, "token_type": {"const": "Bearer"}, "expires_in": {"type": "integer"}, "scope": _TEXT,
                    "subject": _TEXT, "patient": _TEXT,
                },
            },
            "context": {"type": "object"}, "prefetch": {"type": "object"}, "extension": {"type": "object"},
        },
    },
    "CdsResponse": {
        "type": "object",
        "required": ["cards"],
        "properties": {"cards": {"type": "array", "items": {"$ref": "#/components/schemas/Card"}}},
    },
    "Card": {
        "type": "object",
        "required": ["summary", "indicator", "source"],
        "properties": {
            "uuid": {"type": "string", "format": "uuid"}, "detail": _TEXT,
            "summary": {"type": "string", "minLength": 1, "maxLength": 139},
            "indicator": {"enum": ["info", "warning", "critical"]},
            "source": {"type": "object", "required": ["label"], "properties": {"label": _TEXT, "url": _TEXT, "topic": _CODING}},
            "suggestions": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Suggestion"}},
            "selectionBehavior": {"enum": ["any", "at-most-one"]},
            "overrideReasons": {"type": "array", "items": {**_CODING, "required": ["system", "code", "display"]}},
            "links": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["label", "url", "type"],
                    "properties": {"label": _TEXT, "url": _TEXT, "type": {"enum": ["absolute", "smart"]}, "appContext": _TEXT},
                },
            },
        },
    },
    "Suggestion": {
        "type": "object",
        "required": ["label"],
        "properties": {
            "label": _TEXT, "uuid": {"type": "string", "format": "uuid"}, "isRecommended": {"type": "boolean"},
            "actions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["type", "description"],
                    "properties": {
                        "type": {"enum": ["create", "update", "delete"]}, "description": _TEXT,
                        "resource": {"$ref": "#/components/schemas/Resource"}, "resourceId": _TEXT,
                    },
                },
            },
        },
    },
    "Feedback": {
        "type": "object",
        "required": ["feedback"],
        "properties": {
            "feedback": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["card", "outcome", "outcomeTimestamp"],
                    "properties": {
                        "card": _TEXT, "outcome": {"enum": ["accepted", "overridden"]},
                        "outcomeTimestamp": {"type": "string", "format": "date-time"},
                        "acceptedSuggestions": {
                            "type": "array", "items": {"type": "object", "required": ["id"], "properties": {"id": _TEXT}},
                        },
                        "overrideReason": {
                            "type": "object", "properties": {"reason": _CODING, "userComment": {"type": "string"}},
                        },
                    },
                },
            }
        },
    },
    "Health": {"type": "object", "required": ["status"], "properties": {"status": _TEXT}},
}  # fmt: skip

# path → (request schema, response schema); everything else under /fhir exchanges Parameters and resources
_SHAPES = {
    "/cds-services": (None, "Discovery"),
    "/cds-services/{id}": ("CdsRequest", "CdsResponse"),
    "/cds-services/{id}/feedback": ("Feedback", None),
    "/health/live": (None, "Health"),
    "/health/ready": (None, "Health"),
}
_ERRORS = {
    "400": "The request is not valid", "401": "Not authorized", "403": "The token does not allow this",
    "404": "There is no such thing", "406": "Only JSON is given", "408": "The body took too long",
    "412": "Data that is needed could not be obtained", "413": "Too large", "415": "Not JSON",
    "421": "Not a name of this service",
    "422": "It cannot be processed", "429": "Too many requests", "500": "The service failed", "501": "Not supported",
    "502": "The terminology server cannot be used", "503": "Not ready, or too much to do", "504": "Out of time",
}  # fmt: skip
_BODY = ("400", "408", "413", "415")
_HOOKS = ("401", "429", "503")
_FHIR = ("401", "403", "406", "429", "503")
# path → what else may come than 200, and than 421 and 500, which may come anywhere
_ANSWERS = {
    "/cds-services": (*_HOOKS, "304"),
    "/cds-services/{id}": (*_HOOKS, *_BODY, "404", "412", "504"),
    "/cds-services/{id}/feedback": (*_HOOKS, *_BODY, "404"),
    "/health/live": (),
    "/health/ready": ("503",),
    "/metrics": ("401", "403", "429", "503"),
    "/openapi.json": (),
    "/fhir/metadata": ("400", "406"),
    "/fhir/{type}": (*_FHIR, "400", "404"),
    "/fhir/{type}/{id}": (*_FHIR, "404"),
    "/fhir/{type}/_search": (*_FHIR, *_BODY, "404"),
}


def document(places: tuple[Place, ...], base: str) -> Json:
    """The OpenAPI document of a route table."""
    from guideway import __version__

    paths: dict[str, Json] = {}
    for place in places:
        paths.setdefault(place.path, {})[place.method.lower()] = _operation(place)
    security = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Guideway",
            "version": __version__,
            "description": "CDS Hooks and FHIR operations of a computable guideline.",
        },
        "servers": [{"url": base}],
        "paths": paths,
        "components": {"schemas": SCHEMAS, "securitySchemes": security},
    }


def answers(place: Place) -> frozenset[str]:
    """The statuses that a route may answer with."""
    found = {"200", "421", "500"}
    if place.path in _ANSWERS:
        return frozenset(found.union(_ANSWERS[place.path]))
    found.update(_FHIR, ("400", "404", "504"), _BODY if place.method == "POST" else ())
    if "/ValueSet/" in place.path:
        found.update(("422", "502"))
    if place.path.endswith(("apply", "$evaluate", "$cql")):
        found.add("501")
    return frozenset(found)


def _operation(place: Place) -> Json:
    fhir = place.path.startswith("/fhir")
    taken, given = _SHAPES.get(
        place.path, ("Parameters" if fhir and place.method == "POST" else None, "Resource" if fhir else None)
    )
    kind = "application/fhir+json" if fhir else "application/json"
    success: Json = {"description": "Done"}
    if place.path == "/metrics":
        success["content"] = {"text/plain": {"schema": {"type": "string"}}}
    elif given is not None:
        success["content"] = {kind: {"schema": {"$ref": f"#/components/schemas/{given}"}}}
    elif place.path == "/openapi.json":
        success["content"] = {"application/json": {"schema": {"type": "object"}}}
    problem = {"application/fhir+json": {"schema": {"$ref": "#/components/schemas/OperationOutcome"}}}
    responses: Json = {"200": success}
    responses |= {
        status: {"description": text, "content": problem} for status, text in _ERRORS.items() if status in answers(place)
    }
    if place.path == "/health/ready":
        responses["503"] = {
            "description": "Not ready",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}},
        }
    if place.path == "/cds-services":
        responses["304"] = {"description": "Unchanged"}
    result: Json = {
        "summary": place.summary,
        "operationId": re.sub(r"\W+", "-", f"{place.method}-{place.path}").strip("-"),
        "responses": responses,
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"{(\w+)}", place.path)
    ]
    if place.method == "GET":
        parameters += [{"name": name, "in": "query", "schema": {"type": "string"}} for name in _query_names(place.path)]
    if parameters:
        result["parameters"] = parameters
    if place.path.endswith("/_search"):
        fields = {name: {"type": "string"} for name in _query_names("/fhir/{type}")}
        result["requestBody"] = {"content": {FORM_TYPE: {"schema": {"type": "object", "properties": fields}}}}
    elif taken is not None:
        result["requestBody"] = {
            "required": taken != "Parameters",
            "content": {each: {"schema": {"$ref": f"#/components/schemas/{taken}"}} for each in JSON_TYPES[:2]},
        }
    if not place.path.startswith("/health"):
        result["security"] = [{"bearer": []}, {}]
    return result


def _query_names(path: str) -> list[str]:
    """The query parameters of a GET under /fhir; those of an operation that only a body can hold are left out."""
    from guideway.service.artifact_search import SEARCH
    from guideway.service.operation_inputs import BODY_ONLY, TAKEN

    if path == "/fhir/{type}":
        return list(SEARCH)
    if path == "/fhir/metadata":
        return ["mode"]
    return sorted(TAKEN.get(path.removeprefix("/fhir/").replace("{id}/", ""), frozenset()) - BODY_ONLY)


async def openapi(runtime: Runtime, request: Request) -> Response:
    """``GET /openapi.json``."""
    from guideway.service.application import all_places

    return json_response(document(all_places(runtime.settings), runtime.settings.public_base))


OPENAPI_PLACES: tuple[Place, ...] = (Place("GET", "/openapi.json", openapi, "This document"),)
