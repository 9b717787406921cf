"""What fails for a while is waited for; what a person must mend stops the consumer or its writing, and says why."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import psycopg
import pytest
from confluent_kafka import Producer, TopicPartition
from kit.documents import numbered
from kit.guardian import Guardian
from kit.pipeline import PATIENCE_SECONDS, Pipeline
from kit.running import Stepped

from pulse import cli
from pulse.adapters import kafka
from pulse.errors import BreakerOpen
from pulse.plan import Plan, Topic
from pulse.settings import DatabaseSettings
from pulse_consumer.migrate import migrate
from pulse_consumer.moving import plan_reset
from pulse_local import ports
from pulse_local.paths import Paths
from pulse_local.services import postgres
from pulse_local.services.kafka import Broker

pytestmark = pytest.mark.integration


def drop_topic(pipeline: Pipeline, topic: Topic) -> None:
    client = kafka.admin(pipeline.kafka)
    client.delete_topics([topic.name])[topic.name].result(timeout=kafka.ADMIN_TIMEOUT_SECONDS)
    pipeline.wait_for(lambda: topic.name not in client.list_topics(timeout=10).topics, lambda: topic.name)


def create_topic(pipeline: Pipeline, topic: Topic) -> None:
    client = kafka.admin(pipeline.kafka)
    pipeline.wait_for(lambda: kafka.create_topics(client, [topic]) != [], lambda: topic.name)


def test_a_database_that_dies_and_comes_back_loses_nothing_and_fills_no_dlq(
    broker: Broker, topics: Plan, tmp_path: Path, server_paths: Paths, guardian: Guardian
) -> None:
    database_port = ports.free_port()

    def server() -> postgres.Server:
        home = server_paths.home
        return postgres.start(
            home / "outage", home / "outage.log", server_paths.cache, database_port, "secret", on_start=guardian.watch
        )

    running = server()
    database = DatabaseSettings(running.dsn())
    migrate(database.dsn, topics.pipeline)
    pipeline = Pipeline(broker.settings, database, database, database, topics, tmp_path)
    try:
        pipeline.produce(numbered(1_000))
        consumer = pipeline.start_consumer(batch_rows=200)
        pipeline.wait_until_caught_up()
        os.kill(running.process.pid, signal.SIGQUIT)  # immediate shutdown: as if the machine lost power
        port = consumer_port(pipeline.log(consumer))
        pipeline.wait_for(lambda: readiness(port) == 503, lambda: "an idle consumer does not see the outage")
        pipeline.produce(numbered(5_000, first=1_000))
        pipeline.wait_for(lambda: "batch_write_failed" in pipeline.log(consumer), lambda: "no failed write")
        assert consumer.poll() is None
        running = server()
        pipeline.wait_until_caught_up()
        assert pipeline.stop(consumer) == 0
        assert pipeline.number("select count(*) from raw.events") == 6_000
        assert pipeline.sums() == {
            "read": 6_000,
            "inserted": 6_000,
            "duplicate": 0,
            "conflict": 0,
            "dead": 0,
            "skipped": 0,
        }
    finally:
        pipeline.close()
        postgres.stop(running.process)


def test_a_table_that_is_missing_stops_the_writing_and_never_makes_dead_letters(pipeline: Pipeline) -> None:
    consumer = pipeline.start_consumer()
    pipeline.produce(numbered(10))
    pipeline.wait_until_caught_up()
    pipeline.execute("alter table raw.events rename to events_elsewhere")
    pipeline.produce(numbered(50, first=10))
    pipeline.wait_for(lambda: '"verdict": "stop"' in pipeline.log(consumer), lambda: "no failed write")
    assert readiness(consumer_port(pipeline.log(consumer))) == 503
    pipeline.execute("alter table raw.events_elsewhere rename to events")
    pipeline.wait_until_caught_up()
    pipeline.wait_for(lambda: readiness(consumer_port(pipeline.log(consumer))) == 200, lambda: "not ready again")
    assert pipeline.sums()["inserted"] == 60
    assert pipeline.number("select count(*) from raw.dead_letters") == 0


def test_a_partition_that_is_missing_is_the_database_s_fault_and_never_the_row_s(pipeline: Pipeline) -> None:
    partitions = pipeline.rows(  # the DEFAULT one last: nothing may have landed there that another would take
        "select oid::regclass::text, pg_get_expr(relpartbound, oid) from pg_class join pg_inherits on inhrelid = oid"
        " where inhparent = 'raw.events'::regclass order by pg_get_expr(relpartbound, oid) = 'DEFAULT'"
    )
    for name, _ in partitions:
        pipeline.execute(f"alter table raw.events detach partition {name}")
    pipeline.produce(numbered(50))
    consumer = pipeline.start_consumer()
    pipeline.wait_for(lambda: '"verdict": "stop"' in pipeline.log(consumer), lambda: "no failed write")
    assert "no partition of relation" in pipeline.log(consumer)
    assert pipeline.sums()["read"] == 0
    for name, bounds in partitions:
        pipeline.execute(f"alter table raw.events attach partition {name} {bounds}")
    pipeline.wait_until_caught_up()
    assert pipeline.sums()["inserted"] == 50
    assert pipeline.number("select count(*) from raw.dead_letters") == 0


def test_a_consumer_that_comes_while_the_database_is_read_only_waits_for_it(pipeline: Pipeline) -> None:
    name = psycopg.conninfo.conninfo_to_dict(pipeline.database.dsn)["dbname"]
    pipeline.produce(numbered(10))
    pipeline.execute(f"alter database {name} set default_transaction_read_only = on")
    consumer = pipeline.start_consumer()
    pipeline.wait_for(lambda: "(SQLSTATE 25006)" in pipeline.log(consumer), lambda: "it does not say so")
    assert readiness(consumer_port(pipeline.log(consumer))) == 503
    with psycopg.connect(pipeline.database.dsn, options="-c default_transaction_read_only=off") as owner:
        owner.execute(f"alter database {name} reset default_transaction_read_only".encode())
    pipeline.wait_until_caught_up()
    assert pipeline.stop(consumer) == 0
    assert pipeline.sums()["inserted"] == pipeline.number("select count(*) from raw.events") == 10


def consumer_port(log: str) -> int:
    started = next(line for line in log.splitlines() if '"consumer_started"' in line)
    return int(json.loads(started)["health_port"])


def readiness(port: int) -> int:
    """The status of /readyz."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            return int(answer.status)
    except HTTPError as refused:
        return refused.code


