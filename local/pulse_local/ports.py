"""Ports of this machine: free ones to take, and whether somebody answers on one."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Collection

from pulse.errors import Stop

HOST = "127.0.0.1"

# Below the range that the system hands to outgoing connections, which could take a port between our look and its use.
_FIRST, _LAST = 20_000, 31_999


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def answers(port: int) -> bool:
    """Whether something accepts connections on the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def free_port(preferred: int | None = None, taken: Collection[int] = ()) -> int:
    """A port that nobody listens on and that is not spoken for: the preferred one if it is free."""
    if preferred and preferred not in taken and is_free(preferred):
        return preferred
    for _ in range(200):
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        if port not in taken and is_free(port):
            return port
    raise Stop(f"No free port was found between {_FIRST} and {_LAST} on {HOST}: stop some servers and try again.")


def forced_port(port: int, option: str) -> int:
    """The port itself; Stop if it is taken."""
    if not is_free(port):
        raise Stop(f"Port {port} is in use: stop the program that listens on it, or give {option} another port.")
    return port
