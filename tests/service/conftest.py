"""Services that run for a whole test session, one for each way to deploy them; in the fast tier one in the test's own process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")

from tests.service import postgresql
from tests.service.ehr import COUNT, KEYS, OMITTING, PATIENT, RX, SHADOWED, SLOW, FhirServer, Service, write_guideline
from tests.service.local import Local
from tests.service.requirements import DEPLOYMENTS

FULL = pytest.mark.full
PER_MINUTE = 20
"""So often one of the slow issuers (or, where no token is asked for, one address) may ask a deployment."""
IN_PROCESS = DEPLOYMENTS["in-process"]
PARAMETERS = [pytest.param(each, id=name, marks=() if each == IN_PROCESS else FULL) for name, each in DEPLOYMENTS.items()]


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    yield from postgresql.server()


@pytest.fixture(scope="session")
def new_database(postgresql_server: str) -> Callable[[], str]:
    return lambda: postgresql.database(postgresql_server)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a service in another process belong to the full tier; those with one in this process need no marker."""
    here = Path(__file__).parent
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        callspec = getattr(item, "callspec", None)
        if here not in item.path.parents or not fixtures & {"package", "services"}:
            continue
        if callspec is None or callspec.params.get("service") != IN_PROCESS:
            item.add_marker(FULL)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where tests are given out by the file, those that go through all deployments stay together: these are then started once."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            all_deployments = ("test_requirements_", "test_incomplete_data")
            return "deployments" if file.rpartition("/")[2].startswith(all_deployments) else file

    return Together(config, log)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small guideline, for services in this process."""
    return write_guideline(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_guideline(tmp_path_factory.mktemp("guideline"))


@pytest.fixture(scope="session")
def ehr_server() -> Iterator[FhirServer]:
    server = FhirServer(PATIENT, COUNT, RX)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def services(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, package: Path, ehr_server: FhirServer
) -> Iterator[Any]:
    """``services(authenticated, workers, store)``: that service, started at its first use. It speaks of 3.0, has a proxy before
    it, and one address may not ask it often; with ``defaults`` it is as it comes."""
    made: dict[tuple[bool, int, str, bool], Service] = {}

    def get(authenticated: bool, workers: int, store: str, *, defaults: bool = False) -> Service:
        key = (authenticated, workers, store, defaults)
        if key not in made:
            folder = tmp_path_factory.mktemp("service")
            kind = Local if store == IN_PROCESS[2] else Service
            more: dict[str, Any] = {"store_url": request.getfixturevalue("new_database")()} if store == "postgresql" else {}
            if not defaults:
                more |= {"trusted_proxy": True, "hooks_version": "2.0.0" if kind is Local else "3.0.0"}
            service = kind(
                folder, package, "ES384" if authenticated else None, workers=workers, cors_origins=["https://app.example.org"],
                fhir_servers=[{"url": ehr_server.base, "private": True}], max_body_bytes=300_000, max_entries=500,
                deadline_seconds=4, cql_operation=True, missing_data={OMITTING: "omit"}, shadow=[SHADOWED], disabled=["s2"],
                parameters={"Enough": "0.5"}, **more,
            )  # fmt: skip
            service.far = not defaults
            if authenticated:
                (ehr,) = service.settings["issuers"]
                slow = [ehr | {"iss": SLOW.format(each), "requests_per_minute": PER_MINUTE} for each in KEYS]
                far = {"jku": [ehr_server.base.replace("/fhir", "/keys")], "jku_private": True}
                service.settings["issuers"] = [ehr | far, *slow]
            elif not defaults:
                service.settings["requests_per_minute"] = PER_MINUTE
            made[key] = service.start()
        return made[key]

    yield get
    with ThreadPoolExecutor() as pool:
        ended = set(pool.map(lambda service: service.stop(), made.values()))
    assert ended <= {0, -15, 143}, "a service did not end as it was told to"


@pytest.fixture(params=PARAMETERS)
def service(request: pytest.FixtureRequest, services: Any) -> Service:
    """Each deployment in turn."""
    algorithm, workers, store = request.param
    found: Service = services(algorithm != "none", workers, store)
    found.algorithm = None if algorithm == "none" else algorithm
    return found


@pytest.fixture(params=[p for p in PARAMETERS if p.values[0][0] != "none"])
def signed_service(request: pytest.FixtureRequest, services: Any) -> Service:
    """Each deployment that asks for tokens, in turn."""
    algorithm, workers, store = request.param
    found: Service = services(True, workers, store)
    found.algorithm = algorithm
    return found


@pytest.fixture
def signed(services: Any) -> Service:
    """A service that asks for tokens, where one deployment is enough."""
    found: Service = services(True, 1, "sqlite", defaults=True)
    found.algorithm = "ES384"
    return found


@pytest.fixture
def plain(services: Any) -> Service:
    """A service on loopback without tokens, where one deployment is enough."""
    found: Service = services(False, 1, "sqlite", defaults=True)
    return found
