"""The proxy carries bytes both ways, and cuts, delays and freezes them when it is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from chaos.proxy import Proxy
from pulse_local.ports import HOST, free_port

SOON_SECONDS = 20.0


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends everything back."""
    listener = socket.create_server((HOST, 0))
    threading.Thread(target=_serve, args=(listener,), daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def _serve(listener: socket.socket) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_echo, args=(client,), daemon=True).start()


def _echo(client: socket.socket) -> None:
    with client:
        try:
            while data := client.recv(65_536):
                client.sendall(data)
        except OSError:
            return


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection((HOST, proxy.port), SOON_SECONDS)


def received(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += client.recv(count - len(data))
    return data


def test_what_is_sent_arrives_whole(echo: int) -> None:
    sent = bytes(range(256)) * 4_000
    with closing(Proxy(echo)) as proxy, connected(proxy) as client:
        threading.Thread(target=client.sendall, args=(sent,), daemon=True).start()
        assert received(client, len(sent)) == sent


def test_a_cut_resets_what_is_open_and_lets_new_connections_in(echo: int) -> None:
    with closing(Proxy(echo)) as proxy, connected(proxy) as client:
        client.sendall(b"one")
        assert received(client, 3) == b"one"
        assert proxy.cut() == 1
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        with connected(proxy) as another:
            another.sendall(b"two")
            assert received(another, 3) == b"two"


def test_a_frozen_link_carries_nothing_and_then_all_that_waited(echo: int) -> None:
    with closing(Proxy(echo)) as proxy, connected(proxy) as client:
        proxy.freeze()
        client.sendall(b"waits")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
        proxy.thaw()
        client.settimeout(SOON_SECONDS)
        assert received(client, 5) == b"waits"


def test_nobody_behind_it_is_a_reset(echo: int) -> None:
    with closing(Proxy(free_port())) as proxy, pytest.raises(ConnectionResetError), connected(proxy) as client:
        client.recv(1)  # if the reset was not there before the connection was


def test_another_upstream_is_for_new_connections(echo: int) -> None:
    with closing(Proxy(free_port())) as proxy:
        proxy.upstream = echo
        with connected(proxy) as client:
            client.sendall(b"here")
            assert received(client, 4) == b"here"
