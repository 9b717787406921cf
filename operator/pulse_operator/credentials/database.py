"""How a role of the pipeline reaches its database."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from msgspec import UNSET

from pulse.facts import DatabaseAccess, Role
from pulse.names import database_roles, metabase_role, role_prefix
from pulse_operator.credentials.secrets import optional_value, secret_value
from pulse_operator.dependencies import Reason, Verdict
from pulse_operator.dependencies.verdict import false, unknown
from pulse_operator.objects import Ref
from pulse_operator.pipeline import Pipeline
from pulse_operator.render.dsn import lacking, parts, place
from pulse_operator.seen import Seen
from pulse_operator.wants import Wants, postgres_namespace

METABASE_KEY = "metabase-dsn"
_BY_PERSON = "Create it, or correct spec.sink.external.secretRef of the pipeline."
_FOR_METABASE = (
    "Add it, for a database and a role of Metabase's own, or correct spec.sink.external.secretRef of the pipeline."
)
_BY_OPERATOR = "CloudNativePG writes it with the cluster; wait for DatabaseReady."


def database_access(
    pipeline: Pipeline, wants: Wants, seen: Seen, passwords: Mapping[Role, str], role: Role
) -> DatabaseAccess | Verdict:
    """How this role reaches the database, or why it cannot be said."""
    if wants.sink_secret is not None:
        dsn = secret_value(seen, wants.sink_secret, f"{role}-dsn", _BY_PERSON)
        if isinstance(dsn, Verdict):
            return dsn
        return DatabaseAccess(dsn, optional_value(seen, wants.sink_secret, "ca.crt"))
    if wants.postgres_ca is None or role not in passwords:
        return unknown(Reason.PENDING, f"The password of role {role} is not made yet. Wait.")
    authority = secret_value(seen, wants.postgres_ca, "ca.crt", _BY_OPERATOR)
    if isinstance(authority, Verdict):
        return authority
    return DatabaseAccess(_dsn(pipeline, passwords[role], role), authority)


def metabase_access(pipeline: Pipeline, wants: Wants, seen: Seen, password: str) -> DatabaseAccess | Verdict:
    """How Metabase reaches its own database, or why it cannot be said."""
    if wants.sink_secret is not None:
        return _supplied(wants.sink_secret, seen)
    if wants.postgres_ca is None or not password:
        return unknown(Reason.PENDING, "The password of Metabase's own role is not made yet. Wait.")
    authority = secret_value(seen, wants.postgres_ca, "ca.crt", _BY_OPERATOR)
    if isinstance(authority, Verdict):
        return authority
    role = metabase_role(role_prefix(pipeline.identity.name))
    return DatabaseAccess(_url(role, password, _primary(pipeline), role), authority)


def _supplied(secret: Ref, seen: Seen) -> DatabaseAccess | Verdict:
    """A person's database for Metabase; that of the events is none, as Metabase would make its tables there."""
    dsn = secret_value(seen, secret, METABASE_KEY, _FOR_METABASE)
    if isinstance(dsn, Verdict):
        return dsn
    lacks = lacking(parts(dsn))
    if lacks:
        return false(
            Reason.CONNECTION_STRING_INVALID,
            f"{secret}: the connection string under the key {METABASE_KEY} names no {lacks}. Write it as "
            "postgresql://user:password@host:5432/database.",
        )
    if place(dsn) == place(optional_value(seen, secret, "owner-dsn")):
        return false(
            Reason.CONNECTION_STRING_INVALID,
            f"{secret}: the keys {METABASE_KEY} and owner-dsn lead to one database ({place(dsn)}). Metabase needs one "
            "of its own: make it, with a role that owns it.",
        )
    return DatabaseAccess(dsn, optional_value(seen, secret, "ca.crt"))


def _dsn(pipeline: Pipeline, password: str, role: Role) -> str:
    sink = pipeline.spec.sink.cloud_native_pg
    assert sink is not UNSET  # noqa: S101 - a CA is only wanted of CloudNativePG
    name = pipeline.identity.name
    user, database = getattr(database_roles(role_prefix(name)), role), sink.database or name
    if role != "reader" or sink.pooler is UNSET:
        return _url(user, password, _primary(pipeline), database)
    # A pooler has the certificate of its Cluster, which does not hold the pooler's own name.
    host = f"{sink.pooler}.{postgres_namespace(pipeline)}.svc"
    return f"{_url(user, password, host, database)}?sslmode=verify-ca"


def _primary(pipeline: Pipeline) -> str:
    sink = pipeline.spec.sink.cloud_native_pg
    assert sink is not UNSET  # noqa: S101 - a CA is only wanted of CloudNativePG
    return f"{sink.cluster}-rw.{postgres_namespace(pipeline)}.svc"


def _url(user: str, password: str, host: str, database: str) -> str:
    return f"postgresql://{user}:{quote(password, safe='')}@{host}:5432/{quote(database, safe='')}"
