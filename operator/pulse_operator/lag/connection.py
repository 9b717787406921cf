"""One admin client and the questions that are put to it, each for many pipelines at once.

Every question has a time limit of its own, so that what hangs in one costs the next nothing. An error belongs to the
topic or group that it was given for; only silence is explained by what the connection last complained about.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from typing import Any, Generic, TypeVar

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType

from pulse.adapters.kafka import QUIET, access_config
from pulse.facts import KafkaAccess
from pulse_operator.lag import answer
from pulse_operator.lag.answer import Unknown, Wanted

# The first questions may have to connect, to log in and to find the brokers; the others find that done. A look asks for
# counts (twice, if topics are missing), then ends, then starts and commits together: eight seconds for silent brokers.
FIRST_SECONDS = 2.0
NEXT_SECONDS = 2.0
_GRACE_SECONDS = 0.5  # librdkafka keeps the limit itself; this only guards against it not doing so

# An unreachable or refusing broker is tried often enough to be back for the next look, and not more.
_PATIENCE = {"reconnect.backoff.ms": 500, "reconnect.backoff.max.ms": 2000, "socket.connection.setup.timeout.ms": 3000}

_ERRORS_KEPT = 16

_LATEST: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call] # the client types them no further
_EARLIEST: OffsetSpec = OffsetSpec.earliest()  # type: ignore[no-untyped-call]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Pending(Generic[K, V]):
    """Answers on their way."""

    def __init__(self, collect: Callable[[], dict[K, V | Unknown]]) -> None:
        self._collect = collect

    def result(self) -> dict[K, V | Unknown]:
        return self._collect()


class Connection:
    """A client for one access. ValueError or KafkaException if none can be made of it."""

    def __init__(self, access: KafkaAccess) -> None:
        self._servers = access.bootstrap_servers
        self._user = f"user {access.username}" if access.username else "this client"
        # The client must not be reachable from its own callback: it would then outlive its last use.
        self._errors: deque[KafkaError] = deque(maxlen=_ERRORS_KEPT)
        self.silent = False  # whether a question was left without an answer, since this was last set
        config = {**access_config(access), **QUIET, **_PATIENCE, "error_cb": self._errors.append}
        self._client = AdminClient(config)

    def counts(self, topics: Collection[str]) -> dict[str, int | Unknown]:
        """How many partitions each topic has. What is asked later finds the leaders by what comes with this."""
        if not topics:
            return {}
        try:
            # Any broker may answer this. `describe_topics` asks one that it takes for the controller, dead or not.
            listed = self._client.list_topics(timeout=FIRST_SECONDS).topics
        except KafkaException:
            return dict.fromkeys(topics, self._silence())
        counts: dict[str, int | Unknown] = {
            topic: len(listed[topic].partitions) for topic in topics if topic in listed and listed[topic].error is None
        }
        return counts | self._unlisted([topic for topic in topics if topic not in counts])

    def _unlisted(self, topics: Collection[str]) -> dict[str, int | Unknown]:
        """The same for topics that are missing, or that the user may not see: only this question tells which."""
        futures = self._client.describe_topics(TopicCollection(list(topics)), request_timeout=FIRST_SECONDS)
        deadline = time.monotonic() + FIRST_SECONDS + _GRACE_SECONDS
        counts: dict[str, int | Unknown] = {}
        for topic, future in futures.items():
            told = self._told(future, deadline, answer.of_topic, topic)
            counts[topic] = told if isinstance(told, Unknown) else len(told.partitions)
        return counts

    def ends(self, counts: Mapping[str, int]) -> Pending[str, dict[int, int]]:
        """The offset behind the last record of each partition."""
        return self._offsets(counts, _LATEST)

    def starts(self, counts: Mapping[str, int]) -> Pending[str, dict[int, int]]:
        """The first offset that each partition still has."""
        return self._offsets(counts, _EARLIEST)

    def _offsets(self, counts: Mapping[str, int], spec: OffsetSpec) -> Pending[str, dict[int, int]]:
        wanted = {TopicPartition(topic, number): spec for topic, count in counts.items() for number in range(count)}
        futures = self._client.list_offsets(wanted, request_timeout=NEXT_SECONDS)
        deadline = time.monotonic() + NEXT_SECONDS + _GRACE_SECONDS

        def collect() -> dict[str, dict[int, int] | Unknown]:
            offsets: dict[str, dict[int, int] | Unknown] = {topic: {} for topic in counts}
            for partition, future in futures.items():
                topic = partition.topic
                so_far = offsets[topic]
                if isinstance(so_far, Unknown):
                    continue
                told = self._told(future, deadline, answer.of_topic, topic)
                if isinstance(told, Unknown):
                    offsets[topic] = told
                elif told.offset < 0:  # librdkafka gives no error for a broker that did not answer while others did
                    offsets[topic] = self._silence()
                else:
                    so_far[partition.partition] = told.offset
            return offsets

        return Pending(collect)

    def committed(self, wanted: Iterable[Wanted]) -> Pending[Wanted, dict[int, int]]:
        """What each group committed in its topic; partitions without a commit are left out.

        A request takes one group. All are sent at once: were they held back for earlier ones, then a few whose
        coordinator is away would use up the time of the rest.
        """
        futures = {
            one: self._client.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(one.group)], request_timeout=NEXT_SECONDS
            )[one.group]
            for one in wanted
        }
        deadline = time.monotonic() + NEXT_SECONDS + _GRACE_SECONDS

        def collect() -> dict[Wanted, dict[int, int] | Unknown]:
            return {one: self._commits(one, future, deadline) for one, future in futures.items()}

        return Pending(collect)

    def settings(self, topics: Iterable[str]) -> dict[str, Mapping[str, str] | Unknown]:
        """The settings in force of each topic, Kafka's defaults included. Takes the right DescribeConfigs."""
        resources = {topic: ConfigResource(ResourceType.TOPIC, topic) for topic in topics}
        futures = self._client.describe_configs(list(resources.values()), request_timeout=FIRST_SECONDS)
        deadline = time.monotonic() + FIRST_SECONDS + _GRACE_SECONDS
        found: dict[str, Mapping[str, str] | Unknown] = {}
        for topic, resource in resources.items():
            told = self._told(futures[resource], deadline, answer.of_settings, topic)
            found[topic] = told if isinstance(told, Unknown) else {name: entry.value for name, entry in told.items()}
        return found

    def _commits(self, one: Wanted, future: Future[Any], deadline: float) -> dict[int, int] | Unknown:
        told = self._told(future, deadline, answer.of_group, one.group)
        if isinstance(told, Unknown):
            return told
        mine = [partition for partition in told.topic_partitions if partition.topic == one.topic]
        for partition in mine:
            if partition.error is not None:
                return answer.of_group(one.group, self._user, partition.error)
        return {partition.partition: partition.offset for partition in mine if partition.offset >= 0}

    def _told(
        self, future: Future[Any], deadline: float, explained: Callable[[str, str, KafkaError], Unknown], name: str
    ) -> Any:
        """What was answered about the topic or group of this name, or Unknown."""
        try:
            # Not raised: the traceback of an error that its future keeps would hold on to this client.
            failed = future.exception(timeout=max(0.0, deadline - time.monotonic()))
        except Late:
            return self._silence()
        if failed is None:
            return future.result()
        if not isinstance(failed, KafkaException):
            raise failed
        error: KafkaError = failed.args[0]
        return self._silence() if answer.is_silence(error) else explained(name, self._user, error)

    def _silence(self) -> Unknown:
        self.silent = True
        self._client.poll(0)  # hands the connection's errors over
        error = answer.most_telling(self._errors)
        if error is not None:
            return answer.of_connection(self._servers, self._user, error)
        return answer.of_silence(self._servers, NEXT_SECONDS)

    def forget_errors(self) -> None:
        """What happened up to now is no explanation of later silence."""
        self._client.poll(0)
        self._errors.clear()
