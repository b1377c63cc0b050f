"""What a worker of the service holds: settings, guidelines with their services, keys, the store, limits and metrics.

Everything that depends on the packages is one immutable ``Content``; a reload makes a new one beside the old and swaps it in, so
that requests under way finish with what they began with.
"""

from __future__ import annotations

import base64
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import anyio

from guideway.apply.parameters import engine_parameters
from guideway.diagnostics import GuidewayError, Severity
from guideway.guideline.compiled import CompiledGuideline, open_guideline
from guideway.guideline.cql_operations import Cql
from guideway.guideline.expressions import CQL_LANGUAGES, bind, expressions_of
from guideway.guideline.loading import load
from guideway.guideline.locate import installed_guideline
from guideway.guideline.names import STATEMENT_ID, extensions
from guideway.guideline.package import Artifact, Guideline
from guideway.remote.terminology import Terminology
from guideway.service.cql_process import CqlProcess
from guideway.service.keys import KeySource
from guideway.service.lanes import Lanes
from guideway.service.limits import RateLimiter
from guideway.service.logs import log
from guideway.service.memory import loaded_again
from guideway.service.metrics import SHARED_FOLDER, Metrics
from guideway.service.problems import Problem
from guideway.service.retention import Retention
from guideway.service.services import Service, Usage, actions_in, services_of
from guideway.service.settings import Settings
from guideway.service.store import Store, StoreError, default_store_url
from guideway.service.writing import Writer
from guideway.terminology.valuesets import ValueSetIndex

Json = dict[str, Any]
Given = TypeVar("Given")

STOPPING = "stopping"
"""A file in the folder that workers share: it is there once the service stops."""
LOST = "lost"
"""The same: it is there once a worker has ended with answers that are not in the store."""
_lost: list[int] = []
PATIENT = 10.0
"""So many seconds the store may take for what is left to be written at the end, if there is so much time."""
PATIENCE = 4
"""A request waits so great a part of its deadline for the terminology server."""


@dataclass(frozen=True, slots=True)
class Content:
    """The guidelines that are loaded (compiled, and beside them whole, with the artifacts that a run does not need), and the CDS
    services they give, by id."""

    guidelines: tuple[CompiledGuideline, ...]
    packages: tuple[Guideline, ...]
    services: Mapping[str, Service]
    cql: Cql | CqlProcess
    usage: Usage

    def terminology(self, guideline: CompiledGuideline) -> ValueSetIndex | Terminology:
        """All value sets of the guideline's package (a run holds only those that it needs), and the server behind them if any."""
        package = self.packages[self.guidelines.index(guideline)]
        found: ValueSetIndex | Terminology | None = guideline.memory.get(id(package))
        if found is None:
            found = ValueSetIndex(a.resource for a in package.artifacts)
            if isinstance(guideline.terminology, Terminology):
                found = guideline.terminology.over(found)
            guideline.memory[id(package)] = found
        return found

    def resolve(self, reference: str, *types: str) -> tuple[CompiledGuideline, Artifact] | None:
        """The guideline and artifact that a canonical names; the first that has it."""
        for guideline, package in zip(self.guidelines, self.packages):
            found = package.resolve(reference, *types)
            if found is not None:
                return guideline, found
        return None

    def by_id(self, kind: str, key: str) -> tuple[CompiledGuideline, Artifact] | None:
        """The guideline and artifact with this type and id."""
        for guideline, package in zip(self.guidelines, self.packages):
            for artifact in package.of_type(kind):
                if artifact.id == key:
                    return guideline, artifact
        return None


