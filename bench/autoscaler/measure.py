"""What a consumer reads per second and how long a rebalance stops a partition, on this machine, with the real parts.

    python -m bench.autoscaler.measure [--records N]

A broker, a Postgres and consumer processes of this run's own work off one backlog: one of them, then two, then four,
then two again. The constants of the simulation come from what this prints. About a minute.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import psycopg
from bench.autoscaler.constants import PARTITIONS
from bench.servers import a_broker, a_database, a_home
from kit.documents import numbered
from kit.pipeline import Pipeline
from psycopg.conninfo import make_conninfo

from pulse.adapters import kafka as kafka_adapter
from pulse.names import database_roles
from pulse.plan import plan
from pulse.settings import DatabaseSettings
from pulse_consumer.migrate import migrate
from pulse_local.services import kafka, postgres

PHASE_SECONDS = 8.0
SETTLE_SECONDS = 3.0  # of each phase: not counted as its rate
LOOK_SECONDS = 0.05
PASSWORD = "bench"  # noqa: S105 - of a throw-away server

Look = tuple[float, dict[int, int]]  # time, stored offset by partition


@contextmanager
def a_pipeline() -> Iterator[Pipeline]:
    """A throw-away broker and database, migrated, without a consumer."""
    with a_home() as home, a_broker(home) as broker, a_database(home) as server:
        pipeline = _pipeline(broker, server, home.scratch)
        try:
            yield pipeline
        finally:
            pipeline.close()


def _pipeline(broker: kafka.Broker, server: postgres.Server, home: Path) -> Pipeline:
    wanted = plan("bench", partitions=PARTITIONS)
    kafka_adapter.create_topics(kafka_adapter.admin(broker.settings), wanted.topics)
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("create database bench")
    dsn = server.dsn("bench")
    migrate(dsn, wanted.pipeline)
    roles = database_roles()
    logged_in = []
    with psycopg.connect(dsn) as connection:
        for role in (roles.ingest, roles.transform):
            connection.execute(f"alter role {role} login password '{PASSWORD}'".encode())
            logged_in.append(DatabaseSettings(make_conninfo(dsn, user=role, password=PASSWORD)))
    logs = home / "logs"
    logs.mkdir()
    return Pipeline(broker.settings, DatabaseSettings(dsn), *logged_in, wanted, logs)


def watched(pipeline: Pipeline, seconds: float) -> list[Look]:
    """The stored offsets, again and again."""
    looks: list[Look] = []
    until = time.monotonic() + seconds
    with psycopg.connect(pipeline.database.dsn, autocommit=True) as connection:
        while time.monotonic() < until:
            rows = connection.execute("select partition_id, next_offset from raw.consumer_offsets").fetchall()
            looks.append((time.monotonic(), dict(rows)))
            time.sleep(LOOK_SECONDS)
    return looks


def rate(looks: list[Look]) -> float:
    """Records per second between the first look and the last."""
    (first, before), (last, after) = looks[0], looks[-1]
    return (sum(after.values()) - sum(before.values())) / (last - first)


def pauses(looks: list[Look]) -> dict[int, float]:
    """The longest time that each partition stood still."""
    longest: dict[int, float] = {}
    for number in looks[-1][1]:
        moved = looks[0][0]
        for (_, was), (at, now) in pairwise(looks):
            if now.get(number) != was.get(number):
                longest[number] = max(longest.get(number, 0.0), at - moved)
                moved = at
        longest[number] = max(longest.get(number, 0.0), looks[-1][0] - moved)
    return longest


def main() -> int:
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--records", type=int, default=2_400_000, help="the backlog that is worked off")
    asked = words.parse_args()
    print(f"{datetime.now(UTC).date()}, {os.cpu_count()} cores, {PARTITIONS} partitions, {asked.records:,} records")
    with a_pipeline() as pipeline:
        for first in range(0, asked.records, 100_000):
            values = numbered(min(100_000, asked.records - first), first, with_ids=False)
            pipeline.send({"value": value, "key": str(i).encode()} for i, value in enumerate(values, first))
        started = time.monotonic()
        consumers = [pipeline.start_consumer()]
        pipeline.wait_for(lambda: sum(pipeline.stored_offsets().values()) > 0, pipeline.stored_offsets)
        print(f"a consumer's process has stored its first batch after {time.monotonic() - started:.1f} s")
        print(f"{'consumers':<12}{'records/s':>12}{'a partition stood still: median, most':>42}")
        for replicas in (1, 2, 4, 2):
            while len(consumers) < replicas:
                consumers.append(pipeline.start_consumer())
            while len(consumers) > replicas:
                consumers.pop().terminate()
            looks = watched(pipeline, PHASE_SECONDS)
            steady = [look for look in looks if look[0] - looks[0][0] >= SETTLE_SECONDS]
            still = sorted(pauses(looks).values())
            print(f"{replicas:<12}{rate(steady):>12,.0f}{still[len(still) // 2]:>34.1f} s{still[-1]:>5.1f} s")
            if pipeline.caught_up():
                print("the backlog is gone: give more --records for the rest")
                break
    return 0


if __name__ == "__main__":
    sys.exit(main())
