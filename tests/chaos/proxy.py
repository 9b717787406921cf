"""A TCP proxy on loopback whose link a test can cut, slow down or freeze. It knows nothing of what it carries.

Where nobody listens behind it, a new connection is reset at once, as by a load balancer without a server.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress

from pulse_local.ports import HOST

CHUNK_BYTES = 65_536
CONNECT_SECONDS = 5.0
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Proxy:
    """Listens on `port` and carries every connection to `upstream`, which may change at any time."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.delay_seconds = 0.0  # for each chunk, in each direction
        self._flowing = threading.Event()
        self._flowing.set()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._thread.start()

    def cut(self) -> int:
        """Resets every connection; how many there were. New ones are accepted."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            for end in pair:
                _wake(end)
        return len(pairs)

    def freeze(self) -> None:
        """Carries nothing more, without closing anything, until `thaw`."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Carries on with what waited."""
        self._flowing.set()

    def close(self) -> None:
        """Ends the proxy and every connection."""
        _wake(self._listener)
        self._thread.join(CONNECT_SECONDS)
        self._listener.close()
        self.thaw()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), name="proxy", daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection((HOST, self.upstream), CONNECT_SECONDS)
        except OSError:
            _resetting(client)
            client.close()
            return
        server.settimeout(None)
        pair = (client, server)
        for end in pair:
            _resetting(end)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._pairs.add(pair)
        back = threading.Thread(target=self._carry, args=(server, client), name="proxy", daemon=True)
        back.start()
        self._carry(client, server)
        back.join()
        with self._lock:
            self._pairs.discard(pair)
        for end in pair:
            end.close()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        """One direction, until either side ends; then the other direction is woken too."""
        try:
            while data := source.recv(CHUNK_BYTES):
                self._flowing.wait()
                if self.delay_seconds:
                    time.sleep(self.delay_seconds)
                target.sendall(data)
        except OSError:
            pass
        finally:
            _wake(source)
            _wake(target)


def _resetting(end: socket.socket) -> None:
    """Has the close of this end reach its peer as a reset, not as an orderly end."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)


def _wake(end: socket.socket) -> None:
    """Ends the call of another thread that waits on this socket, and tells its peer nothing."""
    with suppress(OSError):  # not connected any more
        end.shutdown(socket.SHUT_RD)
