"""The KafkaTopics of events and dead letters, in the namespace of their Kafka. Pure."""

from __future__ import annotations

from msgspec import UNSET

from pulse.plan import BROKERS_REPLICAS, Topic, milliseconds, plan
from pulse.settings import TopicSettings
from pulse_operator.objects import KAFKA_TOPIC, Manifest, Ref
from pulse_operator.render.inputs import Inputs, Wanted, lasting

COMPONENT = "topics"
CLUSTER_LABEL = "strimzi.io/cluster"


def kafka_topics(inputs: Inputs) -> list[Wanted]:
    """Both topics; none for an external source, which has its own."""
    source = inputs.strimzi
    if source is None:
        return []
    wanted = plan(
        inputs.name,
        partitions=source.partitions,
        replicas=BROKERS_REPLICAS if source.replicas is UNSET else source.replicas,
        retention_ms=milliseconds(source.retention),
    )
    namespace = source.namespace or inputs.identity.namespace
    marks = {CLUSTER_LABEL: source.cluster}
    return [
        lasting(inputs, Ref(KAFKA_TOPIC, namespace, topic.name), COMPONENT, marks, spec=_spec(topic))
        for topic in wanted.topics
    ]


def topic_settings(inputs: Inputs) -> TopicSettings:
    """The names of the topics and of the group."""
    wanted = plan(inputs.name)
    external = inputs.spec.source.external
    if external is UNSET:
        return TopicSettings(wanted.events.name, wanted.dlq.name, wanted.group)
    return TopicSettings(external.topic, external.dlq_topic, wanted.group)


def _spec(topic: Topic) -> Manifest:
    made: Manifest = {"partitions": topic.partitions, "config": dict(topic.config)}
    if topic.replicas != BROKERS_REPLICAS:
        made["replicas"] = topic.replicas
    return made
