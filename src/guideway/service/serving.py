"""Running the service: the application factory that each worker calls, start-up checks, reload and drain.

A single worker reloads its packages on SIGHUP without dropping a request; with several, the web server's supervisor replaces them
one after the other. SIGTERM stops accepting, finishes what is under way, and ends (draining.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from guideway.diagnostics import GuidewayError
from guideway.service.application import make_application
from guideway.service.connections import BOUNDS, Bounds
from guideway.service.draining import end_in_time, soften
from guideway.service.logs import configure, log
from guideway.service.memory import keep_loaded
from guideway.service.runtime import Runtime, guidelines_shown, make_runtime
from guideway.service.settings import Settings

RESOLVED = "GUIDEWAY_SERVE_RESOLVED"
"""The environment variable by which the command hands its checked settings to its workers."""
TRY_AGAIN = 1
"""The exit status of a worker that does not start. What is wrong from the beginning the command has found before; so the reason
is a package or a store that has gone bad since, the supervisor tries again, and the other workers go on answering."""


def hand_over(settings: Settings) -> None:
    """Put the settings where ``application`` of a worker process finds them."""
    values = settings.model_dump(mode="json")
    if settings.store_url is not None:
        values["store_url"] = settings.store_url.get_secret_value()
    os.environ[RESOLVED] = json.dumps(values)


def application() -> ASGIApp:
    """The ASGI application of one worker."""
    settings = Settings(**json.loads(os.environ.pop(RESOLVED)))  # processes that a worker starts need no password of a store
    configure(settings.log_level)
    end_in_time(settings)
    try:
        runtime = make_runtime(settings)
    except GuidewayError as error:
        log(logging.ERROR, "the worker does not start", problem=str(error))
        raise SystemExit(TRY_AGAIN) from None
    soften(runtime)
    keep_loaded()
    return with_lifespan(make_application(runtime), runtime)


def with_lifespan(app: ASGIApp, runtime: Runtime) -> ASGIApp:
    """The application with its start and end: signals for reload, the store closed last."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        async with _life(runtime):
            message = await receive()
            assert message["type"] == "lifespan.startup"
            settings = runtime.settings
            scope["state"][BOUNDS] = Bounds(settings.header_seconds, settings.max_connections)
            await send({"type": "lifespan.startup.complete"})
            message = await receive()
            runtime.draining = True
        await send({"type": "lifespan.shutdown.complete"})

    return run


@contextlib.asynccontextmanager
async def _life(runtime: Runtime) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    hang_up: Any = getattr(signal, "SIGHUP", None)
    if hang_up is not None and runtime.settings.workers == 1:
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
            loop.add_signal_handler(hang_up, lambda: loop.run_in_executor(None, runtime.reload))
    runtime.retention.start()
    shown = runtime.settings.shown()
    log(logging.INFO, "started", settings=shown, package=guidelines_shown(runtime.content.guidelines), worker=os.getpid())
    try:
        yield
    finally:
        runtime.close()
        log(logging.INFO, "stopped", worker=os.getpid())
