"""Fixtures: a real broker and a real database server for the session, a fresh database and fresh topics for each test.

They start when the first test asks for them, so a run of unit tests alone starts nothing. They stop at the end of the
session whatever happens, a kill of the test run included.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from kit.guardian import Guardian
from pulse.adapters import kafka as kafka_adapter
from pulse.plan import Plan, plan
from pulse.settings import DatabaseSettings
from pulse_local import ports
from pulse_local.paths import Paths
from pulse_local.scratch import throw_away_paths
from pulse_local.services import jars, kafka, postgres

MAX_MESSAGE_BYTES = 12 * 1024 * 1024


@pytest.fixture(scope="session")
def server_paths() -> Iterator[Paths]:
    """The home of the session's servers."""
    with throw_away_paths("tests") as paths:
        yield paths


@pytest.fixture(scope="session")
def guardian() -> Iterator[Guardian]:
    """Stops the servers if this process dies."""
    guardian = Guardian()
    yield guardian
    guardian.dismiss()


@pytest.fixture(scope="session")
def kafka_jars(server_paths: Paths) -> list[Path]:
    """The broker's class path, downloaded once per machine."""
    return jars.ensure_jars(server_paths.cache, jars.locked_jars(), print)


@pytest.fixture(scope="session")
def broker(server_paths: Paths, kafka_jars: list[Path], guardian: Guardian) -> Iterator[kafka.Broker]:
    """A Kafka broker: `.bootstrap_servers`, `.settings` (KafkaSettings)."""
    running = kafka.start(
        server_paths.kafka,
        server_paths.home / "kafka.log",
        kafka_jars,
        ports.free_port(),
        ports.free_port(),
        on_start=guardian.watch,
    )
    yield running
    kafka.stop(running.process)


@pytest.fixture(scope="session")
def postgres_server(server_paths: Paths, guardian: Guardian) -> Iterator[postgres.Server]:
    """A Postgres server: `.dsn(database="postgres")` connects as its superuser."""
    running = postgres.start(
        server_paths.postgres,
        server_paths.home / "postgres.log",
        server_paths.cache,
        ports.free_port(),
        on_start=guardian.watch,
    )
    yield running
    postgres.stop(running.process)


@pytest.fixture
def database(postgres_server: postgres.Server) -> Iterator[DatabaseSettings]:
    """An empty database of this test's own; `.dsn` connects as the superuser."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
        yield DatabaseSettings(postgres_server.dsn(name))
        connection.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
def topics(broker: kafka.Broker) -> Iterator[Plan]:
    """The plan of a pipeline of this test's own, its topics created; they take messages up to 12 MiB."""
    fresh = plan(f"t{uuid.uuid4().hex[:12]}", max_message_bytes=MAX_MESSAGE_BYTES)
    client = kafka_adapter.admin(broker.settings)
    kafka_adapter.create_topics(client, fresh.topics)
    yield fresh
    for future in client.delete_topics([topic.name for topic in fresh.topics]).values():
        future.result(timeout=kafka_adapter.ADMIN_TIMEOUT_SECONDS)
