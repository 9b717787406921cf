"""The operator's look at lag, on a real broker: what it counts, what it says when it cannot, and whom that concerns."""

from __future__ import annotations

import gc
import os
import re
import shutil
import signal
import socket
import tempfile
import uuid
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AclOperation, AdminClient, NewPartitions, NewTopic, ResourceType
from kit.certificates import Authority
from kit.guardian import Guardian
from kit.secured import SETTLE_SECONDS, SecuredBroker

from pulse.adapters import kafka as kafka_adapter
from pulse.facts import KafkaAccess
from pulse_local import ports
from pulse_local.processes import wait_until
from pulse_local.services.kafka import Broker
from pulse_local.services.kafka import start as start_broker
from pulse_local.services.kafka import stop as stop_broker
from pulse_operator.lag import Answer, LagReader, Unknown, Wanted
from pulse_operator.lag.accesses import UNUSED_SECONDS, Accesses
from pulse_operator.lag.memory import POSITIONS_SECONDS
from pulse_operator.scaling import PartitionOffsets

pytestmark = pytest.mark.integration

MINUTE = POSITIONS_SECONDS + 1


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


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(clock: Clock) -> Iterator[LagReader]:
    made = LagReader(clock)
    yield made
    made.close()


@pytest.fixture
def kafka(broker: Broker) -> Iterator[Kafka]:
    made = Kafka(broker)
    yield made
    made.admin.delete_topics([made.wanted.topic])


