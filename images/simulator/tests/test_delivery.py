"""On a real broker: the truth tells of exactly what is in the topic, also after a signal, and a failure is an error."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, KafkaError, KafkaException, Message, TopicPartition
from kit.recount import recount

from pulse.adapters import kafka as kafka_adapter
from pulse.cli import parser_for
from pulse.errors import KafkaUnavailable, Rejection
from pulse.events import EventDecoder
from pulse.plan import Plan, Topic
from pulse.settings import SimulatorSettings
from pulse_local.ports import free_port
from pulse_local.services.kafka import Broker
from pulse_simulator.commands import SIMULATE

pytestmark = pytest.mark.integration

TIMEOUT_SECONDS = 60
NO_LEADER_YET = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART)
FAULTS = ("--late-share", "0.05", "--duplicate-share", "0.03", "--disorder-share", "0.05", "--malformed-share", "0.02")


@contextmanager
def _simulator(broker: Broker, topic: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """The simulator's own process, gone at the end whatever the test does."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PULSE_")}
    env |= {"PULSE_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers, "PULSE_EVENTS_TOPIC": topic}
    command = [sys.executable, "-m", "pulse_simulator", *words]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _outcome(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code and what it wrote."""
    errors = process.communicate(timeout=TIMEOUT_SECONDS)[1]
    return process.returncode, errors


def _simulated(broker: Broker, topic: str, *words: str) -> tuple[int, str]:
    with _simulator(broker, topic, *words) as process:
        return _outcome(process)


def _summary(errors: str) -> dict[str, Any]:
    lines = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
    finished: list[dict[str, Any]] = [line for line in lines if line["event"] == "simulation_finished"]
    assert len(finished) == 1, errors
    return finished[0]


def _ends(consumer: Consumer, topic: str) -> list[TopicPartition]:
    """Where each partition ends. A new topic's partitions have no leader for a moment; that is waited for."""
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            ends = [
                consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)[1] for number in partitions
            ]
            return [TopicPartition(topic, number, end) for number, end in zip(partitions, ends, strict=True)]
        except KafkaException as failed:
            if failed.args[0].code() not in NO_LEADER_YET or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _messages(broker: Broker, topic: str) -> list[Message]:
    """Everything in the topic, each partition in its order."""
    consumer = Consumer(kafka_adapter.client_config(broker.settings, group_id="reader", auto_offset_reset="earliest"))
    ends = _ends(consumer, topic)
    consumer.assign([TopicPartition(topic, end.partition, 0) for end in ends])
    wanted = sum(end.offset for end in ends)
    out: list[Message] = []
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while len(out) < wanted and time.monotonic() < deadline:
        out += consumer.consume(10_000, timeout=1)
    consumer.close()
    assert len(out) == wanted
    return out


def _recounted(messages: list[Message]) -> dict[str, Any]:
    kinds = {message.timestamp()[0] for message in messages}
    assert kinds == {TIMESTAMP_LOG_APPEND_TIME}
    return recount((message.value(), message.timestamp()[1] * 1000) for message in messages)


def _truth(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    del told["seed"], told["session_columns"]
    return told


def test_a_history_and_live_traffic_are_all_in_the_topic(broker: Broker, topics: Plan, tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    words = ("--users", "150", "--days", "3", "--rate", "500", "--events", "1500", "--truth", str(path), *FAULTS)
    code, errors = _simulated(broker, topics.events.name, *words)
    assert code == 0, errors
    messages = _messages(broker, topics.events.name)
    told = _truth(path)
    assert told == _recounted(messages)
    summary = _summary(errors)
    assert (
        (summary["records"], summary["events"])
        == (told["records"], told["events"])
        == (len(messages), summary["events"])
    )
    decoder = EventDecoder()
    for message in messages:
        with suppress(Rejection):
            event = decoder.decode(message.value(), message.timestamp()[1] * 1000, bytes(16), 0, 0)
            assert message.key() == event.user_id.encode()


def test_sending_the_same_history_again_adds_nothing_but_repeats(broker: Broker, topics: Plan) -> None:
    words = ("--users", "30", "--days", "2", "--end", "2026-05-31T12:00:00Z", *FAULTS)
    for _ in range(2):
        code, errors = _simulated(broker, topics.events.name, *words)
        assert code == 0, errors
    counted = recount(
        (message.value(), message.timestamp()[1] * 1000) for message in _messages(broker, topics.events.name)
    )
    once = _summary(errors)
    assert counted["events"] == once["events"]
    assert counted["records"] == 2 * once["records"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_the_truth_about_what_was_delivered(
    broker: Broker, topics: Plan, tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "truth.json"
    consumer = Consumer(kafka_adapter.client_config(broker.settings, group_id="watcher"))
    with _simulator(broker, topics.events.name, "--rate", "400", "--truth", str(path), *FAULTS) as process:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while sum(end.offset for end in _ends(consumer, topics.events.name)) < 500:
            assert process.poll() is None, _outcome(process)
            assert time.monotonic() < deadline, "nothing came"
            time.sleep(0.05)
        process.send_signal(number)
        code, errors = _outcome(process)
    consumer.close()
    assert code == 0, errors
    assert _summary(errors)["interrupted"] is True
    assert _truth(path) == _recounted(_messages(broker, topics.events.name))


def test_a_topic_that_refuses_records_is_named_and_no_truth_is_left(broker: Broker, tmp_path: Path) -> None:
    topic = Topic("takes-only-small", 1, config={"max.message.bytes": "200"})
    client = kafka_adapter.admin(broker.settings)
    kafka_adapter.create_topics(client, [topic])
    path = tmp_path / "truth.json"
    path.write_text("the truth of an earlier run")
    code, errors = _simulated(broker, topic.name, "--users", "20", "--days", "1", "--truth", str(path))
    for future in client.delete_topics([topic.name]).values():
        future.result(timeout=TIMEOUT_SECONDS)
    assert code == 1
    assert "Topic takes-only-small" in errors
    assert "Message size too large" in errors
    assert "Traceback" not in errors
    assert not path.exists()


def test_a_topic_that_does_not_exist_stops_it_with_one_sentence_and_is_not_made(broker: Broker) -> None:
    code, errors = _simulated(broker, "no-such-topic", "--days", "1")
    assert code == 3
    assert errors == (
        f"pulse-simulator: Kafka at {broker.bootstrap_servers} has no topic no-such-topic: "
        "create it, or mend PULSE_EVENTS_TOPIC.\n"
    )
    assert "no-such-topic" not in kafka_adapter.admin(broker.settings).list_topics(timeout=10).topics


def test_a_broker_that_is_not_there_fails_it_with_one_sentence() -> None:
    nobody = SimulatorSettings.from_env(
        {"PULSE_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}", "PULSE_EVENTS_TOPIC": "shop-events"}
    )
    args = parser_for("simulate", SIMULATE).parse_args(["--days", "1"])
    written = io.StringIO()
    with redirect_stderr(written), pytest.raises(KafkaUnavailable) as outage:
        SIMULATE.run(args, nobody.to_env())
    assert str(outage.value).startswith(f"Kafka at {nobody.kafka.bootstrap_servers} did not answer within 10 s: ")
    assert "\n" not in str(outage.value)
    assert written.getvalue() == ""
