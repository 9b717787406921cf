"""From what was seen to the facts that `render` takes. Pure: new passwords and images come in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from msgspec import UNSET

from pulse.facts import (
    ROLES,
    USERS,
    DashboardFacts,
    DashboardKeys,
    DatabaseAccess,
    Facts,
    Images,
    KafkaAccess,
    Role,
)
from pulse_operator.credentials import database_access, kafka_access, metabase_access, write_keys
from pulse_operator.credentials.kafka import listener
from pulse_operator.dependencies import Reason, Status, Verdict, database_verdict, role_verdict
from pulse_operator.dependencies.verdict import condition, status
from pulse_operator.objects import Ref
from pulse_operator.pipeline import Pipeline
from pulse_operator.render.metabase import KEYS, OPENED_KEY
from pulse_operator.render.page import TOKEN_KEY
from pulse_operator.seen import Seen, secret_text
from pulse_operator.wants import Wants

_NO_KEYS = DashboardKeys()


def facts(
    pipeline: Pipeline,
    wants: Wants,
    seen: Seen,
    images: Images,
    passwords: Mapping[Role, str],
    write_key: str = "",
    dashboards: DashboardKeys = _NO_KEYS,
) -> Facts:
    """Everything that is known now, but for what only Jobs tell, which the caller knows: schema and provisioning.
    `write_key` is a new one, where one was due."""
    there = listener(pipeline, wants, seen)
    kafka = {user: kafka_access(pipeline, wants, seen, user) for user in USERS}
    databases = {role: database_access(pipeline, wants, seen, passwords, role) for role in ROLES}
    keys = write_keys(wants, seen, write_key)
    return Facts(
        images=images,
        kafka={user: found for user, found in kafka.items() if isinstance(found, KafkaAccess)},
        databases={role: found for role, found in databases.items() if isinstance(found, DatabaseAccess)},
        passwords=passwords,
        write_keys={} if isinstance(keys, Verdict) else keys,
        listener_authentication=there.authentication if there else None,
        listener_known=there is not None or pipeline.spec.source.external is not UNSET,
        topics_made=_topics_made(wants, seen),
        optional_kinds=frozenset(kind.plural for kind in seen.served),
        dashboards=_dashboards(pipeline, wants, seen, dashboards),
    )


def _topics_made(wants: Wants, seen: Seen) -> bool:
    """Whether Strimzi ever made them, whatever it says of them now; those of an external source are there."""
    found = [seen.there(ref) for ref in wants.topics.values()]
    return all(topic is not None and status(topic).get("topicName") for topic in found)


def _dashboards(pipeline: Pipeline, wants: Wants, seen: Seen, keys: DashboardKeys) -> DashboardFacts:
    """Metabase gets its database once that was made; a Metabase that runs is not taken it away."""
    refs = wants.dashboards
    access = metabase_access(pipeline, wants, seen, keys.role_password)
    there = refs.database is None or seen.there(refs.metabase) is not None or not metabase_database(wants, seen)
    kept = refs.database is not None and seen.there(refs.database) is not None
    return DashboardFacts(keys, access if isinstance(access, DatabaseAccess) and there else None, kept)


def metabase_database(wants: Wants, seen: Seen) -> list[Verdict]:
    """What stands against Metabase's own database, role and database in the order in which they are made."""
    refs = wants.dashboards
    if refs.role is None or refs.database is None:
        return []
    role = role_verdict(seen.found(refs.role), refs.role.namespace, refs.role.name, seen.age(refs.role))
    database = database_verdict(
        seen.found(refs.database), refs.database.namespace, refs.database.name, seen.age(refs.database)
    )
    found = [] if role.reason is Reason.ROLES_BY_HAND else [role]
    return [verdict for verdict in (*found, database) if verdict.status is not Status.TRUE]


def kept_keys(wants: Wants, seen: Seen) -> DashboardKeys:
    """What earlier passes made for the dashboards, out of their Secrets."""
    refs = wants.dashboards

    def text(ref: Ref | None, key: str) -> str:
        found = seen.there(ref)
        return (secret_text(found, key) or "") if found is not None else ""

    kept = {field: text(refs.keys, key) for key, field in KEYS.items()}
    return DashboardKeys(
        **kept,
        token=text(refs.token, TOKEN_KEY),
        role_password=text(refs.role_secret, "password"),
        opened=bool(text(refs.keys, OPENED_KEY)),
    )


def with_texts(keys: DashboardKeys, **texts: str) -> DashboardKeys:
    """The same with these in place of what it has; an empty text is none."""
    return replace(keys, opened=keys.opened, **{name: text for name, text in texts.items() if text})


def kept_passwords(wants: Wants, seen: Seen) -> dict[Role, str]:
    """The passwords that earlier passes made, out of their Secrets."""
    found = {role: seen.there(ref) for role, ref in wants.role_secrets.items()}
    texts = {role: secret_text(secret, "password") for role, secret in found.items() if secret is not None}
    return {role: text for role, text in texts.items() if text}


def with_provisioned(found: Facts, seen: Seen, job: Ref | None) -> Facts:
    """The same, and whether this Job came to its good end."""
    done = job is not None and succeeded(seen, job)
    return replace(found, dashboards=replace(found.dashboards, provisioned=done))


def migratable(wants: Wants, seen: Seen, job: Ref) -> bool:
    """Whether the database and its roles are there for a migration. One that was begun is not taken back."""
    if wants.database is None or seen.there(job) is not None:
        return True
    database = database_verdict(seen.found(wants.database), wants.database.namespace, wants.database.name, 0.0)
    roles = [role_verdict(seen.found(ref), ref.namespace, ref.name, 0.0) for ref in wants.roles.values()]
    return database.status is Status.TRUE and all(
        role.status is Status.TRUE or role.reason is Reason.ROLES_BY_HAND for role in roles
    )


def succeeded(seen: Seen, job: Ref) -> bool:
    """Whether a Job came to its good end."""
    found = seen.there(job)
    return found is not None and condition(found, "Complete") is not None
