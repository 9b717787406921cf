"""One pipeline for each test: fresh topics, a migrated database of its own, processes that end with the test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.guardian import Guardian
from kit.own_kafka import OwnKafka
from kit.pipeline import Pipeline, logged_in

from pulse.adapters import kafka
from pulse.names import database_roles
from pulse.plan import Plan, plan
from pulse.settings import DatabaseSettings
from pulse_consumer.migrate import migrate
from pulse_local.paths import Paths
from pulse_local.services.kafka import Broker


@pytest.fixture
def pipeline(broker: Broker, database: DatabaseSettings, topics: Plan, tmp_path: Path) -> Iterator[Pipeline]:
    """A pipeline whose topics are empty and whose database is migrated; nothing runs yet."""
    migrate(database.dsn, topics.pipeline)
    roles = database_roles()
    ingest, transform = logged_in(database, roles.ingest), logged_in(database, roles.transform)
    made = Pipeline(broker.settings, database, ingest, transform, topics, tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def own_kafka(server_paths: Paths, kafka_jars: list[Path], guardian: Guardian) -> Iterator[OwnKafka]:
    """A broker that may be killed."""
    made = OwnKafka(server_paths.home, kafka_jars, guardian)
    yield made
    made.close()


@pytest.fixture
def own(own_kafka: OwnKafka, database: DatabaseSettings, tmp_path: Path) -> Iterator[tuple[OwnKafka, Pipeline]]:
    """A pipeline on a broker that the test may kill; at first it runs."""
    own_kafka.start()
    topics = plan(f"t{uuid.uuid4().hex[:12]}")
    kafka.create_topics(kafka.admin(own_kafka.settings), topics.topics)
    migrate(database.dsn, topics.pipeline)
    logs = tmp_path / "logs"
    logs.mkdir()
    made = Pipeline(own_kafka.settings, database, database, database, topics, logs)
    yield own_kafka, made
    made.close()
