"""Debezium's JDBC sink on Kafka Connect, standalone, with upserts: the only mode of it that may read twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.consumer.contenders import Contender, Source, Started, spawn
from bench.consumer.load import FLAT_COLUMNS
from bench.consumer.table import Table
from bench.servers import Home

from pulse_local import ports
from pulse_local.services import jars, kafka
from pulse_local.services.postgres import ADMIN

_LOCK = Path(__file__).parent / "peers" / "connect.lock.toml"
_TYPES = {"funnel_step_index": "int16", "funnel_complete": "boolean"}
# The documents are plain JSON; Connect is told their schema once.
_SCHEMA = {
    "type": "struct",
    "optional": False,
    "fields": [
        {"field": name, "type": _TYPES.get(name, "string"), "optional": name != "event_id"} for name in FLAT_COLUMNS
    ],
}


def worker(source: Source, port: int, offsets: Path) -> dict[str, str]:
    """The configuration of the Connect process."""
    return {
        "bootstrap.servers": source.kafka.bootstrap_servers,
        "listeners": f"http://{ports.HOST}:{port}",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "true",
        "value.converter.schema.content": json.dumps(_SCHEMA),
        "offset.storage.file.filename": str(offsets),
        "offset.flush.interval.ms": "1000",
    }


def connector(name: str, source: Source, table: Table) -> dict[str, str]:
    """The configuration of the sink. Text becomes uuid, timestamp and jsonb in the database."""
    address = f"jdbc:postgresql://{ports.HOST}:{table.server.port}/{table.database}"
    return {
        "name": name,
        "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
        "topics": source.flat,
        "tasks.max": "2",
        "connection.url": f"{address}?stringtype=unspecified&reWriteBatchedInserts=true",
        "connection.username": ADMIN,
        "connection.password": table.server.password,
        "insert.mode": "upsert",
        "primary.key.mode": "record_value",
        "primary.key.fields": "event_id",
        "schema.evolution": "none",
        "collection.name.format": "raw.events",
        "batch.size": "1000",
        "consumer.override.max.poll.records": "1000",
        "consumer.override.auto.offset.reset": "earliest",
    }


def contender(home: Home, report: Callable[[str], None]) -> Contender:
    """Debezium, its jars fetched first if they are missing."""

    def start(source: Source, table: Table, group: str) -> Started:
        found = jars.ensure_jars(
            home.paths.cache, jars.locked_jars(_LOCK.read_text()), report, what="debezium-jdbc-3.6.0"
        )
        directory = home.scratch / group
        directory.mkdir()
        started = Started(directory, f"connect-{group}", source.flat)
        _write(directory / "worker.properties", worker(source, ports.free_port(), directory / "offsets"))
        _write(directory / "connector.properties", connector(group, source, table))
        words = [str(kafka.java()), "-Xmx1g", "-cp", ":".join(str(path) for path in found)]
        words += ["org.apache.kafka.connect.cli.ConnectStandalone", "worker.properties", "connector.properties"]
        spawn(started, words, {"LC_ALL": "C"})
        return started

    return Contender("Debezium JDBC 3.6.0 on Connect 4.3.1", start, safe=True, note="upsert, 2 tasks", flat=True)


def _write(file: Path, properties: Mapping[str, str]) -> None:
    file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
