"""Keeps an index of metadata in step with the API server: lists, then watches, and lists again where it lost track.

It reports that an object changed and never what to do about it. What it cannot watch is a state with a sentence, not
an error: the kind may be installed, the role granted, the server be back a moment later.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

import aiohttp
import msgspec

from pulse.backoff import delays
from pulse_operator.api import CHUNK, Api
from pulse_operator.index import Index, Scope
from pulse_operator.metadata import Broken, Change, Meta, event, page
from pulse_operator.objects import Kind, Ref
from pulse_operator.refusals import ApiError, ApiUnavailable, Forbidden, NotServed, refusal

PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
QUICK_SECONDS = 1.0  # a watch that ends sooner did not work

T = TypeVar("T")
OnChange = Callable[[Ref, Meta | None], None]


class Phase(Enum):
    """How well a scope is known; in the order of how much it matters."""

    SYNCED = "Synced"
    PENDING = "Pending"
    FAILING = "Failing"
    FORBIDDEN = "Forbidden"
    NOT_SERVED = "NotServed"


@dataclass(frozen=True, slots=True)
class State:
    """The phase, and why where it is not SYNCED."""

    phase: Phase
    message: str = ""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take at most."""

    watch_seconds: float = 240.0  # the server ends a watch after it; a new one goes on from there
    grace_seconds: float = 30.0  # silence beyond that means that the connection is dead
    recheck_seconds: float = 30.0  # until a kind that is not served, or not allowed, is tried again
    longest_pause_seconds: float = 30.0  # between two tries of a server that fails


class Watches:
    """All watches of the operator, each one task of `tasks`. `on_change` is called in the loop and must be quick."""

    def __init__(self, api: Api, tasks: asyncio.TaskGroup, on_change: OnChange, pace: Pace | None = None) -> None:
        self.index = Index()
        self._api, self._tasks, self._on_change, self._pace = api, tasks, on_change, pace or Pace()
        self._watches: dict[Scope, _Watch] = {}
        self._running: dict[Scope, asyncio.Task[None]] = {}

    def ensure(self, kind: Kind, namespace: str | None = None, labels: str = "") -> None:
        """Watches from now on, if it does not yet."""
        scope = Scope(kind, namespace or None, labels)
        if scope not in self._watches:
            watch = self._watches[scope] = _Watch(self._api, scope, self.index, self._on_change, self._pace)
            self._running[scope] = self._tasks.create_task(watch.run(), name=f"watch {kind.plural}")

    def lookup(self, ref: Ref) -> Meta | None:
        """What is known of an object now."""
        return self.index.lookup(ref)

    def state(self, kind: Kind, namespace: str | None = None) -> State:
        """The worst state of the watches that cover it."""
        covering = [w.state for s, w in self._watches.items() if s.kind == kind and s.namespace in (None, namespace)]
        order = list(Phase)
        unwatched = State(Phase.PENDING, f"{kind} is not watched in {namespace or 'all namespaces'}.")
        return max(covering, key=lambda state: order.index(state.phase), default=unwatched)

    async def settled(self) -> None:
        """Waits until every watch has listed once, or knows why it cannot."""
        for watch in list(self._watches.values()):
            await watch.settled.wait()

    def close(self) -> None:
        """Ends all watches; what is known stays."""
        for task in self._running.values():
            task.cancel()


