"""The KafkaUsers, each with the rights that its work needs and no other. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pulse.facts import USERS, User
from pulse.settings import TopicSettings
from pulse_operator.objects import KAFKA_USER, Manifest, Ref
from pulse_operator.render.inputs import Inputs, Wanted, lasting
from pulse_operator.render.topics import CLUSTER_LABEL, topic_settings

COMPONENT = "access"
_AUTHENTICATION = ("tls", "scram-sha-512")  # what Strimzi makes credentials for


def kafka_users(inputs: Inputs) -> list[Wanted]:
    """A user for each that talks to Kafka; none for an external source, whose Secret says who we are.

    Withheld while nobody knows how the listener wants clients to log in, or if it is a way that Strimzi makes no
    credentials for. A listener that lets anybody in knows no names, so users with rights would be for nobody.
    """
    source = inputs.strimzi
    facts = inputs.facts
    if source is None or (facts.listener_known and facts.listener_authentication is None):
        return []
    namespace = source.namespace or inputs.identity.namespace
    refs = {user: Ref(KAFKA_USER, namespace, f"{inputs.name}-{user}") for user in USERS}
    if not facts.listener_known or facts.listener_authentication not in _AUTHENTICATION:
        return list(refs.values())
    rights = _rights(topic_settings(inputs))
    return [
        lasting(
            inputs,
            ref,
            COMPONENT,
            {CLUSTER_LABEL: source.cluster},
            spec={
                "authentication": {"type": facts.listener_authentication},
                "authorization": {"type": "simple", "acls": rights[user]},
            },
        )
        for user, ref in refs.items()
    ]


def _rights(topics: TopicSettings) -> dict[User, list[Manifest]]:
    """The consumer looks at the largest size of records in both topics; `pulse dlq replay`, which works as its user,
    writes to that of the events. An idempotent producer needs no right on the cluster: since Kafka 3.0 Write on the
    topic is enough."""
    return {
        "consumer": [
            _allowed("topic", topics.events, ("Describe", "DescribeConfigs", "Read", "Write")),
            _allowed("topic", topics.dlq, ("Describe", "DescribeConfigs", "Write")),
            _allowed("group", topics.group, ("Describe", "Read")),
        ],
        "producer": [_allowed("topic", topics.events, ("Describe", "Write"))],
        "lag": [
            _allowed("topic", topics.events, ("Describe",)),
            _allowed("group", topics.group, ("Describe",)),
        ],
    }


def _allowed(kind: str, name: str, operations: Iterable[str]) -> Manifest:
    return {"resource": {"type": kind, "name": name, "patternType": "literal"}, "operations": list(operations)}
