"""Where other sinks between Kafka and Postgres lose events, or stop for good: the cases that no other test shows.

docs/guarantees.md lists all cases, and the test of each.
"""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Iterator

import psycopg
import pytest
from kit import small_disk
from kit.documents import numbered
from kit.pipeline import Pipeline
from kit.small_disk import SmallDisk

pytestmark = pytest.mark.integration

PLAIN = {"event_type": "page_view", "user_id": "u", "timestamp": "2026-01-02T03:04:05Z"}
FULL = PLAIN | {
    "page": "/",
    "metadata": {"product_id": "p", "category": "c", "price": 1.5, "search_query": "q"},
    "funnel_step_index": 0,
    "funnel_complete": False,
    "session_id": "s",
    "anonymous_id": "a",
    "properties": {"n": 1},
    "received_at": "2026-01-02T03:04:06Z",
    "unheard_of": "kept",
}
OPTIONAL = (
    "page, product_id, category, price::float, search_query, funnel_step_index, funnel_complete, session_id,"
    " anonymous_id, properties, received_at is null"
)
NOTHING = (None,) * 10 + (True,)
EVERYTHING = ("/", "p", "c", 1.5, "q", 0, False, "s", "a", {"n": 1, "unheard_of": "kept"}, False)


def wait_until_it_waits_for_a_lock(pipeline: Pipeline) -> int:
    """The consumer's server process that waits."""
    waiting = (
        "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        " and application_name = 'pulse-consumer'"
    )
    pipeline.wait_for(lambda: pipeline.rows(waiting) != [], lambda: "it waits for no lock")
    return pipeline.number(waiting)


def wait_for_words(pipeline: Pipeline, process: subprocess.Popen[bytes], words: str) -> None:
    pipeline.wait_for(lambda: words in pipeline.log(process), lambda: f"it does not say {words!r}")


def assert_all_is_stored(pipeline: Pipeline, events: int, dead: int = 0) -> None:
    pipeline.wait_until_caught_up()
    assert pipeline.sums() == {
        "read": events + dead,
        "inserted": events,
        "duplicate": 0,
        "conflict": 0,
        "dead": dead,
        "skipped": 0,
    }
    assert pipeline.number("select count(*) from raw.events") == events
    assert pipeline.number("select count(*) from raw.dead_letters") == dead


def test_a_field_that_only_a_later_event_of_the_batch_has_is_stored(pipeline: Pipeline) -> None:
    pipeline.produce([json.dumps(PLAIN).encode(), json.dumps(FULL).encode()], partition=0)
    pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    assert pipeline.rows(f"select {OPTIONAL} from raw.events order by kafka_offset") == [NOTHING, EVERYTHING]
    assert pipeline.number("select count(*) from raw.batches") == 1


def test_a_column_that_no_event_fills_gets_its_default(pipeline: Pipeline) -> None:
    pipeline.execute("alter table raw.events add column tenant text not null default 'ours'")
    identified = json.dumps(PLAIN | {"event_id": "018f4e3a-7c1b-7abc-8def-000000000001"}).encode()
    pipeline.start_consumer()
    for repeats in (1, 2):  # the second batch is merged, as it repeats what is there
        pipeline.produce([identified, json.dumps(PLAIN).encode()], partition=0)
        pipeline.wait_until_caught_up()
        assert pipeline.sums()["inserted"] == 1 + repeats
    assert pipeline.rows("select tenant, ingested_at is null from raw.events") == [("ours", False)] * 3


def test_a_statement_that_somebody_cancels_is_no_verdict_on_the_data(pipeline: Pipeline) -> None:
    with psycopg.connect(pipeline.database.dsn) as other:
        other.execute("lock table raw.events in exclusive mode")
        pipeline.produce(numbered(50))
        consumer = pipeline.start_consumer()
        waiting = wait_until_it_waits_for_a_lock(pipeline)
        pipeline.rows("select pg_cancel_backend(%s)", waiting)
        wait_for_words(pipeline, consumer, "SQLSTATE 57014")
    assert_all_is_stored(pipeline, 50)
    assert '"verdict": "stop"' not in pipeline.log(consumer)


def test_a_look_at_the_table_that_fails_at_the_start_is_made_again(pipeline: Pipeline) -> None:
    pipeline.produce(numbered(50))
    with psycopg.connect(pipeline.database.dsn) as other:
        other.execute("lock table raw.events in access exclusive mode")
        consumer = pipeline.start_consumer()
        waiting = wait_until_it_waits_for_a_lock(pipeline)
        pipeline.rows("select pg_terminate_backend(%s)", waiting)
        wait_for_words(pipeline, consumer, "Looking at raw.events")
    assert_all_is_stored(pipeline, 50)
    assert consumer.poll() is None


def test_a_first_batch_that_fails_is_read_by_the_next_owner(pipeline: Pipeline) -> None:
    pipeline.produce(numbered(50))
    with psycopg.connect(pipeline.database.dsn) as other:
        other.execute("lock table raw.events in exclusive mode")
        first = pipeline.start_consumer()
        wait_until_it_waits_for_a_lock(pipeline)
        pipeline.stop(first, signal.SIGKILL)
    assert set(pipeline.stored_offsets().values()) == {0}
    pipeline.produce(numbered(10, first=50))
    pipeline.start_consumer()
    assert_all_is_stored(pipeline, 60)


def test_a_deadlock_with_another_writer_is_no_verdict_on_the_data(pipeline: Pipeline) -> None:
    with psycopg.connect(pipeline.database.dsn) as first, psycopg.connect(pipeline.database.dsn) as second:
        first.execute("lock table raw.dead_letters in exclusive mode")
        second.execute("set deadlock_timeout = '10min'")  # so the consumer finds the deadlock, and ends its own work
        second.execute("lock table raw.batches in exclusive mode")
        pipeline.produce([*numbered(50), b"not json"])
        consumer = pipeline.start_consumer()
        wait_until_it_waits_for_a_lock(pipeline)  # with its events in the table
        crossing = threading.Thread(target=second.execute, args=["lock table raw.events in exclusive mode"])
        crossing.start()
        pipeline.wait_for(
            lambda: pipeline.number("select count(*) from pg_locks where not granted") == 2, lambda: "no crossing"
        )
        first.rollback()
        wait_for_words(pipeline, consumer, "SQLSTATE 40P01")
        crossing.join()
        second.rollback()
    assert_all_is_stored(pipeline, 50, dead=1)
    assert '"verdict": "stop"' not in pipeline.log(consumer)


@pytest.fixture
def small(pipeline: Pipeline) -> Iterator[SmallDisk]:
    """raw.events on a disk of 64 MiB; a disk like it is made by root only."""
    if small_disk.impossible():
        pytest.skip(f"no disk can be filled: {small_disk.impossible()}")
    made = SmallDisk(pipeline.database.dsn, "peers_full", 64)
    made.hold_events()
    yield made
    pipeline.close()
    made.remove()


def test_a_full_disk_makes_no_dead_letters(pipeline: Pipeline, small: SmallDisk) -> None:
    small.fill(left_bytes=64 * 1024)
    pipeline.produce(numbered(5_000))
    consumer = pipeline.start_consumer()
    wait_for_words(pipeline, consumer, "SQLSTATE 53100")
    assert '"verdict": "stop"' in pipeline.log(consumer)
    assert pipeline.number("select count(*) from raw.dead_letters") == 0
    small.make_room()
    assert_all_is_stored(pipeline, 5_000)
