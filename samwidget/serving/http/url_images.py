"""URL images: fetches images that a request names by URL, without giving clients a way into the server's own network.

Owns the list of allowed hosts and the defence against server-side request forgery (SSRF). ``score_route`` calls it.

- Only hosts that whoever runs the server has listed are fetched from.
- The host name is resolved here, and each of its IP addresses must be a public one.
- The connection goes to an address that was checked, with the host name for TLS. A name that resolves to another
  address a moment later (DNS rebinding) changes nothing.
- Redirects are followed here, and checked like the first URL.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import urljoin, urlsplit

import httpx

from samwidget.errors import FormatError, ImageError, SamWidgetError

_REDIRECTS_MAX = 5
_PORTS = {"http": 80, "https": 443}
# The only part of IPv6 from which global unicast addresses are assigned:
# https://www.iana.org/assignments/ipv6-address-space
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# Networks for special purposes, some of which Python takes for global. Those of 6to4 (2002::/16) and Teredo
# (2001::/32) contain an IPv4 address that may be private.
_SPECIAL = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20")))

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host name and port to IP addresses; raises OSError for unknown names."""


class ImageFetcher:
    """Fetches images from listed hosts.

    Args:
        hosts: ``example.org``, ``*.example.org`` for all names below it, or ``example.org:8443`` for a port other than
            the scheme's own. With no hosts nothing is fetched.
        timeout_s: seconds for one image.
        resolve: resolves a host name; None asks the system.
        is_allowed: whether an IP address may be connected to; None allows public ones.

    Raises:
        FormatError: a host that is written in another way.
    """

    def __init__(
        self,
        hosts: Iterable[str] = (),
        *,
        timeout_s: float = 20.0,
        resolve: Resolve | None = None,
        is_allowed: Callable[[str], bool] | None = None,
    ) -> None:
        self._hosts = frozenset(host.strip().lower() for host in hosts)
        for host in self._hosts:
            if not host or "/" in host or "*" in host.removeprefix("*."):
                raise FormatError(f"{host!r} is not a host", hint="give example.org, *.example.org or example.org:8443")
        self._timeout_s = timeout_s
        self._resolve = resolve or _resolve
        self._is_allowed = is_allowed or is_public

    async def fetch(self, url: str, bytes_max: int) -> bytes:
        """The bytes of the file that a URL names.

        Raises:
            ImageError: the host is not listed, not public or does not answer in time, or the file is larger than
                ``bytes_max``, or is not there.
        """
        try:
            return await asyncio.wait_for(self._follow(url, bytes_max), self._timeout_s)
        except asyncio.TimeoutError as error:
            raise _url_error(url, f"did not arrive within {self._timeout_s:g} s", "send the image itself") from error
        except SamWidgetError:
            raise
        except Exception as error:  # the client chose the URL, and a server of its choice the response
            raise _url_error(url, "cannot be fetched", type(error).__name__) from error

    async def _follow(self, url: str, bytes_max: int) -> bytes:
        """The bytes behind a URL and its redirects."""
        # No proxy from the environment: it would resolve names by itself.
        async with httpx.AsyncClient(trust_env=False, timeout=self._timeout_s) as client:
            for _ in range(_REDIRECTS_MAX + 1):
                request = await self._checked_request(client, url)
                response = await client.send(request, stream=True)
                try:
                    if not response.has_redirect_location:
                        return await _read(response, url, bytes_max)
                    url = urljoin(url, response.headers["location"])
                finally:
                    await response.aclose()
        raise _url_error(url, "is redirected too often", "give the URL of the image itself")

    async def _checked_request(self, client: httpx.AsyncClient, url: str) -> httpx.Request:
        """The request for a URL, addressed to an IP address that was checked."""
        host, port = self._listed_host(url)
        address = await self._checked_address(url, host, port)
        parsed = httpx.URL(url)
        return client.build_request(
            "GET",
            parsed.copy_with(host=address),
            headers={"Host": parsed.netloc.decode("ascii"), "Accept-Encoding": "identity"},
            extensions={"sni_hostname": host},
        )

    def _listed_host(self, url: str) -> tuple[str, int]:
        """Host and port of a URL; raises ImageError where they are not on the list."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError as error:
            raise _url_error(url, "is not a valid URL", str(error)) from error
        if not host or parts.scheme not in _PORTS or parts.username is not None:
            raise _url_error(url, "is not a valid URL", "give http(s)://host/path, without a user")
        suffix = "" if port == _PORTS[parts.scheme] else f":{port}"
        patterns = [host, *("*" + host[i:] for i, letter in enumerate(host) if letter == "." and i > 0)]
        if not any(pattern + suffix in self._hosts for pattern in patterns):
            raise _url_error(url, "is not on this server's list", "send the image itself, as base64")
        return host, port

    async def _checked_address(self, url: str, host: str, port: int) -> str:
        """The first IP address of a host; raises ImageError unless all of them are allowed."""
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise _url_error(url, "has an unknown host", "check the URL") from error
        if not addresses or not all(map(self._is_allowed, addresses)):
            raise _url_error(url, "leads into a network that is not public", "send the image itself, as base64")
        return addresses[0]


def is_public(address: str) -> bool:
    """Whether an IP address is a global unicast one, and not reachable from the server's own network alone."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip.version == 6 and ip not in _GLOBAL_UNICAST:
        return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _SPECIAL)


async def _read(response: httpx.Response, url: str, bytes_max: int) -> bytes:
    """The body of a response; raises ImageError for a failure or a body that is too large."""
    if not response.is_success:
        raise _url_error(url, f"answers {response.status_code}", "check the URL")
    data = bytearray()
    async for chunk in response.aiter_raw():
        data += chunk
        if len(data) > bytes_max:
            raise _url_error(url, f"is larger than {bytes_max} bytes", "send a smaller image")
    return bytes(data)


async def _resolve(host: str, port: int) -> list[str]:
    records = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(socket_address[0]) for *_, socket_address in records]


def _url_error(url: str, reason: str, hint: str) -> ImageError:
    return ImageError(f"{url[:200]} {reason}", hint=hint)
