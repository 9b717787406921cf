"""The order of the rules: the first that applies gives the answer. Each is a small function; nothing is stored here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pulse_operator.scaling import demand, effect, levels
from pulse_operator.scaling.decision import Decision, Limit, Reason
from pulse_operator.scaling.memory import Memory
from pulse_operator.scaling.observation import Observation
from pulse_operator.scaling.policy import Mode, Policy
from pulse_operator.scaling.remember import remember, settled, stalled
from pulse_operator.scaling.window import rates


@dataclass(frozen=True, slots=True)
class _Answer:
    replicas: int
    reason: Reason
    why: str
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    """What the rules look at."""

    seen: Observation
    policy: Policy
    memory: Memory
    stalled: tuple[int, ...]

    @property
    def partitions(self) -> int:
        return len(self.seen.partitions) or self.policy.partitions

    @property
    def most(self) -> int:
        return min(self.policy.maximum or self.partitions, self.partitions)

    @property
    def least(self) -> int:
        return min(self.policy.minimum, self.most)

    @property
    def lag(self) -> int:
        return sum(offsets.lag for offsets in self.seen.partitions.values())

    @property
    def workable_lag(self) -> int:
        """Without stalled partitions, and without what is within the tolerance."""
        return sum(
            offsets.lag
            for number, offsets in self.seen.partitions.items()
            if number not in self.stalled and offsets.lag > self.policy.tolerance
        )

    @property
    def stuck_whole(self) -> bool:
        """Whether there is work, and all of it is stalled."""
        return bool(self.stalled) and not self.workable_lag


def decide(seen: Observation, policy: Policy, memory: Memory) -> Decision:
    """How many replicas there shall be now, and why. The caller stores the decision's memory for the next call."""
    memory = remember(seen, policy, memory)
    case = _Case(seen, policy, memory, stalled(seen, policy, memory) if seen.known else ())
    case = replace(case, memory=_with_low(case))
    answer = next(answer for rule in _RULES if (answer := rule(case)) is not None)
    return _decision(case, answer)


def _decision(case: _Case, answer: _Answer) -> Decision:
    seen, mode = case.seen, case.policy.mode
    replicas, reason, why = answer.replicas, answer.reason, answer.why
    if mode is Mode.OFF:
        replicas, reason = max(1, case.least), Reason.OFF
        why = f"scaling is off, so scaling.min counts; Auto would say {answer.replicas}: {why}"
    elif mode is Mode.RECOMMEND and replicas != seen.replicas:
        reason, why = Reason.RECOMMENDED, f"recommended {seen.replicas} -> {replicas} ({answer.reason.value}): {why}"
        replicas = seen.replicas
    elif replicas != seen.replicas:
        why = f"{seen.replicas} -> {replicas}: {why}"
    traffic = rates(case.memory, case.policy.window_seconds)
    drain = traffic.drain_seconds(case.workable_lag) if traffic and seen.known and not case.stuck_whole else None
    if seen.known and not case.lag:
        drain = 0.0
    return Decision(
        replicas=replicas,
        recommended=answer.replicas,
        reason=reason,
        message=why,
        memory=case.memory,
        lag=case.lag if seen.known else None,
        drain_seconds=drain,
        limited_by=answer.limit,
        stalled=case.stalled,
    )


def _with_low(case: _Case) -> Memory:
    """The memory with how long fewer replicas would have done, and the most that were needed meanwhile."""
    seen, memory = case.seen, case.memory
    if not (seen.known and seen.replicas and settled(seen, case.policy, memory)) or case.stuck_whole:
        return replace(memory, low_since=None, low_most=0)
    enough = demand.fewer(seen, case.policy, memory, case.workable_lag)
    if enough is None:
        return replace(memory, low_since=None, low_most=0)
    since = seen.at if memory.low_since is None else memory.low_since
    return replace(memory, low_since=since, low_most=max(memory.low_most, enough))


