"""The collector as an ASGI application: paths, headers and answers. It decides nothing else."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec
import structlog

from pulse_collector import cookies, pixel
from pulse_collector.accept import MOST_AGENT_CHARACTERS, Client
from pulse_collector.access import Access
from pulse_collector.address import client_address
from pulse_collector.bodies import Bodies, Left, Receive
from pulse_collector.collecting import Collecting
from pulse_collector.cookies import HTTP_ONLY, Cookies
from pulse_collector.counting import OK, OPTED_OUT, Counts
from pulse_collector.refusals import Refused

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Pairs = list[tuple[bytes, bytes]]

EVENTS, PIXEL, FORGET, ROBOTS = "/v1/events", "/v1/p.gif", "/v1/forget", "/robots.txt"
PREFLIGHT_SECONDS = 3600
KEY_HEADER = b"x-pulse-key"

_JSON: Pairs = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
_GIF: Pairs = [(b"content-type", b"image/gif"), (b"cache-control", b"no-store, private")]
_TEXT: Pairs = [(b"content-type", b"text/plain; charset=utf-8")]
_CLOSE: Pairs = [(b"connection", b"close")]
# What is read of headers; of others than browsers send, nothing is to be remembered.
_MOST_PURPOSE, _MOST_TYPE = 100, 200
_TYPES = frozenset({b"application/json", b"text/plain"})
_CHARSETS = frozenset({b"utf-8", b"utf8", b"us-ascii"})
_encode = msgspec.json.Encoder().encode


class Answer(NamedTuple):
    """What is sent back; `code` is counted."""

    status: int
    body: bytes
    headers: Pairs
    code: str = OK


Handler = Callable[["Request", Receive], Awaitable["Answer"]]


class Request:
    """A request's head."""

    __slots__ = ("headers", "method", "path", "peer", "query")

    def __init__(self, scope: Scope) -> None:
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.peer: str = (scope.get("client") or ("",))[0]

    def text(self, name: bytes) -> str:
        """A header's value, "" if it is not there."""
        return self.headers.get(name, b"").decode("latin-1")

    def pairs(self) -> dict[str, str]:
        """The query; the first of a name counts."""
        return dict(reversed(parse_qsl(self.query.decode("latin-1"), max_num_fields=100)))


