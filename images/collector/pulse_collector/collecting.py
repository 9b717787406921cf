"""One request, from its bytes to what the sender is told: the order of the steps, and nothing of HTTP.

What a request costs its sender is known only when it was read, so it is charged afterwards; who is in debt is refused
before anything is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import msgspec

from pulse.errors import KafkaUnavailable
from pulse_collector import pixel
from pulse_collector.accept import Acceptance, Client, Rejected, Sorted
from pulse_collector.access import Access
from pulse_collector.address import truncated
from pulse_collector.counting import Counts
from pulse_collector.envelope import Envelope, opened
from pulse_collector.rate import Buckets
from pulse_collector.refusals import Refused
from pulse_collector.stores import BufferFull, Headers, Record, Stores
from pulse_collector.unpack import unpacked

REJECT_CODE, REJECT_FIELD = "pulse.reject.code", "pulse.reject.field"

# What a request that is refused as a whole costs its sender, in events; a rejected event costs two.
JUNK_COST = 10
AWAY_RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a request may hold."""

    unpacked_bytes: int
    batch_events: int
    keep_addresses: bool


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: the name of the key, what the sending is charged to, and the client behind it."""

    name: str
    account: str
    client: Client


class Outcome(msgspec.Struct, omit_defaults=True):
    """What the sender is told. `unrecorded` rejected events are in no ledger, as there were too many of them."""

    accepted: int
    rejected: list[dict[str, Any]]
    unrecorded: int = 0


class Stored(NamedTuple):
    """What became of a request, and whose it was last: the anonymous visitor, if there is one who has not said no."""

    outcome: Outcome
    visitor: str | None


class Collecting:
    """Made once; its methods are called for each request."""

    def __init__(
        self,
        access: Access,
        acceptance: Acceptance,
        stores: Stores,
        counts: Counts,
        limits: Limits,
        rates: tuple[Buckets, Buckets],
        clocks: tuple[Callable[[], int], Callable[[], float]],
    ) -> None:
        self._access, self._acceptance, self._stores, self._counts = access, acceptance, stores, counts
        self._limits = limits
        self._events_rate, self._rejects_rate = rates
        self._now_us, self._monotonic = clocks

    def admitted(self, key: str, address: str, client: Client) -> Sender:
        """Whoever has this key, with leave to send now. Refused: an unknown key, or one that has sent too much.

        Where no keys are asked for, every network has an account of its own.
        """
        name = self._access.name_of(key)
        network = truncated(address) if self._limits.keep_addresses or not self._access.names else ""
        account = name if self._access.names else network
        wait = self._events_rate.wait_seconds(account, self._monotonic())
        if wait:
            raise Refused("rate_limited", wait)
        if self._limits.keep_addresses and network:
            client = replace(client, ip=network)
        return Sender(name, account, client)

    async def body(self, sender: Sender, body: bytes, *, packed: bool) -> Stored:
        """Stores the events of a body. Refused if there is nothing in it to sort, or if Kafka does not store them."""
        try:
            plain = unpacked(body, self._limits.unpacked_bytes) if packed else body
            envelope = opened(plain, self._limits.batch_events)
        except Refused:
            self._events_rate.take(sender.account, JUNK_COST, self._monotonic())
            raise
        return await self._stored(sender, envelope, self._now_us())

    async def query(self, sender: Sender, query: Mapping[str, str]) -> Stored:
        """Stores the one event of a pixel's query."""
        received_us = self._now_us()
        return await self._stored(sender, Envelope([pixel.event_of(query, received_us)], None), received_us)

    async def _stored(self, sender: Sender, envelope: Envelope, received_us: int) -> Stored:
        found = self._acceptance.sorted(envelope.events, envelope.sent_at, received_us, sender.client)
        now = self._monotonic()
        self._events_rate.take(sender.account, max(1, len(envelope.events) + len(found.rejected)), now)
        recorded = self._rejects_rate.granted(sender.account, len(found.rejected), now) if found.rejected else 0
        try:
            left_out = await self._stores.deliver(_records(found, recorded))
        except BufferFull:
            raise Refused("buffer_full", AWAY_RETRY_SECONDS) from None
        except KafkaUnavailable:
            raise Refused("kafka_unavailable", AWAY_RETRY_SECONDS) from None
        unrecorded = len(found.rejected) - recorded + left_out
        self._counts.events(sender.name, found, unrecorded)
        outcome = Outcome(len(found.accepted), [_told(one) for one in found.rejected], unrecorded)
        return Stored(outcome, found.accepted[-1].visitor if found.accepted else None)


def _records(found: Sorted, recorded: int) -> list[Record]:
    records = [Record(one.key, one.value) for one in found.accepted]
    for one in found.rejected[:recorded]:
        headers: Headers = [(REJECT_CODE, one.code)]
        if one.field:
            headers.append((REJECT_FIELD, one.field[:200]))
        records.append(Record(None, one.raw, headers, may_be_left_out=True))
    return records


def _told(one: Rejected) -> dict[str, Any]:
    told = {"i": one.place, "code": one.code, "field": one.field, "reason": one.reason}
    return {name: value for name, value in told.items() if value != ""}
