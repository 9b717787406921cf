"""Connections as the superuser to every instance of every Cluster, each kept for as long as its pod lives."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from stand_in_operators.failover import Answer, Instance
from stand_in_operators.instances import hosts, slot
from stand_in_operators.kubernetes import Raw

Connection = psycopg.Connection[tuple[Any, ...]]

ANSWER_SECONDS = 2
_STATE = """
select not pg_is_in_recovery(),
       pg_wal_lsn_diff(case when pg_is_in_recovery()
                            then greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(), '0/0')
                            else pg_current_wal_flush_lsn() end, '0/0')::bigint,
       exists (select from pg_stat_wal_receiver where status = 'streaming'),
       array(select application_name from pg_stat_replication where state = 'streaming')
"""
_STALE_SLOTS = """
select pg_drop_replication_slot(slot_name) from pg_replication_slots
where slot_name like '\\_cnpg\\_%%' and not active and slot_name <> all (%s::text[])
"""
_NEW_SLOTS = """
select pg_create_physical_replication_slot(wanted, true) from unnest(%s::text[]) wanted
where wanted not in (select slot_name from pg_replication_slots)
"""


class Questions:
    """What running instances say of themselves, and what they are told."""

    def __init__(self) -> None:
        self._connections: dict[str, Connection] = {}
        self._home = Path(tempfile.mkdtemp())

    def connection(self, pod: Raw, cluster: Raw, password: str, authority: str) -> Connection | None:
        """To the instance in this pod, if it answers."""
        uid, address = pod["metadata"]["uid"], pod.get("status", {}).get("podIP")
        if uid not in self._connections and address:
            file = self._home / f"{cluster['metadata']['uid']}.crt"
            file.write_text(authority)
            try:
                self._connections[uid] = _connected(address, hosts(cluster)[0], password, file)
            except psycopg.OperationalError:
                return None
        return self._connections.get(uid)

    def ask(self, pod: Raw, cluster: Raw, password: str, authority: str) -> Answer | None:
        """How it is with the instance; nothing if it does not say."""
        connection = self.connection(pod, cluster, password, authority)
        if connection is None:
            return None
        try:
            row = connection.execute(_STATE).fetchone()
        except psycopg.OperationalError:
            connection.close()
            del self._connections[pod["metadata"]["uid"]]
            return None
        return Answer(row[0], row[1], row[2], frozenset(row[3])) if row else None

    def forget(self, pods: Collection[str]) -> None:
        """Closes the connections to pods that are gone: to all but these."""
        for uid in set(self._connections) - set(pods):
            self._connections.pop(uid).close()


def promote(connection: Connection) -> None:
    """Tells a replica to become the primary; it says so itself once it is."""
    connection.execute("select pg_promote(wait => false)")


def keep_slots(connection: Connection, replicas: Collection[Instance]) -> None:
    """The primary keeps its log for each of these, and for no others."""
    wanted = [slot(one.name) for one in replicas]
    connection.execute(_STALE_SLOTS, (wanted,))
    connection.execute(_NEW_SLOTS, (wanted,))


def make_database(connection: Connection, database: str, owner: str, password: str) -> None:
    """The database that a Cluster begins with, and its owner."""
    name, role = sql.Identifier(database), sql.Identifier(owner)
    if not connection.execute("select 1 from pg_roles where rolname = %s", (owner,)).fetchone():
        connection.execute(sql.SQL("create role {} login password {}").format(role, sql.Literal(password)))
    if not connection.execute("select 1 from pg_database where datname = %s", (database,)).fetchone():
        connection.execute(sql.SQL("create database {} owner {}").format(name, role))


def _connected(address: str, host: str, password: str, authority: Path) -> Connection:
    return psycopg.connect(
        host=host,  # what its certificate is for
        hostaddr=address,
        user="postgres",
        password=password,
        dbname="postgres",
        sslmode="verify-full",
        sslrootcert=str(authority),
        connect_timeout=ANSWER_SECONDS,
        keepalives_idle=1,
        keepalives_interval=1,
        keepalives_count=2,
        tcp_user_timeout=ANSWER_SECONDS * 1000,  # a pod that is gone says no goodbye
        options="-c statement_timeout=20s",
        autocommit=True,
    )
