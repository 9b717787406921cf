"""Requests to collectors, as fast as they answer or at a rate; prints what came of them as JSON.

    python -m bench.collector.load --ports 8000,8001 --batch 100 --connections 32 --seconds 20 [--rate 400] [--junk]

At a rate, a request's time counts from the moment at which it was due, so that one that has to wait for its turn is
slow and not left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter, deque
from typing import cast

import uvloop
from bench.collector import traffic

# How long the answers to the last requests are waited for.
LAST_ANSWER_SECONDS = 30.0


class Run:
    """All connections, and what they saw."""

    def __init__(self, requests: list[bytes], rate: float, seconds: float) -> None:
        self.requests = requests
        self.rate, self.seconds = rate, seconds
        self.statuses: Counter[int] = Counter()
        self.times: list[float] = []
        self.idle: deque[Connection] = deque()
        self.due: deque[float] = deque()
        self.sent = self.open = self.in_time = 0
        self.began = self.ends = 0.0

    def free(self, connection: Connection) -> None:
        """A connection that can take a request: now, if one is due."""
        now = time.perf_counter()
        if now >= self.ends:
            return
        if not self.rate:
            connection.ask(now)
        elif self.due:
            connection.ask(self.due.popleft())
        else:
            self.idle.append(connection)

    async def schedule(self) -> None:
        """Makes requests due, at the rate."""
        while (now := time.perf_counter()) < self.ends:
            while self.sent < (now - self.began) * self.rate:
                moment = self.began + self.sent / self.rate
                self.sent += 1
                if self.idle:
                    self.idle.popleft().ask(moment)
                else:
                    self.due.append(moment)
            await asyncio.sleep(0.001)


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, run: Run, number: int) -> None:
        self._run, self._next = run, number * 7
        self._began = 0.0
        self._answer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready for the first one."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own are no subclass of it

    def ask(self, due: float) -> None:
        """Sends the next request."""
        assert self._transport is not None
        self._began = due
        self._run.open += 1
        self._next = (self._next + 1) % len(self._run.requests)
        self._transport.write(self._run.requests[self._next])

    def data_received(self, data: bytes) -> None:
        """An answer, or a part of one."""
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]):
            return
        self._run.statuses[int(self._answer[9:12])] += 1
        now = time.perf_counter()
        self._run.times.append(now - self._began)
        self._run.in_time += now <= self._run.ends
        self._run.open -= 1
        self._answer = b""
        self._run.free(self)


async def load(ports: list[int], connections: int, run: Run) -> dict[str, object]:
    """The whole run; its result."""
    loop = asyncio.get_running_loop()
    made = [
        (
            await loop.create_connection(
                lambda number=number: Connection(run, number), "127.0.0.1", ports[number % len(ports)]
            )
        )[1]  # type: ignore[misc]
        for number in range(connections)
    ]
    run.began = time.perf_counter()
    run.ends = run.began + run.seconds
    for connection in made:
        run.free(connection)
    if run.rate:
        await run.schedule()
    await asyncio.sleep(max(0.0, run.ends - time.perf_counter()))
    while (
        run.open and time.perf_counter() < run.ends + LAST_ANSWER_SECONDS
    ):  # what was sent may be stored, so it counts
        await asyncio.sleep(0.05)
    times = sorted(run.times)
    return {
        "requests": run.in_time,
        "statuses": dict(run.statuses),
        "p50_ms": times[len(times) // 2] * 1000,
        "p99_ms": times[len(times) * 99 // 100] * 1000,
        "unanswered": len(run.due),
    }


def main() -> None:
    """Loads, and prints."""
    words = argparse.ArgumentParser()
    words.add_argument("--ports", required=True)
    words.add_argument("--batch", type=int, default=1)
    words.add_argument("--connections", type=int, default=32)
    words.add_argument("--seconds", type=float, default=10)
    words.add_argument("--rate", type=float, default=0, help="requests a second; 0: as fast as they are answered")
    words.add_argument("--junk", action="store_true", help="nothing but junk, of a key of its own")
    asked = words.parse_args()
    run = Run(traffic.junk() if asked.junk else traffic.good(asked.batch), asked.rate, asked.seconds)
    ports = [int(port) for port in asked.ports.split(",")]
    json.dump(uvloop.run(load(ports, asked.connections, run)), sys.stdout)


if __name__ == "__main__":
    main()
