"""A broker of a test's own, to be killed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from kit.guardian import Guardian
from kit.own_kafka import OwnKafka
from kit.pipeline import Pipeline

from pulse.adapters import kafka
from pulse.plan import plan
from pulse.settings import DatabaseSettings
from pulse_consumer.migrate import migrate
from pulse_local.paths import Paths
from pulse_local.services import kafka as kafka_service


@pytest.fixture
def own(
    server_paths: Paths, kafka_jars: list[Path], guardian: Guardian, database: DatabaseSettings, tmp_path: Path
) -> Iterator[tuple[OwnKafka, Pipeline]]:
    """A pipeline on a broker of its own."""
    home = tmp_path / "home"
    home.mkdir()
    broker = OwnKafka(home, kafka_jars, guardian)
    topics = plan(f"t{uuid.uuid4().hex[:12]}")
    kafka.create_topics(kafka.admin(broker.running.settings), topics.topics)
    migrate(database.dsn, topics.pipeline)
    logs = tmp_path / "logs"
    logs.mkdir()
    made = Pipeline(broker.running.settings, database, database, database, topics, logs)
    yield broker, made
    made.close()
    with suppress(ProcessLookupError):
        kafka_service.stop(broker.running.process)