def test_a_dlq_that_takes_nothing_holds_the_offsets_back(pipeline: Pipeline) -> None:
    consumer = pipeline.start_consumer()
    pipeline.produce(numbered(5))
    pipeline.wait_until_caught_up()
    drop_topic(pipeline, pipeline.plan.dlq)
    pipeline.produce([b"not json", *numbered(5, first=5)], key=b"one")  # all behind it in its partition
    pipeline.wait_for(lambda: "did not reach" in pipeline.log(consumer), lambda: "no failed delivery")
    assert pipeline.sums()["read"] == 5
    create_topic(pipeline, pipeline.plan.dlq)
    pipeline.wait_until_caught_up()
    assert pipeline.sums()["dead"] == 1
    assert pipeline.number("select count(*) from raw.events") == 10


def test_partitions_that_were_lost_while_paused_are_read_when_they_come_back(
    pipeline: Pipeline, broker: Broker
) -> None:
    consumer = pipeline.start_consumer(group_protocol="classic", session_timeout=timedelta(seconds=6), batch_rows=50)
    pipeline.produce(numbered(50))
    pipeline.wait_until_caught_up()
    with psycopg.connect(pipeline.database.dsn) as other:
        other.execute("lock table raw.events in exclusive mode")
        pipeline.produce(numbered(1_000, first=50))
        pipeline.wait_for(lambda: "reading_paused" in pipeline.log(consumer), lambda: "reading goes on")
        os.kill(broker.process.pid, signal.SIGSTOP)
        try:
            pipeline.wait_for(lambda: '"change": "lost"' in pipeline.log(consumer), lambda: "nothing was lost")
            other.rollback()
            pipeline.wait_for(lambda: "reading_resumed" in pipeline.log(consumer), lambda: "still paused")
        finally:
            os.kill(broker.process.pid, signal.SIGCONT)
    pipeline.wait_until_caught_up()
    assert pipeline.sums()["inserted"] == pipeline.number("select count(*) from raw.events") == 1_050
    assert "delivers nothing" not in pipeline.log(consumer), "it took a new client"


