"""The autoscalers: Pulse's own, KEDA with the HPA as published, and two that must fail. Each sees the same world."""

from __future__ import annotations

import math
from collections.abc import Callable

from bench.autoscaler.constants import (
    HPA_DOWN_WINDOW_SECONDS,
    HPA_SYNC_SECONDS,
    HPA_TOLERANCE,
    HPA_UP_FACTOR,
    HPA_UP_PERIOD_SECONDS,
    HPA_UP_PODS,
    KEDA_COOLDOWN_SECONDS,
    KEDA_POLLING_SECONDS,
    PARTITIONS,
    TARGET_LAG_PER_REPLICA,
)
from bench.autoscaler.world import World

from pulse_operator.scaling import Memory, Observation, PartitionOffsets, Policy, decide

Scaler = Callable[[World], None]


def pulse(world: World) -> None:
    """Pulse's decide(), polled, its memory carried through the stored form each time."""
    policy = Policy(
        PARTITIONS, minimum=world.trace.minimum, maximum=PARTITIONS, target_lag_per_replica=TARGET_LAG_PER_REPLICA
    )
    stored: dict[str, object] = Memory().to_dict()

    def poll() -> None:
        nonlocal stored
        offsets = {number: PartitionOffsets(*known) for number, known in enumerate(world.offsets())}
        seen = Observation(
            world.now,
            world.wanted,
            world.ready,
            {} if world.blind else offsets,
            "the broker does not answer" if world.blind else "",
        )
        decision = decide(seen, policy, Memory.from_dict(stored))
        stored = decision.memory.to_dict()
        world.scale_to(decision.replicas)

    world.every(policy.poll_seconds, poll)


def holding(world: World) -> None:
    """Never changes anything."""


def largest(world: World) -> None:
    """All that is possible, at once and for ever."""
    world.at(0.0, lambda: world.scale_to(PARTITIONS))


def keda(world: World) -> None:
    """KEDA's Kafka trigger (offsetResetPolicy earliest, as Pulse reads) and the HPA that it makes."""
    minimum = world.trace.minimum
    active_at = 0.0
    advised: list[tuple[float, int]] = [(0.0, world.wanted)]
    ups: list[tuple[float, int]] = []

    def lag() -> int:
        # Without a commit the whole end offset counts; a committed offset is believed even if the log starts later.
        total = sum(end - committed if committed is not None else end for _, end, committed in world.offsets())
        return min(total, TARGET_LAG_PER_REPLICA * PARTITIONS)

    def poll() -> None:
        nonlocal active_at
        if world.blind:
            return  # an error, and no fallback given: nothing is changed
        if lag() > 0:
            active_at = world.now
            if world.wanted == 0:
                world.scale_to(max(1, minimum))
        elif minimum == 0 and world.wanted and world.now - active_at > KEDA_COOLDOWN_SECONDS:
            world.scale_to(0)

    def sync() -> None:
        if world.blind or not world.wanted:
            return
        now, current, seen = world.now, world.wanted, lag()
        within = abs(seen / (TARGET_LAG_PER_REPLICA * current) - 1) <= HPA_TOLERANCE
        advice = current if within else math.ceil(seen / TARGET_LAG_PER_REPLICA)
        advised[:] = [(at, n) for at, n in advised if now - at < HPA_DOWN_WINDOW_SECONDS] + [(now, advice)]
        if advice < current:
            advice = min(current, max(n for _, n in advised))
        ups[:] = [(at, n) for at, n in ups if now - at < HPA_UP_PERIOD_SECONDS]
        base = current - sum(n for _, n in ups)
        allowed = max(base + HPA_UP_PODS, math.ceil(base * HPA_UP_FACTOR))
        found = max(minimum, 1, min(advice, allowed, PARTITIONS))
        if found > current:
            ups.append((now, found - current))
        world.scale_to(found)

    world.every(KEDA_POLLING_SECONDS, poll)
    world.every(HPA_SYNC_SECONDS, sync)
