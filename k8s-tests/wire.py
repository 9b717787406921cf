"""A TCP connection that a test can cut or freeze, between a client and a server that know nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from urllib.parse import urlsplit

from apiserver import ApiServer

CHUNK = 65536


class Wire:
    """Forwards bytes both ways until told otherwise."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._open = asyncio.Event()
        self._open.set()
        self._refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self.accepted = 0

    def cut(self) -> None:
        """Ends all connections, and every new one at once."""
        self._refusing = True
        for writer in list(self._writers):
            writer.transport.abort()

    def freeze(self) -> None:
        """Nothing gets through any more, and nobody is told."""
        self._open.clear()

    def strand(self) -> None:
        """As `freeze`, for the connections of now and for ever; new ones work."""
        self._open.clear()
        self._open = asyncio.Event()
        self._open.set()

    def mend(self) -> None:
        """Forwards again."""
        self._refusing = False
        self._open.set()

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        self.accepted += 1
        if self._refusing:
            writer.transport.abort()
            return
        with suppress(OSError):
            their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
            ends = {writer, their_writer}
            self._writers |= ends
            try:
                passing = self._open
                await asyncio.gather(_pump(reader, their_writer, passing), _pump(their_reader, writer, passing))
            finally:
                self._writers -= ends
                their_writer.transport.abort()
        writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passing: asyncio.Event) -> None:
    while chunk := await reader.read(CHUNK):
        await passing.wait()
        writer.write(chunk)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof() if writer.can_write_eof() else None


@asynccontextmanager
async def wired(server: ApiServer) -> AsyncIterator[tuple[Wire, ApiServer]]:
    """The wire, and the server as it is reached through it."""
    wire = Wire(urlsplit(server.url).port or 443)
    listening = await asyncio.start_server(wire.forward, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield wire, replace(server, url=f"https://127.0.0.1:{port}")
    finally:
        listening.close()
        wire.cut()
        await asyncio.sleep(0)