def test_probes_and_metrics_tell_how_it_is(pipeline: Pipeline) -> None:
    consumer = pipeline.start_consumer()
    pipeline.produce([*numbered(20), b"not json"])
    pipeline.wait_until_caught_up()
    port = consumer_port(pipeline.log(consumer))
    deadline = time.monotonic() + PATIENCE_SECONDS
    text = ""
    while 'pulse_consumer_records_total{outcome="inserted"} 20.0' not in text and time.monotonic() < deadline:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    assert 'pulse_consumer_records_total{outcome="inserted"} 20.0' in text
    assert 'pulse_consumer_dead_letters_total{code="invalid_json"} 1.0' in text
    assert f"pulse_consumer_partitions {float(pipeline.plan.events.partitions)}" in text
    with urlopen(f"http://127.0.0.1:{port}/livez", timeout=10) as answer:
        assert answer.status == 200


def test_a_topic_that_was_deleted_and_created_again_is_not_read_as_the_old_one(pipeline: Pipeline) -> None:
    pipeline.produce(numbered(10))
    assert pipeline.stop(caught_up(pipeline)) == 0
    drop_topic(pipeline, pipeline.plan.events)
    create_topic(pipeline, pipeline.plan.events)
    pipeline.produce(numbered(10, first=10))
    code, said = pipeline.end_of(pipeline.start_consumer())
    assert code == cli.STOPPED
    assert "deleted and created again" in said
    assert "pulse offsets reset --to-beginning" in said
    assert pipeline.number("select count(*) from raw.events") == 10


# With 10, nothing comes behind the old offset: only an idle owner's look at its topic can tell.
@pytest.mark.parametrize(("protocol", "count"), [("consumer", 30), ("classic", 30), ("consumer", 10)])
def test_a_topic_created_again_under_a_running_consumer_is_not_read_on_from_the_old_offset(
    pipeline: Pipeline, protocol: str, count: int
) -> None:
    pipeline.produce(numbered(10), partition=0)
    consumer = pipeline.start_consumer(group_protocol=protocol)
    pipeline.wait_until_caught_up()
    consumer.send_signal(signal.SIGSTOP)  # it must not see that the topic is away for a moment
    drop_topic(pipeline, pipeline.plan.events)
    create_topic(pipeline, pipeline.plan.events)
    # With 30, a record of the new topic lies at the old offset, 10.
    pipeline.produce(numbered(count, first=10), partition=0)
    consumer.send_signal(signal.SIGCONT)
    code, said = pipeline.end_of(consumer)
    assert code == cli.STOPPED
    assert "deleted and created again" in said
    assert pipeline.number("select count(*) from raw.events") == 10
    plan_reset(pipeline.offsets_settings()).apply()
    pipeline.start_consumer(group_protocol=protocol)
    pipeline.wait_until_caught_up()
    assert pipeline.number("select count(*) from raw.events") == 10 + count


def caught_up(pipeline: Pipeline) -> subprocess.Popen[bytes]:
    consumer = pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    return consumer


@pytest.mark.parametrize(("next_offset", "says"), [(1_000, "behind the log's end"), (0, "retention removed")])
def test_an_offset_outside_the_log_is_not_jumped_over(pipeline: Pipeline, next_offset: int, says: str) -> None:
    pipeline.produce(numbered(50), partition=0)
    assert pipeline.stop(caught_up(pipeline)) == 0
    if next_offset == 0:
        delete_records(pipeline, before=20)
    pipeline.execute(f"update raw.consumer_offsets set next_offset = {next_offset} where partition_id = 0")
    code, said = pipeline.end_of(pipeline.start_consumer())
    assert code == cli.STOPPED
    assert says in said


def delete_records(pipeline: Pipeline, before: int) -> None:
    client = kafka.admin(pipeline.kafka)
    for future in client.delete_records([TopicPartition(pipeline.plan.events.name, 0, before)]).values():
        future.result(timeout=kafka.ADMIN_TIMEOUT_SECONDS)


def test_a_flood_of_bad_records_opens_the_breaker(pipeline: Pipeline) -> None:
    pipeline.produce([b"bad"] * 300)
    code, said = pipeline.end_of(pipeline.start_consumer(breaker_window=200, batch_rows=100))
    assert code == cli.STOPPED
    assert "of the last" in said
    assert "PULSE_BREAKER_RATIO" in said
    assert pipeline.sums()["read"] < 300, "it stopped before the flood was over"


def test_a_flood_of_rows_that_the_database_refuses_opens_the_breaker_too(pipeline: Pipeline) -> None:
    pipeline.execute("alter table raw.events add constraint nobody check (user_id is null)")
    pipeline.produce(numbered(300))
    code, said = pipeline.end_of(pipeline.start_consumer(breaker_window=200, batch_rows=100))
    assert code == cli.STOPPED
    assert "of the last" in said


