"""The yardstick: the same ASGI stack (uvicorn with the options of ``guideway serve``, a Starlette route, one worker) that
receives the whole body of a CDS Hooks request and answers a constant of the size that the service answers. With ``PEER_PARSES=1``
it decodes the body as well, with the decoder of the service.

Started by ``run.py``, which says in the environment where to listen and what to answer.
"""

from __future__ import annotations

import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ANSWER = Path(os.environ["PEER_ANSWER"]).read_bytes()
PARSES = os.environ.get("PEER_PARSES") == "1"


async def answer(request: Request) -> Response:
    """The constant, after the body."""
    body = await request.body()
    if PARSES:
        from guideway.remote.documents import decode

        assert decode(body)["hook"] == "patient-view"
    return Response(ANSWER, media_type="application/json")


application = Starlette(routes=[Route("/cds-services/{id}", answer, methods=["POST"])])

if __name__ == "__main__":
    import uvicorn

    uvicorn.run(application, port=int(os.environ["PEER_PORT"]), access_log=False, log_level="warning", timeout_keep_alive=15)
