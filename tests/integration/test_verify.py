"""`pulse verify`: clean after everything that may happen to a consumer, and every kind of damage is named."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import pytest
from kit import keeping
from kit.documents import numbered
from kit.pipeline import Pipeline
from kit.transactions import produce_transactions

from pulse import cli
from pulse.settings import DatabaseSettings
from pulse_consumer.moving import plan_adopt, plan_reset, plan_rewind_to_offsets

pytestmark = pytest.mark.integration


OLD = {"batches": "first_offset < 20", "dead_letters": "kafka_offset < 20", "event_conflicts": "kafka_offset < 20"}


def verify(
    pipeline: Pipeline, *words: str, database: DatabaseSettings | None = None
) -> subprocess.CompletedProcess[str]:
    """`pulse verify …` with the rights of the consumer."""
    return subprocess.run(
        [sys.executable, "-m", "pulse_consumer", "verify", *words],
        env=(database or pipeline.ingest).to_env(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def findings(pipeline: Pipeline, code: int) -> list[dict[str, Any]]:
    """The findings that are faults, after the exit code was looked at."""
    done = verify(pipeline, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    every = [one for part in json.loads(done.stdout)["partitions"] for one in part["findings"]]
    return [one for one in every if one["fault"]]


def read(pipeline: Pipeline, **changes: Any) -> None:
    """A consumer that reads all there is, and ends."""
    consumer = pipeline.start_consumer(**changes)
    pipeline.wait_until_caught_up()
    assert pipeline.stop(consumer) == 0


def batches(pipeline: Pipeline, count: int = 3) -> None:
    """So many batches of ten records in partition 0, of which two are no events and two are conflicts."""
    for number in range(count):
        good = numbered(6, first=number * 6)
        conflicts = [good[1].replace(b'"user-', b'"other-'), good[3].replace(b'"user-', b'"other-')]
        pipeline.produce([*good, *conflicts, b"bad", b"worse"], partition=0)
        read(pipeline, breaker_ratio=1.0)


def test_a_database_that_nothing_was_read_into_adds_up(pipeline: Pipeline) -> None:
    done = verify(pipeline)
    assert (done.returncode, "It adds up: 0 records read" in done.stdout) == (cli.OK, True)


def test_what_retention_removed_is_told_and_is_no_fault(pipeline: Pipeline) -> None:
    pipeline.produce(numbered(200), partition=0)  # every second id is of 2024, and of no week
    read(pipeline)
    for table, column in (("batches", "committed_at"), ("events", "ingested_at")):
        pipeline.execute(f"update raw.{table} set {column} = {column} - interval '60 days'")
    assert findings(pipeline, cli.OK) == []
    assert keeping.run(pipeline.database, 30 * keeping.DAY).expired == 100
    assert findings(pipeline, cli.OK) == []
    assert "100 rows are no longer kept" in verify(pipeline).stdout
    pipeline.execute("update ops.retention set kept_from = now() - interval '61 days'")
    assert [one["kind"] for one in findings(pipeline, cli.FAILED)] == ["missing"]


def test_letters_and_conflicts_that_retention_removed_are_told_and_are_no_fault(pipeline: Pipeline) -> None:
    batches(pipeline)
    for table, column in (("batches", "committed_at"), ("dead_letters", "first_seen"), ("event_conflicts", "seen_at")):
        pipeline.execute(f"update raw.{table} set {column} = {column} - interval '60 days' where {OLD[table]}")
    done = keeping.run(pipeline.database, letter_length=30 * keeping.DAY)
    assert (done.letters, done.conflicts) == (4, 4)
    assert findings(pipeline, cli.OK) == []
    assert "offsets 0 to 19: 4 rows no longer in raw.dead_letters" in verify(pipeline).stdout, "as one range by now"
    pipeline.execute("delete from raw.dead_letters where kafka_offset = 28")
    assert [(one["kind"], one["first"]) for one in findings(pipeline, cli.FAILED)] == [("missing", 20)]
    pipeline.execute("update ops.dead_letter_retention set kept_from = now() - interval '61 days'")
    assert {one["first"] for one in findings(pipeline, cli.FAILED)} == {0, 20}


def test_it_adds_up_after_a_kill_a_replay_a_rewind_and_while_a_consumer_runs(pipeline: Pipeline) -> None:
    # Every partition gets its share: a producer left to choose may leave out the one that is rewound below.
    pipeline.send({"value": value, "partition": number % 3} for number, value in enumerate(numbered(20_000)))
    first = pipeline.start_consumer(batch_rows=300)
    pipeline.wait_for(lambda: pipeline.sums()["read"] > 1_000, lambda: pipeline.sums())
    assert pipeline.stop(first, signal.SIGKILL) == -signal.SIGKILL
    assert findings(pipeline, cli.OK) == []
    pipeline.produce([b"bad", *numbered(1), b"worse"])  # dead letters, and an event of an id that is there
    read(pipeline, batch_rows=700, breaker_ratio=1.0)
    plan_reset(pipeline.offsets_settings()).apply()
    assert findings(pipeline, cli.OK) == [], "sent back, and not yet read again"
    read(pipeline, batch_rows=900, breaker_ratio=1.0)
    held = pipeline.stored_offsets()
    plan_rewind_to_offsets(pipeline.offsets_settings(), {0: held[0] // 2}).apply()
    running = pipeline.start_consumer(batch_rows=400, breaker_ratio=1.0)
    assert findings(pipeline, cli.OK) == []
    pipeline.wait_until_caught_up()
    assert pipeline.stop(running) == 0
    assert findings(pipeline, cli.OK) == []


def test_control_records_of_transactions_are_named_and_no_gap(pipeline: Pipeline) -> None:
    produce_transactions(pipeline)
    read(pipeline)
    done = verify(pipeline)
    assert done.returncode == cli.OK, done.stdout
    assert "It adds up: 11 records read = 11 inserted" in done.stdout
    assert "; 8 offsets that the log itself lacks" in done.stdout


def test_offsets_that_were_adopted_are_where_the_accounts_begin(pipeline: Pipeline) -> None:
    pipeline.produce(numbered(20), partition=0)
    plan_adopt(pipeline.offsets_settings(), wanted={0: 12}).apply()
    read(pipeline)
    assert findings(pipeline, cli.OK) == []


@pytest.mark.parametrize(
    ("damage", "kind", "span", "says"),
    [
        (
            "delete from raw.events where kafka_offset in (11, 13)",
            "missing",
            (10, 20),
            "2 events that were stored are gone from raw.events: 6 inserted, 4 there.",
        ),
        (
            "delete from raw.dead_letters where kafka_offset = 28",
            "missing",
            (20, 30),
            "1 rows are gone from raw.dead_letters",
        ),
        (
            "delete from raw.event_conflicts where kafka_offset = 6",
            "missing",
            (0, 10),
            "1 rows are gone from raw.event_conflicts",
        ),
        ("delete from raw.batches where first_offset = 10", "gap", (10, 20), "no range in raw.batches for these 10"),
        ("delete from raw.batches where first_offset = 0", "gap", (0, 10), "no range in raw.batches for these 10"),
        ("delete from raw.batches where first_offset = 20", "gap", (20, 30), "no range in raw.batches for these 10"),
        (
            "update raw.batches set first_offset = 8, epoch = 1, read = 12, duplicate = 2 where first_offset = 10",
            "overlap",
            (8, 10),
            "two ranges of one owner",
        ),
        (
            "update raw.batches set inserted = inserted - 1, duplicate = duplicate + 1 where first_offset = 10",
            "extra",
            (10, 20),
            "1 rows of raw.events more than were inserted",
        ),
        (
            "update raw.consumer_offsets set next_offset = 25 where partition_id = 0",
            "offset",
            (25, 30),
            "is 25, and its ranges end at 30; no move is recorded",
        ),
        (
            "update raw.consumer_offsets set next_offset = 35 where partition_id = 0",
            "gap",
            (30, 35),
            "no range in raw.batches for these 5",
        ),
    ],
)
def test_damage_is_named_with_its_place(
    pipeline: Pipeline, damage: str, kind: str, span: tuple[int, int], says: str
) -> None:
    batches(pipeline)
    assert findings(pipeline, cli.OK) == []
    pipeline.execute(damage)
    found = findings(pipeline, cli.FAILED)
    named = [one for one in found if one["kind"] == kind]
    assert [(one["partition"], one["first"], one["next"]) for one in named] == [(0, *span)], found
    assert says in named[0]["says"]
    assert f"partition 0, offsets {span[0]} to {span[1] - 1}" in verify(pipeline).stdout


def test_rows_of_a_range_that_is_gone_are_named(pipeline: Pipeline) -> None:
    batches(pipeline)
    pipeline.execute("delete from raw.batches where first_offset = 10")
    told = {(one["says"]) for one in findings(pipeline, cli.FAILED) if one["kind"] == "unaccounted"}
    assert told == {
        "6 rows of raw.events lie in no range of raw.batches.",
        "2 rows of raw.dead_letters lie in no range of raw.batches.",
        "2 rows of raw.event_conflicts lie in no range of raw.batches.",
    }


@pytest.mark.parametrize(
    "damage",
    [
        "delete from raw.events where kafka_offset in (11, 13)",
        "delete from raw.dead_letters where kafka_offset = 18",
        "delete from raw.batches where first_offset = 10",
    ],
)
def test_what_it_says_to_do_mends_it(pipeline: Pipeline, damage: str) -> None:
    batches(pipeline)
    pipeline.execute(damage)
    assert findings(pipeline, cli.FAILED) != []
    plan_rewind_to_offsets(pipeline.offsets_settings(), {0: 10}).apply()
    read(pipeline, breaker_ratio=1.0)
    assert findings(pipeline, cli.OK) == []
    assert pipeline.number("select count(*) from raw.events") == 18


def test_a_row_that_goes_after_a_replay_is_still_missed(pipeline: Pipeline) -> None:
    batches(pipeline)
    plan_reset(pipeline.offsets_settings()).apply()
    read(pipeline, breaker_ratio=1.0)
    pipeline.execute("delete from raw.events where kafka_offset = 13")
    (found,) = findings(pipeline, cli.FAILED)
    assert (found["kind"], found["count"]) == ("missing", 1)


def test_a_row_that_goes_after_others_were_put_back_is_still_missed(pipeline: Pipeline) -> None:
    batches(pipeline)
    pipeline.execute("delete from raw.events where kafka_offset in (11, 13)")
    plan_rewind_to_offsets(pipeline.offsets_settings(), {0: 10}).apply()
    read(pipeline, breaker_ratio=1.0)
    assert findings(pipeline, cli.OK) == []
    # It was there all the while, so the pass that put the others back explains nothing of it.
    pipeline.execute("delete from raw.events where kafka_offset = (select max(kafka_offset) from raw.events)")
    (found,) = findings(pipeline, cli.FAILED)
    assert (found["kind"], found["count"]) == ("missing", 1)


def test_ranges_merged_by_age_add_up(pipeline: Pipeline) -> None:
    batches(pipeline)
    pipeline.execute("""
        with gone as (delete from raw.batches where first_offset = 10 returning *)
        update raw.batches as kept set next_offset = gone.next_offset, read = kept.read + gone.read,
            inserted = kept.inserted + gone.inserted, conflict = kept.conflict + gone.conflict,
            dead = kept.dead + gone.dead, skipped = kept.skipped + gone.skipped
        from gone where kept.first_offset = 0
    """)
    assert findings(pipeline, cli.OK) == []
    pipeline.execute("delete from raw.events where kafka_offset = 13")
    (found,) = findings(pipeline, cli.FAILED)
    assert (found["kind"], found["first"], found["next"]) == ("missing", 0, 20)


def test_what_cannot_be_read_cannot_be_told(pipeline: Pipeline) -> None:
    done = verify(pipeline, database=DatabaseSettings("host=127.0.0.1 port=1 dbname=nowhere user=nobody"))
    assert done.returncode == cli.STOPPED
    assert "It cannot be told whether it adds up." in done.stderr
    pipeline.execute("revoke select on raw.batches from pulse_ingest")
    refused = verify(pipeline)
    assert refused.returncode == cli.STOPPED
    assert "permission denied" in refused.stderr
