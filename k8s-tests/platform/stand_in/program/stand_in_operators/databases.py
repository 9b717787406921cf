"""Databases and DatabaseRoles of CloudNativePG, made with SQL on a real Postgres."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import psycopg
from psycopg import sql

from stand_in_operators.kubernetes import Kubernetes, Raw
from stand_in_operators.objects import POSTGRES_API, decoded, folder, own_path
from stand_in_operators.questions import Connection

FINALIZERS = {"databases": "cnpg.io/deleteDatabase", "databaseroles": "cnpg.io/deleteDatabaseRole"}
POLICIES = {"databases": "databaseReclaimPolicy", "databaseroles": "databaseRoleReclaimPolicy"}
_FLAGS = ("superuser", "createdb", "createrole", "login", "replication", "bypassrls")


class Databases:
    """What was done of each object is remembered, so that nothing is asked of Postgres in rest."""

    def __init__(self, kubernetes: Kubernetes) -> None:
        self._kubernetes = kubernetes
        # By connection, so that each new primary is told everything again.
        self._done: WeakKeyDictionary[Connection, set[tuple[str, int, str]]] = WeakKeyDictionary()

    def keep(self, plural: str, raw: Raw, server: Connection) -> None:
        """Acts on one Database or DatabaseRole."""
        metadata, path = raw["metadata"], own_path(POSTGRES_API, plural, raw)
        finalizer, finalizers = FINALIZERS[plural], metadata.get("finalizers", [])
        if "deletionTimestamp" in metadata:
            if finalizer in finalizers:
                if raw["spec"].get(POLICIES[plural]) == "delete":
                    what = sql.SQL("database" if plural == "databases" else "role")
                    server.execute(sql.SQL("drop {} if exists {}").format(what, sql.Identifier(raw["spec"]["name"])))
                self._kubernetes.finalizers(path, raw, [one for one in finalizers if one != finalizer])
            return
        if finalizer not in finalizers:
            self._kubernetes.finalizers(path, raw, [*finalizers, finalizer])
            return  # what was read is old now
        secret = self._secret(raw)
        key = (metadata["uid"], metadata["generation"], secret["metadata"]["resourceVersion"] if secret else "")
        done = self._done.setdefault(server, set())
        if key in done and raw.get("status"):
            return
        try:
            if plural == "databases":
                _database(server, raw["spec"])
            else:
                _role(server, raw["spec"], secret)
        except psycopg.Error as failed:
            said = {"applied": False, "message": str(failed), "observedGeneration": metadata["generation"]}
            self._kubernetes.tell(path, raw, said)
            return
        self._kubernetes.tell(path, raw, {"applied": True, "observedGeneration": metadata["generation"]})
        done.add(key)

    def _secret(self, raw: Raw) -> Raw | None:
        reference = raw["spec"].get("passwordSecret")
        if not reference:
            return None
        secrets = folder("/api/v1", raw["metadata"]["namespace"], "secrets")
        return self._kubernetes.found(f"{secrets}/{reference['name']}")


def _database(server: Connection, spec: Raw) -> None:
    name, owner = sql.Identifier(spec["name"]), sql.Identifier(spec["owner"])
    there = server.execute("select 1 from pg_database where datname = %s", (spec["name"],)).fetchone()
    statement = "alter database {} owner to {}" if there else "create database {} owner {}"
    server.execute(sql.SQL(statement).format(name, owner))


def _role(server: Connection, spec: Raw, secret: Raw | None) -> None:
    """The role with these attributes and no others: what is not named is taken away."""
    name = sql.Identifier(spec["name"])
    there = server.execute("select 1 from pg_roles where rolname = %s", (spec["name"],)).fetchone()
    if not there:
        server.execute(sql.SQL("create role {}").format(name))
    flags = sql.SQL(" ").join(sql.SQL(flag if spec.get(flag) else f"no{flag}") for flag in _FLAGS)
    password = sql.Literal(decoded(secret)["password"]) if secret else sql.SQL("null")
    server.execute(sql.SQL("alter role {} with {} inherit password {}").format(name, flags, password))
    _memberships(server, spec)


def _memberships(server: Connection, spec: Raw) -> None:
    member = sql.Identifier(spec["name"])
    rows = server.execute(
        "select r.rolname from pg_auth_members m join pg_roles r on r.oid = m.roleid "
        "join pg_roles u on u.oid = m.member where u.rolname = %s",
        (spec["name"],),
    ).fetchall()
    there, wanted = {str(row[0]) for row in rows}, set(spec.get("inRoles", ()))
    for role in sorted(wanted - there):
        server.execute(sql.SQL("grant {} to {}").format(sql.Identifier(role), member))
    for role in sorted(there - wanted):
        server.execute(sql.SQL("revoke {} from {}").format(sql.Identifier(role), member))
