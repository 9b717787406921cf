"""Kafka clients made from settings, and the few admin questions that several components ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec, ResourceType

from pulse.errors import KafkaUnavailable, Stop
from pulse.facts import KafkaAccess
from pulse.plan import Topic
from pulse.settings import KafkaSettings

ADMIN_TIMEOUT_SECONDS = 20.0

# A broker that moved is found again after this, and not after librdkafka's 30 s: packets to an address that is gone are
# dropped without an answer.
CONNECT_MS = 5_000

# For clients that live for one question or one file: librdkafka would repeat the same line on stderr all the while.
QUIET: dict[str, Any] = {"log_level": 0}

_REFUSALS = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)

# Kafka's own names for the properties that may be filled. Settings name files with certificates, an access holds their
# text.
_FROM_SETTINGS = {
    "sasl.mechanism": "sasl_mechanism",
    "sasl.username": "sasl_username",
    "sasl.password": "sasl_password",
    "ssl.ca.location": "ssl_ca",
    "ssl.certificate.location": "ssl_certificate",
    "ssl.key.location": "ssl_key",
}
_FROM_ACCESS = {
    "sasl.mechanism": "mechanism",
    "sasl.username": "username",
    "sasl.password": "password",
    "ssl.ca.pem": "ca",
    "ssl.certificate.pem": "certificate",
    "ssl.key.pem": "key",
}


def client_config(settings: KafkaSettings, **extra: Any) -> dict[str, Any]:
    """librdkafka's configuration for a client; `extra` takes underscores for dots."""
    return _config(settings.bootstrap_servers, settings.security_protocol, settings, _FROM_SETTINGS, extra)


def access_config(access: KafkaAccess, **extra: Any) -> dict[str, Any]:
    """The same for an access: its certificates and its key stay in memory."""
    return _config(access.bootstrap_servers, access.protocol, access, _FROM_ACCESS, extra)


def _config(
    servers: str, protocol: str, source: object, properties: Mapping[str, str], extra: Mapping[str, Any]
) -> dict[str, Any]:
    config: dict[str, Any] = {
        "bootstrap.servers": servers,
        "security.protocol": protocol,
        "client.id": "pulse",
        "socket.connection.setup.timeout.ms": CONNECT_MS,
    }
    for key, attribute in properties.items():
        value = getattr(source, attribute)
        if value:
            config[key] = value
    config.update({key.replace("_", "."): value for key, value in extra.items()})
    return config


def producer_config(settings: KafkaSettings, **extra: Any) -> dict[str, Any]:
    """A producer that neither loses nor doubles: idempotent, acknowledged by all in-sync replicas."""
    return client_config(settings, enable_idempotence=True, acks="all", **extra)


def admin(settings: KafkaSettings) -> AdminClient:
    """An admin client. It connects on its first question, and is quiet: an outage is told once, by the error raised."""
    return AdminClient({**client_config(settings), **QUIET})


def answer(future: Any, question: str) -> Any:
    """What an admin client's future gives. Stop if the topic or a right is missing, else KafkaUnavailable."""
    try:
        return future.result(timeout=ADMIN_TIMEOUT_SECONDS)
    except KafkaException as failed:
        raise refused(failed.args[0], question) from failed
    except TimeoutError as late:
        raise KafkaUnavailable(f"{question}: no answer within {ADMIN_TIMEOUT_SECONDS:.0f} s") from late


def refused(error: KafkaError, question: str) -> Stop | KafkaUnavailable:
    """What an error in answer to a question means: Stop if the topic or a right is missing, else KafkaUnavailable."""
    if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return Stop(f"{question}: Kafka has no such topic. Create it, or mend the topic's name in the settings.")
    if error.code() in _REFUSALS:
        return Stop(f"{question}: Kafka refuses access ({error.str()}). Grant the user this right.")
    return KafkaUnavailable(f"{question}: {error.str()}")


def topic_id(client: AdminClient, topic: str, seconds: float = ADMIN_TIMEOUT_SECONDS) -> bytes:
    """The 16 bytes that tell this topic from another of the same name, asked of a broker now, for so long.

    Stop if there is no such topic.
    """
    future = client.describe_topics(TopicCollection([topic]), request_timeout=seconds)[topic]
    uuid = answer(future, f"Looking up topic {topic}").topic_id
    high, low = uuid.get_most_significant_bits(), uuid.get_least_significant_bits()
    return bytes(((high & 0xFFFF_FFFF_FFFF_FFFF) << 64 | (low & 0xFFFF_FFFF_FFFF_FFFF)).to_bytes(16, "big"))


def partition_count(client: AdminClient, topic: str) -> int:
    """How many partitions the topic has. Stop if there is no such topic."""
    future = client.describe_topics(TopicCollection([topic]))[topic]
    return len(answer(future, f"Looking up topic {topic}").partitions)


def log_ends(client: AdminClient, topic: str) -> tuple[dict[int, int], dict[int, int]]:
    """The first and the next offset of every partition of the topic. Stop if there is no such topic."""
    partitions = [TopicPartition(topic, number) for number in range(partition_count(client, topic))]
    return _offsets(client, partitions, "earliest"), _offsets(client, partitions, "latest")


def _offsets(client: AdminClient, partitions: list[TopicPartition], end: str) -> dict[int, int]:
    spec: OffsetSpec = getattr(OffsetSpec, end)()
    futures = client.list_offsets(dict.fromkeys(partitions, spec))
    return {
        partition.partition: answer(future, "Reading the ends of the log").offset
        for partition, future in futures.items()
    }


def topic_config(client: AdminClient, topic: str) -> dict[str, str]:
    """The topic's configuration in force, defaults included."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    entries = answer(client.describe_configs([resource])[resource], f"Reading the configuration of topic {topic}")
    return {name: entry.value for name, entry in entries.items()}


def create_topics(client: AdminClient, topics: Iterable[Topic]) -> list[str]:
    """Creates the topics that are missing; returns the names it created."""
    wanted = [
        NewTopic(
            topic.name, num_partitions=topic.partitions, replication_factor=topic.replicas, config=dict(topic.config)
        )
        for topic in topics
    ]
    futures = client.create_topics(wanted)
    created = []
    for name, future in futures.items():
        try:
            future.result(timeout=ADMIN_TIMEOUT_SECONDS)
            created.append(name)
        except KafkaException as failed:
            if failed.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise KafkaUnavailable(f"Creating topic {name}: {failed.args[0].str()}") from failed
    return created
