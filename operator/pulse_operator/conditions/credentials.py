"""CredentialsReady: users of Kafka and roles of Postgres, the Secrets that they log in with, and write keys."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from pulse.facts import ROLES, USERS
from pulse_operator.conditions.evidence import Evidence, combined, refused
from pulse_operator.credentials import database_access, kafka_access, write_keys
from pulse_operator.credentials.kafka import listener
from pulse_operator.dependencies import Missing, Reason, Verdict, role_verdict, user_verdict
from pulse_operator.dependencies.verdict import true
from pulse_operator.render.collector import SENDER


def credentials_ready(evidence: Evidence) -> Verdict:
    """Whether everything that a pod logs in with is there."""
    wants = evidence.wants
    written = (*wants.users.values(), *wants.roles.values(), *wants.role_secrets.values(), wants.own_keys)
    return refused(evidence, written) or combined(
        [
            *_users(evidence),
            *_roles(evidence),
            *_values(evidence),
            true(Reason.READY, "Users of Kafka and roles of Postgres have their credentials."),
        ]
    )


def _users(evidence: Evidence) -> Iterator[Verdict]:
    """Strimzi's word on each KafkaUser; a listener that asks for no login needs none."""
    source, seen = evidence.pipeline.spec.source.strimzi, evidence.seen
    there = listener(evidence.pipeline, evidence.wants, seen)
    if source is UNSET or there is None or there.authentication is None:
        return
    for ref in evidence.wants.users.values():
        yield user_verdict(seen.found(ref), ref.namespace, ref.name, source.cluster, seen.age(ref))


def _roles(evidence: Evidence) -> Iterator[Verdict]:
    seen, cluster = evidence.seen, evidence.wants.cluster
    installed = cluster is None or seen.found(cluster) is not Missing.KIND
    for ref in evidence.wants.roles.values():
        yield role_verdict(seen.found(ref), ref.namespace, ref.name, seen.age(ref), installed=installed)


def _values(evidence: Evidence) -> Iterator[Verdict]:
    """What could not be read out of the Secrets."""
    pipeline, wants, seen = evidence.pipeline, evidence.wants, evidence.seen
    for user in USERS:
        access = kafka_access(pipeline, wants, seen, user)
        if isinstance(access, Verdict):
            yield access
    for role in ROLES:
        found = database_access(pipeline, wants, seen, evidence.facts.passwords, role)
        if isinstance(found, Verdict):
            yield found
    keys = write_keys(wants, seen, evidence.facts.write_keys.get(SENDER, ""))
    if isinstance(keys, Verdict):
        yield keys