class Application:
    """Answers requests, each by itself."""

    def __init__(
        self,
        collecting: Collecting,
        access: Access,
        cookies: Cookies,
        bodies: Bodies,
        proxies: int,
        counts: Counts,
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        self._collecting, self._access, self._cookies, self._bodies = collecting, access, cookies, bodies
        self._proxies, self._counts, self._log = proxies, counts, log
        self._routes: dict[str, dict[str, Handler]] = {
            EVENTS: {"POST": self._events, "OPTIONS": self._preflight},
            PIXEL: {"GET": self._pixel},
            FORGET: {"POST": self._forget},
            ROBOTS: {"GET": self._robots},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        began = time.perf_counter()
        request = Request(scope)
        try:
            answer = await self._answered(request, receive)
        except Left:
            return
        except Exception as failed:  # noqa: BLE001 - one request must not take the others with it
            self._log.exception("request_failed", path=request.path, problem=str(failed))
            answer = _refusal(Refused("internal"))
        self._counts.request(answer.code, time.perf_counter() - began)
        headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body)), *self._cors(request)]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answered(self, request: Request, receive: Receive) -> Answer:
        methods = self._routes.get(request.path)
        if methods is None:
            return _refusal(Refused("not_found"))
        handler = methods.get(request.method)
        if handler is None:
            return _refusal(Refused("method_not_allowed"), [(b"allow", ", ".join(methods).encode())])
        try:
            return await handler(request, receive)
        except Refused as why:
            return _refusal(why)

    async def _events(self, request: Request, receive: Receive) -> Answer:
        self._access.check_origin(_origin(request))
        packed = _packed(request)
        _check_type(request)
        sender = self._collecting.admitted(_key(request), self._address(request), _client(request))
        announced = int(request.headers.get(b"content-length", b"0"))
        body = await self._bodies.whole(receive, announced)
        try:
            stored = await self._collecting.body(sender, body, packed=packed)
        finally:
            self._bodies.done(body)
        headers = _JSON
        # The tracker has to read its cookie, so one that it could not read is left to pages without it.
        if self._cookies.asked(request.query) and self._cookies.kind != HTTP_ONLY and cookies.allowed(request.headers):
            headers = [*_JSON, *self._cookies.set(stored.visitor)]
        return Answer(202, _encode(stored.outcome), headers)

    async def _pixel(self, request: Request, _receive: Receive) -> Answer:
        try:
            query = request.pairs()
        except ValueError:
            raise Refused("invalid_query") from None
        key = query.get("key", "")
        sender = self._collecting.admitted(key, self._address(request), _client(request))
        asked = self._cookies.asked(request.query)
        allowed = asked and cookies.allowed(request.headers)
        if asked and not {"user_id", "anonymous_id"} & query.keys():
            if not allowed:
                return Answer(200, pixel.GIF, _GIF, OPTED_OUT)
            query["anonymous_id"] = cookies.visitor(request.headers) or self._cookies.new_visitor()
        outcome, visitor = await self._collecting.query(sender, query)
        if outcome.rejected:
            return Answer(422, _encode(outcome), _JSON)
        return Answer(200, pixel.GIF, [*_GIF, *self._cookies.set(visitor)] if allowed else _GIF)

    async def _forget(self, request: Request, _receive: Receive) -> Answer:
        """Whoever the browser was, it is no more. For pages whose script cannot remove the cookie itself."""
        self._access.check_origin(_origin(request))
        return Answer(204, b"", self._cookies.forget())

    async def _preflight(self, request: Request, _receive: Receive) -> Answer:
        self._access.check_origin(_origin(request))
        return Answer(
            204,
            b"",
            [
                (b"access-control-allow-methods", b"POST, OPTIONS"),
                (b"access-control-allow-headers", b"content-type, content-encoding, " + KEY_HEADER),
                (b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS),
            ],
        )

    async def _robots(self, _request: Request, _receive: Receive) -> Answer:
        return Answer(200, b"User-agent: *\nDisallow: /\n", _TEXT)

    def _address(self, request: Request) -> str:
        return client_address(request.peer, request.text(b"x-forwarded-for"), self._proxies)

    def _cors(self, request: Request) -> Pairs:
        """Leave for the page to read the answer, where its origin is listed."""
        origin = request.headers.get(b"origin")
        if origin is None or origin.decode("latin-1") not in self._access.origins:
            return [(b"vary", b"Origin")]
        return [
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", b"retry-after"),
        ]


def _refusal(why: Refused, headers: Pairs | None = None) -> Answer:
    extra = list(headers or ())
    if why.retry_seconds:
        extra.append((b"retry-after", b"%d" % math.ceil(why.retry_seconds)))
    if why.code == "body_too_slow":
        extra += _CLOSE
    return Answer(why.status, _encode({"code": why.code, "reason": why.reason}), [*_JSON, *extra], why.code)


def _origin(request: Request) -> str | None:
    origin = request.headers.get(b"origin")
    return None if origin is None else origin.decode("latin-1")


def _key(request: Request) -> str:
    """The write key: a header, or where a page cannot set one, the query."""
    found = request.text(KEY_HEADER)
    if not found and request.query:
        try:
            found = request.pairs().get("key", "")
        except ValueError:
            raise Refused("unknown_key") from None
    return found


def _client(request: Request) -> Client:
    headers = request.headers
    return _client_of(
        headers.get(b"user-agent", b"")[:MOST_AGENT_CHARACTERS],
        headers.get(b"sec-purpose", b"")[:_MOST_PURPOSE] + headers.get(b"purpose", b"")[:_MOST_PURPOSE],
    )


@lru_cache(maxsize=4_096)
def _client_of(user_agent: bytes, purpose: bytes) -> Client:
    return Client(user_agent.decode("latin-1"), b"prefetch" in purpose.lower())


def _packed(request: Request) -> bool:
    encoding = request.headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding not in (b"gzip", b"identity"):
        raise Refused("unsupported_encoding")
    return encoding == b"gzip"


def _check_type(request: Request) -> None:
    if not _is_taken(request.headers.get(b"content-type", b"")[:_MOST_TYPE]):
        raise Refused("unsupported_type")


@lru_cache(maxsize=256)
def _is_taken(content_type: bytes) -> bool:
    kind, *parameters = content_type.lower().split(b";")
    if kind.strip() not in _TYPES:
        return False
    for parameter in parameters:
        name, _, value = parameter.strip().partition(b"=")
        if name == b"charset" and value.strip(b'" ') not in _CHARSETS:
            return False
    return True
