"""Reads an image from the web, within limits of time and size.

Called by ``load_rgb`` alone. The server does not use it: addresses in a request of somebody else need stricter checks,
see ``serving.http.url_images``.
"""

from __future__ import annotations

import time

from samwidget.errors import ImageError

BYTES_MAX = 200 * 1024 * 1024
TIMEOUT_S = 60.0
_CONNECT_TIMEOUT_S = 10.0
_SILENCE_TIMEOUT_S = 20.0


def fetch(url: str, *, timeout_s: float = TIMEOUT_S, bytes_max: int = BYTES_MAX) -> bytes:
    """The bytes at an http(s) URL.

    Args:
        url: redirects are followed.
        timeout_s: for the complete response; a server that sends a byte now and then does not extend it.
        bytes_max: the download stops when the response is larger.

    Raises:
        ImageError: the server cannot be reached or is too slow, or the response is too large, has an error status or is
            a web page.
    """
    import httpx

    deadline = time.monotonic() + timeout_s
    limits = httpx.Timeout(min(_SILENCE_TIMEOUT_S, timeout_s), connect=min(_CONNECT_TIMEOUT_S, timeout_s))
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=limits) as response:
            if not response.is_success:
                raise ImageError(
                    f"{url} returned status {response.status_code} {response.reason_phrase}", hint="check the address"
                )
            if response.headers.get("content-type", "").startswith("text/html"):
                raise ImageError(f"{url} is a web page", hint="give the address of the image itself")
            data = bytearray()
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > bytes_max:
                    raise ImageError(f"{url} is larger than {bytes_max} bytes", hint="download it and make it smaller")
                if time.monotonic() > deadline:
                    raise ImageError(f"{url} took longer than {timeout_s:g} s", hint="download it and give its path")
            return bytes(data)
    except httpx.TimeoutException as error:
        raise ImageError(f"{url} did not respond in time", hint="download it and give its path") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ImageError(f"{url} cannot be fetched", hint=str(error)) from error