def _above_maximum(case: _Case) -> _Answer | None:
    if case.seen.replicas <= case.most:
        return None
    what = "the partitions" if case.most == case.partitions else "scaling.max"
    limit = Limit.PARTITION_COUNT if case.most == case.partitions else Limit.MAXIMUM
    return _Answer(case.most, Reason.ABOVE_MAXIMUM, f"{case.seen.replicas} replicas, {what}: {case.most}", limit)


def _lag_unknown(case: _Case) -> _Answer | None:
    seen = case.seen
    if seen.known:
        return None
    least = max(1, case.least)
    if seen.replicas < least:
        return _Answer(least, Reason.LAG_UNKNOWN_START, f"lag is unknown ({seen.why_unknown}), so it may not be none")
    return _Answer(seen.replicas, Reason.LAG_UNKNOWN_HOLD, f"lag is unknown ({seen.why_unknown}); nothing is changed")


def _asleep(case: _Case) -> _Answer | None:
    """From zero: up on the first record since, down to nothing else."""
    seen, policy = case.seen, case.policy
    if seen.replicas:
        return None
    ends = sum(offsets.end for offsets in seen.partitions.values())
    written = case.lag > 0 and ends != case.memory.asleep_ends
    if not case.least and not written and not case.workable_lag:
        return _Answer(0, Reason.IDLE, f"no replica, and nothing was written since (lag {case.lag:,})")
    asked = demand.by_lag(case.workable_lag, policy)
    replicas, limit = _within(case, asked)
    why = f"no replica, and lag {case.lag:,} at {policy.target_lag_per_replica:,} for each asks for {asked}"
    return _Answer(max(1, replicas), Reason.COLD_START, why, limit)


def _below_minimum(case: _Case) -> _Answer | None:
    if case.seen.replicas >= case.least:
        return None
    return _Answer(case.least, Reason.BELOW_MINIMUM, f"{case.seen.replicas} replicas, scaling.min: {case.least}")


def _too_small_a_step(case: _Case) -> _Answer | None:
    """The one exception to the quiet: pods that have not joined yet have cost no rebalance, so more may join them."""
    seen, policy, step = case.seen, case.policy, case.memory.step
    if step is None or not step.after > step.before > 0 or (seen.ready, seen.replicas) != (step.before, step.after):
        return None
    asked = demand.more(seen, policy, case.memory)
    late = seen.at - step.at > policy.start_seconds
    if late or asked is None or asked.replicas < policy.correction * seen.replicas:
        return None
    replicas, limit = _within(case, asked.replicas)
    if replicas <= seen.replicas:
        return None
    why = f"{asked.why}; that asks for {asked.replicas}, and no pod of the last step has joined yet"
    return _Answer(replicas, asked.reason, why, limit)


def _quiet(case: _Case) -> _Answer | None:
    seen, policy, memory = case.seen, case.policy, case.memory
    if settled(seen, policy, memory):
        return None
    if seen.ready != seen.replicas:
        why = f"{seen.ready} of {seen.replicas} pods are ready; the group is left alone until they are"
    else:
        since = seen.at - (memory.moved_at or 0.0)
        why = f"pods came or went {since:.0f} s ago; the group is left alone for {policy.quiet_seconds:.0f} s"
    return _Answer(seen.replicas, Reason.QUIET_AFTER_CHANGE, why)


def _no_pod_ready(case: _Case) -> _Answer | None:
    if case.seen.ready:
        return None
    why = f"none of {case.seen.replicas} pods is ready (lag {case.lag:,}); more pods would not help"
    return _Answer(case.seen.replicas, Reason.PODS_NOT_READY, why)


def _undo(case: _Case) -> _Answer | None:
    useful, step = effect.useful_limit(case.memory), case.memory.step
    if useful is None or step is None or case.seen.replicas <= useful:
        return None
    if case.seen.at - step.at < case.policy.undo_seconds:
        return None
    replicas = max(useful, case.least)
    if replicas >= case.seen.replicas:
        return None
    why = f"throughput did not rise with the last step ({step.before} -> {step.after}): {useful} do as much"
    return _Answer(replicas, Reason.INEFFECTIVE_SCALE_UP, why)


