"""What `pulse maintain` removes of dead letters and conflicts, and that none that is open goes unsaid."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from kit.keeping import DAY, MONTH, NOW, TOPIC, run

from pulse.adapters import logs
from pulse.settings import DatabaseSettings, LogSettings
from pulse_consumer.keeping import letters
from pulse_consumer.keeping.maintain import maintain
from pulse_consumer.letters.ledger import LOCK
from pulse_consumer.migrate import migrate

pytestmark = pytest.mark.integration

LONG_AGO = NOW - 2 * MONTH


@pytest.fixture
def migrated(database: DatabaseSettings) -> DatabaseSettings:
    migrate(database.dsn, "shop")
    return database


def execute(database: DatabaseSettings, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.dsn) as connection:
        found = connection.execute(statement.encode(), values)
        return found.fetchall() if found.description else []


def letter(
    database: DatabaseSettings,
    offset: int,
    first_seen: datetime = LONG_AGO,
    reason_class: str = "invalid_json",
    attempt_of: int | None = None,
) -> None:
    """A dead letter; of a record that was a letter at another offset before, if that is named."""
    first = (None, None, None) if attempt_of is None else (TOPIC, 0, attempt_of)
    execute(
        database,
        "insert into raw.dead_letters (topic_id, partition_id, kafka_offset, topic, class, reason, consumer_group,"
        " version, first_seen, attempt, first_topic_id, first_partition_id, first_kafka_offset)"
        " values (%s, 0, %s, 'events', %s, 'made up', 'g', '0', %s, %s, %s, %s, %s)",
        *(TOPIC, offset, reason_class, first_seen, 1 if attempt_of is None else 2, *first),
    )


def moved(database: DatabaseSettings, offset: int, action: str, moved_at: datetime = LONG_AGO) -> None:
    """Something that was done about it; the server signs with its own clock, so the time is set afterwards."""
    execute(
        database,
        "insert into raw.dead_letter_moves (topic_id, partition_id, kafka_offset, action, reason, command, version)"
        " values (%s, 0, %s, %s, 'as said', 'dlq', '0')",
        *(TOPIC, offset, action),
    )
    execute(database, "update raw.dead_letter_moves set moved_at = %s where kafka_offset = %s", moved_at, offset)


def conflict(database: DatabaseSettings, offset: int, seen_at: datetime) -> None:
    execute(
        database,
        "insert into raw.event_conflicts values (%s, 0, %s, gen_random_uuid(), 'x', '{}', %s)",
        *(TOPIC, offset, seen_at),
    )


def left(database: DatabaseSettings, table: str = "dead_letters") -> list[int]:
    return [offset for (offset,) in execute(database, f"select kafka_offset from raw.{table} order by 1")]


def warned(database: DatabaseSettings, **words: Any) -> list[dict[str, Any]]:
    """Runs `pulse maintain` and gives its warnings."""
    told = io.StringIO()
    log = logs.configure(LogSettings("warning", "json"), "maintain", told)
    maintain(database.dsn, MONTH, log, pause=lambda _seconds: None, **words)
    return [json.loads(line) for line in told.getvalue().splitlines()]


def test_letters_that_nothing_happened_to_for_long_are_removed_and_open_ones_are_told(
    migrated: DatabaseSettings,
) -> None:
    for offset, reason_class in ((1, "invalid_json"), (2, "invalid_json"), (3, "missing_field"), (4, "missing_field")):
        letter(migrated, offset, reason_class=reason_class)
    moved(migrated, 1, "dropped")
    letter(migrated, 5, NOW - DAY)
    (warning,) = [line for line in warned(migrated) if line["event"] == "open_dead_letters_expired"]
    assert (warning["removed"], warning["classes"]) == (3, {"invalid_json": 1, "missing_field": 2})
    assert left(migrated) == [5]
    assert execute(migrated, "select count(*) from raw.dead_letter_moves") == [(0,)]
    assert warned(migrated) == [], "what is gone is told once"


def test_resolved_letters_go_without_a_warning(migrated: DatabaseSettings) -> None:
    for offset, action in enumerate(("replayed", "dropped", "erased")):
        letter(migrated, offset)
        moved(migrated, offset, action)
    assert warned(migrated) == []
    assert left(migrated) == []


def test_what_happened_lately_to_a_letter_keeps_it_and_all_attempts_of_its_record(migrated: DatabaseSettings) -> None:
    letter(migrated, 1)
    moved(migrated, 1, "replayed", NOW - DAY)
    letter(migrated, 2)
    moved(migrated, 2, "replayed")
    letter(migrated, 20, NOW - DAY, attempt_of=2)
    letter(migrated, 3)
    letter(migrated, 30, attempt_of=3)
    moved(migrated, 3, "replayed", NOW - DAY)
    letter(migrated, 4)
    letter(migrated, 40, attempt_of=4)
    run(migrated, MONTH)
    assert left(migrated) == [1, 2, 3, 20, 30]


@pytest.mark.parametrize(
    ("events", "letters_alone", "kept"),
    [
        (None, None, [10, 50]),
        (30 * DAY, None, [10]),
        (30 * DAY, 60 * DAY, [10, 50]),
        (None, 30 * DAY, [10]),
        (400 * DAY, 5 * DAY, []),
    ],
)
def test_letters_and_conflicts_are_kept_like_events_unless_they_have_a_time_of_their_own(
    migrated: DatabaseSettings, events: timedelta | None, letters_alone: timedelta | None, kept: list[int]
) -> None:
    for days in (10, 50):
        letter(migrated, days, NOW - days * DAY)
        conflict(migrated, days, NOW - days * DAY)
    done = run(migrated, events, letter_length=letters_alone)
    assert (left(migrated), left(migrated, "event_conflicts")) == (kept, kept)
    assert (done.letters, done.open_letters, done.conflicts) == (2 - len(kept),) * 3
    assert (done.kept_from is None) == (events is None)


def test_many_are_removed_in_bounded_deletes(migrated: DatabaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "ROWS_A_DELETE", 7)
    for offset in range(20):
        letter(migrated, offset)
        conflict(migrated, offset, LONG_AGO)
    done = run(migrated, MONTH)
    assert (done.letters, done.open_letters, done.conflicts) == (20, 20, 20)
    assert (left(migrated), left(migrated, "event_conflicts")) == ([], [])


def test_a_dry_run_tells_the_same_and_removes_nothing(migrated: DatabaseSettings) -> None:
    letter(migrated, 1)
    conflict(migrated, 1, LONG_AGO)
    (warning,) = warned(migrated, dry_run=True)
    assert (warning["event"], warning["removed"], warning["dry_run"]) == ("open_dead_letters_expired", 1, True)
    planned = run(migrated, MONTH, dry_run=True)
    assert (planned.letters, planned.open_letters, planned.conflicts) == (1, 1, 1)
    assert (left(migrated), left(migrated, "event_conflicts")) == ([1], [1])
    assert execute(migrated, "select kept_from from ops.dead_letter_retention") == []


def test_no_letter_is_removed_while_somebody_works_on_letters(migrated: DatabaseSettings) -> None:
    letter(migrated, 1)
    with psycopg.connect(migrated.dsn) as replay:
        replay.execute("select pg_try_advisory_lock(%s)", (LOCK,))
        assert [line["event"] for line in warned(migrated)] == ["dead_letters_held"]
        assert left(migrated) == [1]
    run(migrated, MONTH)
    assert left(migrated) == []


def test_a_longer_retention_does_not_say_that_what_is_gone_is_there(migrated: DatabaseSettings) -> None:
    kept_from = "select kept_from from ops.dead_letter_retention"
    run(migrated, letter_length=MONTH)
    (before,) = execute(migrated, kept_from)
    run(migrated, letter_length=2 * MONTH)
    assert execute(migrated, kept_from) == [before]
