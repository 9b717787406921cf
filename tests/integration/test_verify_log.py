"""`pulse verify --log`: what Kafka's log says beside the ledger."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from kit.documents import numbered
from kit.pipeline import Pipeline, environment
from kit.transactions import produce_transactions

from pulse import cli
from pulse.adapters import kafka
from pulse.errors import KafkaUnavailable, Stop
from pulse.settings import KafkaSettings
from pulse_consumer.moving import plan_adopt, plan_reset

pytestmark = pytest.mark.integration


def verify(pipeline: Pipeline, *words: str, brokers: KafkaSettings | None = None) -> subprocess.CompletedProcess[str]:
    """`pulse verify --log …` with the rights of the consumer."""
    settings = replace(pipeline.offsets_settings(), kafka=brokers or pipeline.kafka)
    return subprocess.run(
        [sys.executable, "-m", "pulse_consumer", "verify", *words],
        env=environment(settings.to_env()),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def findings(pipeline: Pipeline, code: int, *words: str) -> list[dict[str, Any]]:
    done = verify(pipeline, "--log", "--json", *words)
    assert done.returncode == code, done.stdout + done.stderr
    return [one for part in json.loads(done.stdout)["partitions"] for one in part["findings"]]


def read(pipeline: Pipeline, **changes: Any) -> None:
    consumer = pipeline.start_consumer(**changes)
    pipeline.wait_until_caught_up()
    assert pipeline.stop(consumer) == 0


def was_reset(pipeline: Pipeline) -> bool:
    try:
        plan_reset(pipeline.offsets_settings()).apply()
    except (KafkaUnavailable, Stop):
        return False
    return True


def test_a_log_of_which_nothing_was_read_adds_up(pipeline: Pipeline) -> None:
    pipeline.produce(numbered(3), partition=0)
    assert findings(pipeline, cli.OK) == []


def test_every_record_of_the_log_was_read_also_by_several_passes(pipeline: Pipeline) -> None:
    pipeline.send({"value": value, "partition": number % 3} for number, value in enumerate(numbered(3_000)))
    pipeline.produce([b"bad", b"worse"], partition=0)
    read(pipeline, batch_rows=70, breaker_ratio=1.0)
    plan_reset(pipeline.offsets_settings()).apply()
    read(pipeline, batch_rows=110, breaker_ratio=1.0)
    pipeline.produce(numbered(5, first=3_000), partition=0)  # beyond what was read: of no interest
    done = verify(pipeline, "--log")
    assert done.returncode == cli.OK, done.stdout + done.stderr
    assert "Kafka's log: 3,002 records and 0 offsets without one, beside" in done.stdout
    assert "note" not in done.stdout
    assert "Checking the log of partition 2, " in done.stderr


def test_a_record_that_the_consumer_passed_over_is_seen_in_the_log_alone(pipeline: Pipeline) -> None:
    pipeline.produce(numbered(30), partition=0)
    read(pipeline)
    pipeline.execute("delete from raw.events where kafka_offset = 13")
    pipeline.execute("update raw.batches set read = read - 1, inserted = inserted - 1, skipped = skipped + 1")
    assert verify(pipeline).returncode == cli.OK, "tables and ledger agree: as if the log had held no record there"
    (found,) = findings(pipeline, cli.FAILED)
    assert (found["kind"], found["first"], found["next"], found["count"]) == ("passed_over", 0, 30, 1)
    assert "1 records were passed over: 29 were read, 30 are in the log." in found["says"]
    assert findings(pipeline, cli.OK, "--last", "10") == [], "the range begins before that, so it is not compared"


def test_control_records_and_given_up_transactions_are_named_as_offsets_without_a_record(pipeline: Pipeline) -> None:
    produce_transactions(pipeline)
    read(pipeline)
    found = findings(pipeline, cli.OK)
    assert [(one["kind"], one["first"], one["next"]) for one in found] == [("lacking", 5, 12), ("lacking", 17, 18)]
    assert "control records of transactions and records of those that were given up" in found[0]["says"]


def test_what_retention_took_out_of_the_log_is_named_and_not_compared(pipeline: Pipeline) -> None:
    for number in range(3):
        pipeline.produce(numbered(10, first=10 * number), partition=0)
        read(pipeline)
    place = TopicPartition(pipeline.plan.events.name, 0, 15)
    client = kafka.admin(pipeline.kafka)
    for future in client.delete_records([place]).values():
        future.result(kafka.ADMIN_TIMEOUT_SECONDS)
    pipeline.execute("update raw.batches set read = 9, inserted = 9, skipped = 1 where first_offset = 20")
    pipeline.execute("delete from raw.events where kafka_offset = 25")
    before, passed_over = findings(pipeline, cli.FAILED)
    assert (before["kind"], before["first"], before["next"]) == ("before_log", 0, 15)
    assert (passed_over["kind"], passed_over["first"], passed_over["next"]) == ("passed_over", 20, 30)


def test_records_that_were_left_out_on_purpose_are_counted(pipeline: Pipeline) -> None:
    pipeline.produce(numbered(20), partition=0)
    plan_adopt(pipeline.offsets_settings(), wanted={0: 12}).apply()
    read(pipeline)
    (found,) = findings(pipeline, cli.OK)
    assert (found["kind"], found["first"], found["next"], found["count"]) == ("not_read", 0, 12, 12)


def test_a_topic_made_anew_has_no_log_of_before(pipeline: Pipeline) -> None:
    pipeline.produce(numbered(10), partition=0)
    read(pipeline)
    topic, client = pipeline.plan.events, kafka.admin(pipeline.kafka)
    client.delete_topics([topic.name])[topic.name].result(30)
    pipeline.wait_for(lambda: topic.name not in client.list_topics(timeout=20).topics, lambda: "the topic is there")
    pipeline.wait_for(lambda: kafka.create_topics(client, [topic]) != [], lambda: "the topic cannot be made")
    pipeline.wait_for(lambda: was_reset(pipeline), lambda: "the new topic has no leader")
    (found,) = {one["kind"]: one for one in findings(pipeline, cli.OK)}.values()
    assert found["kind"] == "no_log"
    assert f"{topic.name} is another topic now" in found["says"]


def test_without_kafka_the_ledger_is_judged_and_the_log_is_not(pipeline: Pipeline) -> None:
    pipeline.produce(numbered(10), partition=0)
    read(pipeline)
    nowhere = KafkaSettings("127.0.0.1:1")
    done = verify(pipeline, "--log", brokers=nowhere)
    assert done.returncode == cli.STOPPED
    assert "It adds up: 10 records read" in done.stdout
    assert "It cannot be told whether it adds up." in done.stderr
    pipeline.execute("delete from raw.events where kafka_offset = 3")
    assert verify(pipeline, "--log", brokers=nowhere).returncode == cli.FAILED


@pytest.mark.parametrize("words", [("--last", "5"), ("--log", "--last", "0"), ("--log", "--last", "many")])
def test_words_that_mean_nothing_are_refused(pipeline: Pipeline, words: tuple[str, ...]) -> None:
    assert verify(pipeline, *words).returncode == cli.USAGE
