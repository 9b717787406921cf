"""The operator's look at lag where brokers are away, silent or changing: what it says, and whom that concerns."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import tempfile
import uuid
from collections.abc import Hashable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka.admin import NewTopic
from kit.guardian import Guardian
from kit.lag import Kafka, kind, one, settled
from kit.secured import SETTLE_SECONDS, SecuredBroker

from pulse.facts import KafkaAccess
from pulse_local import ports
from pulse_local.processes import wait_until
from pulse_local.services.kafka import Broker
from pulse_local.services.kafka import start as start_broker
from pulse_local.services.kafka import stop as stop_broker
from pulse_operator.lag import Answer, LagReader, Unknown, Wanted
from pulse_operator.scaling import PartitionOffsets

pytestmark = pytest.mark.integration


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
