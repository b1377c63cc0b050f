"""Where settings come from, and the starts that are refused."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from tests.service.ehr import write_keys

from guideway.diagnostics import GuidewayError
from guideway.service.settings import FhirServer, Issuer, Settings, TokenIssuer, read_settings


@pytest.fixture
def keys(tmp_path):
    return write_keys(tmp_path / "keys.json")


def test_the_defaults_are_safe():
    settings = Settings()
    assert settings.on_loopback
    assert not settings.authenticated
    assert settings.problems() == []
    assert settings.public_base == "http://127.0.0.1:8080"


def unsafe(keys):
    ehr = Issuer(iss="https://ehr.example.org", jwks_file=keys)
    tokens = TokenIssuer(iss="https://auth.example.org", jwks_file=keys)
    return {
        "issuers": ({"host": "0.0.0.0", "base_url": "https://x.example.org", "token_issuers": [tokens]}, "no issuers"),
        "tokens": ({"host": "0.0.0.0", "base_url": "https://x.example.org", "issuers": [ehr]}, "no token_issuers"),
        "base-url": ({"issuers": [ehr]}, "base_url is missing"),
        "https": ({"base_url": "http://x.example.org", "issuers": [ehr]}, "not https"),
        "none": ({"algorithms": ["none"]}, "'none' is not allowed"),
        "hmac": ({"algorithms": ["HS256"]}, "'HS256' is not allowed"),
        "cors": ({"cors_origins": ["*"]}, "'*' is not allowed"),
        "no-keys": ({"base_url": "https://x.example.org", "issuers": [Issuer(iss="a")]}, "neither jwks_file nor jku"),
        "lost-keys": (
            {"base_url": "https://x.example.org", "issuers": [Issuer(iss="a", jwks_file="gone.json")]},
            "does not exist",
        ),
        "http-jku": ({"base_url": "https://x.example.org", "issuers": [Issuer(iss="a", jku=["http://a/keys"])]}, "is not https"),
        "twice": ({"base_url": "https://x.example.org", "issuers": [ehr, ehr]}, "listed twice"),
        "http-fhir": ({"fhir_servers": [FhirServer(url="http://ehr.example.org/fhir")]}, "not https"),
        "package": ({"packages": ["no-such-folder"]}, "does not exist"),
        "http-on-all-addresses": (
            {"host": "0.0.0.0", "base_url": "http://127.0.0.1:8080", "issuers": [ehr], "fhir_operations": False},
            "is not https",
        ),
        "memory-for-each-worker": ({"workers": 4, "store_url": "sqlite://"}, "is not shared"),
        "memory": ({"store_url": "sqlite:///:memory:"}, "forgets what was acknowledged"),
        "fhir-user": ({"fhir_servers": [FhirServer(url="https://u:p@ehr.example.org/fhir")]}, "a user name"),
        "fhir-query": ({"terminology_server": FhirServer(url="https://tx.example.org/?key=p")}, "a query"),
        "http-origin": ({"cors_origins": ["http://app.example.org"]}, "is not https"),
        "origin-pattern": ({"cors_origins": ["https://*.example.org"]}, "not one origin"),
        "base-url-space": ({"base_url": "https://x.example.org ", "issuers": [ehr], "token_issuers": [tokens]}, "holds spaces"),
        "base-url-side": (
            {"base_url": "https://x.example.org/cds-services/", "issuers": [ehr], "token_issuers": [tokens]},
            "leave out /cds-services",
        ),
        "tokens-twice": ({"token_issuers": [tokens, tokens]}, "token issuer https://auth.example.org is listed twice"),
        "tokens-nameless": ({"token_issuers": [TokenIssuer(iss="", jwks_file=keys)]}, "a token issuer has no name"),
        "nameless": ({"base_url": "https://x.example.org", "issuers": [Issuer(iss=" ", jwks_file=keys)]}, "no name"),
    }


NAMES = [
    "issuers",
    "tokens",
    "base-url",
    "https",
    "none",
    "hmac",
    "cors",
    "no-keys",
    "lost-keys",
    "http-jku",
    "twice",
    "http-fhir",
    "package",
    "http-on-all-addresses",
    "memory-for-each-worker",
    "fhir-user",
    "fhir-query",
    "http-origin",
    "origin-pattern",
    "base-url-space",
    "base-url-side",
    "tokens-twice",
    "tokens-nameless",
    "nameless",
]


@pytest.mark.parametrize("content", ["{", "[]", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "AA", "kid": "a"}]}'])
def test_key_files_that_would_refuse_everybody_are_named(tmp_path, content):
    (tmp_path / "keys.json").write_text(content)
    issuer = Issuer(iss="https://ehr.example.org", jwks_file=tmp_path / "keys.json")
    assert any("jwks_file" in p for p in Settings(base_url="https://x.example.org", issuers=[issuer]).problems())


def test_secrets_in_urls_are_in_no_reason_for_a_refusal():
    for settings in (
        Settings(base_url="https://me:secret@cds.example.org"),
        Settings(fhir_servers=[{"url": "ftp://me:secret@fhir.example.org"}], smart_app_url="http://me:secret@app.example.org"),
    ):
        assert settings.problems()
        assert "secret" not in str(settings.problems())


def test_secrets_in_urls_are_not_shown():
    settings = Settings(
        fhir_servers=[FhirServer(url="https://u:SECRET@x/fhir"), FhirServer(url="https://x/fhir?token=SECRET")],
        store_url="postgresql+psycopg://u:SECRET@db/x",
    )
    assert "SECRET" not in json.dumps(settings.shown())
    assert "x/fhir" in json.dumps(settings.shown())


@pytest.mark.parametrize("name", NAMES)
def test_unsafe_combinations_are_named(keys, name):
    settings, expected = unsafe(keys)[name]
    assert any(expected in problem for problem in Settings(**settings).problems())


def test_a_public_start_with_everything_is_fine(keys):
    settings = Settings(
        host="0.0.0.0",
        base_url="https://cds.example.org/",
        issuers=[Issuer(iss="https://ehr.example.org", jwks_file=keys)],
        token_issuers=[TokenIssuer(iss="https://auth.example.org", jwks_file=keys)],
    )
    assert settings.problems() == []
    assert settings.public_base == "https://cds.example.org"


def test_flags_go_before_the_environment_before_the_file(tmp_path, monkeypatch):
    file = tmp_path / "service.toml"
    file.write_text('port = 1000\nworkers = 2\ntimezone = "Europe/Berlin"\n')
    monkeypatch.setenv("GUIDEWAY_SERVE_PORT", "2000")
    monkeypatch.setenv("GUIDEWAY_SERVE_WORKERS", "3")
    settings = read_settings(file, port=3000, workers=None)
    assert (settings.port, settings.workers, settings.timezone) == (3000, 3, "Europe/Berlin")
    monkeypatch.setenv("GUIDEWAY_SERVE_TERMINOLOGY_SERVER__URL", "https://tx.example.org")
    assert read_settings(file).terminology_server == FhirServer(url="https://tx.example.org")


@pytest.mark.parametrize("name", ["GUIDEWAY_SERVE_SHADOWS", "guideway_serve_issuer", "GUIDEWAY_SERVE_TERMINOLOGY__URL"])
def test_a_variable_that_is_no_setting_is_refused(monkeypatch, name):
    monkeypatch.setenv(name, "true")
    with pytest.raises(GuidewayError, match=name):
        read_settings()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("port = 'x'", "port"),
        ("colour = 1", "colour"),
        ("port = ", "not a TOML file"),
        ("[[issuers]]\nname = 1", "issuers.0.iss"),
    ],
)
def test_a_bad_file_is_named_with_the_place(tmp_path, content, expected):
    file = tmp_path / "service.toml"
    file.write_text(content)
    with pytest.raises(GuidewayError) as error:
        read_settings(file)
    assert str(file) in str(error.value)
    assert expected in str(error.value)


def test_secrets_are_masked():
    settings = Settings(store_url="postgresql://me:secret@db/x")
    assert "secret" not in str(settings.shown())


def test_the_document_names_every_setting_with_its_default():
    text = (Path(__file__).parents[2] / "docs" / "service.md").read_text("utf-8")
    text = text[text.index("## Settings") : text.index("## CDS Hooks")]
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    shown = tomllib.loads(example)
    Settings(**shown)
    defaults: dict[str, str] = {}
    for names, told in re.findall(r"^\| (`.*?) \| (.*?) \| .*\|$", text, re.MULTILINE):
        found = re.findall(r"`(\w+)`", names)
        several = [value.strip(" `") for value in re.split(r", ", told)]
        defaults |= dict(zip(found, several if len(several) == len(found) else [told] * len(found), strict=True))
    parts = {name for kind in (Issuer, TokenIssuer, FhirServer) for name in kind.model_fields}
    assert Settings.model_fields.keys() - defaults.keys() <= {*shown, "fhir_servers"}
    assert defaults.keys() <= Settings.model_fields.keys() | parts
    for name, told in defaults.items():
        field = Settings.model_fields.get(name)
        if field is not None and field.default_factory is None and field.default is not None:
            value = field.default
            plain = str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
            assert told.strip("`").replace(",", "").replace(" MB", "000000") == plain, name
