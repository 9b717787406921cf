"""Requests to the API server, one method per verb. It decides nothing, remembers nothing and knows no pipeline.

Objects go in and come out as plain dictionaries. What is refused is raised as one of `pulse_operator.refusals`;
busy and failing servers are asked again a few times first, so a caller sees them only when they stay away.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal, Self, TypeAlias

import aiohttp
import msgspec

from pulse.backoff import delays
from pulse_operator.connection import Connection
from pulse_operator.objects import FIELD_MANAGER, Kind, Manifest, Ref
from pulse_operator.refusals import ApiUnavailable, NotFound, NotLeading, NotServed, refusal, transient

Subject: TypeAlias = Ref | Kind | str  # what a request is about, as messages name it

APPLY, MERGE, JSON_PATCH, JSON = (
    "application/apply-patch+yaml",  # JSON is YAML too
    "application/merge-patch+json",
    "application/json-patch+json",
    "application/json",
)
TRIES = 4
PATIENCE_SECONDS = 10.0  # the longest pause that a server may ask for and get; beyond it the caller decides
CHUNK = 500  # objects a page


def _always() -> bool:
    return True


class Api:
    """One session with one API server. Use it as a context manager, or close it.

    While `may_write` says no, everything but reading is a NotLeading, and nothing of it reaches the server.
    """

    def __init__(
        self,
        connection: Connection,
        concurrency: int = 16,
        timeout_seconds: float = 30.0,
        may_write: Callable[[], bool] = _always,
    ) -> None:
        self._connection = connection
        self._may_write = may_write
        self._slots = asyncio.Semaphore(concurrency)
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=min(10.0, timeout_seconds))
        self._session = aiohttp.ClientSession(
            base_url=connection.url,
            connector=aiohttp.TCPConnector(ssl=connection.tls(), limit=0, keepalive_timeout=60.0),
            headers={"User-Agent": FIELD_MANAGER, "Accept": JSON},
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    @classmethod
    async def connect(cls, kubeconfig: str | None = None, context: str | None = None, **limits: Any) -> Self:
        """A session as the pod's service account, or as a kubeconfig says. Nothing is sent yet."""
        connection = await asyncio.to_thread(Connection.load, kubeconfig, context)
        return cls(connection, **limits)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends all connections."""
        await self._session.close()

    async def get(self, ref: Ref) -> Manifest:
        """The object as it is now."""
        return await self._object("read", ref, "GET", ref.path)

    async def list(self, kind: Kind, namespace: str | None = None, labels: str = "") -> list[Manifest]:
        """All objects of a kind, in one namespace or in all, by a label selector. Each says its kind."""
        found: list[Manifest] = []
        query = {"limit": str(CHUNK), **({"labelSelector": labels} if labels else {})}
        while True:
            page = await self._object("list", kind, "GET", kind.path(namespace), query)
            found += ({"apiVersion": kind.api_version, "kind": kind.name, **item} for item in page.get("items") or ())
            token = page.get("metadata", {}).get("continue")
            if not token:
                return found
            query["continue"] = token

    async def apply(self, manifest: Manifest, force: bool = True, dry_run: bool = False) -> Manifest:
        """Server-side apply: makes the object, or makes the fields named here be so. The object as it is then.

        Fields that an earlier apply named and this one does not are removed. Unknown fields are an error.
        """
        ref = Ref.of(manifest)
        query = {"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"}
        return await self._object("apply", ref, "PATCH", ref.path, _dry(query, dry_run), manifest, APPLY)

    async def create(self, manifest: Manifest, dry_run: bool = False) -> Manifest:
        """A new object; one that exists already is a Conflict."""
        ref, query = Ref.of(manifest), {"fieldManager": FIELD_MANAGER}
        return await self._object("create", ref, "POST", ref.folder, _dry(query, dry_run), manifest, JSON)

    async def merge_patch(
        self, ref: Ref, body: Mapping[str, Any], subresource: Literal["status", "scale"] | None = None
    ) -> Manifest:
        """Changes the fields named; None removes one. A resourceVersion in it makes it conditional."""
        path = f"{ref.path}/{subresource}" if subresource else ref.path
        return await self._object("merge", ref, "PATCH", path, {"fieldManager": FIELD_MANAGER}, body, MERGE)

    async def json_patch(self, ref: Ref, steps: Sequence[Mapping[str, Any]]) -> Manifest:
        """Changes single places. A `test` step that does not hold is a Conflict, and nothing is changed."""
        return await self._object("amend", ref, "PATCH", ref.path, {"fieldManager": FIELD_MANAGER}, steps, JSON_PATCH)

    async def delete(
        self,
        ref: Ref,
        uid: str | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",
    ) -> bool:
        """Starts the deletion; False if it was gone before. With a uid, another of the same name is a Conflict."""
        options: dict[str, Any] = {"propagationPolicy": propagation}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        try:
            await self._object("delete", ref, "DELETE", ref.path, {}, options, JSON)
        except NotFound:
            return False
        return True

    async def served(self, api_version: str) -> frozenset[str]:
        """The plural names of the kinds that a group and version has; none if there is no such version."""
        path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            found = await self._object("read", f"the kinds of {api_version}", "GET", path)
        except (NotServed, NotFound):
            return frozenset()
        return frozenset(item["name"] for item in found["resources"] if "/" not in item["name"])

    async def read(self, subject: Subject, path: str, query: Mapping[str, str], accept: str) -> bytes:
        """The body of one answer in a form of the caller's choice."""
        return await self._request("list", subject, "GET", path, query, headers={"Accept": accept})

    @asynccontextmanager
    async def stream(
        self, subject: Subject, path: str, query: Mapping[str, str], accept: str, silence_seconds: float
    ) -> AsyncIterator[aiohttp.StreamReader]:
        """An answer that goes on. It takes no slot, is not repeated, and fails after that much silence."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=silence_seconds)
        try:
            async with self._send("GET", path, query, None, {"Accept": accept}, timeout) as answer:
                if answer.status >= 300:
                    after = answer.headers.get("Retry-After")
                    raise refusal("watch", subject, answer.status, await answer.read(), after)
                yield answer.content
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unreachable("watch", subject, self._connection.url, error) from error

    async def _object(
        self,
        verb: str,
        subject: Subject,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        form: str = "",
    ) -> Manifest:
        data = None if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": form} if form else {}
        answer = await self._request(verb, subject, method, path, query or {}, data, headers)
        try:
            found: Manifest = msgspec.json.decode(answer, type=dict)
        except msgspec.MsgspecError as error:
            raise _unreachable(verb, subject, self._connection.url, error) from error
        return found

    async def _request(
        self,
        verb: str,
        subject: Subject,
        method: str,
        path: str,
        query: Mapping[str, str],
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """The body of the answer. What may pass by itself is tried again, with growing pauses."""
        for left, pause in zip(reversed(range(TRIES)), delays(random.random, 0.2, 3.0), strict=False):
            try:
                async with self._slots:
                    self._guard(verb, subject, method)
                    async with self._send(method, path, query, data, headers or {}, self._timeout) as answer:
                        content = await answer.read()
                if answer.status < 300:
                    return content
                failed = refusal(verb, subject, answer.status, content, answer.headers.get("Retry-After"))
                again = transient(answer.status, content)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                failed, again = _unreachable(verb, subject, self._connection.url, error), True
            asked = failed.after_seconds if isinstance(failed, ApiUnavailable) else 0.0
            if not again or not left or asked > PATIENCE_SECONDS:
                raise failed
            await asyncio.sleep(max(pause, asked))
        raise AssertionError("the last try returns or raises")

    def _guard(self, verb: str, subject: Subject, method: str) -> None:
        """Asked right before a request is sent: a process may have been frozen while it waited for its turn."""
        if method != "GET" and not self._may_write():
            raise NotLeading(f"Did not {verb} {subject}: the lease is lost, so another operator may be at work on it.")

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        data: bytes | None,
        headers: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return self._session.request(
            method,
            path,
            params=query,
            data=data,
            headers={**headers, **self._connection.headers()},
            timeout=timeout,
            allow_redirects=False,
            proxy=self._connection.proxy,
            server_hostname=self._connection.server_name,
        )


def _dry(query: dict[str, str], dry_run: bool) -> dict[str, str]:
    return {**query, "dryRun": "All"} if dry_run else query


def _unreachable(verb: str, subject: Subject, url: str, error: BaseException) -> ApiUnavailable:
    what = str(error) or type(error).__name__
    return ApiUnavailable(f"Could not {verb} {subject}: {url} does not answer ({what}). It is tried again.")