@dataclass(slots=True)
class Runtime:
    """The state of one worker."""

    settings: Settings
    content: Content
    store: Store
    keys: Mapping[str, KeySource]
    token_keys: Mapping[str, KeySource]
    limiter: RateLimiter
    refusals: RateLimiter
    """Of tokens, by address."""
    metrics: Metrics
    writer: Writer
    retention: Retention
    lanes: Lanes
    """For hook requests."""
    operations: Lanes
    """For FHIR operations, so that neither keeps the other waiting."""
    draining: bool = False
    ends_at: float | None = None
    """When everything must be over (of the monotonic clock), once it is to stop."""
    under_way: int = 0
    reloading: threading.Lock = field(default_factory=threading.Lock)

    @property
    def stopping(self) -> bool:
        """Whether the service stops, and not this worker alone because a new one takes its place."""
        folder = os.environ.get(SHARED_FOLDER)
        return self.draining and (self.settings.workers == 1 or not folder or Path(folder, STOPPING).exists())

    async def stored(self, work: Callable[..., Given], *given: Any, otherwise: str) -> Given:
        """What the store's ``work`` gives, in a thread of its own and within the deadline of a request. Raises Problem 503, with
        the text ``otherwise``, where the store fails or does not answer in time: a store that hangs must not hang the service."""
        try:
            with anyio.fail_after(self.settings.deadline_seconds):
                return await anyio.to_thread.run_sync(work, *given, abandon_on_cancel=True)
        except Exception as error:
            log(logging.ERROR, "the store does not answer", failure=error)
            raise Problem(503, otherwise, headers={"Retry-After": "5"}) from error

    async def keep(self, rows: Sequence[Json], event: Json) -> None:
        """Keep the cards and the AuditEvent of a call, a moment later where the store is well; raises Problem 503."""
        if not self.writer.later(rows, event):
            otherwise = "the service cannot keep a record of its answer, so it gives none"
            await self.stored(self.writer.now, rows, event, otherwise=otherwise)

    def close(self) -> None:
        """Write what is still to be written, and give everything back."""
        self.retention.close()
        self.lanes.close()
        self.operations.close()
        if isinstance(self.content.cql, CqlProcess):
            self.content.cql.close()
        self.writer.close(PATIENT if self.ends_at is None else min(PATIENT, max(1.0, self.ends_at - time.monotonic())))
        if self.writer.lost:
            _lost.append(self.writer.lost)
            if folder := os.environ.get(SHARED_FOLDER):
                Path(folder, LOST).touch()
        self.store.close()
        self.limiter.close()
        self.refusals.close()

    def reload(self) -> None:
        """Load the packages again, one time after another; on a failure the old content stays and the failure is logged."""
        with self.reloading:
            self._reload()

    def _reload(self) -> None:
        try:
            new = load_content(self.settings)
        except GuidewayError as error:
            log(logging.ERROR, "reload failed; the old content stays", problem=str(error))
            return
        except Exception as error:
            log(logging.ERROR, "reload failed; the old content stays", failure=error)
            return
        old, self.content = self.content, new
        if isinstance(old.cql, CqlProcess):
            old.cql.close()
        del old
        loaded_again()
        for guideline in self.content.guidelines:
            log(
                logging.INFO,
                "package loaded",
                package=guideline.manifest.id,
                version=guideline.manifest.version,
                hash=guideline.content_hash,
            )


def answers_were_lost() -> bool:
    """Whether a worker of this process's service has ended with answers that are not in the store."""
    folder = os.environ.get(SHARED_FOLDER)
    return bool(_lost) or bool(folder and Path(folder, LOST).exists())


def load_content(settings: Settings) -> Content:
    """Compile the configured packages (none: the guideline that came with the program); raises GuidewayError."""
    guidelines = tuple(open_guideline(str(path)) for path in settings.packages) or (open_guideline(None),)
    for guideline in guidelines:
        errors = [f.as_text() for f in guideline.findings if f.severity is Severity.error]
        if errors:
            listed = "\n".join(f"  {text}" for text in errors[:10])
            raise GuidewayError(f"{guideline.manifest.label} has {len(errors)} errors; guideway validate lists them:\n{listed}")
        _check_logic(guideline)
    origins = [str(path) for path in settings.packages] or [installed_guideline() or ""]
    packages = tuple(with_libraries(load(origin)) for origin in origins)
    _check_parameters(settings, guidelines)
    services: dict[str, Service] = {}
    for guideline in guidelines:
        for service in services_of(guideline, hooks_version=settings.hooks_version, include=settings.prefetch_include):
            if service.id in services:
                raise GuidewayError(
                    f"two plans give the same service id {service.id!r}: {service.plan.url} and {services[service.id].plan.url}"
                )
            services[service.id] = service
    _check_services(settings, services)
    _check_disabled(settings, guidelines)
    server = settings.terminology_server
    evaluator = CqlProcess(
        str(settings.packages[0]) if settings.packages else None,
        settings.deadline_seconds,
        (server.url, server.private, settings.deadline_seconds / PATIENCE) if server is not None else None,
    )
    if server is not None:  # after the services are made: what discovery says must not depend on whether the server answers
        for guideline in guidelines:
            guideline.terminology = Terminology(
                guideline.terminology, server.url, private=server.private, patience=settings.deadline_seconds / PATIENCE
            )
    return Content(guidelines, packages, services, evaluator, Usage(services.values()))


def _check_logic(guideline: CompiledGuideline) -> None:
    """Raises GuidewayError where a library that expressions name is not there, or holds nothing: a folder that is still being
    copied must not replace a guideline that is whole."""
    lacking: dict[str, str] = {}
    for artifact in guideline.artifacts:
        references = artifact.resource.get("library")
        libraries = [x for x in references if isinstance(x, str)] if isinstance(references, list) else []
        for found in expressions_of(artifact.resource):
            if found.expression.get("language") in CQL_LANGUAGES:
                bound = bind(guideline, found.expression, libraries, found.inputs)
                if bound.lacking:
                    lacking.setdefault(bound.lacking, f"{artifact.type} {artifact.id}: {bound.lacking}")
    if lacking:
        listed = "\n".join(f"  {text}" for text in list(lacking.values())[:10])
        raise GuidewayError(f"{guideline.manifest.label} lacks logic; guideway validate tells where:\n{listed}")


def _check_parameters(settings: Settings, guidelines: Sequence[CompiledGuideline]) -> None:
    """Raises GuidewayError for a configured parameter that no guideline declares, or whose value cannot be read."""
    for where, given in (("parameters", settings.parameters), *((f"issuer {i.iss}", i.parameters) for i in settings.issuers)):
        for name, value in given.items():
            takers = [g for g in guidelines if declares(g, name)]
            if not takers:
                known = ", ".join(sorted({p.name for g in guidelines for p in g.parameters})) or "none"
                raise GuidewayError(f"{where}: no guideline has a parameter {name!r}; there are: {known}")
            for guideline in takers:
                engine_parameters(guideline, {name: value})


