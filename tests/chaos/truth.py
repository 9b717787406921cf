"""What has to be in the database, from what is in Kafka, to the single id.

It reads the topic with a client of its own, knows the contract's decoder and nothing of the consumer, and compares
sets, not counts. A topic that is about to be deleted has to be read first.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator
from uuid import UUID

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition
from kit.pipeline import Pipeline

from chaos.traffic import NUMBER_HEADER, REFUSED_PAGE
from chaos.waiting import Broken, answer
from pulse.adapters import kafka
from pulse.errors import Rejection
from pulse.events import EventDecoder
from pulse.plan import Topic

Place = tuple[UUID, int, int]  # topic id, partition, offset
READ_SECONDS = 60.0
SHOWN = 5


class Truth:
    """All that a run sent, as the topics had it."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._numbers: Counter[int] = Counter()
        self._contents: dict[UUID, dict[Place, bytes]] = defaultdict(dict)  # event id -> place -> fingerprint
        self._dead: set[Place] = set()
        self._copies: set[tuple[int, int]] = set()
        self._sent_back: set[tuple[UUID, int]] = set()
        self._resets = 0

    def read_events(self) -> None:
        """Takes in what the events topic holds; once for each topic of this name."""
        client = kafka.admin(self._pipeline.kafka)
        raw_id = kafka.topic_id(client, self._pipeline.plan.events.name)
        decoder = EventDecoder()
        for message in self._messages(self._pipeline.plan.events):
            headers = dict(message.headers() or [])
            self._numbers[int(headers[NUMBER_HEADER])] += 1
            partition, offset = message.partition() or 0, message.offset() or 0
            place = UUID(bytes=raw_id), partition, offset
            try:
                event = decoder.decode(message.value(), message.timestamp()[1] * 1000, raw_id, partition, offset)
            except Rejection:
                self._dead.add(place)
            else:
                if event.page == REFUSED_PAGE:
                    self._dead.add(place)
                else:
                    self._contents[UUID(bytes=event.event_id)][place] = event.fingerprint

    def read_copies(self) -> None:
        """Takes in what the DLQ topic holds."""
        for message in self._messages(self._pipeline.plan.dlq):
            headers = dict(message.headers() or [])
            self._copies.add((int(headers["pulse.dlq.partition"]), int(headers["pulse.dlq.offset"])))

    def expect_reset(self) -> None:
        """Notes, before a reset, which partitions have to be read again."""
        topic_id = UUID(bytes=kafka.topic_id(kafka.admin(self._pipeline.kafka), self._pipeline.plan.events.name))
        moved = self._rows("select topic_id, partition_id from raw.consumer_offsets where next_offset > 0")
        self._sent_back |= {place for place in moved if place[0] == topic_id}
        self._resets += 1

    def check(self, acknowledged: Collection[int]) -> dict[str, int]:
        """Broken unless the database is what the log says; else how many there are of each."""
        _same("records in the log", Counter(acknowledged).items(), self._numbers.items())
        _same("events", self._contents, [row[0] for row in self._rows("select event_id from raw.events")])
        _same("conflicts", self._expected_conflicts(), self._places("raw.event_conflicts", "partition_id"))
        _same("dead letters", self._dead, self._places("raw.dead_letters", "partition_id"))
        _same("copies on the DLQ topic", {(place[1], place[2]) for place in self._dead}, self._copies)
        self._check_chain()
        conflicts = len(self._expected_conflicts())
        sums = self._pipeline.sums()
        _same("rows by the ledger", [("inserted", len(self._contents))], [("inserted", sums["inserted"])])
        return {
            "records": sum(self._numbers.values()),
            "events": len(self._contents),
            "conflicts": conflicts,
            "dead": len(self._dead),
            "read": sums["read"],
        }

    def _expected_conflicts(self) -> set[Place]:
        """Every record whose id is stored with another content; Broken if what is stored is no record of the log."""
        stored = self._rows("select event_id, topic_id, kafka_partition, kafka_offset, fingerprint from raw.events")
        conflicts: set[Place] = set()
        for event_id, topic_id, partition, offset, fingerprint in stored:
            contents = self._contents[event_id]
            if contents.get((topic_id, partition, offset)) != bytes(fingerprint):
                raise Broken(f"event {event_id} is not the record that its coordinates name")
            conflicts |= {place for place, other in contents.items() if other != bytes(fingerprint)}
        return conflicts

    def _check_chain(self) -> None:
        """The ranges of each partition follow one another; they start again after a reset, and only then."""
        ranges = self._rows(
            "select topic_id, partition_id, first_offset, next_offset from raw.batches order by batch_id"
        )
        ends: dict[tuple[UUID, int], int] = {}
        again: Counter[tuple[UUID, int]] = Counter()
        for topic_id, partition, first, following in ranges:
            before = ends.get((topic_id, partition), 0)
            if first != before:
                again[topic_id, partition] += 1
                if first != 0:
                    raise Broken(f"partition {partition}: a batch starts at {first}, the one before ended at {before}")
            ends[topic_id, partition] = following
        worst = max(again.values(), default=0)
        if worst > self._resets:
            raise Broken(f"a partition was read from the beginning {worst} times again, after {self._resets} resets")
        ignored = self._sent_back - set(again)
        if ignored:
            raise Broken(f"{len(ignored)} partitions went on where they were after a reset, such as {min(ignored)}")
        if not self._pipeline.caught_up():
            raise Broken(f"stored {self._pipeline.stored_offsets()}, log {self._pipeline.end_offsets()}")

    def _rows(self, query: str) -> list[tuple]:  # type: ignore[type-arg] # the query says what they hold
        return self._pipeline.rows(query)

    def _places(self, table: str, partition: str) -> list[Place]:
        return self._rows(f"select topic_id, {partition}, kafka_offset from {table}")

    def _messages(self, topic: Topic) -> Iterator[Message[bytes, bytes]]:
        """Every record of the topic, from its beginning to its end as of now."""
        reader = Consumer(
            kafka.client_config(
                self._pipeline.kafka, group_id="chaos-truth", enable_auto_commit=False, auto_offset_reset="earliest"
            )
        )
        try:
            places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
            ends = answer(
                lambda: {one.partition: reader.get_watermark_offsets(one, timeout=READ_SECONDS)[1] for one in places},
                f"the broker does not tell the ends of {topic.name}",
            )
            waiting = {number for number, end in ends.items() if end > 0}
            reader.assign([TopicPartition(topic.name, number, OFFSET_BEGINNING) for number in waiting])
            while waiting:
                message = reader.poll(READ_SECONDS)
                if message is None or message.error() is not None:
                    raise Broken(f"{topic.name} cannot be read to its end: {message and message.error()}")
                yield message
                if (message.offset() or 0) + 1 >= ends[message.partition() or 0]:
                    waiting.discard(message.partition() or 0)
        finally:
            reader.close()


def _same(what: str, expected: Iterable[Hashable], found: Iterable[Hashable]) -> None:
    missing, extra = set(expected) - set(found), set(found) - set(expected)
    if missing or extra:
        raise Broken(
            f"{what}: {len(missing)} are missing, such as {sorted(map(str, missing))[:SHOWN]}, and {len(extra)} should "
            f"not be there, such as {sorted(map(str, extra))[:SHOWN]}"
        )
