"""The service inside the test's own process: the same requests as ``ehr.Service``, without a socket or a second process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from tests.service.ehr import Service


class Local(Service):
    """``guideway serve`` without the server: the application is called directly."""

    runtime: Any = None

    def start(self) -> Local:
        from guideway.service.application import make_application
        from guideway.service.logs import LOGGER, configure
        from guideway.service.runtime import make_runtime
        from guideway.service.settings import Settings

        before = [(logger, logger.handlers, logger.level, logger.propagate) for logger in (LOGGER, logging.getLogger())]
        configure("info")
        formatter = LOGGER.handlers[0].formatter
        for logger, handlers, level, propagate in before:
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)
        self.handler = logging.FileHandler(self.log_file, encoding="utf-8")
        self.handler.setFormatter(formatter)
        LOGGER.addHandler(self.handler)
        LOGGER.setLevel("INFO")
        self.runtime = make_runtime(Settings(**self.settings))
        self.application = make_application(self.runtime)
        return self

    def stop(self) -> int:
        from guideway.service.logs import LOGGER

        if self.runtime is not None:
            self.runtime.close()
        LOGGER.removeHandler(self.handler)
        self.handler.close()
        return 0

    def request(self, method: str, path: str, *, headers: Any = None, **options: Any) -> httpx.Response:
        options.pop("timeout", None)
        options.pop("verify", None)
        content = options.get("content")
        if content is not None and not isinstance(content, bytes):
            options["content"] = b"".join(content)

        sent = {**self.headers(path), **(headers or {})}
        address = sent.get("X-Forwarded-For", "127.0.0.1")  # what the server makes of it

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.application, raise_app_exceptions=False, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url=self.base) as client:
                return await client.request(method, path, headers=sent, **options)

        return asyncio.run(ask())


@contextlib.contextmanager
def local(folder: Path, package: Path | None, algorithm: str | None = None, **settings: Any) -> Iterator[Local]:
    """A service in this process for a while."""
    service = Local(folder, package, algorithm, **settings)
    try:
        yield service.start()
    finally:
        service.stop()
