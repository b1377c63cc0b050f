"""What the service is told at start: from a TOML file, the environment (``GUIDEWAY_…``) and the command line, in rising order.

``problems`` lists every unsafe or contradictory combination; the service does not start while there is one. ``shown`` is the
settings without anything secret, for the log.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from guideway.diagnostics import GuidewayError
from guideway.remote.guard import AllowedBase, Guard

ASYMMETRIC = ("ES384", "RS384", "ES256", "RS256", "ES512", "RS512", "PS256", "PS384", "PS512")


class FhirServer(BaseModel):
    """A FHIR (or terminology) server that may be asked. ``private``: it may live at a loopback or private address."""

    model_config = ConfigDict(extra="forbid")
    url: str
    private: bool = False


class Issuer(BaseModel):
    """An EHR that may call: its ``iss``, where its keys are (a JWKS file, or the ``jku`` URLs it may name), its FHIR servers."""

    model_config = ConfigDict(extra="forbid")
    iss: str
    jwks_file: Path | None = None
    jku: list[str] = Field(default_factory=list)
    jku_private: bool = False
    fhir_servers: list[FhirServer] = Field(default_factory=list)
    requests_per_minute: int | None = Field(default=None, ge=1)
    parameters: dict[str, str] = Field(default_factory=dict)
    disabled: list[str] = Field(default_factory=list)
    services: list[str] = Field(default_factory=list)


class TokenIssuer(BaseModel):
    """An authorization server whose bearer tokens open /fhir (SMART Backend Services): its ``iss``, keys, and audience."""

    model_config = ConfigDict(extra="forbid")
    iss: str
    jwks_file: Path | None = None
    jwks_url: str | None = None
    jwks_private: bool = False
    audience: str | None = None


class Settings(BaseSettings):
    """All settings of ``guideway serve``. Names in the environment are upper-case with the prefix ``GUIDEWAY_``."""

    model_config = SettingsConfigDict(env_prefix="GUIDEWAY_SERVE_", env_nested_delimiter="__", extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    base_url: str | None = None
    packages: list[Path] = Field(default_factory=list)
    store_url: SecretStr | None = None

    issuers: list[Issuer] = Field(default_factory=list)
    token_issuers: list[TokenIssuer] = Field(default_factory=list)
    fhir_servers: list[FhirServer] = Field(default_factory=list)
    terminology_server: FhirServer | None = None
    algorithms: list[str] = Field(default_factory=lambda: ["ES384", "RS384"])
    clock_skew_seconds: int = Field(default=60, ge=0, le=300)
    token_age_seconds: int = Field(default=480, ge=60, le=3600)
    cors_origins: list[str] = Field(default_factory=list)
    requests_per_minute: int = Field(default=600, ge=1)
    trusted_proxy: bool = False

    hooks_version: Literal["2.0.0", "3.0.0"] = "2.0.0"
    missing_data: Literal["fail", "omit"] | dict[str, Literal["fail", "omit"]] = "fail"
    prefetch_include: bool = False
    fhir_operations: bool = True
    cql_operation: bool | None = None
    parameters: dict[str, str] = Field(default_factory=dict)
    disabled: list[str] = Field(default_factory=list)
    services: list[str] = Field(default_factory=list)
    data_needed: Literal["worthwhile", "always"] = "worthwhile"
    shadow: bool | list[str] = False
    max_cards: int = Field(default=20, ge=1, le=100)
    timezone: str = "UTC"
    smart_app_url: str | None = None

    deadline_seconds: float = Field(default=5.0, gt=0, le=60)
    max_body_bytes: int = Field(default=10_000_000, ge=1_000)
    max_depth: int = Field(default=100, ge=10, le=500)
    max_entries: int = Field(default=20_000, ge=1)
    header_seconds: float = Field(default=10.0, gt=0)
    body_seconds: float = Field(default=15.0, gt=0)
    max_connections: int = Field(default=800, ge=10)
    max_pages: int = Field(default=50, ge=1)
    threads: int = Field(default=2, ge=1, le=64)
    queue_seconds: float = Field(default=10.0, gt=0, le=60)
    keep_cards_days: int | None = Field(default=None, ge=1)
    keep_audit_days: int | None = Field(default=None, ge=1)
    drain_notice_seconds: float = Field(default=0.0, ge=0)
    drain_seconds: float = Field(default=20.0, ge=0)
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments before the environment; no dotenv file is read unasked."""
        return init_settings, env_settings

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)

    @property
    def public(self) -> bool:
        """Whether others than this machine are meant to call: by the address, or by the URL that a proxy in front is known by."""
        return not self.on_loopback or not is_loopback(urlsplit(self.public_base).hostname or "")

    @property
    def serves_cql(self) -> bool:
        """Whether ``$cql`` runs expressions of callers: by default only where nobody but this machine can call."""
        return self.fhir_operations and (not self.public if self.cql_operation is None else self.cql_operation)

    def when_missing(self, service: str) -> str:
        """What the service does where data cannot be obtained: ``fail`` (412) or ``omit`` (go on, and say so in a card)."""
        if isinstance(self.missing_data, dict):
            return self.missing_data.get(service) or "fail"
        return self.missing_data

    @property
    def authenticated(self) -> bool:
        """Whether callers must show a JWT."""
        return bool(self.issuers)

    @property
    def public_base(self) -> str:
        """The base URL that callers use, without a slash at its end: the configured one, or the loopback address."""
        if self.base_url:
            return self.base_url.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def guard_for(self, issuer: Issuer | None) -> Guard:
        """The FHIR servers that a request of this issuer may point to."""
        servers = issuer.fhir_servers if issuer is not None and issuer.fhir_servers else self.fhir_servers
        return Guard(tuple(AllowedBase(s.url.rstrip("/"), s.private) for s in servers))

    def services_for(self, issuer: Issuer | None) -> tuple[str, ...]:
        """The ids of the services that an EHR calls, in the order in which they are asked for what several share; none: all."""
        return tuple(issuer.services if issuer is not None and issuer.services else self.services)

    def in_shadow(self, service: str) -> bool:
        """Whether the service is evaluated and logged, and shows nothing."""
        return service in self.shadow if isinstance(self.shadow, list) else self.shadow

    def problems(self) -> list[str]:
        """Why it would be unsafe or pointless to start, one sentence each; empty where all is well."""
        found = []
        where = f"host {self.host}" if not self.on_loopback else f"base_url {self.base_url}"
        if self.public and not self.issuers:
            found.append(f"{where} can be reached from other machines, but no issuers are configured: anyone could ask")
        if self.public and self.fhir_operations and not self.token_issuers:
            found.append(
                f"{where} can be reached from other machines, but no token_issuers are configured to protect /fhir; "
                "configure them, or set fhir_operations = false"
            )
        try:
            ZoneInfo(self.timezone)
        except (ValueError, OSError, LookupError):
            found.append(f"timezone {self.timezone!r} is unknown; write it as Europe/Berlin or UTC")
        if self.smart_app_url and urlsplit(self.smart_app_url).scheme != "https":
            found.append(f"smart_app_url {self.smart_app_url} is not https")
        if (self.issuers or not self.on_loopback) and not self.base_url:
            found.append("base_url is missing: the audience of a JWT is checked against it; set it to the URL that EHRs call")
        if self.base_url:
            parts = urlsplit(self.base_url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
                found.append(f"base_url {self.base_url!r} is not a plain http or https URL")
            elif any(character.isspace() for character in self.base_url):
                found.append(f"base_url {self.base_url!r} holds spaces: no JWT would have it as its audience")
            elif parts.path.rstrip("/").endswith(("/cds-services", "/fhir")):
                found.append(f"base_url {self.base_url} names one side of the service; leave out /cds-services and /fhir")
            elif parts.scheme != "https" and not (is_loopback(parts.hostname) and self.on_loopback):
                found.append(f"base_url {self.base_url} is not https: patient data would travel in the clear")
        for algorithm in self.algorithms:
            if algorithm not in ASYMMETRIC:
                found.append(f"algorithm {algorithm!r} is not allowed: only asymmetric signatures ({', '.join(ASYMMETRIC)})")
        if not self.algorithms:
            found.append("algorithms is empty: no JWT could be accepted; the default is ES384 and RS384")
        for origin in self.cors_origins:
            parts = urlsplit(origin)
            if "*" in origin or not parts.scheme or not parts.hostname or parts.path not in ("", "/"):
                found.append(f"cors_origins: {origin!r} is not one origin such as https://ehr.example.org; '*' is not allowed")
            elif parts.scheme != "https" and not is_loopback(parts.hostname):
                found.append(f"cors_origins: {origin} is not https")
        seen: set[str] = set()
        for issuer in self.issuers:
            if not issuer.iss.strip():
                found.append("an issuer has no name (iss)")
            if issuer.iss in seen:
                found.append(f"issuer {issuer.iss} is listed twice")
            seen.add(issuer.iss)
            if issuer.jwks_file is None and not issuer.jku:
                found.append(f"issuer {issuer.iss} has neither jwks_file nor jku: its signatures could not be checked")
            found += self._key_problems(f"issuer {issuer.iss}", issuer.jwks_file, issuer.jku, issuer.jku_private)
        names: set[str] = set()
        for token_issuer in self.token_issuers:
            if not token_issuer.iss.strip():
                found.append("a token issuer has no name (iss)")
            if token_issuer.iss in names:
                found.append(f"token issuer {token_issuer.iss} is listed twice")
            names.add(token_issuer.iss)
            urls = [token_issuer.jwks_url] if token_issuer.jwks_url else []
            if token_issuer.jwks_file is None and not urls:
                found.append(f"token issuer {token_issuer.iss} has neither jwks_file nor jwks_url")
            found += self._key_problems(
                f"token issuer {token_issuer.iss}", token_issuer.jwks_file, urls, token_issuer.jwks_private
            )
        servers = [*self.fhir_servers, *(s for i in self.issuers for s in i.fhir_servers)]
        for server in [*servers, *([self.terminology_server] if self.terminology_server else [])]:
            parts = urlsplit(server.url)
            if parts.username or parts.password or parts.query or parts.fragment:
                found.append(
                    f"FHIR server at {parts.hostname}: its URL holds a user name, a query or a fragment; give the base alone"
                )
            elif parts.scheme not in ("http", "https") or not parts.hostname:
                found.append(f"FHIR server {server.url!r} is not an http or https URL")
            elif parts.scheme == "http" and not server.private:
                found.append(f"FHIR server {server.url} is not https; only a server marked private may be asked over http")
        if self.store_url is not None and _in_memory(self.store_url.get_secret_value()):
            found.append("store_url: a store in memory forgets what was acknowledged, and is not shared; name a file")
        for package in self.packages:
            if not package.exists():
                found.append(f"package {package} does not exist")
        return [_WHO.sub("***", sentence) for sentence in found]

    @staticmethod
    def _key_problems(owner: str, file: Path | None, urls: list[str], private: bool) -> list[str]:
        found = []
        if file is not None and not file.is_file():
            found.append(f"{owner}: jwks_file {file} does not exist")
        elif file is not None:
            from guideway.service.keys import parse_key_set

            try:
                if not parse_key_set(json.loads(file.read_text("utf-8"))):
                    found.append(f"{owner}: jwks_file {file} holds no RSA or EC key with an id (kid)")
            except (OSError, ValueError) as error:
                found.append(f"{owner}: jwks_file {file} is no JWKS: {error}")
        for url in urls:
            if urlsplit(url).scheme != "https" and not (private and urlsplit(url).scheme == "http"):
                found.append(f"{owner}: key URL {url} is not https")
        return found

    def shown(self) -> dict[str, Any]:
        """The settings as JSON values, secrets masked."""
        shown: dict[str, Any] = _masked(self.model_dump(mode="json"))
        return shown


_WHO = re.compile(r"(?<=//)[^/@\s]*@")
"""User name and password in a URL."""


def _masked(value: Any) -> Any:
    """The value with user names, passwords and queries in URLs replaced."""
    if isinstance(value, dict):
        return {name: _masked(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_masked(part) for part in value]
    return re.sub(rf"{_WHO.pattern}|\?.*", "***", value) if isinstance(value, str) and "://" in value else value


def _in_memory(url: str) -> bool:
    """Whether a store's URL is that of an SQLite database without a file."""
    return url.startswith("sqlite") and (url.partition("://")[2] in ("", "/", "/:memory:") or "mode=memory" in url)


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def read_settings(file: Path | None = None, **flags: Any) -> Settings:
    """Settings from ``file`` (TOML), the environment over it, ``flags`` (None = not given) over both; raises GuidewayError."""
    given = {name: value for name, value in flags.items() if value is not None}
    prefix = str(Settings.model_config["env_prefix"])
    for variable in os.environ:
        name = variable.upper().removeprefix(prefix).partition("__")[0].lower()
        if variable.upper().startswith(prefix) and name not in (*Settings.model_fields, "resolved"):
            raise GuidewayError(
                f"the environment: {variable} is no setting of the service; guideway serve --check shows them all"
            )
    from_file: dict[str, Any] = {}
    if file is not None:
        try:
            from_file = tomllib.loads(file.read_text("utf-8"))
        except OSError as error:
            raise GuidewayError(f"{file}: the configuration could not be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise GuidewayError(f"{file}: not a TOML file: {error}") from error
    try:
        from_environment = Settings(**given).model_dump(exclude_unset=True) if not from_file else _environment(given)
        return Settings(**{**from_file, **from_environment, **given})
    except ValidationError as error:
        lines = [f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors()]
        where = str(file) if file is not None else "the configuration"
        raise GuidewayError(f"{where}: " + "; ".join(lines)) from error
    except Exception as error:  # pydantic-settings raises its own for unreadable JSON in the environment
        if type(error).__name__ == "SettingsError":
            raise GuidewayError(f"the environment: {error}") from error
        raise


def _environment(given: dict[str, Any]) -> dict[str, Any]:
    """What the environment sets, without what the arguments set."""
    return {k: v for k, v in Settings(**given).model_dump(exclude_unset=True).items() if k not in given}
