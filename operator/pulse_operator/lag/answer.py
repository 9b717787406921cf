"""What is asked about a pipeline, what comes back, and Kafka's errors in words a person can act on. Opens nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from confluent_kafka import KafkaError

from pulse_operator.scaling.observation import PartitionOffsets

Kind = Literal[
    "AccessInvalid",  # no client can be made of the access
    "AuthenticationFailed",  # the brokers refuse the user
    "TlsFailed",  # no agreement on certificates
    "Unreachable",  # no connection to any broker
    "TimedOut",  # connected, and no answer in time
    "Denied",  # the user lacks a right
    "NoTopic",
    "NameInvalid",  # Kafka allows no topic or group of this name
    "ClientEnded",  # the client's process ended while it asked
    "Refused",  # any other error that a broker answers with
]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The group whose lag is asked, and the topic that it reads."""

    topic: str
    group: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why the lag cannot be told: a word for programs and a sentence for people."""

    kind: Kind
    reason: str
    passing: bool = field(default=False, compare=False)  # brokers are changing their roles: asking again may help


Answer = Mapping[int, PartitionOffsets] | Unknown

# How long a connection took to fail differs each time; told in a status, it would be news at every look.
_MOVING_PART = re.compile(r" \(after \d+ms in state \w+(, \d+ identical error\(s\) suppressed)?\)")

# A name without its namespace, or the port of another listener, looks like a network that is down.
_LOOK_AT_THE_WAY = (
    "Check the listener's address, its namespace and its port, and that no NetworkPolicy keeps the operator away."
)

_TOPIC = re.compile(r"(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}")
_TIMEOUTS = frozenset({KafkaError._TIMED_OUT, KafkaError._TIMED_OUT_QUEUE, KafkaError.REQUEST_TIMED_OUT})
_TRANSPORT = frozenset({KafkaError._TRANSPORT, KafkaError._RESOLVE, KafkaError._ALL_BROKERS_DOWN})
_NO_TOPIC = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION})
_PASSING = frozenset(
    {
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
    }
)


def invalid_name(wanted: Wanted) -> Unknown | None:
    """Names that must not reach the client: it would refuse the whole question, or cut the name short."""
    if not _TOPIC.fullmatch(wanted.topic):
        return Unknown("NameInvalid", f"Kafka allows no topic of the name {wanted.topic!r}: mend the topic's name.")
    if not wanted.group or not wanted.group.isprintable():
        return Unknown("NameInvalid", f"The group's name {wanted.group!r} cannot be asked for: mend the group's name.")
    return None


def of_topic(topic: str, user: str, error: KafkaError) -> Unknown:
    """An error that a broker gave for one topic."""
    if error.code() in _NO_TOPIC:
        return Unknown("NoTopic", f"Topic {topic} or one of its partitions is not there ({error.str()}).")
    if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        return Unknown("Denied", f"Kafka does not let {user} look at topic {topic}: grant it Describe on the topic.")
    reason = f"Kafka does not tell the offsets of topic {topic}: {error.str()}."
    return Unknown("Refused", reason, passing=error.code() in _PASSING)


def of_settings(topic: str, user: str, error: KafkaError) -> Unknown:
    """An error that a broker gave for the settings of one topic."""
    if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        return Unknown("Denied", f"Kafka does not let {user} see the settings of topic {topic}: grant DescribeConfigs.")
    return of_topic(topic, user, error)


def of_group(group: str, user: str, error: KafkaError) -> Unknown:
    """An error that a broker gave for one group."""
    if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        return Unknown("Denied", f"Kafka does not let {user} look at group {group}: grant it Describe on the group.")
    reason = f"Kafka does not tell the offsets of group {group}: {error.str()}."
    return Unknown("Refused", reason, passing=error.code() in _PASSING)


def of_connection(servers: str, user: str, error: KafkaError) -> Unknown:
    """An error of the connection itself."""
    said = _MOVING_PART.sub("", error.str())
    if error.code() == KafkaError._AUTHENTICATION:
        return Unknown(
            "AuthenticationFailed",
            f"Kafka at {servers} refuses {user}: {said}. Check its name, its password and the listener.",
        )
    # With TLS 1.3 a broker refuses a client's certificate after the handshake, which librdkafka takes for a lost line.
    if error.code() == KafkaError._SSL or "SSL" in error.str():
        return Unknown(
            "TlsFailed",
            f"No secure connection to Kafka at {servers} as {user}: {said}. "
            "Check the CA, the client's certificate and the listener.",
        )
    return Unknown("Unreachable", f"Kafka at {servers} cannot be reached: {said}. {_LOOK_AT_THE_WAY}")


def of_silence(servers: str, seconds: float) -> Unknown:
    """Nobody answered, and the connection has nothing to complain about."""
    said = f"Kafka at {servers} did not answer within {seconds:g} s" if servers else "No address of Kafka is given"
    return Unknown("TimedOut", f"{said}. {_LOOK_AT_THE_WAY}")


def is_silence(error: KafkaError) -> bool:
    """Whether nobody answered, so that only the connection can tell why."""
    return error.code() in _TIMEOUTS | _TRANSPORT


def most_telling(errors: Sequence[KafkaError]) -> KafkaError | None:
    """Of a connection's errors the one to show: the latest that says more than that all brokers are gone."""
    telling = [error for error in errors if error.code() != KafkaError._ALL_BROKERS_DOWN] or errors
    return telling[-1] if telling else None
