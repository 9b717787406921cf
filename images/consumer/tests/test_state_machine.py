"""The rules about offsets as a state machine: whatever happens in whatever order, every record is stored once.

The log, the table raw.consumer_offsets and what is stored are modelled in memory; what reads, judges and batches
records is the consumer's own code. Two owners have batches in flight; they crash, freeze, wake up late, and are reset.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from pulse.errors import Rejection
from pulse.events import EventDecoder
from pulse_consumer.batch import Batch, Part
from pulse_consumer.intake import Intake
from pulse_consumer.offsets import Position
from pulse_consumer.packer import plain_rows
from pulse_consumer.record import Record

TOPIC = bytes(16)
KAFKA_US = 1_767_323_046_000_000
OWNERS = st.integers(0, 1)
Place = tuple[int, int]  # incarnation of the topic, offset
DECODER = EventDecoder()


def value(number: int | None, page: str) -> bytes:
    """An event, with an id of its own if it has a number."""
    named = "" if number is None else f'"event_id":"00000000-0000-7000-8000-00000000000{number}",'
    return (
        f'{{{named}"event_type":"page_view","user_id":"u","timestamp":"2026-01-02T03:04:05Z","page":"{page}"}}'.encode()
    )


# Events without an id, ids that come again with the same and with other content, and what is no event.
VALUES = st.one_of(
    st.builds(value, st.none(), st.just("/")),
    st.builds(value, st.integers(0, 3), st.sampled_from(["/", "/other"])),
    st.just(b"no json"),
)


@dataclass
class Row:
    """The row of the one partition in raw.consumer_offsets."""

    topic: int = 0
    next_offset: int = 0
    epoch: int = 0


Guard = Callable[[Row, int, Part], bool]


def compare_and_set(row: Row, topic: int, part: Part) -> bool:
    """The rule of offsets._ADVANCE."""
    return row.topic == topic and row.epoch == part.epoch and row.next_offset == part.first


def forward_only(row: Row, topic: int, part: Part) -> bool:
    """A weaker rule that looks sufficient: never back."""
    return row.topic == topic and part.next > row.next_offset


@dataclass
class Owner:
    """One consumer: what it read, its batch in flight, and where it stands. Gone with a crash."""

    topic: int = -1
    intake: Intake = field(
        default_factory=lambda: Intake(EventDecoder(), TOPIC, plain_rows("python", TOPIC, custom_events=True))
    )
    reading: Batch = field(default_factory=lambda: Batch(0.0))
    in_flight: Batch | None = None

    @property
    def position(self) -> Position | None:
        return self.intake.positions.get(0)


class Offsets(RuleBasedStateMachine):
    """One partition, two consumers. `guard` is what moves the stored offset."""

    guard: Guard = staticmethod(compare_and_set)

    def __init__(self) -> None:
        super().__init__()
        self.topic = 0
        self.log = [value(None, "/")] * 12
        self.row = Row()
        self.events: dict[bytes, tuple[Place, bytes]] = {}  # event id -> the record that is stored, its fingerprint
        self.beside: set[Place] = set()  # dead letters and conflicts
        self.gone = 0  # events that an accident removed
        self.inserted = 0  # the ledger's sum
        self.ranges: list[tuple[int, int, int]] = []  # raw.batches: topic, first, next
        self.starts: set[tuple[int, int]] = {(0, 0)}  # where a range may start besides the end of the one before
        self.owners = [Owner(), Owner()]
        self.assign(0)

    @property
    def end(self) -> int:
        return len(self.log)

    @rule(values=st.lists(VALUES, min_size=1, max_size=5))
    def produce(self, values: list[bytes]) -> None:
        self.log += values

    @rule(who=OWNERS)
    def assign(self, who: int) -> None:
        """The group gives the partition to this one. The other may not know, or be frozen: it keeps what it holds."""
        if self.row.epoch and (self.row.topic != self.topic or self.row.next_offset > self.end):
            self.reset()  # the consumer stops, and a person says so
        owner = self.owners[who] = Owner(self.topic)
        self.row = Row(self.topic, self.row.next_offset, self.row.epoch + 1)
        owner.intake.positions[0] = Position(self.row.epoch, self.row.next_offset)

    @rule(who=OWNERS, count=st.integers(1, 3))
    def read(self, who: int, count: int) -> None:
        """Some records on, handed over if nothing is in flight; the topic's id is asked before each commit."""
        owner = self.owners[who]
        if owner.position is not None and owner.topic == self.topic:
            first = owner.position.next_offset
            found = [self._record(offset) for offset in range(first, min(self.end, first + count))]
            owner.intake.add(owner.reading, found)
            self._submit(owner)

    def _submit(self, owner: Owner) -> None:
        if owner.in_flight is None and owner.reading.parts:
            owner.in_flight, owner.reading = owner.reading, Batch(0.0)

    @rule(who=OWNERS, answered=st.booleans())
    def commit(self, who: int, answered: bool) -> None:
        """The transaction of the batch in flight. An unanswered COMMIT has happened, and is written again."""
        owner = self.owners[who]
        if owner.in_flight is None:
            return
        part = owner.in_flight.parts[0]
        if not self.guard(self.row, owner.topic, part):
            self.owners[who] = Owner()  # fenced: rolled back whole, the session ends
            return
        self._store(owner.topic, part)
        if answered:
            owner.in_flight = None
            self._submit(owner)

    @rule(who=OWNERS)
    def crash(self, who: int) -> None:
        """At whatever edge it is: a transaction that was not committed leaves nothing."""
        self.owners[who] = Owner()

    @rule()
    def reset(self) -> None:
        """`pulse offsets reset --to-beginning`."""
        self.row = Row(self.topic, 0, self.row.epoch + 1)
        self.starts.add((self.topic, 0))

    @rule()
    def restore(self) -> None:
        """This topic's events were lost to an accident of the database; a person resets, so that they come again."""
        kept = {event_id: event for event_id, event in self.events.items() if event[0][0] != self.topic}
        self.gone += len(self.events) - len(kept)
        self.events = kept
        self.reset()

    @precondition(lambda self: self.row.topic == self.topic and self.row.next_offset == self.end > 0)
    @rule()
    def create_topic_again(self) -> None:
        """Only where all is read: what is deleted unread is lost, and the consumer says so."""
        self.topic += 1
        self.log = []

    def _record(self, offset: int) -> Record:
        return Record(0, offset, KAFKA_US, True, None, self.log[offset], None)

    def _store(self, topic: int, part: Part) -> None:
        """INSERT … ON CONFLICT DO NOTHING, conflicts, dead letters, the ledger and the offset, together."""
        read = [record.offset for record in part.records] + [letter.record.offset for letter in part.dead]
        assert sorted(read) == list(range(part.first, part.next)), "a record was left out or read twice"
        for record in part.records:
            event = DECODER.decode(record.value, KAFKA_US, topic.to_bytes(16, "big"), 0, record.offset)
            place = (topic, record.offset)
            if event.event_id not in self.events:
                self.events[event.event_id] = place, event.fingerprint
                self.inserted += 1
            elif self.events[event.event_id][1] != event.fingerprint:
                self.beside.add(place)
        self.beside |= {(topic, letter.record.offset) for letter in part.dead}
        self.ranges.append((topic, part.first, part.next))
        self.row.next_offset = part.next

    @invariant()
    def nothing_before_the_stored_offset_is_missing(self) -> None:
        if self.row.topic == self.topic:
            lost = [offset for offset in range(self.row.next_offset) if not self._accounted(offset)]
            assert not lost, f"lost for ever: {lost}"

    def _accounted(self, offset: int) -> bool:
        """Whether a record of the topic is an event, the repeat of one, or kept beside them."""
        if (self.topic, offset) in self.beside:
            return True
        try:
            event = DECODER.decode(self.log[offset], KAFKA_US, self.topic.to_bytes(16, "big"), 0, offset)
        except Rejection:
            return False
        return self.events.get(event.event_id, ((), b""))[1] == event.fingerprint

    @invariant()
    def the_ledger_counts_every_event_once(self) -> None:
        assert self.inserted == len(self.events) + self.gone

    @invariant()
    def ranges_follow_one_another(self) -> None:
        """No record is accounted for twice by two owners of one pass."""
        before: dict[int, int] = {}
        for topic, first, following in self.ranges:
            assert first == before.get(topic, 0) or (first == 0 and (topic, 0) in self.starts), "a hole or an overlap"
            before[topic] = following

    def teardown(self) -> None:
        """Whatever happened: after a reset where it is due, one owner that is left alone brings it to the end."""
        if self.row.topic != self.topic:
            self.reset()
        self.assign(0)
        while self.row.next_offset < self.end:
            self.read(0, 5)
            self.commit(0, True)
        missing = [offset for offset in range(self.end) if not self._accounted(offset)]
        assert not missing, f"lost for ever: {missing}"


class ForwardOnly(Offsets):
    """The same with the weaker rule."""

    guard = staticmethod(forward_only)


class ForwardOnlyEvents(ForwardOnly):
    """The weaker rule, and no eye on the ledger: only lost events count."""

    @invariant()
    def ranges_follow_one_another(self) -> None:
        """Not looked at."""


CHECKS = settings(max_examples=60, stateful_step_count=40, suppress_health_check=list(HealthCheck))
TestOffsets = Offsets.TestCase
TestOffsets.settings = CHECKS


@pytest.mark.parametrize(
    ("machine", "finds"), [(ForwardOnly, r"a hole or an overlap|lost for ever"), (ForwardOnlyEvents, "lost for ever")]
)
def test_a_rule_that_only_forbids_going_back_is_found_to_break_the_promise(machine: type[Offsets], finds: str) -> None:
    searching = settings(CHECKS, max_examples=1_000, derandomize=True, database=None, phases=[Phase.generate])
    with pytest.raises(AssertionError, match=finds):
        run_state_machine_as_test(machine, settings=searching)
