"""`pulse dlq replay`: a letter becomes its one event, or says louder than before why not."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from kit.deadletters import UNTYPED, consume, consumed, dlq
from kit.pipeline import Pipeline

from pulse import ids

pytestmark = pytest.mark.integration

TYPED = ["--set", "event_type=page_view"]
KILLED_BEFORE_IT_IS_NOTED = """
import os, signal
from pulse_consumer.letters import ledger
noted = ledger.add
def add(connection, moves, command):
    if any(move.action == "replayed" for move in moves):
        os.kill(os.getpid(), signal.SIGKILL)
    noted(connection, moves, command)
ledger.add = add
"""


def states(pipeline: Pipeline) -> list[tuple[int, str]]:
    return pipeline.rows("select kafka_offset, state from raw.dead_letter_states order by kafka_offset")  # type: ignore[return-value]


def events(pipeline: Pipeline) -> int:
    return pipeline.number("select count(*) from raw.events")


def test_a_replayed_letter_is_the_event_that_its_first_record_would_have_been(pipeline: Pipeline) -> None:
    consumed(pipeline, UNTYPED, key=b"u-1", headers=[("trace", b"1")])
    topic_id, first_ms = pipeline.rows(
        "select topic_id, (extract(epoch from kafka_timestamp) * 1000)::bigint from raw.dead_letters"
    )[0]
    done = dlq(pipeline, "replay", "0:0", *TYPED, "--yes")
    assert done.returncode == 0, done.stderr
    assert states(pipeline) == [(0, "replayed")]
    consume(pipeline)
    ((event_id, arrived_ms, partition, offset, event_type),) = pipeline.rows(
        "select event_id, (extract(epoch from received_at) * 1000)::bigint, kafka_partition, kafka_offset, event_type"
        " from raw.events"
    )
    assert event_id == uuid.UUID(bytes=ids.of_record(first_ms, "u-1", topic_id.bytes, 0, 0))
    assert (arrived_ms, partition, offset, event_type) == (first_ms, 0, 1, "page_view")
    assert f"event {event_id}: stored at {topic_id}:0:1" in dlq(pipeline, "show", "0:0").stdout
    assert pipeline.sums() == {"read": 2, "inserted": 1, "duplicate": 0, "conflict": 0, "dead": 1, "skipped": 0}


def test_replaying_twice_stores_one_event_and_never_another(pipeline: Pipeline) -> None:
    consumed(pipeline, UNTYPED)
    assert dlq(pipeline, "replay", "0:0", *TYPED, "--yes").returncode == 0
    assert "is replayed" in dlq(pipeline, "replay", "0:0", *TYPED, "--yes").stdout
    assert dlq(pipeline, "replay", "0:0", *TYPED, "--yes", "--again").returncode == 0
    other = dlq(pipeline, "replay", "0:0", *TYPED, "--set", "user_id=someone-else", "--yes", "--again", "--force")
    assert other.returncode == 1
    assert "would become a second one" in other.stdout
    consume(pipeline)
    assert events(pipeline) == 1
    assert pipeline.sums() == {"read": 3, "inserted": 1, "duplicate": 1, "conflict": 0, "dead": 1, "skipped": 0}


def test_a_kill_between_sending_and_noting_is_harmless(pipeline: Pipeline) -> None:
    consumed(pipeline, UNTYPED, UNTYPED)
    assert dlq(pipeline, "replay", "--all", *TYPED, "--yes", code=KILLED_BEFORE_IT_IS_NOTED).returncode == -9
    assert states(pipeline) == [(0, "sending"), (1, "sending")]
    assert sum(pipeline.end_offsets().values()) == 4, "the kill came too early to prove anything"
    assert dlq(pipeline, "replay", "--all", *TYPED, "--yes").returncode == 0
    assert states(pipeline) == [(0, "replayed"), (1, "replayed")]
    consume(pipeline)
    assert events(pipeline) == 2
    assert pipeline.sums() == {"read": 6, "inserted": 2, "duplicate": 2, "conflict": 0, "dead": 2, "skipped": 0}


def test_a_dry_run_says_what_would_come_and_changes_nothing(pipeline: Pipeline) -> None:
    consumed(pipeline, UNTYPED, b"no json")
    done = dlq(pipeline, "replay", "--all", *TYPED, "--dry-run")
    assert done.returncode == 1
    assert "0:0: would become event " in done.stdout
    assert "0:1: its value is not a JSON object" in done.stdout
    assert (
        "0:0: would be refused again: missing_field at event_type" in dlq(pipeline, "replay", "0:0", "--dry-run").stdout
    )
    assert states(pipeline) == [(0, "open"), (1, "open")]
    assert sum(pipeline.end_offsets().values()) == 2


def test_only_what_would_pass_is_sent(pipeline: Pipeline) -> None:
    consumed(pipeline, UNTYPED, b"no json", UNTYPED)
    done = dlq(pipeline, "replay", "--all", *TYPED, "--yes", "--rate", "50")
    assert done.returncode == 1
    assert "0:1: its value is not a JSON object" in done.stdout
    assert states(pipeline) == [(0, "replayed"), (1, "open"), (2, "replayed")]


def test_a_second_failure_is_loud_and_ends_after_three_attempts(pipeline: Pipeline) -> None:
    pipeline.execute("alter table raw.events add constraint nobody check (user_id <> 'u-1')")
    consumed(pipeline, UNTYPED.replace(b"{", b'{"event_type":"page_view",', 1))
    topic_id = pipeline.rows("select topic_id from raw.dead_letters")[0][0]
    for attempt in (2, 3):
        assert dlq(pipeline, "replay", "--all", "--yes").returncode == 0
        log = [json.loads(line) for line in consume(pipeline).splitlines() if "redrive_refused" in line]
        assert [(line["count"], line["most_attempts"], line["level"]) for line in log] == [(1, attempt, "warning")]
    assert pipeline.rows(
        "select kafka_offset, attempt, first_topic_id, first_partition_id, first_kafka_offset, class"
        " from raw.dead_letters order by attempt"
    ) == [
        (0, 1, None, None, None, "database_refused"),
        (1, 2, topic_id, 0, 0, "database_refused"),
        (2, 3, topic_id, 0, 0, "database_refused"),
    ]
    done = dlq(pipeline, "replay", "--all", "--yes")
    assert done.returncode == 1
    assert "failed 3 times" in done.stdout
    assert sum(pipeline.end_offsets().values()) == 3
    pipeline.execute("alter table raw.events drop constraint nobody")
    assert dlq(pipeline, "replay", "--all", "--yes", "--force").returncode == 0
    consume(pipeline)
    assert events(pipeline) == 1


def test_a_patch_of_a_file_and_one_from_an_editor(pipeline: Pipeline, tmp_path: Path) -> None:
    consumed(pipeline, UNTYPED, b"no json")
    patch = tmp_path / "patch.json"
    patch.write_text('{"event_type": "search", "properties": null}')
    assert dlq(pipeline, "replay", "0:0", "--patch", str(patch), "--yes").returncode == 0
    editor = tmp_path / "editor"
    editor.write_text(
        '#!/bin/sh\nprintf \'{"event_type":"edited","user_id":"e","timestamp":"2026-01-02"}\' | '
        'sed s/02\\"/02T00:00:00Z\\"/ > "$1"\n'
    )
    editor.chmod(0o755)
    done = dlq(pipeline, "replay", "0:1", "--edit", "--yes", code=f"import os; os.environ['EDITOR'] = {str(editor)!r}")
    assert done.returncode == 0, done.stderr + done.stdout
    consume(pipeline)
    assert pipeline.rows("select event_type, properties from raw.events order by 1") == [
        ("edited", None),
        ("search", None),
    ]


def test_what_has_to_be_said_and_confirmed(pipeline: Pipeline) -> None:
    consumed(pipeline, UNTYPED)
    assert "or --all" in dlq(pipeline, "replay", "--yes").stderr
    unconfirmed = dlq(pipeline, "replay", "--all", *TYPED)
    assert unconfirmed.returncode == 1
    assert "say --yes" in unconfirmed.stderr
    assert dlq(pipeline, "replay", "0:5", "--yes").returncode == 3
    assert dlq(pipeline, "replay", "--all", "--set", "nothing", "--yes").returncode == 3
    assert states(pipeline) == [(0, "open")]
