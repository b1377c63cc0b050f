"""The yardsticks: what the service would take if its answer were at hand.

``PEER_STACK=whole``: the service's own ASGI stack (uvicorn with the options of ``guideway serve``, the outer layer with request
ids, headers and metrics, the check of the caller, the body read and decoded within its bounds, the same JSON response), with a
handler that answers a constant of the size that the service answers. ``PEER_STACK=bare``: uvicorn and a Starlette route that
receives the whole body, decodes nothing, and answers the same constant.

Started by ``run.py``, which says in the environment where to listen and what to answer.
"""

from __future__ import annotations

import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

ANSWER = Path(os.environ["PEER_ANSWER"]).read_bytes()


async def bare_answer(request: Request) -> Response:
    """The constant, after the body."""
    await request.body()
    return Response(ANSWER, media_type="application/json")


def bare() -> ASGIApp:
    """Starlette alone."""
    return Starlette(routes=[Route("/cds-services/{id}", bare_answer, methods=["POST"])])


def whole() -> ASGIApp:
    """The service's stack around the constant."""
    from guideway.remote.documents import decode as decode_json
    from guideway.service.application import Gate, make_routes
    from guideway.service.caller import hooks_caller
    from guideway.service.intake import decode, read_body, require_json
    from guideway.service.routes import Place, json_response
    from guideway.service.runtime import Runtime, make_runtime
    from guideway.service.settings import Settings

    settings = Settings()
    runtime = make_runtime(settings)
    constant = decode_json(ANSWER)

    async def answer(runtime: Runtime, request: Request) -> Response:
        await hooks_caller(runtime, request)
        require_json(request)
        decode(await read_body(request, settings), settings)
        return json_response(constant)

    routes = make_routes(runtime, [Place("POST", "/cds-services/{id}", answer, "")])
    return Gate(Starlette(routes=routes), runtime)


if __name__ == "__main__":
    import uvicorn

    from guideway.service.logs import configure

    configure("warning")
    application = whole() if os.environ["PEER_STACK"] == "whole" else bare()
    uvicorn.run(application, port=int(os.environ["PEER_PORT"]), access_log=False, log_level="warning", timeout_keep_alive=15)
