"""``guideway serve``: the service, checked before it starts."""

from __future__ import annotations

import atexit
import math
import os
import shutil
import tempfile
from pathlib import Path

import click

from guideway.diagnostics import GuidewayError


@click.command()
@click.option("--config", "config", metavar="FILE", type=click.Path(path_type=Path), help="A TOML file with settings.")
@click.option(
    "--package",
    "packages",
    metavar="PATH",
    multiple=True,
    help="A guideline; repeatable.  [default: the one that came with guideway]",
)
@click.option("--host", metavar="ADDRESS", help="The address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, metavar="N", help="The port to listen on.  [default: 8080]")
@click.option("--workers", type=int, metavar="N", help="Worker processes.  [default: 1]")
@click.option("--base-url", metavar="URL", help="The URL that callers use; a JWT's audience is checked against it.")
@click.option("--check", is_flag=True, help="Check and print the settings, then stop.")
def serve(
    config: Path | None,
    packages: tuple[str, ...],
    host: str | None,
    port: int | None,
    workers: int | None,
    base_url: str | None,
    check: bool,
) -> int:
    """Serve CDS Hooks and FHIR operations.

    Without settings it listens on this machine only, asks for no authentication, and keeps feedback in a SQLite file. A start
    that would be unsafe is refused, with the reasons. Settings come from a TOML file, the environment (GUIDEWAY_SERVE_PORT=8081)
    and these options, in rising order.
    """
    import msgspec
    import uvicorn

    from guideway.service.draining import soften_supervisor
    from guideway.service.logs import configure
    from guideway.service.runtime import answers_were_lost, check_store, load_content, prepare_store
    from guideway.service.serving import hand_over
    from guideway.service.settings import read_settings

    settings = read_settings(config, packages=list(packages) or None, host=host, port=port, workers=workers, base_url=base_url)
    problems = settings.problems()
    if check:
        click.echo(msgspec.json.format(msgspec.json.encode(settings.shown()), indent=2).decode())
    if problems:
        raise GuidewayError("the service does not start:\n" + "\n".join(f"  - {problem}" for problem in problems))
    content = load_content(settings)
    if check:
        check_store(settings)
        return 0
    prepare_store(settings)
    hand_over(settings)
    if settings.workers > 1:
        configure(settings.log_level)
        soften_supervisor(settings.drain_notice_seconds)
        folder = tempfile.mkdtemp(prefix="guideway-metrics-")
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    click.echo(f"{settings.public_base}/cds-services  {len(content.services)} services", err=True)
    del content  # each worker loads its own
    uvicorn.run(
        "guideway.service.serving:application",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=settings.trusted_proxy,
        http="guideway.service.connections:Connection",
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds),
        timeout_keep_alive=15,
        timeout_worker_healthcheck=60,
        lifespan="on",
    )
    return 1 if answers_were_lost() else 0
