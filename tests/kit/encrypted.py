"""A way to a Postgres server that speaks TLS and nothing else, for servers that were built without TLS.

It answers the request that begins every encrypted connection, proves who it is by its certificate, and hands the bytes
on. Whoever wants to talk in the clear is hung up on.
"""

from __future__ import annotations

import select
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kit.certificates import Certificate
from pulse_local import ports

# The first message of a connection that is to be encrypted; libpq may ask for Kerberos before.
_TLS_REQUEST = struct.pack("!II", 8, 80877103)
_GSS_REQUEST = struct.pack("!II", 8, 80877104)
_CHUNK_BYTES = 65536


@contextmanager
def encrypted(certificate: Certificate, port: int, directory: Path) -> Iterator[int]:
    """The port that leads to `port` over TLS for as long as the context is open; its files go to the directory."""
    files = directory / "endpoint.crt", directory / "endpoint.key"
    for file, text in zip(files, (certificate.certificate, certificate.key), strict=True):
        file.write_text(text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):  # the client leaves as it likes, or does not trust us
                _serve(self.request, context, port)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server((ports.HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def _serve(client: socket.socket, context: ssl.SSLContext, port: int) -> None:
    wanted = client.recv(8, socket.MSG_WAITALL)
    if wanted == _GSS_REQUEST:
        client.sendall(b"N")
        wanted = client.recv(8, socket.MSG_WAITALL)
    if wanted != _TLS_REQUEST:
        return
    client.sendall(b"S")
    with context.wrap_socket(client, server_side=True) as secured, socket.create_connection((ports.HOST, port)) as own:
        _relay(secured, own)


def _relay(secured: ssl.SSLSocket, own: socket.socket) -> None:
    """Until either side has nothing more to say."""
    other = {secured: own, own: secured}
    while True:
        # What TLS has read ahead is not seen by select.
        readable = [secured] if secured.pending() else select.select([secured, own], [], [])[0]
        for side in readable:
            data = side.recv(_CHUNK_BYTES)
            if not data:
                return
            other[side].sendall(data)