@pytest.fixture
def secured(secured_broker: SecuredBroker) -> Iterator[Kafka]:
    made = Kafka(secured_broker.broker)
    yield made
    made.admin.delete_topics([made.wanted.topic])


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Takes connections and never says a word."""
    with socket.create_server((ports.HOST, 0)) as server:
        server.settimeout(SETTLE_SECONDS)
        yield server


@pytest.fixture
def second_broker(
    secured_broker: SecuredBroker, secured: Kafka, kafka_jars: list[Path], guardian: Guardian
) -> Iterator[Broker]:
    """Joins the secured broker for one test, as broker 2; it leads nothing but what is made for it."""
    secured.commit(0, 0)  # the commits of all groups shall not come to lie on a broker that leaves
    home = Path(tempfile.mkdtemp(prefix="pulse-second-"))
    port = ports.free_port()
    (home / "data").mkdir()
    cluster = re.search(r"cluster\.id=.*", (secured_broker.data / "meta.properties").read_text())
    assert cluster
    (home / "data" / "meta.properties").write_text(f"version=1\nnode.id=2\n{cluster[0]}\n")
    joining = {
        "process.roles": "broker",
        "node.id": "2",
        "listeners": f"PLAINTEXT://{ports.HOST}:{port}",
        "super.users": "User:ANONYMOUS",
    }
    log = home / "kafka.log"
    broker = start_broker(home, log, kafka_jars, port, secured_broker.controller_port, guardian.watch, joining)
    yield broker
    stop_broker(broker.process)
    shutil.rmtree(home, ignore_errors=True)


def at(server: socket.socket) -> KafkaAccess:
    return KafkaAccess("{}:{}".format(*server.getsockname()))


def one(reader: LagReader, access: KafkaAccess, wanted: Wanted) -> Answer:
    return reader.read({"one": (access, wanted)})["one"]


def kind(answer: Answer) -> str:
    return answer.kind if isinstance(answer, Unknown) else "known"


def settled(read: Callable[[], Answer], wished: Callable[[Answer], bool]) -> Answer:
    """The first answer that is as wished, or the last one: what was changed is in force some moments later."""
    last: list[Answer] = []

    def is_so() -> bool:
        last[:] = [read()]
        return wished(last[0])

    wait_until(is_so, SETTLE_SECONDS)
    return last[0]


def test_lag_is_what_the_group_has_not_committed(reader: LagReader, kafka: Kafka) -> None:
    kafka.produce(0, 5)
    kafka.produce(1, 2)
    kafka.commit(0, 3)
    assert one(reader, kafka.access, kafka.wanted) == {0: PartitionOffsets(0, 5, 3), 1: PartitionOffsets(0, 2, None)}


def test_what_the_log_dropped_is_no_lag(reader: LagReader, kafka: Kafka) -> None:
    kafka.produce(0, 5)
    kafka.commit(0, 1)
    kafka.drop_before(0, 4)
    answer = one(reader, kafka.access, kafka.wanted)
    assert not isinstance(answer, Unknown)
    assert answer[0] == PartitionOffsets(4, 5, 1)
    assert answer[0].lag == 1


def test_a_commit_is_seen_at_the_next_look(reader: LagReader, kafka: Kafka) -> None:
    kafka.produce(0, 2)
    one(reader, kafka.access, kafka.wanted)
    kafka.commit(0, 2)
    assert one(reader, kafka.access, kafka.wanted) == {0: PartitionOffsets(0, 2, 2), 1: PartitionOffsets(0, 0, None)}


def test_a_record_for_a_group_at_rest_is_seen_at_the_next_look(reader: LagReader, kafka: Kafka) -> None:
    one(reader, kafka.access, kafka.wanted)
    kafka.produce(1, 1)
    assert one(reader, kafka.access, kafka.wanted) == {0: PartitionOffsets(0, 0), 1: PartitionOffsets(0, 1)}


def test_a_group_at_rest_is_asked_once_a_minute_so_a_reset_is_found(
    reader: LagReader, kafka: Kafka, clock: Clock
) -> None:
    kafka.produce(0, 3)
    kafka.commit(0, 3)
    at_rest = one(reader, kafka.access, kafka.wanted)
    kafka.commit(0, 0)
    assert one(reader, kafka.access, kafka.wanted) == at_rest, "a look at a group at rest asked for its commits"
    clock.now += MINUTE
    assert one(reader, kafka.access, kafka.wanted) == {0: PartitionOffsets(0, 3, 0), 1: PartitionOffsets(0, 0)}


def test_partitions_that_are_added_are_found_within_a_minute(reader: LagReader, kafka: Kafka, clock: Clock) -> None:
    one(reader, kafka.access, kafka.wanted)
    kafka.grow(3)
    kafka.produce(2, 1)
    clock.now += MINUTE
    answer = one(reader, kafka.access, kafka.wanted)
    assert not isinstance(answer, Unknown)
    assert answer[2] == PartitionOffsets(0, 1)


def test_partitions_that_are_added_are_found_as_soon_as_the_group_reads_them(reader: LagReader, kafka: Kafka) -> None:
    kafka.produce(0, 1)
    one(reader, kafka.access, kafka.wanted)
    kafka.grow(3)
    kafka.produce(2, 2)
    kafka.commit(2, 1)
    one(reader, kafka.access, kafka.wanted)
    answer = one(reader, kafka.access, kafka.wanted)
    assert not isinstance(answer, Unknown)
    assert answer[2] == PartitionOffsets(0, 2, 1)


def test_a_topic_that_was_deleted_is_unknown_and_one_made_anew_is_read(reader: LagReader, kafka: Kafka) -> None:
    kafka.produce(1, 2)
    one(reader, kafka.access, kafka.wanted)
    kafka.delete()

    def read() -> Answer:
        return one(reader, kafka.access, kafka.wanted)

    assert kind(settled(read, lambda answer: isinstance(answer, Unknown))) == "NoTopic"
    kafka.create(1)
    assert settled(read, lambda answer: not isinstance(answer, Unknown)) == {0: PartitionOffsets(0, 0)}


def test_two_pipelines_of_one_topic_are_told_apart_by_group(reader: LagReader, kafka: Kafka) -> None:
    kafka.produce(0, 2)
    kafka.commit(0, 2)
    other = replace(kafka.wanted, group="another-consumer")
    answers = reader.read({"a": (kafka.access, kafka.wanted), "b": (kafka.access, other)})
    assert answers == {
        "a": {0: PartitionOffsets(0, 2, 2), 1: PartitionOffsets(0, 0)},
        "b": {0: PartitionOffsets(0, 2), 1: PartitionOffsets(0, 0)},
    }


def test_one_bad_pipeline_never_stops_the_others(reader: LagReader, kafka: Kafka, silent: socket.socket) -> None:
    good, wanted = kafka.access, kafka.wanted
    answers = reader.read(
        {
            "good": (good, wanted),
            "no topic": (good, Wanted("nobody-made-this", wanted.group)),
            "bad topic": (good, Wanted("a topic!", wanted.group)),
            "cut topic": (good, Wanted(f"{wanted.topic}\0x", wanted.group)),
            "empty topic": (good, Wanted("", wanted.group)),
            "empty group": (good, Wanted(wanted.topic, "")),
            "bad CA": (replace(good, protocol="SSL", ca="no PEM"), wanted),
            "bad certificate": (replace(good, protocol="SSL", certificate="no PEM", key="no PEM"), wanted),
            "bad protocol": (replace(good, protocol="CARRIER_PIGEON"), wanted),
            "bad mechanism": (replace(good, protocol="SASL_PLAINTEXT", mechanism="SHOUTING"), wanted),
            "bad bootstrap": (replace(good, bootstrap_servers="::::"), wanted),
            "no bootstrap": (replace(good, bootstrap_servers=""), wanted),
            "no such host": (replace(good, bootstrap_servers="no-such-host.invalid:9092"), wanted),
            "closed port": (replace(good, bootstrap_servers=f"{ports.HOST}:{ports.free_port()}"), wanted),
            "silent": (at(silent), wanted),
            "TLS to a plain listener": (replace(good, protocol="SSL"), wanted),
        }
    )
    assert {key: kind(answer) for key, answer in answers.items()} == {
        "good": "known",
        "no topic": "NoTopic",
        "bad topic": "NameInvalid",
        "cut topic": "NameInvalid",
        "empty topic": "NameInvalid",
        "empty group": "NameInvalid",
        "bad CA": "AccessInvalid",
        "bad certificate": "AccessInvalid",
        "bad protocol": "AccessInvalid",
        "bad mechanism": "AccessInvalid",
        "bad bootstrap": "Unreachable",
        "no bootstrap": "TimedOut",
        "no such host": "Unreachable",
        "closed port": "Unreachable",
        "silent": "TimedOut",
        "TLS to a plain listener": "TlsFailed",
    }


def test_a_broker_that_hangs_makes_lag_unknown_and_is_read_again_when_it_is_back(
    reader: LagReader, kafka: Kafka
) -> None:
    kafka.produce(0, 1)
    before = one(reader, kafka.access, kafka.wanted)
    os.kill(kafka.broker.process.pid, signal.SIGSTOP)
    try:
        hung = one(reader, kafka.access, kafka.wanted)
    finally:
        os.kill(kafka.broker.process.pid, signal.SIGCONT)
    assert kind(hung) == "TimedOut"
    assert isinstance(hung, Unknown)
    assert f"Kafka at {kafka.broker.bootstrap_servers} did not answer within 2 s. Check the listener" in hung.reason
    back = settled(lambda: one(reader, kafka.access, kafka.wanted), lambda answer: not isinstance(answer, Unknown))
    assert back == before


def test_a_coordinator_that_is_one_no_more_ends_neither_the_operator_nor_the_other_answers(
    reader: LagReader, secured_broker: SecuredBroker, secured: Kafka, kafka: Kafka
) -> None:
    """librdkafka's question for commits then ends its process: this is what that process is for."""
    secured.produce(0, 2)
    secured.commit(0, 1)
    kafka.produce(0, 1)
    both = {"moved": (secured.access, secured.wanted), "calm": (kafka.access, kafka.wanted)}
    assert {kind(answer) for answer in reader.read(both).values()} == {"known"}
    secured.admin.delete_topics(["__consumer_offsets"])["__consumer_offsets"].result(SETTLE_SECONDS)
    calm: list[Answer] = []

    def moved() -> Answer:
        answers = reader.read(both)
        calm.append(answers["calm"])
        return answers["moved"]

    forgotten = {0: PartitionOffsets(0, 2), 1: PartitionOffsets(0, 0)}
    assert settled(moved, lambda answer: answer == forgotten) == forgotten
    assert all(answer == {0: PartitionOffsets(0, 1), 1: PartitionOffsets(0, 0)} for answer in calm)


