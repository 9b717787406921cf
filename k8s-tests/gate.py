"""A gate in front of the API server, which tells requests apart where `wire` only sees bytes: it counts what writes,
answers some requests itself, and lets nothing more through after a client's n-th write."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
from aiohttp import web
from apiserver import TOKEN, ApiServer
from kit.certificates import Authority

LEASES = "/leases"
PASSED = ("Accept", "Content-Type")
START_SECONDS = 30.0
# Connections with TLS take some turns of their loop to be closed, and nobody tells when they are.
CLOSING_SECONDS = 0.3


@dataclass(frozen=True)
class Said:
    """An answer that the API server never gave. With `text` it is that of something in front of it, such as a proxy."""

    status: int
    reason: str
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    inside: bool = False  # of a watch that began well

    def answer(self) -> web.Response:
        if self.text:
            return web.Response(status=self.status, text=self.text)
        body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": self.reason, "code": self.status}
        told = {**body, "message": f"the gate says {self.reason}", "details": {"name": "gate"}}
        if self.inside:
            return web.json_response({"type": "ERROR", "object": told})
        return web.json_response(told, status=self.status, headers=dict(self.headers))


@dataclass
class Client:
    """Whoever comes with this token. Renewals of the Lease are no writes of its.

    `limit` writes are let through; once the last of them was carried out, `ends` is called and nothing is answered.
    `says` may answer in the API server's place: it gets the method and the path with its query.
    """

    token: str
    limit: int | None = None
    ends: Callable[[], None] = lambda: None
    says: Callable[[str, str], Said | None] = lambda _, __: None
    begun: int = 0
    writes: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    cut: bool = False
    open: set[asyncio.Transport] = field(default_factory=set)

    def admits(self) -> bool:
        """Whether one more write may begin, which it then does."""
        if self.limit is not None and self.begun >= self.limit:
            return False
        self.begun += 1
        return True

    def wrote(self, what: str) -> bool:
        """Takes note, and says whether its time is over."""
        self.writes.append(what)
        return self.limit is not None and len(self.writes) >= self.limit


class Gate:
    """All clients of one API server."""

    def __init__(self, target: ApiServer, session: aiohttp.ClientSession, certificate: Path, port: int) -> None:
        self.server = replace(target, url=f"https://127.0.0.1:{port}", certificate=certificate)
        self._target, self._session, self._loop = target, session, asyncio.get_running_loop()
        self._clients: dict[str, Client] = {}

    @property
    def clients(self) -> list[Client]:
        return list(self._clients.values())

    def admit(self, client: Client) -> Client:
        """Lets a client through from now on."""
        self._clients[client.token] = client
        return client

    def kubeconfig(self, client: Client, path: Path) -> Path:
        """How the client gets here."""
        return self.server.kubeconfig(path, client.token)

    def cut(self, client: Client) -> None:
        """Ends its connections, and new ones at their first request."""
        client.cut = True
        self._loop.call_soon_threadsafe(lambda: [one.abort() for one in client.open])

    def mend(self, client: Client) -> None:
        """Lets it through again."""
        client.cut = False

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request."""
        client = self._clients[request.headers["Authorization"].removeprefix("Bearer ")]
        if client.cut:
            return _hung_up(request)
        if request.transport is not None:
            client.open = {one for one in client.open if not one.is_closing()} | {request.transport}
        said = client.says(request.method, request.path_qs)
        if said is not None:
            client.said.append(f"{request.method} {request.path_qs}: {said.reason}")
            return said.answer()
        writes = request.method != "GET" and LEASES not in request.path
        if writes and not client.admits():
            return _hung_up(request)
        if request.query.get("watch"):
            return await self._stream(request)
        async with self._forwarded(request, await request.read()) as answer:
            body = await answer.read()
        if writes and client.wrote(f"{request.method} {request.path}"):
            client.ends()
            return _hung_up(request)
        headers = {name: answer.headers[name] for name in ("Content-Type", "Retry-After") if name in answer.headers}
        return web.Response(status=answer.status, body=body, headers=headers)

    async def _stream(self, request: web.BaseRequest) -> web.StreamResponse:
        with suppress(aiohttp.ClientError, ConnectionError):
            async with self._forwarded(request, None) as answer:
                passed = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
                await passed.prepare(request)
                async for chunk in answer.content.iter_any():
                    await passed.write(chunk)
                return passed
        return _hung_up(request)

    def _forwarded(self, request: web.BaseRequest, body: bytes | None) -> aiohttp.client._RequestContextManager:
        headers = {name: request.headers[name] for name in PASSED if name in request.headers}
        return self._session.request(
            request.method,
            self._target.url + request.path_qs,
            data=body or None,
            headers={**headers, "Authorization": f"Bearer {TOKEN}", "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None),
        )


def _hung_up(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


@contextmanager
def gated(server: ApiServer, home: Path) -> Iterator[Gate]:
    """The gate, at work in a thread of its own."""
    authority = Authority(home / "gate", "gate")
    issued = authority.issue("server", ["127.0.0.1"])
    for name, text in (("server.pem", issued.certificate + issued.key), ("authority.pem", authority.certificate)):
        (home / "gate" / name).write_text(text)
    loop, opened = asyncio.new_event_loop(), threading.Event()
    made: list[Gate] = []
    stop = asyncio.Event()

    async def serve() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(home / "gate" / "server.pem")
        trust = ssl.create_default_context(cafile=str(server.certificate))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust, limit=0)) as session:

            async def handle(request: web.BaseRequest) -> web.StreamResponse:
                return await made[0].serve(request)

            runner = web.ServerRunner(web.Server(handle, access_log=None), shutdown_timeout=1.0)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
            await site.start()
            _, port = runner.addresses[0][:2]
            made.append(Gate(server, session, home / "gate" / "authority.pem", port))
            opened.set()
            await stop.wait()
            for client in made[0].clients:
                made[0].cut(client)
            streams = asyncio.all_tasks() - {asyncio.current_task()}
            for task in streams:
                task.cancel()
            await asyncio.gather(*streams, return_exceptions=True)
            await runner.cleanup()
        await asyncio.sleep(CLOSING_SECONDS)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="gate", daemon=True)
    thread.start()
    assert opened.wait(START_SECONDS), "The gate does not open."
    try:
        yield made[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(START_SECONDS)
        loop.close()
