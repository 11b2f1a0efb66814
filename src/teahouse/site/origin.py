"""Who a request comes from: the client behind trusted proxies, the host it asked for, the page that sent it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, MutableMapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from teahouse.settings import Settings

Scope = MutableMapping[str, Any]
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104  compared with, not bound to
HOST = re.compile(r"([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")
PORTS = {"http": "80", "https": "443"}


def host_name(host: str) -> str:
    """The name of a Host header without its port, in lower case; '' where it is malformed."""
    found = HOST.fullmatch(host.strip().lower())
    return found.group(1) if found else ""


def own_hosts(settings: Settings) -> frozenset[str]:
    """The names that this site answers under; anything else is misdirected (DNS rebinding ends here)."""
    configured = settings.site.host.lower()
    names = {host_name(urlsplit(settings.url).netloc)}
    if configured not in EVERYWHERE | {""}:
        names.add(f"[{configured}]" if ":" in configured else configured)
    return frozenset(names | LOOPBACK_HOSTS) - {""}


def is_own(host: str, names: frozenset[str], settings: Settings) -> bool:
    """Whether a host's name is this site's: one of `names`, or any plain IP address where it listens to every network.

    A phone on the same network comes by such an address, which may change while the site stands; DNS rebinding never
    does, for it needs a name."""
    return host in names or (settings.site.host in EVERYWHERE and _address(host.strip("[]")))


def is_loopback(address: str) -> bool:
    """True for an address of this machine."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


class Proxies:
    """The proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; none by default."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self.networks = [ipaddress.ip_network(one, strict=False) for one in trusted]
        self.trusts = lru_cache(maxsize=4096)(self._trusts)

    def _trusts(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found.version == network.version and found in network for network in self.networks)

    def unwrap(self, scope: Scope, headers: Headers) -> None:
        """Puts the true client and scheme into the scope: the last hop that no trusted proxy added."""
        client = scope.get("client") or ("", 0)
        if not self.trusts(client[0]):
            return
        hops = [hop.strip() for value in headers.getlist("x-forwarded-for") for hop in value.split(",")]
        for hop in reversed(hops):
            if not _address(hop):
                break
            scope["client"] = (hop, 0)
            if not self.trusts(hop):
                break
        scheme = headers.get("x-forwarded-proto", "").strip().lower()
        if scheme in PORTS:
            scope["scheme"] = scheme


def _address(given: str) -> bool:
    try:
        ipaddress.ip_address(given)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=256)
def normal_origin(given: str) -> str:
    """scheme://host:port of an Origin header, or '' for `null` and whatever else is none."""
    try:
        parts = urlsplit(given) if given.isascii() and len(given) < 300 else urlsplit("")
    except ValueError:  # a bracket that nothing closes
        return ""
    if parts.scheme not in PORTS or not parts.netloc or parts.path or parts.query or "@" in parts.netloc:
        return ""
    host = parts.netloc.lower()
    return f"{parts.scheme}://{host}" if _has_port(host) else f"{parts.scheme}://{host}:{PORTS[parts.scheme]}"


def _has_port(host: str) -> bool:
    return ":" in host.rpartition("]")[2]


def same_origin(scope: Scope, headers: Headers, settings: Settings) -> bool:
    """True where the browser says that one of this site's own pages sent this request.

    Origin and Sec-Fetch-Site must agree where both are there; where both are missing nobody vouches: False.
    """
    origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
    if (not origins and not sites) or len(origins) > 1 or len(sites) > 1:
        return False
    if sites and sites[0] != "same-origin":
        return False
    if not origins:
        return True
    own = {normal_origin(settings.url), normal_origin(f"{scope['scheme']}://{headers.get('host', '')}")} - {""}
    return normal_origin(origins[0]) in own


def address_of(scope: Scope, headers: Headers, settings: Settings) -> str:
    """The site's address for who is elsewhere, without a slash at its end: as it is set, else as this request came."""
    return settings.site.url.rstrip("/") or f"{scope['scheme']}://{headers.get('host', '')}"


def is_https(scope: Scope, headers: Headers, settings: Settings) -> bool:
    """True where the visitor's side of the connection is https, also behind a proxy that ends TLS."""
    if scope["scheme"] == "https":
        return True
    site = urlsplit(settings.url)
    return site.scheme == "https" and host_name(headers.get("host", "")) == host_name(site.netloc)


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """The network that an address counts with: its /24, or its /64."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return str(ipaddress.ip_network((found, 24 if found.version == 4 else 64), strict=False))
