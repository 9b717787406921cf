"""What `pulse maintain` removes: what is old by its id and by its arrival, and was read by the transformation."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import psycopg
import pytest
from kit.keeping import DAY, MONTH, NOW, TOPIC, kept_from, of, partitions, run, store, where

from pulse import locks
from pulse.errors import DatabaseUnavailable
from pulse.settings import DatabaseSettings
from pulse.weeks import Week
from pulse_consumer.keeping import partitions as partitioning
from pulse_consumer.keeping import retention, steps
from pulse_consumer.migrate import migrate

pytestmark = pytest.mark.integration

LONG_AGO = NOW - 2 * MONTH


@pytest.fixture
def migrated(database: DatabaseSettings) -> DatabaseSettings:
    migrate(database.dsn, "shop")
    return database


def execute(database: DatabaseSettings, statement: str, *values: object) -> None:
    with psycopg.connect(database.dsn) as connection:
        connection.execute(statement.encode(), values)


def test_weeks_past_the_retention_go_and_the_others_stay(migrated: DatabaseSettings) -> None:
    run(migrated, since=NOW - 70 * DAY)
    store(migrated, [of(NOW - days * DAY) for days in (0, 10, 50, 60)], LONG_AGO)
    done = run(migrated, MONTH)
    assert min(done.dropped).start <= NOW - 70 * DAY
    assert max(done.dropped).end <= NOW - MONTH
    assert sum(where(migrated).values()) == 2
    assert kept_from(migrated) == done.kept_from


def test_what_is_kept_begins_at_a_full_hour_and_never_short_of_the_retention(migrated: DatabaseSettings) -> None:
    begins = run(migrated, MONTH).kept_from
    assert begins is not None
    assert begins <= datetime.now(UTC) - MONTH
    assert (begins.minute, begins.second, begins.microsecond) == (0, 0, 0)


def test_ids_of_no_week_expire_by_when_they_came(migrated: DatabaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROWS_A_DELETE", 7)
    fresh = [uuid.uuid4() for _ in range(50)]
    store(migrated, fresh)
    store(migrated, [uuid.uuid4() for _ in range(20)], LONG_AGO)
    assert run(migrated, MONTH).expired == 20
    assert where(migrated) == {"events_default": len(fresh)}


@pytest.mark.parametrize("year", [1970, 1999, 2100])
def test_a_wrong_clock_neither_ends_an_event_early_nor_keeps_it_for_ever(migrated: DatabaseSettings, year: int) -> None:
    wrong = datetime(year, 6, 1, tzinfo=UTC)
    store(migrated, [of(wrong, 1)])
    store(migrated, [of(wrong, 2)], LONG_AGO)
    done = run(migrated, MONTH)
    assert (done.dropped, done.expired) == ([], 1)
    assert where(migrated) == {"events_default": 1}


def test_an_event_that_came_late_outlives_its_week(migrated: DatabaseSettings) -> None:
    moment = NOW - 50 * DAY
    run(migrated, since=moment)
    store(migrated, [of(moment, 1)], NOW - 49 * DAY)
    store(migrated, [of(moment, 2)], NOW - 10 * DAY)
    run(migrated, MONTH)
    assert Week.of(moment).table not in partitions(migrated)
    assert where(migrated) == {"events_default": 1}
    with pytest.raises(psycopg.errors.UniqueViolation):
        store(migrated, [of(moment, 2)])
    run(migrated, 3 * MONTH)  # longer again: the week is made anew, and has the event
    assert where(migrated) == {Week.of(moment).table: 1}
    run(migrated, 5 * DAY)
    assert where(migrated) == {}


def test_a_week_that_came_late_as_a_whole_is_kept_as_long_as_its_events(
    migrated: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitioning, "STRAYS", 2)
    moment = NOW - 50 * DAY
    run(migrated, since=moment)
    store(migrated, [of(moment, number) for number in range(3)], NOW - 10 * DAY)
    done = run(migrated, MONTH)
    assert done.held == [Week.of(moment)]
    assert where(migrated) == {Week.of(moment).table: 3}
    assert run(migrated, 5 * DAY).held == []
    assert where(migrated) == {}


def test_without_a_retention_nothing_is_removed(migrated: DatabaseSettings) -> None:
    store(migrated, [of(NOW - 40 * MONTH), uuid.uuid4()], NOW - 40 * MONTH)
    done = run(migrated, since=LONG_AGO)
    assert (done.dropped, done.expired, kept_from(migrated)) == ([], 0, None)
    assert sum(where(migrated).values()) == 2


def test_a_longer_retention_brings_nothing_back(migrated: DatabaseSettings) -> None:
    begins = run(migrated, MONTH).kept_from
    run(migrated, 2 * MONTH)
    assert kept_from(migrated) == begins


def test_a_dry_run_tells_the_same_and_changes_nothing(migrated: DatabaseSettings) -> None:
    run(migrated, since=NOW - 70 * DAY)
    store(migrated, [uuid.uuid4()], LONG_AGO)
    before = partitions(migrated)
    planned = run(migrated, MONTH, dry_run=True)
    assert (partitions(migrated), kept_from(migrated), planned.expired) == (before, None, 1)
    done = run(migrated, MONTH)
    assert (done.made, done.dropped, done.expired) == (planned.made, planned.dropped, planned.expired)
    assert done.dropped


def begun(database: DatabaseSettings, status: str = "failed") -> None:
    """A transformation was run, and ended so."""
    execute(
        database,
        "insert into ops.dbt_runs (run_id, status, pulse_version, vars, vars_hash, full_refresh, finished_at) "
        "values (gen_random_uuid(), %s, '1', '{}', 'x', false, now())",
        status,
    )


def read_up_to(database: DatabaseSettings, offset: int, partition: int = 0) -> None:
    execute(
        database,
        "insert into ops.dbt_offsets values (%s, %s, %s) on conflict (topic_id, partition_id) "
        "do update set next_offset = excluded.next_offset",
        TOPIC,
        partition,
        offset,
    )


def test_a_week_waits_until_the_transformation_has_read_every_partition_of_it(migrated: DatabaseSettings) -> None:
    moment = NOW - 50 * DAY
    run(migrated, since=moment)
    store(migrated, [of(moment, number) for number in range(3)], LONG_AGO, first_offset=100)
    store(migrated, [of(moment, 9)], LONG_AGO, partition=1, first_offset=40)
    begun(migrated)
    for partition, offset in ((0, 102), (0, 103), (1, 40)):
        read_up_to(migrated, offset, partition)
        assert run(migrated, MONTH).held == [Week.of(moment)]
        assert sum(where(migrated).values()) == 4
    read_up_to(migrated, 41, 1)
    assert run(migrated, MONTH).held == []
    assert where(migrated) == {}


def test_ids_of_no_week_wait_for_the_transformation_one_by_one(migrated: DatabaseSettings) -> None:
    store(migrated, [uuid.uuid4() for _ in range(10)], LONG_AGO)
    begun(migrated)
    assert run(migrated, MONTH).expired == 0
    read_up_to(migrated, 7)
    assert run(migrated, MONTH, dry_run=True).expired == 7
    assert run(migrated, MONTH).expired == 7
    assert where(migrated) == {"events_default": 3}


def test_nothing_is_removed_while_a_transformation_reads(
    migrated: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "_ATTEMPTS", 3)
    store(migrated, [uuid.uuid4()], LONG_AGO)
    with psycopg.connect(migrated.dsn) as reader:
        reader.execute("select pg_advisory_lock_shared(%s)", (locks.READING,))
        with pytest.raises(DatabaseUnavailable, match="a transformation is reading the events"):
            run(migrated, MONTH)
        assert where(migrated) == {"events_default": 1}
    assert run(migrated, MONTH).expired == 1
