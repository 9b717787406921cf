"""From what was seen to the facts that `render` takes. Pure: new passwords and images come in."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import UNSET

from pulse.facts import ROLES, USERS, DatabaseAccess, Facts, Images, KafkaAccess, Role
from pulse_operator.credentials import database_access, kafka_access, write_keys
from pulse_operator.credentials.kafka import listener
from pulse_operator.dependencies import Reason, Status, Verdict, database_verdict, role_verdict
from pulse_operator.dependencies.verdict import condition, status
from pulse_operator.objects import Ref
from pulse_operator.pipeline import Pipeline
from pulse_operator.seen import Seen, secret_text
from pulse_operator.wants import Wants


def facts(
    pipeline: Pipeline, wants: Wants, seen: Seen, images: Images, passwords: Mapping[Role, str], write_key: str = ""
) -> Facts:
    """Everything that is known now, but for the schema, of which the caller knows the Job. `write_key` is a new one,
    where one was due."""
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
    )


def _topics_made(wants: Wants, seen: Seen) -> bool:
    """Whether Strimzi ever made them, whatever it says of them now; those of an external source are there."""
    found = [seen.there(ref) for ref in wants.topics.values()]
    return all(topic is not None and status(topic).get("topicName") for topic in found)


def kept_passwords(wants: Wants, seen: Seen) -> dict[Role, str]:
    """The passwords that earlier passes made, out of their Secrets."""
    found = {role: seen.there(ref) for role, ref in wants.role_secrets.items()}
    texts = {role: secret_text(secret, "password") for role, secret in found.items() if secret is not None}
    return {role: text for role, text in texts.items() if text}


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
