"""What a cluster would do for the operator's objects, played: Jobs that succeed, Deployments whose pods are ready, and
groups that consume what is written. Only the measured operator decides anything."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from apiserver import ApiServer
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

NOW = "2026-01-01T00:00:00Z"
PAUSE_SECONDS = 1.0
# A second: this many topics get a record in each partition, and their groups commit all that was there before.
MOVING_TOPICS = 50


class Nodes:
    """Writes the status that controllers and nodes would write, of what has none yet."""

    def __init__(self, server: ApiServer, namespace: str) -> None:
        self._server, self._namespace = server, namespace
        self._done: set[tuple[str, int]] = set()

    def turn(self) -> None:
        """One look at all Jobs and Deployments."""
        for group, plural, status in (("batch", "jobs", _job), ("apps", "deployments", _deployment)):
            folder = f"/apis/{group}/v1/namespaces/{self._namespace}/{plural}"
            for raw in self._server.call("GET", f"{folder}?resourceVersion=0")[1].get("items", ()):
                metadata = raw["metadata"]
                mark = metadata["uid"], metadata.get("generation", 0)
                if mark in self._done:
                    continue
                code, _ = self._server.call(
                    "PUT", f"{folder}/{metadata['name']}/status", {**raw, "status": status(raw)}
                )
                if code == 200:
                    self._done.add(mark)


def _job(_: dict[str, Any]) -> dict[str, Any]:
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": NOW, "lastProbeTime": NOW, "reason": "", "message": ""}
        for kind in ("SuccessCriteriaMet", "Complete")
    ]
    return {"startTime": NOW, "completionTime": NOW, "succeeded": 1, "conditions": conditions}


def _deployment(raw: dict[str, Any]) -> dict[str, Any]:
    count = raw["spec"]["replicas"]
    return {
        "observedGeneration": raw["metadata"]["generation"],
        **dict.fromkeys(("replicas", "readyReplicas", "updatedReplicas", "availableReplicas"), count),
    }


class Traffic:
    """Writes to some topics a second, all of them in turn, and has their groups commit."""

    def __init__(self, bootstrap: str, topics: list[str], groups: list[str], partitions: int) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 50})
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        self._topics, self._groups, self._partitions = topics, groups, partitions
        self._ends = dict.fromkeys(topics, 0)
        self._next = 0

    def turn(self) -> None:
        """The next topics."""
        for _ in range(MOVING_TOPICS):
            number = self._next % len(self._topics)
            self._next += 1
            topic = self._topics[number]
            for partition in range(self._partitions):
                self._producer.produce(topic, b"{}", partition=partition)
            self.commit(number, self._ends[topic])
            self._ends[topic] += 1
        self._producer.flush(30)

    def commit_all(self) -> None:
        """Every group has read all there is."""
        for number, topic in enumerate(self._topics):
            self.commit(number, self._ends[topic])

    def commit(self, number: int, offset: int) -> None:
        """One group has read so far in every partition."""
        topic, group = self._topics[number], self._groups[number]
        places = [TopicPartition(topic, partition, offset) for partition in range(self._partitions)]
        (future,) = self._admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)]).values()
        future.result(30)


def wait_until(holds: Callable[[], bool], what: str, seconds: float) -> float:
    """How long it took; RuntimeError after so many seconds."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise RuntimeError(f"{what} did not come about within {seconds:.0f} s")
        time.sleep(1.0)
    return time.monotonic() - began
