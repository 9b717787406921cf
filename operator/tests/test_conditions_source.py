"""KafkaReady and TopicsReady, case by case: what Strimzi's objects say, and what external brokers answer.

The verdicts on one object each stand in test_dependencies_kafka.py and test_dependencies_topics.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from kit.evidence import AT, BROKERS, DLQ, EVENTS, EXTERNAL, KAFKA, ConditionCase, looked, there

from pulse_operator.dependencies import Missing, Reason
from pulse_operator.dependencies.verdict import false
from pulse_operator.readings import Reading, TopicReading


def asked(kind: str = "", problem: str = "Kafka says no.") -> Any:
    """External brokers, after a question for the lag."""
    return looked(EXTERNAL, reading=Reading(AT, problem=problem if kind else "", problem_kind=kind))


def supplied(clock: str = "LogAppendTime", dead: str = "1310720", **reading: Any) -> Any:
    """External topics: the largest record of the events topic is 1 MiB."""
    configs = {
        "clicks": {"max.message.bytes": "1048576", "message.timestamp.type": clock},
        "clicks-dead": {"max.message.bytes": dead, "message.timestamp.type": "CreateTime"},
    }
    return looked(EXTERNAL, topics=TopicReading(AT, **{"configs": configs, **reading}))


def grown() -> Any:
    """Events of fewer partitions than the pipeline wants."""
    topic = there(EVENTS)
    return looked(put={EVENTS: {**topic, "spec": {**topic["spec"], "partitions": 3}}})


CASES = [
    ConditionCase("Strimzi's word", looked(), "KafkaReady", "True", "Ready", (str(KAFKA),)),
    ConditionCase(
        "no such Kafka", looked(put={KAFKA: Missing.OBJECT}), "KafkaReady", "False", "NotFound", (str(KAFKA),)
    ),
    ConditionCase(
        "an old Kafka with an empty status",
        looked(put={KAFKA: {**there(KAFKA), "status": {}}}),
        "KafkaReady",
        "False",
        "NotPickedUp",
        ("STRIMZI_NAMESPACE",),
    ),
    ConditionCase(
        "external, not asked", looked(EXTERNAL, reading=None), "KafkaReady", "Unknown", "Pending", (BROKERS,)
    ),
    ConditionCase("external, answering", looked(EXTERNAL), "KafkaReady", "True", "Reachable", (BROKERS,)),
    ConditionCase("external, without the topic", asked("NoTopic"), "KafkaReady", "True", "Reachable"),
    ConditionCase("external, refusing a right", asked("Denied"), "KafkaReady", "True", "Reachable"),
    ConditionCase("external, answering with an error", asked("Refused"), "KafkaReady", "True", "Reachable"),
    ConditionCase(
        "external, refusing the log-in",
        asked("AuthenticationFailed"),
        "KafkaReady",
        "False",
        "AuthenticationFailed",
        (BROKERS, "Kafka says no."),
    ),
    ConditionCase(
        "external, away", asked("Unreachable"), "KafkaReady", "False", "Unreachable", (BROKERS, "Kafka says no.")
    ),
    ConditionCase("external, silent", asked("TimedOut"), "KafkaReady", "False", "Unreachable"),
    ConditionCase("external, other certificates", asked("TlsFailed"), "KafkaReady", "False", "Unreachable"),
    ConditionCase("both there", looked(), "TopicsReady", "True", "Ready"),
    ConditionCase(
        "one of both missing", looked(put={DLQ: Missing.OBJECT}), "TopicsReady", "False", "NotFound", ("dlq",)
    ),
    ConditionCase(
        "what is wrong is told before what is unknown",
        looked(put={EVENTS: Missing.ANSWER, DLQ: Missing.OBJECT}),
        "TopicsReady",
        "False",
        "NotFound",
        (str(DLQ),),
    ),
    ConditionCase(
        "fewer partitions than the spec asks for",
        grown(),
        "TopicsReady",
        "False",
        "PartitionsDiffer",
        ("is 3", "wants 6"),
    ),
    ConditionCase(
        "a topic that could not be written",
        looked(refusals={EVENTS: false(Reason.REFUSED, f"{EVENTS}: no.")}),
        "TopicsReady",
        "False",
        "Refused",
        (str(EVENTS),),
    ),
    ConditionCase(
        "a topic of somebody else's",
        looked(refusals={DLQ: false(Reason.OWNED_BY_OTHER, f"{DLQ} is not this pipeline's.")}),
        "TopicsReady",
        "False",
        "OwnedByOther",
        (str(DLQ),),
    ),
    ConditionCase(
        "external, not looked at", looked(EXTERNAL), "TopicsReady", "Unknown", "Pending", ("clicks and clicks-dead",)
    ),
    ConditionCase(
        "external, as they should be", supplied(), "TopicsReady", "True", "Ready", ("clicks and clicks-dead",)
    ),
    ConditionCase(
        "external, one missing",
        supplied(missing=("clicks",), configs={}),
        "TopicsReady",
        "False",
        "TopicMissing",
        ("no topic clicks.", "spec.source.external"),
    ),
    ConditionCase(
        "external, both missing",
        supplied(missing=("a", "b")),
        "TopicsReady",
        "False",
        "TopicMissing",
        ("topic a and b.",),
    ),
    ConditionCase(
        "external, not told",
        supplied(problem="Kafka does not let pulse see the settings.", configs={}),
        "TopicsReady",
        "Unknown",
        "QueryFailed",
        ("clicks", "does not let pulse"),
    ),
    ConditionCase(
        "external, clocks of producers",
        supplied("CreateTime"),
        "TopicsReady",
        "True",
        "ClockUntrusted",
        ("Topic clicks", "CreateTime", "LogAppendTime"),
    ),
    ConditionCase(
        "external, no room for a dead letter",
        supplied(dead="1310719"),
        "TopicsReady",
        "False",
        "MessageSizeTooSmall",
        ("Topic clicks-dead", "1310719", "1310720"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.condition}: {case.name}")
def test_condition(case: ConditionCase) -> None:
    case.hold()
