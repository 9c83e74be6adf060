"""What every request passes before the page sees it, and what every answer bears.

A page on the loopback is not out of reach of the web: any site can send the browser there. So names in the Host header
are few (a foreign name that resolves to this machine is DNS rebinding), what writes must come from the page itself, and
no body is larger than what the page takes.
"""

import asyncio
import ipaddress
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
SAFE = ("GET", "HEAD")
LARGEST_BODY = 64 * 2**20
"""Bytes of a request: the pictures of its drafts."""
DRAINED = 4
"""Times `LARGEST_BODY` of a body that is refused are read before the answer; who sends more is cut off."""
SLOWEST = 30
"""Seconds in which a request must have arrived whole."""
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With no-referrer, browsers send `Origin: null` with the page's own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """An application behind checks of Host, Origin and size; its answers bear `HEADERS`."""

    def __init__(self, app: ASGIApp, *, host: str, largest: int = LARGEST_BODY):
        """`host` is what the server binds to, `largest` the bytes of a request's body."""
        self._app, self._host, self._largest = app, host, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        problem = self._problem(scope["method"], headers)
        app = self._app if problem is None else PlainTextResponse(problem[1], problem[0], {"Connection": "close"})
        body = Body(receive, self._largest)
        return await app(scope, body.receive, _bearing(send, body))

    def _problem(self, method: str, headers: Headers) -> tuple[int, str] | None:
        """Status and sentence of what is wrong with a request."""
        host = headers.get("host", "")
        if not is_known(host, self._host):
            return 421, "This page answers under its own address alone; open the one it was started with."
        if method in SAFE:
            return None
        if not is_own(headers, host):
            return 403, "This was not sent by the page itself, so it was not read."
        said = headers.get("content-length", "")
        if said.isdecimal() and int(said) > self._largest:
            return 413, too_large(self._largest)
        return None


def too_large(largest: int) -> str:
    """What is said of a body beyond `largest` bytes."""
    return f"All pictures together may have {largest // 2**20} MiB; choose smaller ones."


def is_loopback(host: str) -> bool:
    """Whether a server bound to `host` is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def is_known(header: str, bound: str) -> bool:
    """Whether a Host header names this page.

    Numbers cannot be rebound: where the page is bound to more than the loopback, any will do.
    """
    name = hostname(header)
    if name in LOOPBACK or name == bound.lower():
        return True
    return not is_loopback(bound) and _is_number(name.strip("[]"))


def hostname(header: str) -> str:
    """The name in a Host header, without its port."""
    if header.startswith("["):
        return header.partition("]")[0].lower() + "]"
    return header.rpartition(":")[0].lower() if ":" in header else header.lower()


def _is_number(name: str) -> bool:
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False


def is_own(headers: Headers, host: str) -> bool:
    """Whether a request that writes comes from a page of this very address."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site not in (None, "same-origin"):
        return False
    return origin is None or urlsplit(origin).netloc.lower() == host.lower()


class Body:
    """The body of a request, cut off where it grows too large, whatever its headers say."""

    def __init__(self, receive: Receive, largest: int):
        self._receive, self._largest = receive, largest
        self._seen, self._whole = 0, False

    async def receive(self) -> Message:
        """The next part. Raises a 413 where all so far are too large."""
        message = await self._next()
        if self._seen > self._largest:
            raise HTTPException(413, too_large(self._largest), {"Connection": "close"})
        return message

    async def drain(self) -> None:
        """Read what is left and keep nothing of it, as far as `DRAINED`; else many clients never read the answer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SLOWEST):
                while not self._whole and self._seen <= DRAINED * self._largest:
                    await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        return message


def _bearing(send: Send, body: Body) -> Send:
    """Answers with `HEADERS`, once the body is read."""

    async def bearing(message: Message) -> None:
        if message["type"] == "http.response.start":
            await body.drain()
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return bearing
