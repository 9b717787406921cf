"""KafkaTopics, as Strimzi's topic operator keeps them: made, changed, and deleted before their resource may go."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from stand_in_operators.kubernetes import Kubernetes, Raw
from stand_in_operators.objects import KAFKA_API, condition, own_path

FINALIZER = "strimzi.io/topic-operator"
SECONDS = 10.0


class Topics:
    """What was done of each topic is remembered, so that nothing is asked of Kafka in rest."""

    def __init__(self, kubernetes: Kubernetes) -> None:
        self._kubernetes = kubernetes
        self._done: set[tuple[str, int]] = set()

    def keep(self, raw: Raw, admin: AdminClient) -> None:
        """Acts on one KafkaTopic."""
        metadata = raw["metadata"]
        path = own_path(KAFKA_API, "kafkatopics", raw)
        finalizers: list[str] = metadata.get("finalizers", [])
        if "deletionTimestamp" in metadata:
            if FINALIZER in finalizers:
                _delete(admin, _name(raw))
                self._kubernetes.finalizers(path, raw, [one for one in finalizers if one != FINALIZER])
            return
        if FINALIZER not in finalizers:
            self._kubernetes.finalizers(path, raw, [*finalizers, FINALIZER])
            return  # what was read is old now
        key = (metadata["uid"], metadata["generation"])
        if key in self._done and raw.get("status"):
            return
        refusal = _make(admin, raw)
        self._kubernetes.tell(path, raw, _status(raw, refusal))
        if not refusal:
            self._done.add(key)


def _name(raw: Raw) -> str:
    name: str = raw["spec"].get("topicName") or raw["metadata"]["name"]
    return name


def _make(admin: AdminClient, raw: Raw) -> tuple[str, str] | None:
    """Makes the topic be as described; else a reason and a message."""
    name, spec = _name(raw), raw["spec"]
    wanted = spec.get("partitions", 1)
    config = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in _config(raw)}
    try:
        there = admin.list_topics(timeout=SECONDS).topics.get(name)
        if there is None:
            topic = NewTopic(name, wanted, spec.get("replicas", -1), config=config)
            admin.create_topics([topic])[name].result(SECONDS)
            return None
        if len(there.partitions) > wanted:
            return "NotSupported", f"Decreasing partitions not supported: {name} has {len(there.partitions)}"
        if len(there.partitions) < wanted:
            admin.create_partitions([NewPartitions(name, wanted)])[name].result(SECONDS)
        _configure(admin, name, config)
    except KafkaException as failed:
        return "KafkaError", failed.args[0].str()
    return None


def _config(raw: Raw) -> list[tuple[str, object]]:
    return list((raw["spec"].get("config") or {}).items())


def _configure(admin: AdminClient, name: str, config: dict[str, str]) -> None:
    if not config:
        return
    entries = [
        ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in sorted(config.items())
    ]
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(SECONDS)


def _delete(admin: AdminClient, name: str) -> None:
    try:
        admin.delete_topics([name])[name].result(SECONDS)
    except KafkaException as failed:
        if failed.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise


def _status(raw: Raw, refusal: tuple[str, str] | None) -> Raw:
    told = (
        condition(raw, "Ready", "False", reason=refusal[0], message=refusal[1])
        if refusal
        else condition(raw, "Ready", "True")
    )
    return {"observedGeneration": raw["metadata"]["generation"], "topicName": _name(raw), "conditions": [told]}
