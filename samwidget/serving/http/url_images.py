"""Addresses: images that a request names by URL, fetched without becoming a way into this machine's network.

A URL is fetched only from hosts that whoever runs the server has listed. Their names are looked up here, every address
must be a public one, and the connection goes to the very address that was checked, with the name kept for TLS: a name
that points elsewhere a moment later changes nothing. Redirects are followed by hand, and checked like the first URL.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import urljoin, urlsplit

import httpx

from samwidget.errors import FormatError, ImageError

_REDIRECTS_MAX = 5
_PORTS = {"http": 80, "https": 443}
# Ways to write an IPv4 address as an IPv6 one that looks public: NAT64, 6to4, Teredo.
_EMBEDDING = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))

LookUp = Callable[[str, int], Awaitable[list[str]]]


class Addresses:
    """The hosts that images are fetched from.

    Args:
        hosts: ``example.org``, ``*.example.org`` for all below it, or ``example.org:8443`` for another port than the
            scheme's own. None at all fetches nothing.
        timeout_s: for one image.
        look_up: host and port to addresses; the system's by default.
        is_allowed: whether an address may be connected to; public ones by default.

    Raises:
        FormatError: a host that is written otherwise.
    """

    def __init__(
        self,
        hosts: Iterable[str] = (),
        *,
        timeout_s: float = 20.0,
        look_up: LookUp | None = None,
        is_allowed: Callable[[str], bool] | None = None,
    ) -> None:
        self._hosts = frozenset(host.strip().lower() for host in hosts)
        for host in self._hosts:
            if not host or "/" in host or "*" in host.removeprefix("*."):
                raise FormatError(f"{host!r} is no host", hint="give example.org, *.example.org or example.org:8443")
        self._timeout_s = timeout_s
        self._look_up = look_up or _look_up
        self._is_allowed = is_allowed or is_public

    async def fetch(self, url: str, bytes_max: int) -> bytes:
        """The bytes behind a URL.

        Raises:
            ImageError: a host that is not listed or not public, no answer, a late or large one, or no success.
        """
        try:
            return await asyncio.wait_for(self._fetch(url, bytes_max), self._timeout_s)
        except asyncio.TimeoutError as error:
            raise _refused(url, f"did not come within {self._timeout_s:g} s", "send the image itself") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _refused(url, "cannot be fetched", type(error).__name__) from error

    async def _fetch(self, url: str, bytes_max: int) -> bytes:
        # No proxy from the environment: it would look names up by itself.
        async with httpx.AsyncClient(trust_env=False, timeout=self._timeout_s) as client:
            for _ in range(_REDIRECTS_MAX + 1):
                found = await self._answer(client, url, bytes_max)
                if isinstance(found, bytes):
                    return found
                url = found
        raise _refused(url, "redirects too often", "give the address of the image itself")

    async def _answer(self, client: httpx.AsyncClient, url: str, bytes_max: int) -> bytes | str:
        """The image, or where it has moved to."""
        host, port = self._listed(url)
        address = await self._checked_address(url, host, port)
        asked = httpx.URL(url)
        request = client.build_request(
            "GET",
            asked.copy_with(host=address),
            headers={"Host": asked.netloc.decode("ascii"), "Accept-Encoding": "identity"},
            extensions={"sni_hostname": host},
        )
        response = await client.send(request, stream=True)
        try:
            if response.has_redirect_location:
                return urljoin(url, response.headers["location"])
            if not response.is_success:
                raise _refused(url, f"answers {response.status_code}", "check the address")
            data = bytearray()
            async for chunk in response.aiter_raw():
                data += chunk
                if len(data) > bytes_max:
                    raise _refused(url, f"is larger than {bytes_max} bytes", "send a smaller image")
            return bytes(data)
        finally:
            await response.aclose()

    def _listed(self, url: str) -> tuple[str, int]:
        """Host and port of a URL that may be fetched."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError as error:
            raise _refused(url, "is no address", str(error)) from error
        if not host or parts.scheme not in _PORTS or parts.username is not None:
            raise _refused(url, "is no address that is fetched", "give http(s)://host/path, without a user")
        suffix = "" if port == _PORTS[parts.scheme] else f":{port}"
        names = [host, *("*" + host[i:] for i, letter in enumerate(host) if letter == "." and i > 0)]
        if not any(name + suffix in self._hosts for name in names):
            raise _refused(url, "is not on this server's list", "send the image itself, as base64")
        return host, port

    async def _checked_address(self, url: str, host: str, port: int) -> str:
        """The first address of a host, all of which are allowed."""
        try:
            addresses = await self._look_up(host, port)
        except (OSError, UnicodeError) as error:
            raise _refused(url, "has a host that is not known", "check the address") from error
        if not addresses or not all(map(self._is_allowed, addresses)):
            raise _refused(url, "leads into a network that is not public", "send the image itself, as base64")
        return addresses[0]


def is_public(address: str) -> bool:
    """Whether an IP address is one that anyone in the internet may be meant by."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif any(ip in network for network in _EMBEDDING):
            return False
    return ip.is_global and not ip.is_multicast


async def _look_up(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]


def _refused(url: str, why: str, hint: str) -> ImageError:
    return ImageError(f"{url[:200]} {why}", hint=hint)
