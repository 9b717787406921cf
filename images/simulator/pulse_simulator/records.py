"""What goes to Kafka, record by record, with what the truth has to know about each.

A record here is a plain tuple, because millions of them are made: its fields are named in `Record`.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from pulse_simulator import encode, faults, model
from pulse_simulator.faults import Shares

# send at (ms), key, value, what (a moment's number or one of the two below), user, event time (ms), order, arrival
# (ms). `order` sorts events of one millisecond as their event_ids do.
Record = tuple[int, bytes, bytes | None, int, int, int, int, int]

REPEATED = -1
MALFORMED = -2

ORIGIN_VISITS = 0.6


@dataclass(slots=True)
class Visit:
    """One visitor in the shop: what it will do, and which of that is next."""

    user: int
    key: bytes
    who: str
    moments: list[model.Moment]
    origin: str
    next: int = 0


class Scribe:
    """Makes records of visits. Two scribes with equal arguments and equal random sources write equal bytes."""

    def __init__(self, shop: model.Shop, users: int, shares: Shares) -> None:
        self.shop = shop
        self._users = users
        self._shares = shares
        self._what = [encode.moment_json(moment) for moment in shop.moments]
        self._broken = 0

    def visit(self, rng: Random, moments: list[model.Moment]) -> Visit:
        """The next visitor, about to do `moments`."""
        user = model.visitor(rng, self._users)
        # A custom event has properties of its own, so its visit tells no origin.
        from_elsewhere = not moments[0].properties and rng.random() < ORIGIN_VISITS
        origin = encode.ORIGINS[int(rng.random() * len(encode.ORIGINS))] if from_elsewhere else ""
        who = encode.visitor_json(user, rng.getrandbits(64))
        return Visit(user, encode.user_id(user).encode(), who, moments, origin)

    def event(
        self, rng: Random, visit: Visit, moment: model.Moment, send: int, at: int, arrival: int, received: bool
    ) -> Record:
        """The record of one moment; `received` says whether it tells its arrival itself."""
        bits = rng.getrandbits(72)
        what = self._what[moment.number]
        if visit.origin:
            what += visit.origin
            visit.origin = ""
        value = encode.event(
            encode.uuid7(at, bits), encode.instant(at), visit.who, what, encode.instant(arrival) if received else None
        )
        return send, visit.key, value, moment.number, visit.user, at, bits >> 8, arrival

    def extras(self, rng: Random, record: Record, visit: Visit, longest_repeat_ms: int) -> list[Record]:
        """What faults add to one event: the same bytes again, a malformed record, mostly nothing."""
        extra: list[Record] = []
        if rng.random() < self._shares.duplicate:
            send = record[0] + faults.repeat_after_ms(rng, longest_repeat_ms)
            extra.append((send, record[1], record[2], REPEATED, *record[4:]))
        if rng.random() < self._shares.malformed:
            # An id of its own: were it accepted by mistake, nothing would hide it as a repeat.
            template = self.event(rng, visit, self.shop.moments[0], record[0], record[5], record[7], False)
            broken = faults.malformed(self._broken, template[2] or b"")
            self._broken += 1
            extra.append((record[0], record[1], broken, MALFORMED, *record[4:]))
        return extra
