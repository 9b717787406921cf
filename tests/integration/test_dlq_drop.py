"""`pulse dlq drop`, and what the log-in of the commands may and may not do."""

from __future__ import annotations

import psycopg
import pytest
from kit.deadletters import UNTYPED, consumed, dlq, environment
from kit.pipeline import Pipeline

pytestmark = pytest.mark.integration


def test_a_dropped_letter_keeps_its_bytes_and_leaves_the_open_ones(pipeline: Pipeline) -> None:
    consumed(pipeline, UNTYPED, b"no json")
    done = dlq(pipeline, "drop", "--class", "invalid_json", "--reason", "a test of ours", "--yes")
    assert done.returncode == 0, done.stderr
    assert pipeline.rows(
        "select kafka_offset, state, value from raw.dead_letters join raw.dead_letter_states"
        " using (topic_id, partition_id, kafka_offset) order by 1"
    ) == [(0, "open", UNTYPED), (1, "dropped", b"no json")]
    assert "reason: a test of ours" in dlq(pipeline, "show", "0:1").stdout
    assert "No dead letter" in dlq(pipeline, "drop", "--class", "invalid_json", "--reason", "x", "--yes").stdout


def test_it_takes_a_reason_a_choice_and_a_yes(pipeline: Pipeline) -> None:
    consumed(pipeline, UNTYPED)
    assert dlq(pipeline, "drop", "0:0", "--yes").returncode == 2
    assert dlq(pipeline, "drop", "--reason", "x", "--yes").returncode == 3
    assert dlq(pipeline, "drop", "0:0", "--reason", "x").returncode == 1
    assert pipeline.number("select count(*) from raw.dead_letter_moves") == 0


def test_erasing_takes_the_owner_removes_the_bytes_and_keeps_the_count(pipeline: Pipeline) -> None:
    consumed(pipeline, UNTYPED, key=b"u-1", headers=[("trace", b"1")])
    words = ("drop", "0:0", "--erase", "--reason", "asked to be forgotten", "--yes")
    refused = dlq(pipeline, *words)
    assert refused.returncode == 3
    assert "only the owner of the database" in refused.stderr
    assert pipeline.rows("select value from raw.dead_letters") == [(UNTYPED,)]
    done = dlq(pipeline, *words, env=environment(pipeline, pipeline.database))
    assert done.returncode == 0, done.stderr
    assert pipeline.rows("select key, value, headers, reason, class from raw.dead_letters") == [
        (None, None, [], "(erased)", "missing_field")
    ]
    assert "nothing left to send" in dlq(pipeline, "replay", "0:0", "--again", "--yes").stdout
    assert pipeline.sums()["dead"] == pipeline.number("select count(*) from raw.dead_letters") == 1


@pytest.mark.parametrize(
    "statement",
    [
        "update raw.dead_letters set value = null",
        "delete from raw.dead_letters",
        "update raw.dead_letter_moves set reason = 'another'",
        "delete from raw.dead_letter_moves",
        "truncate raw.dead_letter_moves",
    ],
)
def test_the_log_in_of_the_commands_changes_neither_letters_nor_history(pipeline: Pipeline, statement: str) -> None:
    with psycopg.connect(pipeline.ingest.dsn) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_the_server_says_who_did_it_and_when(pipeline: Pipeline) -> None:
    consumed(pipeline, UNTYPED)
    with psycopg.connect(pipeline.ingest.dsn) as connection:
        connection.execute(
            "insert into raw.dead_letter_moves (topic_id, partition_id, kafka_offset, action, reason, command, version,"
            " database_user, moved_at) select topic_id, 0, 0, 'dropped', 'r', 'c', 'v', 'somebody', '2000-01-01'"
            " from raw.dead_letters"
        )
    assert pipeline.rows("select database_user, moved_at > now() - interval '1 day' from raw.dead_letter_moves") == [
        ("pulse_ingest", True)
    ]
