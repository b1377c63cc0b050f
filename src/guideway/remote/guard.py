"""Which addresses may be asked: the guard against server-side request forgery.

A caller of the service may name a FHIR server; without a guard that is an invitation to make this program read addresses inside
its own network. The rule (design: deny by default):

- a URL must start with one of the configured base URLs, compared by scheme, host, port and whole path segments;
- it must be https, unless the matching base itself was configured with http;
- the address that the host name resolves to must be a public one, unless the matching base is marked as private. The check is
  made on the address that the connection then uses, so a name that changes its address in between gains nothing;
- user names in URLs, fragments and redirects are refused.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpcore

from guideway.remote.errors import RemoteError

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class AllowedBase:
    """One base URL that may be asked. ``private``: its host may resolve to a loopback or private address."""

    url: str
    private: bool = False

    def covers(self, url: str) -> bool:
        """Whether ``url`` lies at or below this base."""
        mine, other = urlsplit(self.url), urlsplit(url)
        if (mine.scheme, mine.hostname, _port(self.url)) != (other.scheme, other.hostname, _port(url)):
            return False
        prefix = mine.path.rstrip("/")
        path = other.path.lower().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/").replace("\\", "/")
        path = path.replace("%3b", ";")
        if "%25" in path or any(part.partition(";")[0] in ("..", ".") for part in path.split("/")):
            return False
        return other.path == prefix or other.path.startswith(prefix + "/")


def _port(url: str) -> int | None:
    parts = urlsplit(url)
    try:
        return parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Guard:
    """The list of bases that may be asked; an empty list allows nothing."""

    allowed: tuple[AllowedBase, ...] = ()

    @classmethod
    def of(cls, urls: Iterable[str], private: bool = False) -> Guard:
        """A guard for these base URLs, all private or all public."""
        return cls(tuple(AllowedBase(url.rstrip("/"), private) for url in urls))

    def base_of(self, url: str) -> AllowedBase:
        """The allowed base that covers ``url``; raises RemoteError (``refused``) where none does."""
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise RemoteError("refused", "that is no URL") from error
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname or _port(url) is None:
            raise RemoteError("refused", f"{_shown(url)} is not an http or https URL")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise RemoteError("refused", f"{_shown(url)}: user names, passwords and fragments are not allowed in a server's URL")
        for base in self.allowed:
            if base.covers(url):
                return base
        raise RemoteError(
            "refused", f"{_shown(url)} is not on the list of allowed servers; add its base URL to the configuration"
        )


def _shown(url: str) -> str:
    """The URL without anything secret: no user name, query or fragment."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{':' + str(_port(url)) if parts.netloc.count(':') else ''}{parts.path}"


_TRANSLATED = tuple(map(ipaddress.ip_network, ("::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "fec0::/10")))
"""IPv6 addresses that a network may translate into private IPv4 ones, and the old site-local ones."""


def is_public(address: str) -> bool:
    """Whether an IP address is a public unicast one (RFC 6890); IPv4 addresses inside IPv6 are judged as IPv4."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if any(ip in network for network in _TRANSLATED):
            return False
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections only to addresses that the guard allows, and to the very address that was checked."""

    def __init__(self, guard: Guard) -> None:
        self._private_hosts = {(urlsplit(b.url).hostname, _port(b.url)) for b in guard.allowed if b.private}
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve, check, connect; raises RemoteError (``refused``) for a private address of a public base."""
        try:
            async with asyncio.timeout(timeout):
                found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} took too long to resolve") from error
        except OSError as error:
            raise httpcore.ConnectError(f"{host} is unknown") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if (host, port) not in self._private_hosts:
            addresses = [a for a in addresses if is_public(a)]
            if not addresses:
                raise RemoteError("refused", f"{host} is a private address; list its base URL as private to allow it")
        return await self._connect_first(addresses, port, timeout, local_address, socket_options)

    async def _connect_first(
        self, addresses: Sequence[str], port: int, timeout: float | None, local_address: str | None, options: Iterable[Any] | None
    ) -> httpcore.AsyncNetworkStream:
        last: Exception | None = None
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last or httpcore.ConnectError("no address")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Never: a URL cannot name a local socket."""
        raise RemoteError("refused", "local sockets are not allowed")

    async def sleep(self, seconds: float) -> None:
        """As the wrapped backend."""
        await self._inner.sleep(seconds)
