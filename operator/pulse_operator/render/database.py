"""The Database, the roles that work on it, and the Secrets with their passwords, in the Cluster's namespace. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from pulse.facts import ROLES, Role
from pulse.names import database_roles, role_prefix
from pulse_operator.objects import DATABASE, DATABASE_ROLE, SECRET, Manifest, Ref
from pulse_operator.render.environment import encoded
from pulse_operator.render.inputs import Inputs, Wanted, lasting

COMPONENT = "database"
# Without this label CloudNativePG would not look at a password again before something else makes it.
_RELOAD = {"cnpg.io/reload": "true"}
# The owner is a member of one of the others, so it comes last.
_ORDER: tuple[Role, ...] = (*(role for role in ROLES if role != "owner"), "owner")


def databases(inputs: Inputs) -> list[Wanted]:
    """Roles first, as the Database names its owner. Nothing for an external sink."""
    sink = inputs.cloud_native_pg
    if sink is None:
        return []
    namespace = sink.namespace or inputs.identity.namespace
    roles = [part for role in _ORDER for part in _role(inputs, namespace, sink.cluster, role)]
    spec = {
        "cluster": {"name": sink.cluster},
        "name": sink.database or inputs.name,
        "owner": database_roles(prefix(inputs)).owner,
        "databaseReclaimPolicy": reclaim(inputs),
    }
    return [*roles, lasting(inputs, Ref(DATABASE, namespace, inputs.name), COMPONENT, spec=spec)]


def prefix(inputs: Inputs) -> str:
    """What the names of the roles begin with. An external server has its roles by a person, under the plain names."""
    external = inputs.spec.sink.external
    return role_prefix(inputs.name) if external is UNSET else external.role_prefix


def _role(inputs: Inputs, namespace: str, cluster: str, role: Role) -> list[Wanted]:
    roles = database_roles(prefix(inputs))
    name: str = getattr(roles, role)
    # The migration lets readers see what transform will make, and only a member of transform may say that.
    member = [roles.transform] if role == "owner" else []
    secret, ref = role_refs(inputs.name, namespace, role)
    return login(inputs, cluster, secret, ref, name, inputs.facts.passwords.get(role, ""), member)


def role_refs(pipeline: str, namespace: str, role: str) -> tuple[Ref, Ref]:
    """The Secret with the password of a role, and its DatabaseRole."""
    return Ref(SECRET, namespace, f"{pipeline}-db-{role}"), Ref(DATABASE_ROLE, namespace, f"{pipeline}-{role}")


def login(
    inputs: Inputs, cluster: str, secret: Ref, ref: Ref, name: str, password: str, member: Sequence[str] = ()
) -> list[Wanted]:
    """A role that logs in, and its password.

    Both are withheld where CloudNativePG does not serve roles: a person makes them, and supplies their Secrets.
    """
    if not password or DATABASE_ROLE.plural not in inputs.facts.optional_kinds:
        return [secret, ref]
    spec: Manifest = {
        "cluster": {"name": cluster},
        "name": name,
        "login": True,
        "passwordSecret": {"name": secret.name},
        "databaseRoleReclaimPolicy": reclaim(inputs),
    }
    if member:
        spec["inRoles"] = list(member)
    data = encoded({"username": name, "password": password})
    return [
        lasting(inputs, secret, COMPONENT, _RELOAD, type="kubernetes.io/basic-auth", data=data),
        lasting(inputs, ref, COMPONENT, spec=spec),
    ]


def reclaim(inputs: Inputs) -> str:
    """What becomes in Postgres of a database or a role whose object is deleted."""
    return "delete" if inputs.spec.deletion_policy == "Delete" else "retain"