def test_bad_records_that_were_not_committed_do_not_open_the_breaker(pipeline: Pipeline) -> None:
    consumer = pipeline.start_consumer(breaker_window=200)
    pipeline.wait_for(lambda: '"change": "assigned"' in pipeline.log(consumer), lambda: "nothing assigned")
    drop_topic(pipeline, pipeline.plan.dlq)
    pipeline.produce([b"bad"] * 300)
    pipeline.wait_for(lambda: "did not reach" in pipeline.log(consumer), lambda: "no failed delivery")
    assert consumer.poll() is None
    create_topic(pipeline, pipeline.plan.dlq)
    code, said = pipeline.end_of(consumer)
    assert code == cli.STOPPED
    assert "of the last" in said


def test_a_breaker_that_opens_in_the_last_flush_lets_the_batch_behind_be_written(pipeline: Pipeline) -> None:
    pipeline.produce([b"bad"] * 100, partition=0)
    pipeline.produce(numbered(100), partition=0)
    stepped = Stepped(pipeline, breaker_window=100, batch_rows=100)
    with psycopg.connect(pipeline.database.dsn) as other:
        other.execute("lock table raw.batches in exclusive mode")
        stepped.turn_until(lambda: stepped.session._paused)  # one batch is being written, the other waits
    with pytest.raises(BreakerOpen):
        stepped.finish()
    assert (pipeline.sums()["dead"], pipeline.sums()["inserted"]) == (100, 100)


def test_a_dlq_topic_too_small_for_the_events_is_refused_at_the_start(pipeline: Pipeline) -> None:
    small = Topic(f"{pipeline.plan.pipeline}-small", 1, 1, {"max.message.bytes": "1000"})
    create_topic(pipeline, small)
    settings = pipeline.settings().to_env() | {"PULSE_DLQ_TOPIC": small.name}
    code, said = pipeline.end_of(pipeline.start(["-m", "pulse_consumer", "run"], settings))
    assert code == cli.STOPPED
    assert "Set its max.message.bytes to" in said


def test_offsets_that_the_log_does_not_hold_are_counted_as_skipped(pipeline: Pipeline) -> None:
    producer = Producer(
        {"bootstrap.servers": pipeline.kafka.bootstrap_servers, "transactional.id": pipeline.plan.pipeline}
    )
    producer.init_transactions(30)
    for values, keep in ((numbered(10), True), (numbered(7, first=100), False), (numbered(5, first=200), True)):
        producer.begin_transaction()
        for value in values:
            producer.produce(pipeline.plan.events.name, value=value, partition=0)
        producer.flush(30)
        producer.commit_transaction(30) if keep else producer.abort_transaction(30)
    pipeline.start_consumer()
    pipeline.wait_for(lambda: pipeline.sums()["read"] == 15, lambda: pipeline.sums())
    # The seven aborted records and the markers of the transactions lie between what was read.
    assert pipeline.sums()["skipped"] == 7 + 2
    assert pipeline.number("select count(*) from raw.events") == 15


def test_a_topic_stamped_by_the_producer_is_marked_as_untrusted(pipeline: Pipeline) -> None:
    by_producer = Topic(
        f"{pipeline.plan.pipeline}-created",
        1,
        1,
        {"message.timestamp.type": "CreateTime", "max.message.bytes": "1000000"},
    )
    create_topic(pipeline, by_producer)
    producer = Producer(kafka.producer_config(pipeline.kafka))
    producer.produce(by_producer.name, numbered(1)[0], timestamp=1_767_323_046_000)
    assert producer.flush(30) == 0
    settings = pipeline.settings().to_env() | {"PULSE_EVENTS_TOPIC": by_producer.name}
    create_topic(pipeline, Topic(f"{by_producer.name}-dlq", 1, 1, {"max.message.bytes": "2000000"}))
    pipeline.start(["-m", "pulse_consumer", "run"], settings | {"PULSE_DLQ_TOPIC": f"{by_producer.name}-dlq"})
    query = "select kafka_timestamp_trusted, extract(epoch from kafka_timestamp)::bigint from raw.events"
    pipeline.wait_for(lambda: pipeline.rows(query) != [], lambda: "no event")
    assert pipeline.rows(query) == [(False, 1_767_323_046)]
