"""Bodies of requests while they are read and worked on: how long, how much of one, and how much of all together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from pulse_collector.refusals import Refused

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

BUSY_RETRY_SECONDS = 1.0


class Left(Exception):
    """The client is gone, and nobody is there to be answered."""


class Bodies:
    """All that are held now."""

    def __init__(self, request_bytes: int, held_bytes: int, seconds: float) -> None:
        self._request_bytes, self._held_bytes, self._seconds = request_bytes, held_bytes, seconds
        self.held = 0  # bytes, of all

    async def whole(self, receive: Receive, announced: int) -> bytes:
        """The body of one request, which counts as held until it is `done`. Refused or Left if there is none.

        `announced` is what its head says of its length, 0 where it says nothing.
        """
        if announced > self._request_bytes:
            raise Refused("request_too_large")
        body = bytearray()
        try:
            async with asyncio.timeout(self._seconds):
                await self._read(body, receive)
        except TimeoutError:
            self.done(body)
            raise Refused("body_too_slow") from None
        except BaseException:
            self.done(body)
            raise
        return bytes(body)

    def done(self, body: bytes | bytearray) -> None:
        """Nobody needs it any more."""
        self.held -= len(body)

    async def _read(self, body: bytearray, receive: Receive) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Left
            chunk = message.get("body", b"")
            if len(body) + len(chunk) > self._request_bytes:
                raise Refused("request_too_large")
            if self.held + len(chunk) > self._held_bytes:
                raise Refused("busy", BUSY_RETRY_SECONDS)
            body += chunk
            self.held += len(chunk)
            more = message.get("more_body", False)
