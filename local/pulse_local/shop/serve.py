"""The shop's server: its pages, the tracker, and where that sends events. Listens on this machine only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pulse.errors import Stop
from pulse_local import ports

PAGES = Path(__file__).parent / "pages"
TRACKER = Path(__file__).parents[3] / "tracker" / "pulse.js"

# The snippet of tracker/README.md, with the options that the server knows.
_SNIPPET = """\
window.pulse = { q: [], options: %s };
for (const name of ["page", "track", "identify", "reset", "optIn", "optOut", "flush"])
  pulse[name] = (...words) => { pulse.q.push([name, Date.now(), words]); };
"""


class Shop(ThreadingHTTPServer):
    """Serves on `port`; the pages send to `collector`. `tracker` are further options of theirs."""

    daemon_threads = True

    def __init__(self, port: int, collector: str, key: str = "", tracker: Mapping[str, Any] | None = None) -> None:
        if not TRACKER.is_file():
            raise Stop("The shop needs the tracker of a checkout of Pulse, and this is none.")
        options = {"endpoint": collector, **({"key": key} if key else {}), **(tracker or {})}
        made = {
            "/snippet.js": (_SNIPPET % json.dumps(options)).encode(),
            "/pulse.js": TRACKER.read_bytes(),
        }
        try:
            super().__init__((ports.HOST, port), partial(_Handler, made, directory=str(PAGES)))
        except OSError as failed:
            raise Stop(f"The shop cannot listen on port {port} ({failed}): give it another one.") from failed


class _Handler(SimpleHTTPRequestHandler):
    """Two scripts from memory, the pages from their folder."""

    def __init__(self, made: dict[str, bytes], *words: Any, **options: Any) -> None:
        self._made = made
        super().__init__(*words, **options)

    def do_GET(self) -> None:
        """A page, or one of the scripts."""
        body = self._made.get(self.path.split("?")[0])
        if body is None:
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        """Nothing is kept by the browser, so that a page that was changed is seen."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        """What a person clicks is in the events."""