def test_a_broker_that_is_away_makes_only_what_it_leads_unknown(
    reader: LagReader, secured_broker: SecuredBroker, secured: Kafka, second_broker: Broker
) -> None:
    """librdkafka gives no error for its part of the answer then, but an offset that would read as no lag."""
    topics = {"near": [[1]], "far": [[2]], "both": [[1], [2]]}
    names = {key: f"{key}-{uuid.uuid4().hex[:12]}" for key in topics}
    secured.done(
        secured.admin.create_topics(
            [NewTopic(names[key], len(on), replica_assignment=on) for key, on in topics.items()]
        )
    )
    wanted = {key: (secured.access, Wanted(name, secured.wanted.group)) for key, name in names.items()}

    def kinds() -> dict[Hashable, str]:
        return {key: kind(answer) for key, answer in reader.read(wanted).items()}

    assert wait_until(lambda: set(kinds().values()) == {"known"}, SETTLE_SECONDS)
    os.kill(second_broker.process.pid, signal.SIGSTOP)
    try:
        seen = [kinds() for _ in range(2)]
    finally:
        os.kill(second_broker.process.pid, signal.SIGCONT)
    assert [one["near"] for one in seen] == ["known"] * 2
    assert "known" not in {one[key] for one in seen for key in ("far", "both")}
    secured.done(secured.admin.delete_topics(list(names.values())))


def clients() -> int:
    """How many admin clients this process has."""
    return sum(isinstance(thing, AdminClient) for thing in gc.get_objects())