class _Watch:
    """One scope."""

    def __init__(self, api: Api, scope: Scope, index: Index, on_change: OnChange, pace: Pace) -> None:
        self.state = State(Phase.PENDING, f"{scope.kind} is listed for the first time.")
        self.settled = asyncio.Event()
        self._api, self._scope, self._index, self._on_change, self._pace = api, scope, index, on_change, pace
        self._path = scope.kind.path(scope.namespace)
        self._selector = {"labelSelector": scope.labels} if scope.labels else {}
        self._version = ""  # of the last change seen; empty where a listing has to come first
        self._known = False  # whether it was listed since it was last refused: only then a failing watch is believed
        self._pauses = self._fresh_pauses()

    async def run(self) -> None:
        """For ever: a listing, and then its changes for as long as the server still knows the version."""
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._follow()
            except ApiUnavailable as error:  # the next watch goes on where this one stopped
                pause = self._set(Phase.FAILING, error, max(error.after_seconds, next(self._pauses)))
            except NotServed as error:
                self._version, self._known = "", False
                self._report(self._index.replace(self._scope, {}))  # without its definition nothing of it exists
                pause = self._set(Phase.NOT_SERVED, error, self._pace.recheck_seconds)
            except Forbidden as error:
                self._version, self._known = "", False
                pause = self._set(Phase.FORBIDDEN, error, self._pace.recheck_seconds)
            except ApiError as error:  # 410 above all: the version is too old
                self._version = ""
                pause = self._set(Phase.FAILING, error, next(self._pauses))
            else:
                continue
            await asyncio.sleep(pause)

    async def _list(self) -> None:
        """Takes all pages, and reports what differs from what was known."""
        found: dict[Ref, Meta] = {}
        query = {"limit": str(CHUNK), **self._selector}
        while True:
            body = await self._api.read(self._scope.kind, self._path, query, PARTIAL_LIST)
            part = self._understood(page, body)
            found.update(part.objects)
            if not part.next:
                break
            query["continue"] = part.next
        self._version, self._known = part.version, True
        self._report(self._index.replace(self._scope, found))
        self._set(Phase.SYNCED)

    async def _follow(self) -> None:
        """Takes changes until the server ends the watch in good order."""
        now = asyncio.get_running_loop().time
        seconds = self._pace.watch_seconds * random.uniform(0.8, 1.0)  # noqa: S311 spreads reconnections, no secret
        query = {
            **self._selector,
            "watch": "1",
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(max(1, round(seconds))),
        }
        silence = seconds + self._pace.grace_seconds
        began = now()
        try:
            async with self._api.stream(self._scope.kind, self._path, query, PARTIAL, silence) as reader:
                self._set(Phase.SYNCED)
                async for line in _lines(reader):
                    self._take(self._understood(event, line))
        finally:
            lasted = now() - began
            if lasted > QUICK_SECONDS:
                self._pauses = self._fresh_pauses()
        if lasted <= QUICK_SECONDS and self._pace.watch_seconds > QUICK_SECONDS:
            raise ApiUnavailable(f"The watch of {self._scope.kind} ended as soon as it began; it is begun again.")

    def _take(self, told: Change | Broken) -> None:
        if isinstance(told, Broken):
            raise refusal("watch", self._scope.kind, told.code, told.message.encode())
        if told.ref is not None:
            self._index.change(self._scope, told.ref, told.meta)
            self._report([told.ref])
        self._version = told.version

    def _understood(self, read: Callable[[Kind, bytes], T], body: bytes) -> T:
        try:
            return read(self._scope.kind, body)
        except msgspec.MsgspecError as error:
            self._version = ""  # the same line would come again
            raise ApiUnavailable(
                f"What came of {self._scope.kind} cannot be read: {error}. It is asked again."
            ) from error

    def _report(self, refs: Iterable[Ref]) -> None:
        for ref in refs:
            self._on_change(ref, self._index.lookup(ref))

    def _set(self, phase: Phase, error: ApiError | None = None, pause: float = 0.0) -> float:
        """Takes the state, and hands the pause back. What fails before it was ever listed tells nothing yet."""
        known = self._known or phase is not Phase.FAILING
        self.state = State(phase if known else Phase.PENDING, str(error) if error else "")
        self.settled.set()
        return pause

    def _fresh_pauses(self) -> Iterator[float]:
        return delays(random.random, 0.2, self._pace.longest_pause_seconds)


async def _lines(reader: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length; a last one without its end is none."""
    rest = b""
    async for chunk in reader.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line:
                yield line
