"""Takes an observation into the memory: changes of pods, progress by partition, samples. It decides nothing."""

from __future__ import annotations

from dataclasses import replace

from pulse_operator.scaling import effect
from pulse_operator.scaling.memory import MOST_SAMPLES, Memory, Progress, Sample, Step
from pulse_operator.scaling.observation import Observation, PartitionOffsets
from pulse_operator.scaling.policy import Policy
from pulse_operator.scaling.window import IN_FLIGHT_SECONDS, saturated_rate


def remember(seen: Observation, policy: Policy, memory: Memory) -> Memory:
    """The memory with this observation in it."""
    if memory.at is not None and seen.at < memory.at:
        memory = Memory()  # the clock was set back: no interval to this memory means anything
    memory = _with_pods(seen, policy, memory)
    if not seen.known:
        return memory
    sample = _sample(seen, policy, memory)
    oldest = seen.at - max(policy.window_seconds, policy.effect_seconds)
    samples = (*(old for old in memory.samples if old.at >= oldest), sample)[-MOST_SAMPLES:]
    memory = replace(memory, progress=_progress(seen, policy, memory), samples=samples, at=seen.at)
    return _with_quiet(seen, policy, effect.learned(seen, policy, memory))


def settled(seen: Observation, policy: Policy, memory: Memory) -> bool:
    """Whether the group has come to rest since pods last came or went, or has had long enough for it."""
    if memory.unsettled_since is not None and seen.at - memory.unsettled_since >= policy.settle_limit_seconds:
        return True
    resting = memory.moved_at is None or seen.at - memory.moved_at >= policy.quiet_seconds
    return resting and seen.ready == seen.replicas


def stalled(seen: Observation, policy: Policy, memory: Memory) -> tuple[int, ...]:
    """Partitions in which nothing has moved for so long that it is no chance."""
    return tuple(
        number
        for number, offsets in sorted(seen.partitions.items())
        if offsets.lag > policy.tolerance and _unmoved(memory, number) >= policy.stall_polls
    )


def moving_lag(seen: Observation, policy: Policy, memory: Memory) -> int:
    """The lag of the partitions that moved since the last poll: only there can more replicas be of use."""
    return sum(
        offsets.lag
        for number, offsets in seen.partitions.items()
        if offsets.lag > policy.tolerance and not _unmoved(memory, number)
    )


def _unmoved(memory: Memory, number: int) -> int:
    return memory.progress[number].unmoved if number in memory.progress else 0


def _with_pods(seen: Observation, policy: Policy, memory: Memory) -> Memory:
    """Notes that pods came or went, and starts the averages again if so."""
    stepped = memory.replicas is not None and memory.replicas != seen.replicas
    joined = memory.ready is not None and memory.ready != seen.ready
    if stepped and memory.replicas is not None:
        raised = seen.replicas > memory.replicas
        before = memory.replicas if memory.ready is None or not raised else memory.ready
        step = Step(seen.at, before, seen.replicas, saturated_rate(memory))
        memory = replace(memory, step=step, low_since=None, low_most=0, unsettled_since=None)
    if joined:
        memory = replace(memory, joined_at=seen.at, samples=())
    if joined or stepped:
        memory = replace(memory, moved_at=seen.at)
    memory = replace(memory, replicas=seen.replicas, ready=seen.ready)
    resting = memory.moved_at is None or seen.at - memory.moved_at >= policy.quiet_seconds
    if resting and seen.ready == seen.replicas:
        return replace(memory, unsettled_since=None)
    return replace(memory, unsettled_since=seen.at if memory.unsettled_since is None else memory.unsettled_since)


def _progress(seen: Observation, policy: Policy, memory: Memory) -> dict[int, Progress]:
    """Where each partition stands. Polls are counted only while pods could have moved it."""
    counts = _interval_is_settled(memory)
    after = {}
    for number, now in seen.partitions.items():
        was = memory.progress.get(number)
        committed = -1 if now.committed is None else now.committed
        unmoved = 0
        if was is not None and was.committed == committed and now.lag > policy.tolerance and seen.ready:
            unmoved = was.unmoved + counts
        after[number] = Progress(now.end, committed, unmoved)
    return after


def _sample(seen: Observation, policy: Policy, memory: Memory) -> Sample:
    """What happened since the last poll, in the partitions that are not stalled."""
    seconds = seen.at - memory.at if memory.at is not None else 0.0
    progress = _progress(seen, policy, memory)
    produced = hottest = consumed = waiting = 0
    for number, now in seen.partitions.items():
        was = memory.progress.get(number)
        if was is None or progress[number].unmoved:
            continue
        read = _consumed(was, now)
        written = max(0, now.end - was.end)
        produced, hottest, consumed = produced + written, max(hottest, written), consumed + read
        least = max(policy.tolerance, IN_FLIGHT_SECONDS * read / seconds if seconds else 0.0)
        waiting += min(now.lag, was.end - max(was.committed, now.start)) > least  # at both ends of the interval
    lag = moving_lag(seen, policy, replace(memory, progress=progress))
    is_settled = _interval_is_settled(memory) and seconds > 0
    # Fewer partitions without work than the least busy replica has: then none of the replicas is without work.
    busy = seen.ready > 0 and len(seen.partitions) - waiting < max(1, len(seen.partitions) // seen.ready)
    saturated = is_settled and busy and consumed > 0
    return Sample(seen.at, seconds, lag, produced, hottest, consumed, is_settled, saturated)


def _consumed(was: Progress, now: PartitionOffsets) -> int:
    """Records read in between; what the log dropped meanwhile was not read."""
    return 0 if now.committed is None else max(0, now.committed - max(was.committed, now.start))


def _interval_is_settled(memory: Memory) -> bool:
    """Whether the same pods were at work since the last poll. Those that still start take nothing from them."""
    return memory.joined_at is None or (memory.at is not None and memory.at >= memory.joined_at)


def _with_quiet(seen: Observation, policy: Policy, memory: Memory) -> Memory:
    """Notes since when nothing was written and nothing was left. Without replicas the note of the last one stays."""
    if not seen.replicas:
        return memory
    ends = sum(offsets.end for offsets in seen.partitions.values())
    if any(offsets.lag > policy.tolerance for offsets in seen.partitions.values()):
        return replace(memory, quiet_since=None, asleep_ends=None)
    if memory.quiet_since is not None and memory.asleep_ends == ends:
        return memory
    return replace(memory, quiet_since=seen.at, asleep_ends=ends)