def test_clients_are_shared_and_closed_when_nobody_uses_them_any_more(kafka: Kafka) -> None:
    before, accesses = clients(), Accesses()
    # Without a topic no commits are asked for: that question is not safe in the process of the tests.
    two = {Wanted("nobody-made-this", "one-consumer"), Wanted("nobody-made-this", "another-consumer")}
    answers = accesses.read({kafka.access: two}, 0.0)[kafka.access]
    assert {kind(answer) for answer in answers.values()} == {"NoTopic"}
    accesses.read({kafka.access: two}, 10.0)
    assert clients() == before + 1
    accesses.read({}, 10.0 + UNUSED_SECONDS - 1)
    assert clients() == before + 1, "a client that may soon be used again was closed"
    accesses.read({}, 10.0 + UNUSED_SECONDS)
    assert clients() == before


def allow(secured_broker: SecuredBroker, principal: str, wanted: Wanted) -> None:
    secured_broker.allow(principal, ResourceType.TOPIC, wanted.topic, AclOperation.DESCRIBE)
    secured_broker.allow(principal, ResourceType.GROUP, wanted.group, AclOperation.DESCRIBE)


def test_lag_is_read_over_tls(reader: LagReader, secured_broker: SecuredBroker, secured: Kafka) -> None:
    secured.produce(0, 1)
    answer = one(reader, secured_broker.tls, secured.wanted)
    assert answer == {0: PartitionOffsets(0, 1), 1: PartitionOffsets(0, 0)}


def test_describe_on_topic_and_group_is_all_that_a_password_user_needs(
    reader: LagReader, secured_broker: SecuredBroker, secured: Kafka
) -> None:
    secured_broker.add_user("lag", "secret")
    allow(secured_broker, "User:lag", secured.wanted)
    secured.produce(0, 3)
    secured.commit(0, 1)
    answer = settled(
        lambda: one(reader, secured_broker.scram("lag", "secret"), secured.wanted),
        lambda told: not isinstance(told, Unknown),
    )
    assert answer == {0: PartitionOffsets(0, 3, 1), 1: PartitionOffsets(0, 0)}


def test_describe_on_topic_and_group_is_all_that_a_certificate_user_needs(
    reader: LagReader, secured_broker: SecuredBroker, secured: Kafka
) -> None:
    access = secured_broker.mutual_tls("lag")
    allow(secured_broker, "User:CN=lag", secured.wanted)
    secured.produce(1, 2)
    answer = settled(lambda: one(reader, access, secured.wanted), lambda told: not isinstance(told, Unknown))
    assert answer == {0: PartitionOffsets(0, 0), 1: PartitionOffsets(0, 2)}


def test_a_missing_right_is_said_with_its_object_and_concerns_one_pipeline(
    reader: LagReader, secured_broker: SecuredBroker, secured: Kafka
) -> None:
    secured_broker.add_user("half", "secret")
    access = secured_broker.scram("half", "secret")
    allow(secured_broker, "User:half", secured.wanted)
    settled(lambda: one(reader, access, secured.wanted), lambda told: not isinstance(told, Unknown))
    answers = reader.read(
        {
            "allowed": (access, secured.wanted),
            "no group": (access, Wanted(secured.wanted.topic, "closed-group")),
            "no topic": (access, Wanted("closed-topic", secured.wanted.group)),
        }
    )
    assert kind(answers["allowed"]) == "known"
    assert answers["no group"] == Unknown(
        "Denied", "Kafka does not let user half look at group closed-group: grant it Describe on the group."
    )
    assert answers["no topic"] == Unknown(
        "Denied", "Kafka does not let user half look at topic closed-topic: grant it Describe on the topic."
    )


def test_refused_credentials_are_told_from_a_broker_that_is_away(
    reader: LagReader, secured_broker: SecuredBroker, secured: Kafka, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secured_broker.add_user("known", "secret")
    strangers = Authority(tmp_path_factory.mktemp("strangers") / "authority", "another CA")
    stranger = strangers.issue("stranger")
    mutual = secured_broker.mutual_tls("known")
    asked = {
        "wrong password": secured_broker.scram("known", "guess"),
        "unknown user": secured_broker.scram("nobody", "secret"),
        "another CA": replace(secured_broker.tls, ca=strangers.certificate),
        "no certificate": replace(mutual, certificate="", key=""),
        "a stranger's certificate": replace(mutual, certificate=stranger.certificate, key=stranger.key),
        "another's key": replace(mutual, key=stranger.key),
    }
    answers = reader.read(
        {"good": (secured_broker.tls, secured.wanted)} | {k: (a, secured.wanted) for k, a in asked.items()}
    )
    assert {key: kind(answer) for key, answer in answers.items()} == {
        "good": "known",
        "wrong password": "AuthenticationFailed",
        "unknown user": "AuthenticationFailed",
        "another CA": "TlsFailed",
        "no certificate": "TlsFailed",
        "a stranger's certificate": "TlsFailed",
        "another's key": "AccessInvalid",
    }
    said = " ".join(answer.reason for answer in answers.values() if isinstance(answer, Unknown))
    assert "guess" not in said
    assert "PRIVATE" not in said
