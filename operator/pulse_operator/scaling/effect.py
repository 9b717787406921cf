"""What replicas were seen to achieve: the capacity of one, and whether the last scale-up was of any use."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from pulse_operator.scaling.memory import Ceiling, Memory
from pulse_operator.scaling.observation import Observation
from pulse_operator.scaling.policy import Policy


def learned(seen: Observation, policy: Policy, memory: Memory) -> Memory:
    """The memory with what its newest sample teaches."""
    if memory.ceiling is not None and seen.at >= memory.ceiling.until:
        memory = replace(memory, ceiling=None)
    if memory.capacity is not None and seen.at - memory.capacity_at >= policy.capacity_seconds:
        memory = replace(memory, capacity=None)
    return _judged(seen, policy, _with_rate_before(seen, _with_capacity(seen, memory)))


def _with_capacity(seen: Observation, memory: Memory) -> Memory:
    """Notes what one replica manages when all have more to do than they can.

    More replicas may be slower each, when the database is the limit. So after a scale-up the best counts; a lower
    figure counts only if there was no scale-up that could explain it.
    """
    sample = memory.samples[-1]
    if not sample.settled or not seen.ready:
        return memory
    rate = sample.consumed / sample.seconds / seen.ready
    memory = replace(memory, proven=max(memory.proven, rate))
    known = memory.capacity
    scaled_up = memory.step is not None and memory.step.after > memory.step.before > 0
    if known is None:
        return replace(memory, capacity=rate, capacity_at=seen.at) if sample.saturated else memory
    if rate >= known:
        return replace(memory, capacity=rate, capacity_at=seen.at)
    if sample.saturated and not scaled_up:
        return replace(memory, capacity=(known + rate) / 2, capacity_at=seen.at)
    return memory


def _with_rate_before(seen: Observation, memory: Memory) -> Memory:
    """Notes what the old pods read while the new ones start: by then it is clear whether they are at their limit."""
    step, sample = memory.step, memory.samples[-1]
    if step is None or step.judged or seen.ready != step.before or not sample.saturated:
        return memory
    return replace(memory, step=replace(step, rate_before=sample.consumed / sample.seconds))


def in_doubt(seen: Observation, policy: Policy, memory: Memory) -> bool:
    """Whether the last scale-up has brought next to nothing so far, and it is too early to say so for good."""
    effect = _effect(seen, memory)
    return effect is not None and effect.gain < policy.least_gain


def useful_limit(memory: Memory) -> int | None:
    """The most replicas that were of any use; None if that is not known."""
    return memory.ceiling.replicas if memory.ceiling is not None else None


@dataclass(frozen=True, slots=True)
class _Effect:
    """What the last scale-up has brought since its pods are at work, all of them with more to read than they can."""

    seconds: float  # watched so far
    gain: float  # share of the hoped-for rise in throughput: twice the replicas are hoped to read twice as much
    enough: int  # replicas of before that would read as much


def _effect(seen: Observation, memory: Memory) -> _Effect | None:
    """None if there is nothing to judge: no scale-up, judged already, or no backlog on which it could be seen."""
    step, samples = memory.step, [sample for sample in memory.samples if sample.settled]
    if step is None or step.judged or step.rate_before is None or not step.after > step.before > 0:
        return None
    if seen.ready != step.after or not samples or not all(sample.saturated for sample in samples):
        return None
    seconds = sum(sample.seconds for sample in samples)
    rate = sum(sample.consumed for sample in samples) / seconds
    return _Effect(
        seconds,
        (rate / step.rate_before - 1) / (step.after / step.before - 1),
        min(step.after - 1, max(step.before, math.ceil(rate * step.before / step.rate_before))),
    )


def _judged(seen: Observation, policy: Policy, memory: Memory) -> Memory:
    """Notes a ceiling if the last scale-up brought next to nothing for long enough."""
    effect, step = _effect(seen, memory), memory.step
    if effect is None or step is None or effect.seconds < policy.effect_seconds:
        return memory
    memory = replace(memory, step=replace(step, judged=True))
    if effect.gain >= policy.least_gain:
        return memory
    return replace(memory, ceiling=Ceiling(effect.enough, seen.at + policy.remember_seconds))
