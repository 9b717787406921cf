"""The servers are real, and set up as the pipeline needs them."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import Producer

from pulse.adapters import kafka as kafka_adapter
from pulse.plan import Plan
from pulse.settings import DatabaseSettings
from pulse_local.services import postgres
from pulse_local.services.kafka import Broker
from pulse_local.services.postgres import Server

pytestmark = pytest.mark.integration


def test_a_topic_takes_a_message_as_large_as_its_plan_allows(broker: Broker, topics: Plan) -> None:
    limit = int(topics.events.config["max.message.bytes"])
    outcomes = []
    producer = Producer(kafka_adapter.producer_config(broker.settings, message_max_bytes=limit + 1024))
    producer.produce(topics.events.name, b"x" * (limit - 512), on_delivery=lambda error, _: outcomes.append(error))
    producer.flush(30)
    assert outcomes == [None]


def test_topics_are_made_only_on_purpose(broker: Broker) -> None:
    client = kafka_adapter.admin(broker.settings)
    client.list_topics("never-made", timeout=10)
    assert "never-made" not in client.list_topics(timeout=10).topics


def test_each_test_has_an_empty_database_that_keeps_what_it_acknowledged(database: DatabaseSettings) -> None:
    with psycopg.connect(database.dsn) as connection:
        tables = connection.execute("select count(*) from pg_stat_user_tables").fetchone()
        durable = connection.execute(
            "select current_setting('fsync'), current_setting('synchronous_commit')"
        ).fetchone()
    assert tables == (0,)
    assert durable == ("on", "on")


def test_a_wrong_password_is_refused(postgres_server: Server) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres_server.dsn(password="wrong"))


def test_the_lock_of_a_server_that_is_gone_is_removed_and_that_of_a_living_one_is_kept(
    tmp_path: Path, postgres_server: Server
) -> None:
    """After a reboot the pid in the lock may belong to any program, and Postgres would refuse to start."""
    lock = tmp_path / "postmaster.pid"
    for pid, stays in ((os.getpid(), False), (postgres_server.process.pid, True)):
        lock.write_text(f"{pid}\n{tmp_path}\n")
        postgres.clear_stale_lock(tmp_path)
        assert lock.exists() == stays
