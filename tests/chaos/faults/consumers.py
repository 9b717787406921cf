"""Faults of the consumer's process."""

from __future__ import annotations

import signal

from chaos.faults.base import Fault
from chaos.servers import SESSION_SECONDS
from chaos.waiting import Broken, wait_for
from chaos.world import CONSUMERS, World
from pulse_consumer.failpoints import Edge

PASSAGES = 4  # a failpoint kills at one of the first so many


class KilledAtEdge(Fault):
    """One more consumer joins and kills itself at an edge of one of its first batches."""

    subject = "consumer"
    edge: Edge

    def inject(self, world: World) -> None:
        self._start_doomed(world, 1 if self.edge is Edge.TAKEN else self._rng.randint(1, PASSAGES))

    def heal(self, world: World) -> None:
        if self.edge is Edge.BURIED:
            wait_for(lambda: self._flooded_to_death(world), f"{self.name}: not reached")
        self._await_death(world)

    def _start_doomed(self, world: World, passage: int) -> None:
        self._doomed = world.start_consumer(f"{self.edge.value}:{passage}")
        world.consumers.remove(self._doomed)

    def _await_death(self, world: World) -> None:
        wait_for(lambda: self._doomed.poll() is not None, f"{self.name}: not reached")
        if self._doomed.poll() != -signal.SIGKILL:
            said = world.pipeline.log(self._doomed)[-3000:]
            raise Broken(f"{self.name}: ended with exit code {self._doomed.poll()}\n{said}")

    def _flooded_to_death(self, world: World) -> bool:
        world.traffic.flood(12)
        return self._doomed.poll() is not None


class KilledAtFlushed(KilledAtEdge):
    """The only owner kills itself while it gives partitions to one that joins."""

    name = "killed-at-flushed"
    edge = Edge.FLUSHED

    def inject(self, world: World) -> None:
        self._start_doomed(world, 1)
        while world.consumers:
            world.stop_consumer(world.consumers[0])
        wait_for(lambda: bool(world.owned(self._doomed)), f"{self.name}: it owns no partition")

    def heal(self, world: World) -> None:
        for _ in range(CONSUMERS):
            world.start_consumer()
        self._await_death(world)


def _killed_at(edge: Edge) -> type[KilledAtEdge]:
    words = {"name": f"killed-at-{edge.value}", "edge": edge, "__doc__": KilledAtEdge.__doc__}
    return type(f"KilledAt{edge.value.title()}", (KilledAtEdge,), words)


class Killed(Fault):
    """SIGKILL of a consumer at no particular moment; another one is started."""

    name = "killed"
    subject = "consumer"

    def inject(self, world: World) -> None:
        world.kill_consumer(self._rng.choice(world.consumers))

    def heal(self, world: World) -> None:
        world.start_consumer()


class Frozen(Fault):
    """SIGSTOP of an owner until its partitions have gone to another one, then SIGCONT: a zombie."""

    name = "frozen"
    subject = "consumer"

    def inject(self, world: World) -> None:
        wait_for(lambda: bool(world.owners()), "no consumer owns a partition")
        self._epochs = world.epochs()
        self._zombie = self._rng.choice(world.owners())
        self._zombie.send_signal(signal.SIGSTOP)

    def heal(self, world: World) -> None:
        wait_for(
            lambda: any(epoch > self._epochs.get(number, 0) for number, epoch in world.epochs().items()),
            f"nobody took the partitions of a frozen owner over (the group waits {SESSION_SECONDS:.0f} s or more)",
        )
        self._zombie.send_signal(signal.SIGCONT)


class Scaled(Fault):
    """From two consumers to one, to three, and back to two, each told to stop as an orchestrator does."""

    name = "scaled"
    subject = "consumer"

    def inject(self, world: World) -> None:
        while len(world.consumers) > 1:
            world.stop_consumer(world.consumers[0])
        for _ in range(CONSUMERS):
            world.start_consumer()

    def heal(self, world: World) -> None:
        wait_for(lambda: bool(world.owners()), "no consumer owns a partition")
        world.stop_consumer(world.consumers[0])


FAULTS: list[type[Fault]] = [
    *(_killed_at(edge) for edge in Edge if edge is not Edge.FLUSHED),
    KilledAtFlushed,
    Killed,
    Frozen,
    Scaled,
]
