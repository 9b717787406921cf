"""`pulse maintain` makes partitions, also where events lie in the way and while others work, and loses none."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from kit.documents import numbered
from kit.keeping import DAY, MONTH, NOW, of, partitions, run, store, where
from kit.pipeline import PATIENCE_SECONDS, Pipeline

from pulse import locks
from pulse.adapters import postgres
from pulse.errors import DatabaseUnavailable, DatabaseWrong, Stop
from pulse.settings import DatabaseSettings, LogSettings, MaintainSettings
from pulse.weeks import Week, wanted
from pulse_consumer import statements, writer
from pulse_consumer.keeping import partitions as partitioning
from pulse_consumer.keeping import steps
from pulse_consumer.migrate import migrate
from pulse_consumer.moving import plan_reset

pytestmark = pytest.mark.integration


@pytest.fixture
def migrated(database: DatabaseSettings) -> DatabaseSettings:
    migrate(database.dsn, "shop")
    return database


def test_a_fresh_database_has_this_week_and_the_next(migrated: DatabaseSettings) -> None:
    assert partitions(migrated) == [*(week.table for week in wanted(datetime.now(UTC))), "events_default"]
    store(migrated, [of(NOW)])
    assert where(migrated) == {Week.of(NOW).table: 1}


def test_events_in_the_way_of_a_new_partition_move_into_it(migrated: DatabaseSettings) -> None:
    past = [NOW - days * DAY for days in range(7, 21)]
    store(migrated, (of(moment) for moment in past))
    store(migrated, [uuid.UUID(int=2**127 + number) for number in range(20)])
    assert where(migrated) == {"events_default": 34}
    done = run(migrated, since=NOW - 20 * DAY)
    assert done.moved == 14
    assert where(migrated)["events_default"] == 20
    assert sum(where(migrated).values()) == 34
    assert run(migrated, since=NOW - 20 * DAY).made == []


def test_weeks_that_are_asked_for_are_made_and_those_between_are_not(migrated: DatabaseSettings) -> None:
    before = set(partitions(migrated))
    asked = [NOW - days * DAY for days in (30, 200, 203)]
    run(migrated, also=asked)
    assert set(partitions(migrated)) - before == {Week.of(moment).table for moment in asked}
    run(migrated, MONTH, also=[NOW - 100 * DAY])
    assert Week.of(NOW - 100 * DAY).table not in partitions(migrated), "it is past the retention"


def test_a_partition_is_like_the_table_and_every_id_stays_unique(migrated: DatabaseSettings) -> None:
    moment = NOW - 21 * DAY
    store(migrated, [of(moment)])
    run(migrated, since=moment)
    with pytest.raises(psycopg.errors.UniqueViolation):
        store(migrated, [of(moment)])
    with psycopg.connect(migrated.dsn) as connection:
        indexes, options = connection.execute(
            "select (select count(*) from pg_index where indrelid = oid and indisvalid), reloptions "
            "from pg_class where oid = %s::regclass",
            (f"raw.{Week.of(moment).table}",),
        ).fetchone() or (0, [])
    assert indexes == 3
    assert "autovacuum_vacuum_insert_scale_factor=0" in options


def test_a_second_run_at_once_is_refused_by_name(migrated: DatabaseSettings) -> None:
    with psycopg.connect(migrated.dsn) as other:
        other.execute("select pg_advisory_lock(%s)", (locks.MAINTAINING,))
        with pytest.raises(Stop, match="Another `pulse maintain` is at work"):
            run(migrated)


def test_runs_that_start_together_do_the_work_once(migrated: DatabaseSettings) -> None:
    store(migrated, [of(NOW - days * DAY) for days in range(100)])
    moved: list[int] = []

    def one() -> None:
        try:
            moved.append(run(migrated, since=NOW - 100 * DAY).moved)
        except Stop:
            moved.append(0)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run(migrated, since=NOW - 100 * DAY)
    assert sum(where(migrated).values()) == 100
    assert "events_default" not in where(migrated)
    this_week = where(migrated)[Week.of(NOW).table]
    assert sum(moved) == 100 - this_week


def test_a_run_that_is_killed_half_way_is_finished_by_the_next(migrated: DatabaseSettings) -> None:
    store(migrated, [of(NOW - days * DAY) for days in range(0, 5000, 5)])
    killed = subprocess.Popen(
        [sys.executable, "-m", "pulse_consumer", "maintain", "--from", f"{NOW - 5000 * DAY:%Y-%m-%d}"],
        env={"PULSE_DATABASE_DSN": migrated.dsn},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert killed.stderr is not None
    for _ in range(20):
        assert json.loads(killed.stderr.readline())["event"] == "partition_made"
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=PATIENCE_SECONDS)
    assert 20 <= len(partitions(migrated)) < 600
    assert sum(where(migrated).values()) == 1000
    until_free(migrated)
    run(migrated, since=NOW - 5000 * DAY)
    assert sum(where(migrated).values()) == 1000
    assert "events_default" not in where(migrated)


def until_free(database: DatabaseSettings) -> None:
    """Returns once the server has noticed that the killed run is gone."""
    with psycopg.connect(database.dsn) as connection:
        connection.execute("select pg_advisory_lock(%s)", (locks.MAINTAINING,))


def test_a_lock_in_the_way_is_waited_for_and_leaves_nothing_half_done(
    migrated: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(steps, "_ATTEMPTS", 3)
    moment = NOW - 21 * DAY
    store(migrated, [of(moment)])
    waits: list[float] = []
    with psycopg.connect(migrated.dsn) as reader:
        reader.execute("select count(*) from raw.events")
        with pytest.raises(DatabaseUnavailable, match="Making events_"):
            run(migrated, since=moment, pause=waits.append)
        assert len(waits) == 2
        assert where(migrated) == {"events_default": 1}
        reader.rollback()
        assert run(migrated, since=moment).moved == 1


def test_whoever_does_not_own_the_tables_is_told_so(pipeline: Pipeline) -> None:
    with pytest.raises(DatabaseWrong, match="42501"):
        run(pipeline.ingest, since=NOW - MONTH)


def classification(connection: psycopg.Connection[Any]) -> list[str]:
    """How repeats of all that is stored are looked up, and which parts of the plan were used."""
    connection.execute(statements.CREATE_STAGE)
    names = statements.COPY_STAGE.split("(")[1].split(")")[0]
    connection.execute(f"insert into stage ({names}) select {names} from raw.events".encode())
    plan = connection.execute(("explain (analyze, costs off) " + statements.CLASSIFY).encode()).fetchall()
    return [line for (line,) in plan if " on events_" in line]


@pytest.fixture
def sixty(migrated: DatabaseSettings) -> DatabaseSettings:
    """A database with partitions of more than a year, whose events have ids without a time, but for one of today."""
    run(migrated, since=NOW - 14 * MONTH)
    store(migrated, [of(NOW), *(uuid.UUID(int=2**127 + number) for number in range(5_000))])
    return migrated


def test_repeats_are_looked_up_in_their_own_partitions_alone(sixty: DatabaseSettings) -> None:
    with psycopg.connect(sixty.dsn) as connection:
        scans = classification(connection)
    assert len(scans) > 60, "the look-up has to be able to reach every partition"
    asked = {line.split(" on ")[1].split()[0] for line in scans if "never executed" not in line}
    assert asked == {Week.of(NOW).table, "events_default"}


def test_a_look_up_that_was_planned_while_a_week_was_empty_does_not_scan_it_later(sixty: DatabaseSettings) -> None:
    with postgres.connect(sixty.dsn, "test", **writer._SESSION) as connection:
        scans = classification(connection)
    assert len(scans) > 60
    assert [line for line in scans if "Seq Scan" in line] == []


def test_the_accounts_are_exact_while_partitions_come_and_go_under_a_consumer(pipeline: Pipeline) -> None:
    """Every second id is of May 2024: its partition is made under the consumer, dropped, and made again."""
    events, may = 20_000, datetime(2024, 5, 1, tzinfo=UTC)
    pipeline.produce(numbered(events))
    consumer = pipeline.start_consumer(batch_rows=200)
    pipeline.wait_for(lambda: pipeline.sums()["read"] > 400, pipeline.sums)
    ended = threading.Event()
    rounds: list[int] = []

    def again_and_again() -> None:
        while not ended.is_set():
            made = run(pipeline.database, since=may)
            rounds.append(len(made.made) + len(run(pipeline.database, MONTH).dropped))

    worker = threading.Thread(target=again_and_again)
    worker.start()
    try:
        pipeline.wait_until_caught_up()
    finally:
        ended.set()
        worker.join()
    assert pipeline.stop(consumer) == 0
    assert pipeline.sums() == {
        "read": events, "inserted": events, "duplicate": 0, "conflict": 0, "dead": 0, "skipped": 0
    }  # fmt: skip
    assert pipeline.number("select count(*) from raw.events") == events
    assert rounds[0] > 200


def test_ids_without_a_time_are_stored_once_whatever_partitions_there_are(pipeline: Pipeline) -> None:
    """All of the traffic has UUIDv4 ids: it is read, read again, and expires by when it came."""
    run(pipeline.database, since=NOW - 12 * MONTH)
    pipeline.produce(
        document.replace(b'"event_type"', f'"event_id": "{uuid.uuid4()}", "event_type"'.encode())
        for document in numbered(3_000, with_ids=False)
    )
    first = pipeline.start_consumer(batch_rows=500)
    pipeline.wait_until_caught_up()
    assert pipeline.stop(first) == 0
    plan_reset(pipeline.offsets_settings()).apply()
    again = pipeline.start_consumer(batch_rows=700)
    pipeline.wait_for(lambda: pipeline.sums()["read"] == 6_000, pipeline.sums)
    assert pipeline.stop(again) == 0
    sums = pipeline.sums()
    assert (sums["inserted"], sums["duplicate"], sums["conflict"], sums["dead"]) == (3_000, 3_000, 0, 0)
    assert sum(where(pipeline.database).values()) == 3_000
    assert where(pipeline.database)["events_default"] > 2_900  # one in some thousands begins like a time of this year
    pipeline.execute("update raw.events set ingested_at = ingested_at - interval '60 days' where kafka_offset % 3 = 0")
    kept = "select count(*) from raw.events where ingested_at >= now() - interval '30 days'"
    old = "select count(*) from raw.events_default where ingested_at < now() - interval '30 days'"
    before, expired = pipeline.number(kept), pipeline.number(old)
    assert run(pipeline.database, MONTH).expired == expired > 900
    assert (pipeline.number(kept), pipeline.number(old)) == (before, 0)


def test_events_that_wait_for_a_partition_to_be_attached_are_no_dead_letters(pipeline: Pipeline) -> None:
    """The consumer has chosen DEFAULT when the partition of its events comes into being."""
    pipeline.produce(numbered(10, first=1_000, with_ids=False))
    consumer = pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    with psycopg.connect(pipeline.database.dsn) as maintaining:
        partitioning.create(maintaining, Week.of(datetime(2024, 5, 6, tzinfo=UTC)))
        pipeline.produce(numbered(100))
        waiting = (
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        )
        pipeline.wait_for(lambda: pipeline.number(waiting) > 0, pipeline.log_tails)
    pipeline.wait_until_caught_up()
    assert pipeline.stop(consumer) == 0
    assert (pipeline.sums()["inserted"], pipeline.sums()["dead"]) == (110, 0)
    assert pipeline.number("select count(*) from raw.events_20240506") == 50
    assert "SQLSTATE 23514" in pipeline.log(consumer), "or else this test has not met what it is about"


def test_the_command_says_what_it_did(migrated: DatabaseSettings) -> None:
    settings = MaintainSettings(migrated, LogSettings("info", "json"), 100 * DAY)
    ran = subprocess.run(
        [sys.executable, "-m", "pulse_consumer", "maintain"],
        env=settings.to_env(),
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    said = json.loads(ran.stderr.splitlines()[-1])
    begins = datetime.fromisoformat(said["kept_from"])
    weeks = [week.table for week in wanted(NOW, begins)]
    assert begins <= datetime.now(UTC) - 100 * DAY
    assert (said["event"], said["made"], said["held"], said["expired"]) == ("database_maintained", len(weeks) - 2, 0, 0)
    assert partitions(migrated) == [*weeks, "events_default"]
