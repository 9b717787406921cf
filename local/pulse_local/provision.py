"""Makes a fresh broker and database into a pipeline: topics, database, schema, roles that may log in.

Every step may be repeated. The schema itself belongs to the consumer's migrations, which run as a process of their own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from psycopg import sql

from pulse.adapters import kafka as kafka_adapter
from pulse.adapters.postgres import connect
from pulse.errors import Stop
from pulse.settings import KafkaSettings
from pulse_local import environment, ports
from pulse_local.services import postgres
from pulse_local.state import DATABASE, ROLES, State

MIGRATE_TIMEOUT_SECONDS = 120


def create_topics(state: State) -> None:
    """The topics of the plan, where they are missing."""
    client = kafka_adapter.admin(KafkaSettings(f"{ports.HOST}:{state.ports.kafka}"))
    kafka_adapter.create_topics(client, state.plan.topics)


def create_database(state: State) -> None:
    """The database, if it is missing."""
    admin = postgres.dsn(state.ports.postgres, "postgres", postgres.ADMIN, state.passwords.admin)
    with connect(admin, "pulse-local") as connection:
        connection.autocommit = True
        there = connection.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone()
        if not there:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))


def migrate(state: State, env: Mapping[str, str], log: Path) -> None:
    """Runs the consumer's migrations; Stop with the end of their output if they fail."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pulse_consumer", "migrate"],
            env=environment.for_child(state, "migrate", env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=MIGRATE_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise Stop(
            f"The migrations did not end within {MIGRATE_TIMEOUT_SECONDS} s: look for a session that holds a lock with "
            "`pulse psql --admin -c 'table pg_stat_activity'`."
        ) from late
    log.write_bytes(done.stdout)
    if done.returncode != 0:
        said = done.stdout.decode(errors="replace").strip().splitlines()
        raise Stop(f"The migrations failed, all they said is in {log}: {said[-1] if said else 'nothing'}")


def let_roles_log_in(state: State) -> None:
    """Gives the roles that the migrations made their passwords."""
    passwords = {
        ROLES.ingest: state.passwords.ingest,
        ROLES.transform: state.passwords.transform,
        ROLES.reader: state.passwords.reader,
    }
    with connect(state.dsn(postgres.ADMIN), "pulse-local") as connection:
        for role, password in passwords.items():
            connection.execute(
                sql.SQL("alter role {} login password {}").format(sql.Identifier(role), sql.Literal(password))
            )