def _check_services(settings: Settings, services: Mapping[str, Service]) -> None:
    """Raises GuidewayError where a setting names a service that there is not: it would be silent for ever."""
    named = [("services", settings.services), *((f"issuer {i.iss}: services", i.services) for i in settings.issuers)]
    if isinstance(settings.shadow, list):
        named.append(("shadow", settings.shadow))
    if isinstance(settings.missing_data, dict):
        named.append(("missing_data", list(settings.missing_data)))
    for where, names in named:
        for name in names:
            if name not in services:
                raise GuidewayError(f"{where}: there is no service {name!r}; there are: {', '.join(sorted(services))}")


def _check_disabled(settings: Settings, guidelines: Sequence[CompiledGuideline]) -> None:
    """Raises GuidewayError for something switched off that no guideline has: it would stay on."""
    known: set[str] = set()
    for guideline in guidelines:
        for plan in guideline.plans:
            for action in actions_in(plan.resource):
                known.add(f"{plan.id}#{action.get('id')}")
                known.update(str(e.get("valueString")) for e in extensions(action, STATEMENT_ID))
    for where, names in (("disabled", settings.disabled), *((f"issuer {i.iss}: disabled", i.disabled) for i in settings.issuers)):
        for name in names:
            if name not in known:
                raise GuidewayError(
                    f"{where}: no guideline has a statement or an action {name!r} (a plan's id, #, an action's id)"
                )


def declares(guideline: CompiledGuideline, name: str) -> bool:
    """Whether some library of the guideline declares this parameter (``Name`` or ``Library.Name``)."""
    library, _, last = name.rpartition(".")
    return any(p.name == last and library in ("", p.library) for p in guideline.parameters)


def with_libraries(package: Guideline) -> Guideline:
    """The package with a Library resource for each CQL file that has none, so that the logic can be read as well."""
    known = {(a.resource.get("name"), a.version) for a in package.of_type("Library")}
    for library in package.libraries:
        if (library.name, library.version) in known or library.cql is None:
            continue
        resource: Json = {
            "resourceType": "Library", "id": library.name, "url": library.url or f"Library/{library.name}", "name": library.name,
            "status": "draft",
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/library-type", "code": "logic-library"}]},
            "content": [{"contentType": "text/cql", "data": base64.b64encode(library.cql.encode()).decode()}],
        }  # fmt: skip
        if library.version:
            resource["version"] = library.version
        package.add(Artifact(resource, library.file))
    return package


def open_store(settings: Settings) -> Store:
    """The store, with its tables; raises GuidewayError."""
    store = _store(settings)
    store.migrate()
    return store


def prepare_store(settings: Settings) -> None:
    """Make the tables before any worker starts; raises GuidewayError where the store cannot be used."""
    open_store(settings).close()


def check_store(settings: Settings) -> None:
    """Raises GuidewayError where the store does not answer; no table is made."""
    store = _store(settings)
    try:
        store.answers()
    except StoreError as error:
        reason = f"{type(error).__name__}: {error.__cause__ or ''}".strip()
        raise GuidewayError(f"store_url: the store does not answer: {reason}") from error
    finally:
        store.close()


def _store(settings: Settings) -> Store:
    url = settings.store_url.get_secret_value() if settings.store_url else default_store_url()
    return Store(url, settings.deadline_seconds)


def make_runtime(settings: Settings) -> Runtime:
    """Everything a worker needs, ready to answer; raises GuidewayError with the reasons where a start would be unsafe."""
    problems = settings.problems()
    if problems:
        raise GuidewayError("the service does not start:\n" + "\n".join(f"  - {p}" for p in problems))
    store = open_store(settings)
    return Runtime(
        settings=settings,
        content=load_content(settings),
        store=store,
        keys={i.iss: KeySource(i.jwks_file, tuple(i.jku), i.jku_private) for i in settings.issuers},
        token_keys={
            t.iss: KeySource(t.jwks_file, (t.jwks_url,) if t.jwks_url else (), t.jwks_private) for t in settings.token_issuers
        },
        limiter=RateLimiter(_shared("rates")),
        refusals=RateLimiter(_shared("refusals")),
        metrics=Metrics(),
        writer=Writer(store),
        retention=Retention(store, settings),
        lanes=Lanes(settings.threads, settings.queue_seconds),
        operations=Lanes(settings.threads, settings.queue_seconds),
    )


def _shared(name: str) -> Path | None:
    """A file that the workers of this service share; None where there is one worker."""
    folder = os.environ.get(SHARED_FOLDER)
    return Path(folder, name) if folder else None


def guidelines_shown(guidelines: Sequence[CompiledGuideline]) -> list[Json]:
    """Id, version and content hash of each guideline."""
    return [{"id": g.manifest.id, "version": g.manifest.version, "hash": g.content_hash} for g in guidelines]
