"""The buffer on the disk: Kafka is away, 202 is said all the same, and every such event is stored once in the end."""

from __future__ import annotations

import json
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from kit.collector import Running, event, ids_of, in_topic, refusal
from kit.load import Load, assert_stored_once
from kit.own_kafka import OwnKafka
from kit.pipeline import Pipeline

from pulse import cli
from pulse.adapters import kafka
from pulse.settings import CollectorSettings, LogSettings
from pulse_collector.spool import SEGMENT_BYTES
from pulse_local import ports

pytestmark = pytest.mark.integration


@pytest.fixture
def words(tmp_path: Path) -> dict[str, Any]:
    """The settings of a collector that keeps its port and its buffer through its deaths."""
    return {
        "rate": 0.0,
        "port": ports.free_port(),
        "buffer_directory": str(tmp_path / "buffer"),
        "ack_timeout": timedelta(seconds=3),
    }


def notices(pipeline: Pipeline, running: Running) -> None:
    """Returns once the collector knows that Kafka is away."""
    pipeline.wait_for(lambda: running.metric("pulse_collector_kafka_up") == 0, lambda: running.log)


def drains(pipeline: Pipeline, running: Running) -> None:
    """Returns once nothing waits on the disk."""
    pipeline.wait_for(lambda: '"buffer_drained"' in running.log, lambda: running.health("/metrics"))


def test_what_was_taken_without_kafka_is_stored_once_though_the_collector_was_killed(
    own: tuple[OwnKafka, Pipeline], words: dict[str, Any]
) -> None:
    broker, pipeline = own
    running = Running(pipeline, **words)
    load = Load(running)
    load.goes_on(pipeline)
    broker.kill()
    notices(pipeline, running)
    load.goes_on(pipeline)
    assert running.health("/readyz")[0] == 200
    pipeline.stop(running.process, signal.SIGKILL)
    running = Running(pipeline, **words)
    load.goes_on(pipeline)
    pipeline.stop(running.process, signal.SIGKILL)
    broker.start()
    running = Running(pipeline, **words)
    load.goes_on(pipeline)
    drains(pipeline, running)  # under the load that goes on
    load.end()
    assert load.statuses == {202}
    assert running.stop() == 0
    assert [path.name for path in Path(words["buffer_directory"]).iterdir()] == ["lock"]
    pipeline.start_consumer()
    assert_stored_once(pipeline, load.acknowledged)


def test_an_event_without_an_id_gets_one_before_it_waits_so_that_a_resend_is_a_duplicate(
    own: tuple[OwnKafka, Pipeline], words: dict[str, Any], tmp_path: Path
) -> None:
    broker, pipeline = own
    broker.kill()
    running = Running(pipeline, **words)
    for number in range(10):
        assert running.post(event(number, event_id=None)).status == 202
    pipeline.stop(running.process, signal.SIGKILL)
    (file,) = Path(words["buffer_directory"]).glob("*.events")
    # As if it had been killed again after Kafka had it, and before the file was removed.
    (file.parent / f"{2:016d}.events").write_bytes(file.read_bytes())
    broker.start()
    running = Running(pipeline, **words)
    drains(pipeline, running)
    pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    sums = pipeline.sums()
    assert (sums["inserted"], sums["duplicate"], sums["conflict"]) == (10, 10, 0)


def test_a_torn_end_is_left_out_and_counted_and_what_was_answered_202_is_there(
    own: tuple[OwnKafka, Pipeline], words: dict[str, Any]
) -> None:
    broker, pipeline = own
    broker.kill()
    running = Running(pipeline, **words)
    for number in range(5):
        assert running.post(event(number)).status == 202
    pipeline.stop(running.process, signal.SIGKILL)
    (file,) = Path(words["buffer_directory"]).glob("*.events")
    with file.open("ab") as torn:  # a write that the kill cut off, of a request that had no answer yet
        torn.write(b"\0\0\1\0half a record")
    broker.start()
    running = Running(pipeline, **words)
    drains(pipeline, running)
    assert running.metric("pulse_collector_buffer_cut_bytes_total") == len(b"\0\0\1\0half a record")
    assert set(ids_of(in_topic(pipeline))) == {event(number)["event_id"] for number in range(5)}


