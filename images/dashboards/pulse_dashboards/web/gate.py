"""What every request passes on its way in and every answer on its way out: the guard, and headers for the browser."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pulse_dashboards.web.guard import COOKIE, SESSION_SECONDS, Guard
from pulse_dashboards.web.under import below

# No token needed: the probes, the form that asks for one, and what makes it look like something.
_OPEN = ("/livez", "/readyz", "/login", "/static/")

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Gate:
    """Lets in whom the guard lets in. Others get the form, or 401 where a program asks."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        kept = _kept(request)  # now: further in, the scope says where a part of the application is

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", kept)
            await send(message)

        answer = self._turned_away(request)
        await (answer or self._app)(scope, receive, with_headers)

    def _turned_away(self, request: Request) -> Response | None:
        base, path = request.scope.get("root_path", ""), below(request.scope)
        if path.startswith(_OPEN):
            return None
        token = request.query_params.get("token")
        if token is not None and self._guard.asks and self._guard.knows(token):
            # The token leaves the address, so that nobody reads it there or passes it on with a link.
            rest = [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
            return with_cookie(
                RedirectResponse(f"{base}{path}?{urlencode(rest)}" if rest else base + path, 303), self._guard, request
            )
        if self._guard.lets_in(request.cookies, request.headers.get("authorization", "")):
            return None
        if path.startswith("/api/"):
            problem = {"message": "The page wants to know who you are.", "hint": "Sign in again."}
            return JSONResponse({"problem": problem}, 401, {"WWW-Authenticate": "Bearer"})
        return RedirectResponse(f"{base}/login", 303)


def _kept(request: Request) -> str:
    """Files are asked for with a hash of their content, so they never change; numbers are nobody's to keep."""
    if not below(request.scope).startswith("/static/"):
        return "no-store"
    return "public, max-age=31536000, immutable" if request.url.query else "no-cache"


def with_cookie(answer: Response, guard: Guard, request: Request) -> Response:
    """The answer, with the cookie that lets the browser in from now on."""
    answer.set_cookie(
        COOKIE,
        guard.cookie(),
        SESSION_SECONDS,
        path=f"{request.scope.get('root_path', '')}/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer
