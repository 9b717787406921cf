"""What uvicorn leaves open: a client that never ends its head, by time or by length, is hung up on.

Bodies are bounded by the application, idle connections by uvicorn itself.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pulse.adapters import metrics

HEAD_SECONDS = 10.0
HEAD_BYTES = 64 * 1024

NOT_HTTP, TOO_LONG, TOO_SLOW, TOO_MANY = "not_http", "head_too_long", "head_too_slow", "too_many_connections"
_REFUSED = {
    reason: metrics.COLLECTOR_CONNECTIONS_REFUSED.labels(reason) for reason in (NOT_HTTP, TOO_LONG, TOO_SLOW, TOO_MANY)
}


class GuardedProtocol(HttpToolsProtocol):
    """One connection."""

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _reason = NOT_HTTP

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Waits for the first head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts what belongs to a head."""
        super().data_received(data)
        if self._head_timer is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
                self._reason = TOO_LONG
                self.send_400_response("The head of the request is too long.")

    def send_400_response(self, msg: str) -> None:
        """For what is no HTTP, uvicorn calls this itself."""
        _REFUSED[self._reason].inc()
        super().send_400_response(msg)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> Any:
        """It is whole."""
        self._head_came()
        most = self.limit_concurrency
        if most is not None and (len(self.connections) >= most or len(self.tasks) >= most):
            _REFUSED[TOO_MANY].inc()  # uvicorn answers 503 by the same rule
        super().on_headers_complete()

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_bytes = 0
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._hang_up)

    def _hang_up(self) -> None:
        _REFUSED[TOO_SLOW].inc()
        self.transport.abort()

    def _head_came(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
