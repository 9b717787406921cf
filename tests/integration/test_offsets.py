"""`pulse offsets`: what it shows, what it moves, what it refuses, and what it keeps of every move."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition
from kit import keeping
from kit.documents import numbered
from kit.pipeline import Pipeline

from pulse import cli
from pulse.adapters import kafka
from pulse_consumer.moving import plan_adopt, plan_rewind_to_offsets

pytestmark = pytest.mark.integration

MOVES = """
select command, partition_id, old_next_offset, old_epoch, next_offset, epoch, reason
from raw.offset_moves order by move_id
"""


def offsets(pipeline: Pipeline, *words: str) -> subprocess.CompletedProcess[str]:
    """`pulse offsets …`, as a user runs it."""
    return subprocess.run(
        [sys.executable, "-m", "pulse_consumer", "offsets", *words],
        env=pipeline.offsets_settings().to_env(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def shown(pipeline: Pipeline, code: int = cli.OK) -> dict[int, dict[str, object]]:
    done = offsets(pipeline, "show", "--json")
    assert done.returncode == code, done.stderr
    return {row["partition"]: row for row in json.loads(done.stdout)}


def read_once(pipeline: Pipeline, count: int, first: int = 0) -> None:
    """So many events in partition 0, read by a consumer that then ends."""
    pipeline.produce(numbered(count, first=first), partition=0)
    consumer = pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    assert pipeline.stop(consumer) == 0


def test_what_retention_has_removed_is_not_stored_again_unless_by_force(pipeline: Pipeline) -> None:
    read_once(pipeline, 60)
    pipeline.execute("update raw.batches set committed_at = committed_at - interval '60 days'")
    read_once(pipeline, 40, first=60)
    keeping.run(pipeline.database, 30 * keeping.DAY)
    for words in (["rewind-to", "--to-offset", "0=59"], ["reset", "--to-beginning"]):
        refused = offsets(pipeline, *words, "--yes")
        assert refused.returncode == cli.STOPPED
        assert "lies before 60. What was read there was stored before" in refused.stderr
        assert "--force does it all the same" in refused.stderr
    assert pipeline.stored_offsets()[0] == 100
    assert offsets(pipeline, "rewind-to", "--to-offset", "0=60", "--yes").returncode == cli.OK
    forced = offsets(pipeline, "rewind-to", "--to-offset", "0=59", "--yes", "--force")
    assert forced.returncode == cli.OK, forced.stderr
    assert "ARE STORED AGAIN" in forced.stdout
    assert pipeline.stored_offsets()[0] == 59


def test_it_shows_where_the_group_stands_and_what_waits(pipeline: Pipeline) -> None:
    read_once(pipeline, 100)
    pipeline.produce(numbered(30, first=100), partition=0)
    row = shown(pipeline)[0]
    assert (row["next_offset"], row["log_low"], row["log_high"], row["lag"]) == (100, 0, 130, 30)
    assert (row["same_topic"], row["problem"]) == (True, None)
    told = offsets(pipeline, "show")
    assert told.returncode == cli.OK
    assert f"topic {pipeline.plan.events.name}" in told.stdout


def test_an_offset_that_the_log_does_not_have_is_told_with_exit_code_1(pipeline: Pipeline) -> None:
    read_once(pipeline, 10)
    pipeline.execute("update raw.consumer_offsets set next_offset = 5000 where partition_id = 0")
    assert "lies 4990 behind the log's end" in str(shown(pipeline, cli.FAILED)[0]["problem"])


def test_a_running_consumer_follows_a_rewind_and_stores_nothing_twice(pipeline: Pipeline) -> None:
    pipeline.produce(numbered(100), partition=0)
    consumer = pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    done = offsets(pipeline, "rewind-to", "--to-offset", "0=40", "--yes", "--reason", "a row was lost")
    assert done.returncode == cli.OK, done.stderr
    assert "partition 0: from 40, 60 offsets before the stored 100" in done.stdout
    pipeline.wait_for(lambda: pipeline.sums()["read"] == 160, lambda: pipeline.sums())
    pipeline.produce(numbered(10, first=100), partition=0)
    pipeline.wait_for(lambda: pipeline.sums()["read"] == 170, lambda: pipeline.sums())
    assert pipeline.stop(consumer) == 0
    assert "taken over or reset" in pipeline.log(consumer)
    total = pipeline.sums()
    assert (total["inserted"], total["duplicate"]) == (110, 60)
    moves = [row for row in pipeline.rows(MOVES) if row[1] == 0]
    assert moves == [
        ("consume", 0, None, None, 0, 1, None),
        ("rewind-to", 0, 100, 1, 40, 2, "a row was lost"),
    ]
    user = pipeline.rows("select distinct moved_by from raw.offset_moves")
    assert user == [("pulse_ingest",)]


def test_a_rewind_to_a_time_goes_to_the_first_record_of_that_time_or_later(pipeline: Pipeline) -> None:
    read_once(pipeline, 20)
    between = max(row[0] for row in pipeline.rows("select kafka_timestamp from raw.events"))
    between = datetime.fromtimestamp(between.timestamp() + 0.001, UTC)
    read_once(pipeline, 10, first=20)
    done = offsets(pipeline, "rewind-to", "--to-time", between.isoformat(), "--yes")
    assert done.returncode == cli.OK, done.stderr
    assert "partition 0: from 20, 10 offsets before the stored 30" in done.stdout
    assert pipeline.stored_offsets()[0] == 20
    future = offsets(pipeline, "rewind-to", "--to-time", "2999-01-01T00:00:00Z", "--yes")
    assert (future.returncode, "Nothing to change" in future.stdout) == (cli.OK, True)
    other = offsets(pipeline, "rewind-to", "--to-time", "2001-01-01T00:00:00Z", "--partition", "1", "--yes")
    assert other.returncode == cli.OK, other.stderr
    assert pipeline.stored_offsets()[0] == 20


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("rewind-to", "--to-offset", "0=31", "--yes"), "ahead of the stored offset 20"),
        (("rewind-to", "--to-offset", "0=5000", "--yes"), "the log holds the offsets from 0 to 40"),
        (("rewind-to", "--to-time", "2001-01-01T00:00:00Z", "--partition", "77", "--yes"), "and no [77]"),
        (("adopt", "--offset", "0=5", "--yes"), "stored offset 20 already"),
        (("adopt", "--from-group", "nobody-at-all", "--yes"), "has committed no offset"),
    ],
)
def test_what_is_refused_changes_nothing_and_says_why(pipeline: Pipeline, words: tuple[str, ...], says: str) -> None:
    read_once(pipeline, 20)
    pipeline.produce(numbered(20, first=20), partition=0)
    before = pipeline.stored_offsets(), len(pipeline.rows(MOVES))
    done = offsets(pipeline, *words)
    assert done.returncode == cli.STOPPED
    assert says in done.stderr
    assert (pipeline.stored_offsets(), len(pipeline.rows(MOVES))) == before


@pytest.mark.parametrize(
    "words",
    [
        ("rewind-to", "--yes"),
        ("rewind-to", "--to-offset", "0:5"),
        ("rewind-to", "--to-time", "yesterday"),
        ("rewind-to", "--to-offset", "0=5", "--partition", "0"),
        ("rewind-to", "--to-offset", "0=5", "--to-time", "2026-01-01"),
    ],
)
def test_wrong_words_are_told_as_such(pipeline: Pipeline, words: tuple[str, ...]) -> None:
    assert offsets(pipeline, *words).returncode == cli.USAGE


def test_nothing_moves_without_a_yes(pipeline: Pipeline) -> None:
    read_once(pipeline, 20)
    done = offsets(pipeline, "rewind-to", "--to-offset", "0=5")
    assert done.returncode == cli.FAILED
    assert "Nothing was changed" in done.stderr
    assert pipeline.stored_offsets()[0] == 20


def test_a_consumer_goes_on_where_another_one_stopped(pipeline: Pipeline) -> None:
    pipeline.produce(numbered(100), partition=0)
    pipeline.produce(numbered(50, first=100), partition=1)
    former = Consumer(kafka.client_config(pipeline.kafka, group_id="former"))
    former.commit(offsets=[TopicPartition(pipeline.plan.events.name, 0, 70)], asynchronous=False)
    former.close()
    done = offsets(pipeline, "adopt", "--from-group", "former", "--yes", "--reason", "moved over")
    assert done.returncode == cli.OK, done.stderr
    assert "partition 0: from 70, 30 offsets to the end; LEFT OUT: 70 offsets from 0 on" in done.stdout
    assert "partition 1: gets none, and starts at the log's beginning, 0" in done.stdout
    assert pipeline.rows(MOVES) == [("adopt", 0, None, None, 70, 1, "moved over")]
    consumer = pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    assert pipeline.stop(consumer) == 0
    assert pipeline.rows("select kafka_partition, count(*) from raw.events group by 1 order by 1") == [(0, 30), (1, 50)]


def test_a_deadlock_with_a_batch_is_tried_again(pipeline: Pipeline) -> None:
    read_once(pipeline, 10)
    lock = "select from raw.consumer_offsets where partition_id = %s for update"
    with psycopg.connect(pipeline.database.dsn) as batch, ThreadPoolExecutor(1) as beside:
        batch.execute("set deadlock_timeout = '10min'")  # so the command finds it, and its work is ended
        batch.execute(lock, [1])
        resetting = beside.submit(offsets, pipeline, "reset", "--to-beginning", "--yes")
        waits = "select count(*) from pg_locks where not granted"
        pipeline.wait_for(lambda: pipeline.number(waits) > 0 or resetting.done(), lambda: "it waits for nothing")
        batch.execute(lock, [0])
        batch.commit()
        done = resetting.result()
    assert done.returncode == cli.OK, done.stderr
    assert pipeline.number("select count(*) from raw.offset_moves where command = 'reset' and partition_id = 0") == 1
    assert pipeline.stored_offsets()[0] == 0


def test_an_adoption_that_comes_too_late_changes_nothing(pipeline: Pipeline) -> None:
    pipeline.produce(numbered(20), partition=0)
    late = plan_adopt(pipeline.offsets_settings(), wanted={0: 10, 1: 0})
    read_once(pipeline, 1, first=20)  # meanwhile a consumer has begun
    before = pipeline.rows(MOVES)
    with pytest.raises(Exception, match="has a stored offset already; nothing was changed"):
        late.apply()
    assert (pipeline.stored_offsets()[0], pipeline.rows(MOVES)) == (21, before)


def test_by_force_an_adoption_replaces_what_is_stored(pipeline: Pipeline) -> None:
    read_once(pipeline, 20)
    done = offsets(pipeline, "adopt", "--offset", "0=5", "--force", "--yes")
    assert done.returncode == cli.OK, done.stderr
    assert pipeline.stored_offsets()[0] == 5
    assert pipeline.rows(MOVES)[-1] == ("adopt", 0, 20, 1, 5, 2, None)


def test_a_move_and_its_audit_row_are_one(pipeline: Pipeline) -> None:
    read_once(pipeline, 20)
    pipeline.execute("revoke insert on raw.offset_moves from pulse_ingest")
    planned = plan_rewind_to_offsets(pipeline.offsets_settings(), {0: 5})
    with pytest.raises(Exception, match="permission denied"):
        planned.apply()
    assert pipeline.stored_offsets()[0] == 20


@pytest.mark.parametrize("statement", ["update raw.offset_moves set moved_by = 'x'", "delete from raw.offset_moves"])
def test_the_consumer_s_user_cannot_rewrite_the_audit(pipeline: Pipeline, statement: str) -> None:
    with psycopg.connect(pipeline.ingest.dsn) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())
