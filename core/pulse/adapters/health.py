"""/livez, /readyz and /metrics on one port, served from a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from pulse.adapters.metrics import REGISTRY
from pulse.errors import Stop

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

# None when all is well, else a sentence that says what is not.
Check = Callable[[], str | None]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    timeout = 10  # a client that connects and says nothing must not hold a thread for ever

    def log_message(self, *_: Any) -> None:
        """A probe every few seconds is no news."""


class HealthServer:
    """Serves until `close`. `alive` fails when the process must be restarted, `ready` while it does no useful work."""

    def __init__(self, port: int, alive: Check, ready: Check, registry: CollectorRegistry = REGISTRY) -> None:
        metrics = make_wsgi_app(registry)
        checks = {"/livez": alive, "/readyz": ready}

        def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            path = environ.get("PATH_INFO", "")
            if path == "/metrics":
                page: Iterable[bytes] = metrics(environ, start)
                return page
            if path not in checks:
                start("404 Not Found", [("Content-Type", "text/plain")])
                return [b"There are /livez, /readyz and /metrics here.\n"]
            problem = checks[path]()
            start("200 OK" if problem is None else "503 Service Unavailable", [("Content-Type", "text/plain")])
            return [f"{problem or 'ok'}\n".encode()]

        try:
            self._server = make_server("", port, answer, server_class=_Server, handler_class=_Quiet)
        except OSError as failed:
            raise Stop(
                f"Port {port} for /livez, /readyz and /metrics cannot be opened ({failed}): set PULSE_HEALTH_PORT."
            ) from failed
        self.port: int = self._server.server_port
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def close(self) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._server.server_close()
