"""Who may speak to the studio: a guard before everything else, for HTTP and WebSocket alike.

A request must name an allowed host (against DNS rebinding), carry the token (a cookie that the
first address sets, or `Authorization: Bearer` from scripts), and, where it changes something or
opens the socket, come from the studio's own page (Origin). There is no CORS.
"""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vaestro.studio.answers import TooLarge, as_json

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
MOST_BYTES = 1 << 20
"""Of a request's body; the studio takes settings and paths, never files."""
TOO_LARGE = f"the request is larger than {MOST_BYTES >> 20} MiB"
CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)
"""Styles may be inline because plotly.js writes its own; scripts never."""
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True)
class Hosts:
    """Which names of hosts may stand in a request.

    `names` without their ports, so a tunnel may use another one. `addresses`: any address in
    digits too, for a studio that other machines reach; only names can be rebound.
    """

    names: frozenset[str] = LOOPBACK
    addresses: bool = False

    def allow(self, header: str) -> bool:
        """Whether this Host header may pass."""
        name = _name_of(header.strip().lower())
        return name in self.names or (self.addresses and _is_address(name))


def _name_of(header: str) -> str:
    """A Host header without its port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """ASGI middleware: nothing behind it is reached by a request that it refuses."""

    def __init__(self, app: ASGIApp, token: str, port: int, hosts: Hosts) -> None:
        self.app, self.token, self.hosts = app, token.encode(), hosts
        self.cookie = f"vaestro-studio-{port}"  # cookies know no ports; two studios may run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse or hand on."""
        if scope["type"] == "http":
            await self._http(scope, receive, _dressed(send))
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers, scope["method"] not in ("GET", "HEAD"))
        if refusal is not None:
            await as_json({"error": refusal[1]}, refusal[0])(scope, receive, send)
        elif not _small(headers):
            await as_json({"error": TOO_LARGE}, 413)(scope, receive, send)
        elif scope["method"] == "GET" and self._token_in(scope) is not None:
            await self._welcome(scope, send)
        else:
            await self.app(scope, _counted(receive), send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._refusal(scope, Headers(scope=scope), True) is not None:
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self.app(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers, acts: bool) -> tuple[int, str] | None:
        """Status and sentence for a request that may not pass."""
        if len(headers.getlist("host")) != 1 or not self.hosts.allow(headers["host"]):
            return 400, "this host name is not one of the studio's; use the address it printed"
        bearer = self._bearer(headers)
        known = bearer or self._by_cookie(headers) or self._by_address(scope)
        if not known:
            return 403, "the token is missing or wrong; open the address that the studio printed"
        origin = headers.get("origin")
        if origin is None:
            foreign = acts and not bearer
        else:
            foreign = acts and origin.lower() != f"http://{headers['host'].lower()}"
        return (403, "this does not come from the studio's own page") if foreign else None

    def _bearer(self, headers: Headers) -> bool:
        kind, _, value = headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and self._same(value.strip())

    def _by_cookie(self, headers: Headers) -> bool:
        try:
            sent = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return False
        return sent is not None and self._same(sent.value)

    def _by_address(self, scope: Scope) -> bool:
        given = self._token_in(scope)
        readable = scope["type"] == "http" and scope["method"] == "GET"
        return readable and given is not None and self._same(given)

    def _token_in(self, scope: Scope) -> str | None:
        return dict(_query(scope)).get("token")

    def _same(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(errors="replace"), self.token)

    async def _welcome(self, scope: Scope, send: Send) -> None:
        """Keep the token in a cookie and go on at the same address without it."""
        if not self._same(self._token_in(scope) or ""):
            await as_json({"error": "the token is wrong"}, 403)(scope, _nothing, send)
            return
        rest = urlencode([pair for pair in _query(scope) if pair[0] != "token"])
        # one slash: two would name another host
        place = "/" + quote(scope["path"].lstrip("/")) + (f"?{rest}" if rest else "")
        cookie = f"{self.cookie}={self.token.decode()}; Path=/; HttpOnly; SameSite=Strict"
        headers = [
            (b"location", place.encode()),
            (b"set-cookie", cookie.encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _query(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)


def _small(headers: Headers) -> bool:
    said = headers.get("content-length", "0")
    return said.isdecimal() and int(said) <= MOST_BYTES


def _dressed(send: Send) -> Send:
    """`send` with the headers of every answer."""

    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(HEADERS)
            headers.setdefault("Cache-Control", "no-cache")
        await send(message)

    return dressed


def _counted(receive: Receive) -> Callable[[], Awaitable[Message]]:
    """`receive` that raises TooLarge after MOST_BYTES, whatever length was said."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MOST_BYTES:
            raise TooLarge(TOO_LARGE)
        return message

    return counted


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}
