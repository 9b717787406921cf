"""The Database, the roles that work on it, and the Secrets with their passwords, in the Cluster's namespace. Pure."""

from __future__ import annotations

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
        "databaseReclaimPolicy": _reclaim(inputs),
    }
    return [*roles, lasting(inputs, Ref(DATABASE, namespace, inputs.name), COMPONENT, spec=spec)]


def prefix(inputs: Inputs) -> str:
    """What the names of the roles begin with. An external server has its roles by a person, under the plain names."""
    external = inputs.spec.sink.external
    return role_prefix(inputs.name) if external is UNSET else external.role_prefix


def _role(inputs: Inputs, namespace: str, cluster: str, role: Role) -> list[Wanted]:
    """A role and its password.

    Both are withheld where CloudNativePG does not serve roles: a person makes them, and supplies their Secrets.
    """
    secret = Ref(SECRET, namespace, f"{inputs.name}-db-{role}")
    ref = Ref(DATABASE_ROLE, namespace, f"{inputs.name}-{role}")
    password = inputs.facts.passwords.get(role)
    if password is None or DATABASE_ROLE.plural not in inputs.facts.optional_kinds:
        return [secret, ref]
    roles = database_roles(prefix(inputs))
    name: str = getattr(roles, role)
    spec: Manifest = {
        "cluster": {"name": cluster},
        "name": name,
        "login": True,
        "passwordSecret": {"name": secret.name},
        "databaseRoleReclaimPolicy": _reclaim(inputs),
    }
    if role == "owner":
        # The migration lets readers see what transform will make, and only a member of transform may say that.
        spec["inRoles"] = [roles.transform]
    data = encoded({"username": name, "password": password})
    return [
        lasting(inputs, secret, COMPONENT, _RELOAD, type="kubernetes.io/basic-auth", data=data),
        lasting(inputs, ref, COMPONENT, spec=spec),
    ]


def _reclaim(inputs: Inputs) -> str:
    return "delete" if inputs.spec.deletion_policy == "Delete" else "retain"
