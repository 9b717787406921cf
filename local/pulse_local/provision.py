"""Makes a fresh broker and database into a pipeline: topics, database, schema, roles that may log in.

Every step may be repeated. The schema and its upkeep belong to the consumer, whose commands run as processes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from psycopg import sql

from pulse.adapters import kafka as kafka_adapter
from pulse.adapters.postgres import connect
from pulse.errors import Stop
from pulse.settings import KafkaSettings
from pulse_local import environment, ports
from pulse_local.services import postgres
from pulse_local.state import DATABASE, ROLES, State

TIMEOUT_SECONDS = 120


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
    _run("migrate", "The migrations", state, env, log)


def maintain(state: State, env: Mapping[str, str], log: Path, words: Sequence[str] = ()) -> None:
    """Makes the partitions of the weeks to come, and ends what is past PULSE_RETENTION if it is set; Stop likewise."""
    _run("maintain", "The upkeep of the database", state, env, log, words)


def _run(command: str, what: str, state: State, env: Mapping[str, str], log: Path, words: Sequence[str] = ()) -> None:
    timeout = TIMEOUT_SECONDS + len(words)  # a word or two for each of the weeks to be made
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pulse_consumer", command, *words],
            env=environment.for_child(state, command, env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise Stop(
            f"{what} did not end within {timeout} s: look for a session that holds a lock with "
            "`pulse psql --admin -c 'table pg_stat_activity'`."
        ) from late
    log.write_bytes(done.stdout)
    if done.returncode != 0:
        said = done.stdout.decode(errors="replace").strip().splitlines()
        raise Stop(f"{what} failed, all that was said is in {log}: {said[-1] if said else 'nothing'}")


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
