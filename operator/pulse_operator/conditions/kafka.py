"""KafkaReady and TopicsReady."""

from __future__ import annotations

from msgspec import UNSET

from pulse.facts import Decision
from pulse.plan import DEAD_LETTER_HEADROOM_BYTES
from pulse.spec import ExternalSource
from pulse_operator.conditions.evidence import Evidence, combined, refused
from pulse_operator.dependencies import Reason, Verdict, WantedTopic, kafka_verdict, topic_verdict
from pulse_operator.dependencies.verdict import false, true, unknown
from pulse_operator.objects import Ref
from pulse_operator.readings import Reading, TopicReading
from pulse_operator.render.inputs import Inputs
from pulse_operator.render.topics import kafka_topics

# What only brokers say that were reached.
_ANSWERS = frozenset({"NoTopic", "Denied", "Refused"})


def kafka_ready(evidence: Evidence) -> Verdict:
    """Whether the brokers can carry the pipeline."""
    source, ref, seen = evidence.pipeline.spec.source, evidence.wants.kafka, evidence.seen
    if source.strimzi is not UNSET and ref is not None:
        found = seen.found(ref)
        return kafka_verdict(found, ref.namespace, ref.name, source.strimzi.listener, seen.age(ref))
    assert source.external is not UNSET  # noqa: S101 - the CRD wants exactly one
    return _answering(source.external.bootstrap_servers, evidence.reading)


def topics_ready(evidence: Evidence) -> Verdict:
    """Whether both topics are as the pipeline needs them."""
    source = evidence.pipeline.spec.source
    if source.external is not UNSET:
        return _supplied(source.external, evidence.topics)
    problem = refused(evidence, evidence.wants.topics.values())
    if problem:
        return problem
    assert source.strimzi is not UNSET  # noqa: S101 - the CRD wants exactly one
    inputs = Inputs(evidence.pipeline.identity, evidence.pipeline.spec, evidence.facts, Decision(0))
    specs = [manifest["spec"] for manifest in kafka_topics(inputs) if not isinstance(manifest, Ref)]
    return combined(
        topic_verdict(
            evidence.seen.found(ref),
            ref.namespace,
            ref.name,
            source.strimzi.cluster,
            WantedTopic(spec["partitions"], spec["config"]),
            evidence.seen.age(ref),
        )
        for spec, ref in zip(specs, evidence.wants.topics.values(), strict=True)
    )


def _answering(brokers: str, reading: Reading | None) -> Verdict:
    """Brokers that nobody speaks for are judged by their answers."""
    if reading is None:
        return unknown(Reason.PENDING, f"Brokers {brokers} have not been asked yet. Wait.")
    if not reading.problem or reading.problem_kind in _ANSWERS:
        return true(Reason.REACHABLE, f"Brokers {brokers} answer.")
    refuse = reading.problem_kind == "AuthenticationFailed"
    reason = Reason.AUTHENTICATION_FAILED if refuse else Reason.UNREACHABLE
    return false(reason, f"Brokers {brokers}: {reading.problem}")


def _supplied(source: ExternalSource, found: TopicReading | None) -> Verdict:
    """Topics that Pulse did not make: they must be there, and their settings are told and left alone."""
    if found is None:
        return unknown(
            Reason.PENDING, f"Topics {source.topic} and {source.dlq_topic} have not been looked at yet. Wait."
        )
    if found.missing:
        return false(
            Reason.TOPIC_MISSING,
            f"Kafka has no topic {' and '.join(found.missing)}. Create it, or correct spec.source.external.",
        )
    if found.problem:
        return unknown(Reason.QUERY_FAILED, f"Topics {source.topic} and {source.dlq_topic}: {found.problem}")
    return (
        _room(source, found)
        or _clock(source, found)
        or true(Reason.READY, f"Topics {source.topic} and {source.dlq_topic} are there.")
    )


def _room(source: ExternalSource, found: TopicReading) -> Verdict | None:
    """A dead letter carries a whole record and the reason beside it."""
    most = {topic: int(found.configs[topic]["max.message.bytes"]) for topic in (source.topic, source.dlq_topic)}
    needed = most[source.topic] + DEAD_LETTER_HEADROOM_BYTES
    if most[source.dlq_topic] >= needed:
        return None
    return false(
        Reason.MESSAGE_SIZE_TOO_SMALL,
        f"Topic {source.dlq_topic}: max.message.bytes is {most[source.dlq_topic]}, a dead letter of {source.topic} may "
        f"need {needed}. Raise it to that.",
    )


def _clock(source: ExternalSource, found: TopicReading) -> Verdict | None:
    kind = found.configs[source.topic].get("message.timestamp.type")
    if kind == "LogAppendTime":
        return None
    return true(
        Reason.CLOCK_UNTRUSTED,
        f"Topic {source.topic}: message.timestamp.type is {kind}, so arrival is told by producers' clocks and lateness "
        "is only known of events with received_at. Set it to LogAppendTime.",
    )
