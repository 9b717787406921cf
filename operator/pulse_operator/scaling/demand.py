"""How many replicas the lag and the traffic ask for, before any limit. Reads the memory, never changes it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pulse_operator.scaling import levels
from pulse_operator.scaling.decision import Reason
from pulse_operator.scaling.memory import Memory
from pulse_operator.scaling.observation import Observation
from pulse_operator.scaling.policy import Policy
from pulse_operator.scaling.window import Rates, average_lag, latest_rates, rates

# Lag above the allowed one that will be this many times the allowed when a new pod is at work is no noise: it is acted
# on without waiting for an average.
URGENT = 4.0
# Below this share of the allowed lag nobody waits for anything: it is not worth a rebalance to drain it sooner.
WORTH_DRAINING = 0.25
# To scale down, the lag must be within this share of what fewer replicas may have; the other half is hysteresis.
LOW = 0.5
# Replicas that were never seen at their limit are trusted with this many times what they were seen to do.
UNPROVEN = 4 / 3


@dataclass(frozen=True, slots=True)
class Demand:
    """A number of replicas that would do, unlimited, with its arithmetic."""

    replicas: int
    reason: Reason
    why: str


def more(seen: Observation, policy: Policy, memory: Memory) -> Demand | None:
    """What the backlog asks for; None if the replicas that there are will do."""
    asked = [rule(seen, policy, memory) for rule in (_by_lag, _by_drain, _by_traffic)]
    most = max(filter(None, asked), key=lambda demand: demand.replicas, default=None)
    return most if most is not None and most.replicas > seen.replicas else None


def _trusted(policy: Policy, memory: Memory) -> float:
    """Records per second that one replica may be left with."""
    if memory.capacity is not None:
        return memory.capacity * policy.utilisation
    return max(policy.trusted_rate, memory.proven * UNPROVEN)  # its limit was never seen: step by step


def by_lag(lag: float, policy: Policy) -> int:
    """Replicas of which each has at most its target; 1 at least."""
    return max(1, math.ceil(lag / policy.target_lag_per_replica))


def fewer(seen: Observation, policy: Policy, memory: Memory, lag: int) -> int | None:
    """How many replicas would do with room to spare; None if they are not fewer or if it cannot be told."""
    traffic = rates(memory, policy.window_seconds)
    if traffic is None:
        return None
    partitions = len(seen.partitions)
    by_rate = levels.for_rate(_traffic(traffic, partitions), _trusted(policy, memory))
    found = levels.fewest(max(by_rate, by_lag(lag / LOW, policy)), partitions)
    return found if found < seen.replicas else None


def _standing_lag(policy: Policy, memory: Memory) -> float:
    """The lag that is no passing peak: the average, or what there is now if that is less."""
    return min(average_lag(memory, policy.window_seconds), memory.samples[-1].lag)


def _by_lag(seen: Observation, policy: Policy, memory: Memory) -> Demand | None:
    now, latest = memory.samples[-1].lag, latest_rates(memory)
    growth = max(0.0, latest.growth) if latest else 0.0
    expected = now + growth * policy.start_seconds
    allowed = policy.target_lag_per_replica * seen.replicas
    urgent = now > allowed and expected >= URGENT * allowed
    if not urgent and _standing_lag(policy, memory) <= allowed:
        return None
    drain = latest.drain_seconds(now) if latest else None
    if drain is not None and drain <= policy.start_seconds:
        return None  # gone before a new pod would be at work
    return Demand(
        by_lag(expected, policy),
        Reason.LAG_ABOVE,
        f"lag {now:,}, in {policy.start_seconds:.0f} s {expected:,.0f} at {growth:+,.0f}/s, "
        f"is above {policy.target_lag_per_replica:,} for each of {seen.replicas}",
    )


def _by_drain(seen: Observation, policy: Policy, memory: Memory) -> Demand | None:
    traffic = rates(memory, policy.window_seconds)
    lag = _standing_lag(policy, memory)
    worth = WORTH_DRAINING * policy.target_lag_per_replica * seen.replicas
    if traffic is None or memory.capacity is None or lag <= worth:
        return None
    drain = traffic.drain_seconds(lag)
    if drain is not None and drain <= policy.target_drain_seconds:
        return None
    # A rise that has only begun is not yet in the average.
    latest = latest_rates(memory) or traffic
    produced = max(traffic.produced, latest.produced)
    extra = lag / policy.target_drain_seconds
    wanted = levels.Traffic(len(seen.partitions), produced + extra, (produced + extra) / len(seen.partitions))
    takes = "does not shrink" if drain is None else f"takes {drain:,.0f} s to drain"
    return Demand(
        levels.for_rate(wanted, memory.capacity),
        Reason.DRAIN_TOO_SLOW,
        f"lag {lag:,.0f} {takes} (read {traffic.consumed:,.0f}/s, written {traffic.produced:,.0f}/s, wanted in "
        f"{policy.target_drain_seconds:,.0f} s); one replica reads {memory.capacity:,.0f}/s",
    )


def _by_traffic(seen: Observation, policy: Policy, memory: Memory) -> Demand | None:
    """Asks before lag does: at its limit a replica catches up with nothing, not even with a rebalance."""
    rate = rates(memory, policy.window_seconds)
    if rate is None or memory.capacity is None:
        return None
    traffic = _traffic(rate, len(seen.partitions))
    busiest, allowed = levels.busiest_rate(seen.replicas, traffic), memory.capacity * policy.most_utilisation
    if busiest <= allowed or traffic.hottest > allowed:
        return None  # what one partition gets no number of replicas can share out
    return Demand(
        levels.for_rate(traffic, allowed),
        Reason.TRAFFIC_NEAR_CAPACITY,
        f"{rate.produced:,.0f}/s are written, {busiest:,.0f}/s for the busiest of {seen.replicas}; "
        f"one replica reads {memory.capacity:,.0f}/s, of which {policy.most_utilisation:.0%} may be used",
    )


def _traffic(rate: Rates, partitions: int) -> levels.Traffic:
    return levels.Traffic(partitions, rate.produced, rate.hottest)
