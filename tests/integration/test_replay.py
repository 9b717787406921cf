"""The replay proof: killed in the middle, sent back to the beginning, and the same events are there once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid

import pytest
from confluent_kafka import Consumer, TopicPartition
from kit.documents import numbered
from kit.pipeline import Pipeline

from pulse.adapters import kafka

pytestmark = pytest.mark.integration

EVENTS = 30_000

# Everything about the stored events but the moment at which this database took them in.
DIGEST = """
select md5(string_agg(md5(row_to_json(e)::text), '' order by event_id)) from (
    select (to_jsonb(events) - 'ingested_at')::text as content, event_id from raw.events) as e
"""


def reset(pipeline: Pipeline) -> subprocess.CompletedProcess[str]:
    """`pulse offsets reset --to-beginning --yes`, as a user runs it."""
    return subprocess.run(
        [sys.executable, "-m", "pulse_consumer", "offsets", "reset", "--to-beginning", "--yes"],
        env=pipeline.offsets_settings().to_env(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


def test_a_killed_consumer_that_reads_everything_again_stores_nothing_twice_and_loses_nothing(
    pipeline: Pipeline,
) -> None:
    pipeline.produce(numbered(EVENTS))
    first = pipeline.start_consumer(batch_rows=500)
    pipeline.wait_for(lambda: pipeline.sums()["read"] > 2_000, lambda: pipeline.sums())
    assert pipeline.stop(first, signal.SIGKILL) == -signal.SIGKILL
    stored_when_killed = pipeline.number("select count(*) from raw.events")
    assert 0 < stored_when_killed < EVENTS, "the kill came too early or too late to prove anything"

    second = pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    assert pipeline.stop(second) == 0
    assert pipeline.number("select count(*) from raw.events") == EVENTS
    before = pipeline.sums()
    assert before == {"read": EVENTS, "inserted": EVENTS, "duplicate": 0, "conflict": 0, "dead": 0, "skipped": 0}
    digest = pipeline.rows(DIGEST)

    assert "partition 0: from 0" in reset(pipeline).stdout
    third = pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    assert pipeline.stop(third) == 0
    after = pipeline.sums()
    reread = after["read"] - before["read"]
    assert reread >= pipeline.number("select count(*) from raw.events") == EVENTS
    assert after["duplicate"] == reread
    assert (after["inserted"], after["conflict"], after["dead"]) == (EVENTS, 0, 0)
    assert pipeline.rows(DIGEST) == digest


def test_a_running_consumer_follows_a_reset(pipeline: Pipeline) -> None:
    pipeline.produce(numbered(2_000))
    process = pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    reset(pipeline)  # no new event comes: an idle consumer notices too
    pipeline.wait_for(lambda: pipeline.sums()["read"] == 4_000, lambda: pipeline.sums())
    pipeline.produce(numbered(100, first=2_000))
    pipeline.wait_until_caught_up()
    assert pipeline.stop(process) == 0
    assert pipeline.number("select count(*) from raw.events") == 2_100
    total = pipeline.sums()
    assert (total["inserted"], total["duplicate"]) == (2_100, 2_000)
    assert "taken over or reset" in pipeline.log(process)


def test_resetting_only_the_kafka_group_changes_nothing(pipeline: Pipeline) -> None:
    pipeline.produce(numbered(1_000))
    first = pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    assert pipeline.stop(first) == 0
    before = pipeline.sums()

    group = Consumer(kafka.client_config(pipeline.kafka, group_id=pipeline.plan.group))
    group.commit(
        offsets=[
            TopicPartition(pipeline.plan.events.name, number, 0) for number in range(pipeline.plan.events.partitions)
        ],
        asynchronous=False,
    )
    group.close()
    pipeline.produce(numbered(10, first=1_000))
    second = pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    assert pipeline.stop(second) == 0

    after = pipeline.sums()
    assert after["read"] - before["read"] == 10
    assert after["duplicate"] == 0
    assert pipeline.number("select count(*) from raw.events") == 1_010


def test_what_the_database_alone_refused_stays_a_dead_letter_when_it_is_read_again(pipeline: Pipeline) -> None:
    """Also when another record with its id is stored by then, which makes no conflict of the one that came first."""
    pipeline.execute("alter table raw.events add constraint not_this check (page <> '/refused')")
    ids = [str(uuid.uuid4()), *[str(uuid.uuid4())] * 3]
    pages = ["/first", "/refused", "/good", "/another"]
    event = {"event_type": "page_view", "user_id": "u", "timestamp": "2026-01-02T03:04:05Z"}
    documents = [{**event, "event_id": one, "page": page} for one, page in zip(ids, pages, strict=True)]
    pipeline.produce([json.dumps(document).encode() for document in documents], key=b"u")
    # Batches of one: on the second way the first of them says that nothing is new any more.
    pipeline.start_consumer(batch_rows=1)
    pipeline.wait_until_caught_up()
    expected = {"read": 4, "inserted": 2, "duplicate": 0, "conflict": 1, "dead": 1, "skipped": 0}
    assert pipeline.sums() == expected

    reset(pipeline)
    pipeline.wait_for(lambda: pipeline.sums()["read"] == 8, lambda: pipeline.sums())
    assert pipeline.sums() == {"read": 8, "inserted": 2, "duplicate": 2, "conflict": 2, "dead": 2, "skipped": 0}
    assert pipeline.rows("select event ->> 'page' from raw.event_conflicts") == [("/another",)]
    assert pipeline.rows("select kafka_offset from raw.dead_letters") == [(1,)]