def test_a_buffer_that_is_full_says_so_and_is_ready_again_when_kafka_has_it(
    own: tuple[OwnKafka, Pipeline], words: dict[str, Any]
) -> None:
    broker, pipeline = own
    running = Running(pipeline, **words, buffer_bytes=1024 * 1024)
    broker.kill()
    notices(pipeline, running)
    taken, number = [], 0
    while (reply := running.post(event(number, page="p" * 20_000))).status == 202:
        taken.append(event(number)["event_id"])
        number += 1
        assert number < 100, "twice of what fits was taken"
    refusal(reply, "buffer_full")
    assert int(reply.headers["retry-after"]) >= 1
    assert 40 < len(taken) < 53
    assert running.metric("pulse_collector_buffer_bytes") <= 1024 * 1024
    broker.start()
    drains(pipeline, running)
    pipeline.wait_for(lambda: running.health("/readyz")[0] == 200, lambda: running.log)
    assert running.post(event(number + 1)).status == 202
    assert set(taken) <= set(ids_of(in_topic(pipeline)))
    outcomes = "written", "drained", "refused"
    counts = [running.metric(f'pulse_collector_buffered_records_total{{outcome="{one}"}}') for one in outcomes]
    assert counts == [len(taken), len(taken), 0]


def test_the_events_of_a_sender_keep_their_order(own: tuple[OwnKafka, Pipeline], words: dict[str, Any]) -> None:
    broker, pipeline = own
    running = Running(pipeline, **words)
    number = 0

    def send() -> None:
        nonlocal number
        reply = running.post(event(number, user_id="one", page="p" * 20_000, properties={"number": number}))
        assert reply.status == 202, reply
        number += 1

    def send_until(condition: str) -> None:
        pipeline.wait_for(lambda: send() or condition in running.log, lambda: f"{number} were sent")

    for _ in range(20):
        send()
    broker.kill()
    send_until('"buffering_began"')
    for _ in range(2 * SEGMENT_BYTES // 20_000):
        send()
    broker.start()
    send_until('"buffer_drained"')
    numbers: dict[int, None] = {}
    for record in in_topic(pipeline):
        numbers.setdefault(json.loads(record.value() or b"")["properties"]["number"])
    assert list(numbers) == list(range(number))


def test_what_the_topic_is_too_small_for_holds_nobody_up_and_is_kept(
    own: tuple[OwnKafka, Pipeline], words: dict[str, Any]
) -> None:
    broker, pipeline = own
    limit(pipeline, 50_000)
    words["event_bytes"] = 500_000
    running = Running(pipeline, **words)
    large = "".join(f"{number:x}" for number in range(40_000))  # lz4 makes little of it
    refusal(running.post(event(1, page=large)), "kafka_unavailable")
    broker.kill()
    notices(pipeline, running)
    for number in range(10):
        assert running.post(event(number, page=large if number == 5 else "/")).status == 202
    broker.start()
    drains(pipeline, running)
    assert set(ids_of(in_topic(pipeline))) == {event(number)["event_id"] for number in range(10) if number != 5}
    assert running.metric('pulse_collector_buffered_records_total{outcome="refused"}') == 1
    assert running.post(event(11)).status == 202
    assert running.stop() == 0
    limit(pipeline, 1_000_000)
    drains(pipeline, Running(pipeline, **words))
    assert event(5)["event_id"] in ids_of(in_topic(pipeline))


def limit(pipeline: Pipeline, most_bytes: int) -> None:
    """The longest batch that the events topic takes from now on."""
    entry = ConfigEntry("max.message.bytes", str(most_bytes), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, pipeline.plan.events.name, incremental_configs=[entry])
    client = kafka.admin(pipeline.kafka)
    client.incremental_alter_configs([resource])[resource].result(timeout=30)


def test_an_end_that_was_asked_for_leaves_on_the_disk_what_kafka_does_not_take(
    own: tuple[OwnKafka, Pipeline], words: dict[str, Any]
) -> None:
    broker, pipeline = own
    broker.kill()
    running = Running(pipeline, **words)
    load = Load(running)
    load.goes_on(pipeline)
    assert running.stop() == 0
    load.end()
    broker.start()
    running = Running(pipeline, **words)
    drains(pipeline, running)
    pipeline.start_consumer()
    assert_stored_once(pipeline, load.acknowledged)


def test_two_collectors_in_one_directory_are_one_too_many(pipeline: Pipeline, words: dict[str, Any]) -> None:
    Running(pipeline, **words)
    settings = CollectorSettings(
        pipeline.kafka, LogSettings(), pipeline.plan.events.name, **{**words, "port": 0}, health_port=0
    )
    code, said = pipeline.end_of(pipeline.start(["-m", "pulse_collector"], settings.to_env()))
    assert code == cli.STOPPED
    assert "PULSE_COLLECTOR_BUFFER_DIRECTORY" in said