def _up(case: _Case) -> _Answer | None:
    seen = case.seen
    asked = demand.more(seen, case.policy, case.memory)
    if asked is None:
        return None
    replicas, limit = _within(case, asked.replicas)
    if replicas > seen.replicas:
        if effect.in_doubt(seen, case.policy, case.memory):
            why = f"{asked.why}; but the last step has not raised throughput yet, which is watched first"
            return _Answer(seen.replicas, Reason.INEFFECTIVE_SCALE_UP, why, Limit.INEFFECTIVE_SCALE_UP)
        return _Answer(replicas, asked.reason, f"{asked.why}; that asks for {asked.replicas}", limit)
    if limit is None:
        return None  # more pods, but none of them would take a partition from the busiest one
    held = {
        Limit.PARTITION_COUNT: (Reason.PARTITION_CAP, f"there are only {case.partitions} partitions"),
        Limit.MAXIMUM: (Reason.MAXIMUM_REACHED, f"scaling.max is {case.most}"),
        Limit.INEFFECTIVE_SCALE_UP: (Reason.INEFFECTIVE_SCALE_UP, "more than these did not read more when tried"),
    }
    reason, why = held[limit]
    return _Answer(seen.replicas, reason, f"{asked.why}; that asks for {asked.replicas}, but {why}", limit)


def _idle(case: _Case) -> _Answer | None:
    since = case.memory.quiet_since
    if case.least or since is None or case.seen.at - since < case.policy.idle_seconds:
        return None
    return _Answer(0, Reason.IDLE, f"nothing was written for {case.seen.at - since:.0f} s and nothing is left to read")


def _down(case: _Case) -> _Answer | None:
    seen, policy, memory = case.seen, case.policy, case.memory
    replicas = max(memory.low_most, case.least, 1)
    if memory.low_since is None or replicas >= seen.replicas:
        return None
    since = seen.at - memory.low_since
    why = f"{replicas} would have been enough for {since:.0f} s (lag {case.lag:,})"
    if since < policy.scale_down_seconds:
        return _Answer(
            seen.replicas, Reason.SCALE_DOWN_DELAY, f"{why}; changed after {policy.scale_down_seconds:.0f} s"
        )
    return _Answer(replicas, Reason.SCALE_DOWN, why)


def _steady(case: _Case) -> _Answer:
    seen, target = case.seen, case.policy.target_lag_per_replica
    if case.stalled:
        others = "there is no other lag" if case.stuck_whole else f"lag of the others is {case.workable_lag:,}"
        why = f"{_listed(case.stalled)} left out, as more or fewer pods would not move it; {others}"
        return _Answer(seen.replicas, Reason.STALLED_PARTITIONS, why)
    why = f"lag {case.lag:,} is within {target:,} for each of {seen.replicas}, or gone before a new pod could help"
    return _Answer(seen.replicas, Reason.STEADY, why)


_RULES: tuple[Callable[[_Case], _Answer | None], ...] = (
    _above_maximum,
    _lag_unknown,
    _asleep,
    _below_minimum,
    _too_small_a_step,
    _quiet,
    _no_pod_ready,
    _undo,
    _up,
    _idle,
    _down,
    _steady,
)


def _within(case: _Case, asked: int) -> tuple[int, Limit | None]:
    """The number within all limits and without pods that change nothing, and which limit cut it, if one did."""
    useful = effect.useful_limit(case.memory)
    most, limit = case.most, Limit.PARTITION_COUNT if case.most == case.partitions else Limit.MAXIMUM
    if useful is not None and useful < most:
        most, limit = max(useful, case.least), Limit.INEFFECTIVE_SCALE_UP
    found = max(levels.fewest(min(asked, most), case.partitions), case.least)
    return found, limit if asked > most else None


def _listed(partitions: tuple[int, ...]) -> str:
    shown = ", ".join(str(number) for number in partitions[:10])
    rest = f" and {len(partitions) - 10} more" if len(partitions) > 10 else ""
    return f"stalled partition{'s' if len(partitions) > 1 else ''} {shown}{rest}"
