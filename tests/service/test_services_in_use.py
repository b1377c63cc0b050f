"""Which services a site uses: what it calls is offered to it, and what several share is shown by one of those."""

from __future__ import annotations

import pytest
from tests.service.ehr import COUNT, SERVICE, Service, hook_request, running

from guideway.diagnostics import GuidewayError
from guideway.service.runtime import load_content
from guideway.service.services import Left, Usage
from guideway.service.settings import Issuer, Settings


def test_a_site_is_offered_the_services_that_it_uses(package, tmp_path):
    with running(Service(tmp_path / "s", package, services=[SERVICE])) as service:
        assert [entry["id"] for entry in service.get("/cds-services").json()["services"]] == [SERVICE]
        assert service.cards(hook_request(COUNT))


@pytest.mark.parametrize("more", [{"services": ["nothing"]}, {"shadow": ["nothing"]}])
def test_a_service_that_there_is_not_stops_the_start(package, more):
    with pytest.raises(GuidewayError, match="there is no service 'nothing'; there are: main-patient-view"):
        load_content(Settings(packages=[package], **more))


def test_an_issuer_has_its_own_list():
    issuer = Issuer(iss="https://a", services=["b"])
    settings = Settings(services=["a"], issuers=[issuer])
    assert settings.services_for(issuer) == ("b",)
    assert settings.services_for(None) == ("a",)
    assert settings.services_for(Issuer(iss="https://b")) == ("a",)


def test_nothing_is_left_to_a_service_that_shows_nothing():
    from tests.service.test_cards_together import two_services

    _, services = two_services()
    usage = Usage(services.values())
    narrow, wide = services["narrow"], services["wide"]
    assert any("shared" in plan for plan in usage.left(narrow, ()).plans)
    assert usage.left(narrow, (), ["wide-patient-view"]) == Left()
    assert usage.left(wide, ()) == Left()
    assert usage.left(narrow, ("narrow-patient-view",)) == Left()
    assert usage.left(wide, ("narrow-patient-view",)) == Left(), "not in use, but called: it says everything"
