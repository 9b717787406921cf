"""A topic with a group whose lag is asked for on a real broker, and how an answer is waited for."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from kit.secured import SETTLE_SECONDS
from pulse.adapters import kafka as kafka_adapter
from pulse.facts import KafkaAccess
from pulse_local.processes import wait_until
from pulse_local.services.kafka import Broker
from pulse_operator.lag import Answer, LagReader, Unknown, Wanted


class Clock:
    """Seconds that pass only when told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Kafka:
    """A topic of two partitions with a group, worked by a client that may do everything."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.admin: AdminClient = kafka_adapter.admin(broker.settings)
        self.wanted = Wanted(f"t{uuid.uuid4().hex[:12]}-events", f"g{uuid.uuid4().hex[:12]}-consumer")
        self.create(2)

    @property
    def access(self) -> KafkaAccess:
        return KafkaAccess(self.broker.bootstrap_servers)

    def create(self, partitions: int) -> None:
        self.done(self.admin.create_topics([NewTopic(self.wanted.topic, partitions, 1)]))

    def delete(self) -> None:
        self.done(self.admin.delete_topics([self.wanted.topic]))

    def grow(self, partitions: int) -> None:
        self.done(self.admin.create_partitions([NewPartitions(self.wanted.topic, partitions)]))

    def produce(self, partition: int, records: int) -> None:
        producer = Producer(kafka_adapter.producer_config(self.broker.settings))
        for _ in range(records):
            producer.produce(self.wanted.topic, b"{}", partition=partition)
        assert producer.flush(SETTLE_SECONDS) == 0

    def commit(self, partition: int, offset: int) -> None:
        """Returns when it is done; the coordinator of a fresh broker refuses at first, partition by partition."""
        assert wait_until(lambda: self._committed(partition, offset), SETTLE_SECONDS)

    def _committed(self, partition: int, offset: int) -> bool:
        wanted = ConsumerGroupTopicPartitions(self.wanted.group, [TopicPartition(self.wanted.topic, partition, offset)])
        done = self.admin.alter_consumer_group_offsets([wanted])[self.wanted.group].result(SETTLE_SECONDS)
        return all(one.error is None for one in done.topic_partitions)

    def drop_before(self, partition: int, offset: int) -> None:
        self.done(self.admin.delete_records([TopicPartition(self.wanted.topic, partition, offset)]))

    @staticmethod
    def done(futures: Mapping[object, object]) -> None:
        for future in futures.values():
            future.result(SETTLE_SECONDS)  # type: ignore[attr-defined]


def one(reader: LagReader, access: KafkaAccess, wanted: Wanted) -> Answer:
    """The answer about a single pipeline."""
    return reader.read({"one": (access, wanted)})["one"]


def kind(answer: Answer) -> str:
    """Why it is unknown, in a word."""
    return answer.kind if isinstance(answer, Unknown) else "known"


def settled(read: Callable[[], Answer], wished: Callable[[Answer], bool]) -> Answer:
    """The first answer that is as wished, or the last one: what was changed is in force some moments later."""
    last: list[Answer] = []

    def is_so() -> bool:
        last[:] = [read()]
        return wished(last[0])

    wait_until(is_so, SETTLE_SECONDS)
    return last[0]
