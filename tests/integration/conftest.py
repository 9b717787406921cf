"""One pipeline for each test: fresh topics, a migrated database of its own, processes that end with the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.pipeline import Pipeline, logged_in

from pulse.names import database_roles
from pulse.plan import Plan
from pulse.settings import DatabaseSettings
from pulse_consumer.migrate import migrate
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
