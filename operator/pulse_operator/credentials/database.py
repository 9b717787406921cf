"""How a role of the pipeline reaches its database."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from msgspec import UNSET

from pulse.facts import DatabaseAccess, Role
from pulse.names import database_roles, role_prefix
from pulse_operator.credentials.secrets import optional_value, secret_value
from pulse_operator.dependencies import Reason, Verdict
from pulse_operator.dependencies.verdict import unknown
from pulse_operator.pipeline import Pipeline
from pulse_operator.seen import Seen
from pulse_operator.wants import Wants, postgres_namespace

_BY_PERSON = "Create it, or correct spec.sink.external.secretRef of the pipeline."
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


def _dsn(pipeline: Pipeline, password: str, role: Role) -> str:
    sink = pipeline.spec.sink.cloud_native_pg
    assert sink is not UNSET  # noqa: S101 - a CA is only wanted of CloudNativePG
    name = pipeline.identity.name
    user = getattr(database_roles(role_prefix(name)), role)
    host = f"{sink.cluster}-rw.{postgres_namespace(pipeline)}.svc"
    database = quote(sink.database or name, safe="")
    return f"postgresql://{user}:{quote(password, safe='')}@{host}:5432/{database}"
