"""What holds whatever is observed: random histories of offsets, pods, failures and other people's changes."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from pulse_operator.scaling import Memory, Mode, Observation, PartitionOffsets, Policy, Reason, decide
from pulse_operator.scaling.levels import Traffic, busiest, fewest, for_rate
from pulse_operator.scaling.memory import MOST_SAMPLES, VERSION

numbers = st.integers(min_value=0, max_value=3_000_000)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    minimum = draw(st.integers(0, 8))
    maximum = draw(st.none() | st.integers(max(1, minimum), 20))
    return Policy(draw(st.integers(1, 16)), minimum=minimum, maximum=maximum, target_lag_per_replica=50_000)


@st.composite
def histories(draw: st.DrawFn, partitions: int, length: int = 30) -> list[Observation]:
    """Observations in order of time; offsets grow, some are unknown, pods come and go at will."""
    at, seen = 0.0, []
    ends, commits = [0] * partitions, [0] * partitions
    for _ in range(draw(st.integers(1, length))):
        at += draw(st.sampled_from([0.0, 1.0, 10.0, 10.0, 10.0, 60.0, 700.0]))
        for number in range(partitions):
            ends[number] += draw(numbers)
            commits[number] = min(ends[number], commits[number] + draw(numbers))
        offsets = {
            n: PartitionOffsets(0, ends[n], draw(st.sampled_from([None, commits[n]]))) for n in range(partitions)
        }
        unknown = draw(st.sampled_from(["", "", "", "no answer"]))
        replicas = draw(st.integers(0, 20))
        seen.append(Observation(at, replicas, draw(st.integers(0, replicas)), {} if unknown else offsets, unknown))
    return seen


@given(st.data())
def test_never_outside_the_bounds(data: st.DataObject) -> None:
    policy, memory = data.draw(policies()), Memory()
    most = min(policy.maximum or policy.partitions, policy.partitions)
    for seen in data.draw(histories(policy.partitions)):
        decision = decide(seen, policy, memory)
        memory = decision.memory
        assert min(policy.minimum, most) <= decision.replicas <= most


@given(st.data())
def test_unknown_lag_never_lowers_within_the_bounds_and_never_leaves_none(data: st.DataObject) -> None:
    policy, memory = data.draw(policies()), Memory()
    most = min(policy.maximum or policy.partitions, policy.partitions)
    for seen in data.draw(histories(policy.partitions)):
        decision = decide(seen, policy, memory)
        memory = decision.memory
        if not seen.known:
            assert decision.replicas >= max(1, min(seen.replicas, most))


@given(st.data())
def test_what_is_remembered_is_bounded_and_survives_being_stored(data: st.DataObject) -> None:
    policy, memory = data.draw(policies()), Memory()
    for seen in data.draw(histories(policy.partitions)):
        memory = decide(seen, policy, memory).memory
        assert len(memory.samples) <= MOST_SAMPLES
        assert len(memory.progress) <= policy.partitions
        assert Memory.from_dict(json.loads(json.dumps(memory.to_dict()))) == memory


@given(st.data())
def test_only_auto_follows_the_lag_and_the_others_say_what_it_would_do(data: st.DataObject) -> None:
    policy, memory = data.draw(policies()), Memory()
    words = {"minimum": policy.minimum, "maximum": policy.maximum, "target_lag_per_replica": 50_000}
    recommend = Policy(policy.partitions, mode=Mode.RECOMMEND, **words)  # type: ignore[arg-type]
    for seen in data.draw(histories(policy.partitions)):
        decision, advice = decide(seen, policy, memory), decide(seen, recommend, memory)
        memory = decision.memory
        assert advice.replicas == seen.replicas
        assert advice.recommended == decision.replicas
        assert (advice.reason is Reason.RECOMMENDED) == (decision.replicas != seen.replicas)


@given(st.lists(st.integers(0, 5_000_000), min_size=1, max_size=16), st.integers(0, 5_000_000))
def test_from_zero_more_lag_never_gets_fewer_replicas(lags: list[int], more: int) -> None:
    policy = Policy(len(lags), minimum=0)

    def started(extra: int) -> int:
        offsets = {n: PartitionOffsets(0, lag + (extra if n == 0 else 0)) for n, lag in enumerate(lags)}
        return decide(Observation(0.0, 0, 0, offsets), policy, Memory()).replicas

    assert started(more) >= started(0)


@given(st.integers(1, 200), st.integers(1, 200))
def test_the_fewest_replicas_share_out_as_well_and_one_less_would_not(replicas: int, partitions: int) -> None:
    found = fewest(replicas, partitions)
    assert busiest(found, partitions) == busiest(min(replicas, partitions), partitions)
    assert found <= min(replicas, partitions)
    assert found == 1 or busiest(found - 1, partitions) > busiest(found, partitions)


@given(st.integers(1, 64), st.floats(1, 1e6), st.floats(1, 1e6))
def test_the_replicas_for_a_rate_carry_it_and_fewer_would_not(partitions: int, rate: float, capacity: float) -> None:
    even = Traffic(partitions, rate, rate / partitions)
    found = for_rate(even, capacity)
    each = rate / partitions
    if found > partitions:
        assert each > capacity
    else:
        assert busiest(found, partitions) * each <= capacity * (1 + 1e-9)
        assert found == 1 or busiest(found - 1, partitions) * each > capacity * (1 - 1e-9)
    assert not math.isinf(found)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )
)
def test_a_memory_that_somebody_damaged_is_forgotten(value: object) -> None:
    assert Memory.from_dict(value) == Memory()
    for name in ("at", "samples", "progress", "step", "ceiling", "capacity"):
        damaged = Memory.from_dict({"version": VERSION, name: value})
        decide(Observation(5.0, 1, 1, {0: PartitionOffsets(0, 10, 5)}), Policy(1), damaged)
