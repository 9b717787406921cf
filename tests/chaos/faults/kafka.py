"""Faults of the broker, of the way to it, and of its topics."""

from __future__ import annotations

from chaos.faults.base import Fault
from chaos.waiting import wait_for
from chaos.world import World
from pulse import cli

BURST = 10


class BrokerKilled(Fault):
    """SIGKILL of the only broker, which is started again on what it left."""

    name = "broker-killed"
    subject = "kafka"

    def inject(self, world: World) -> None:
        world.servers.kill_broker()

    def heal(self, world: World) -> None:
        world.servers.start_broker()


class KafkaCut(Fault):
    """Every connection of consumers to the broker is reset."""

    name = "kafka-cut"
    subject = "kafka"

    def inject(self, world: World) -> None:
        world.servers.kafka_link.cut()

    def heal(self, world: World) -> None:
        world.servers.kafka_link.cut()


class KafkaSlow(Fault):
    """A tenth of a second, each way, on whatever goes between consumers and broker."""

    name = "kafka-slow"
    subject = "kafka"

    def inject(self, world: World) -> None:
        world.servers.kafka_link.delay_seconds = 0.1

    def heal(self, world: World) -> None:
        world.servers.kafka_link.delay_seconds = 0.0


class KafkaFrozen(Fault):
    """The way to the broker carries nothing and closes nothing."""

    name = "kafka-frozen"
    subject = "kafka"

    def inject(self, world: World) -> None:
        world.servers.kafka_link.freeze()

    def heal(self, world: World) -> None:
        world.servers.kafka_link.thaw()


class DlqTooSmall(Fault):
    """The DLQ topic takes no record any more (max.message.bytes) while dead letters come."""

    name = "dlq-too-small"
    subject = "records"
    alone = True
    may_stop = True

    def inject(self, world: World) -> None:
        marks = world.marks()
        world.set_topic(world.plan.dlq, max_message_bytes="60")
        world.traffic.flood(BURST)
        wait_for(lambda: world.said_since(marks, "did not reach"), "no delivery to the DLQ topic failed")

    def heal(self, world: World) -> None:
        world.set_topic(world.plan.dlq, max_message_bytes=world.plan.dlq.config["max.message.bytes"])


class DlqDeleted(Fault):
    """The DLQ topic is deleted while dead letters come, and made again. Its copies are read before."""

    name = "dlq-deleted"
    subject = "records"
    alone = True
    may_stop = True

    def inject(self, world: World) -> None:
        world.quiet()
        world.truth.read_copies()
        marks = world.marks()
        world.drop_topic(world.plan.dlq)
        world.traffic.resume()
        world.traffic.flood(BURST)
        wait_for(lambda: world.said_since(marks, "did not reach"), "no delivery to the DLQ topic failed")

    def heal(self, world: World) -> None:
        world.create_topic(world.plan.dlq)


class OffsetsReset(Fault):
    """A person sends the running consumers back to the beginning of the log."""

    name = "offsets-reset"
    subject = "kafka"

    def inject(self, world: World) -> None:
        world.reset_offsets()


class TopicCreatedAgain(Fault):
    """The events topic is deleted and created again under running consumers: all stop with code 3; then a reset.

    What the old topic held is stored and read by the judge before: what nobody has read when it is deleted is gone.
    """

    name = "topic-created-again"
    subject = "kafka"
    alone = True

    def inject(self, world: World) -> None:
        world.quiet()
        world.truth.read_events()
        world.drop_topic(world.plan.events)
        world.create_topic(world.plan.events)
        wait_for(
            lambda: all(process.poll() is not None for process in world.consumers),
            "a consumer goes on with a topic that was created again",
        )
        codes = [process.poll() for process in world.consumers]
        if set(codes) != {cli.STOPPED}:
            world.check_consumers()

    def heal(self, world: World) -> None:
        world.reset_offsets()
        world.replace_stopped()
        world.traffic.resume()


FAULTS: list[type[Fault]] = [
    BrokerKilled,
    KafkaCut,
    KafkaSlow,
    KafkaFrozen,
    DlqTooSmall,
    DlqDeleted,
    OffsetsReset,
    TopicCreatedAgain,
]
