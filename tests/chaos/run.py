"""One run: steady state, the faults of the schedule one step after the other, and the judgement at the end."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from chaos.faults import FAULTS
from chaos.faults.base import Fault
from chaos.schedule import Schedule, Step
from chaos.servers import Servers
from chaos.waiting import Broken, answer, wait_for
from chaos.world import World


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long after a fault was healed the first new row was committed, and all that waited then was stored.

    With another fault at the same time (`together`), both have to be over first, so it says little about either.
    """

    fault: str
    protocol: str
    together: bool
    first_commit_seconds: float
    caught_up_seconds: float


@dataclass(slots=True)
class Result:
    """What a run gave: what it counted, and each fault's recovery. `problem` is empty if every promise was kept."""

    schedule: Schedule
    recoveries: list[Recovery] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    problem: str = ""


def one_run(servers: Servers, plan: Schedule, logs: Path, say: Callable[[str], None]) -> Result:
    """Carries the schedule out and says each step. What is broken is told in the result; the consumers' logs are kept.

    Whatever ends a run early breaks it: nothing is known of what it was to show.
    """
    result = Result(plan)
    started = time.monotonic()
    try:
        with closing(World(servers, logs, plan.seed * 1_000 + plan.run, plan.protocol)) as world:
            try:
                _carry_out_all(world, result, say)
                result.counts = _judge(world)
            except Exception as failed:  # noqa: BLE001 - a fault may have any client of the driver fail in any way
                result.problem = f"{_told(failed)}\n{world.pipeline.log_tails()}"
    except Exception as failed:  # noqa: BLE001 - nor may what cannot be set up or cleared away end the campaign
        result.problem = result.problem or _told(failed)
    result.seconds = time.monotonic() - started
    return result


def _told(failed: Exception) -> str:
    if isinstance(failed, Broken):
        return str(failed)
    return f"{type(failed).__name__}: {failed}\n{''.join(traceback.format_exception(failed))}"


def _carry_out_all(world: World, result: Result, say: Callable[[str], None]) -> None:
    wait_for(lambda: world.last_batch() > 0, "no first batch")
    for number, step in enumerate(result.schedule.steps, 1):
        found = _carry_out(world, step)
        result.recoveries += found
        slowest = max(one.caught_up_seconds for one in found)
        names = " with ".join(one.fault for one in found)
        say(f"{number} of {len(result.schedule.steps)}: {names}, all stored after {slowest:.1f} s")


def _carry_out(world: World, step: Step) -> list[Recovery]:
    faults = [FAULTS[name](Random(seed)) for name, seed in step.faults]
    healed: dict[str, float] = {}

    def heal(fault: Fault) -> None:
        fault.heal(world)
        healed[fault.name] = time.monotonic()

    with ExitStack() as healing:
        for fault in faults:
            healing.callback(heal, fault)
            fault.inject(world)
        time.sleep(step.hold_seconds)
    if any(fault.may_stop for fault in faults):
        world.replace_stopped()
    return _recovered(world, healed)


def _recovered(world: World, healed: dict[str, float]) -> list[Recovery]:
    before = answer(world.last_batch, "the database does not tell its last batch")
    ends = answer(world.pipeline.end_offsets, "the broker does not tell the ends of the log")
    wait_for(lambda: world.last_batch() > before, "nothing was committed after the fault was healed")
    first = time.monotonic()
    wait_for(
        lambda: all(world.pipeline.stored_offsets().get(number, 0) >= end for number, end in ends.items()),
        "what waited in the log when the fault was healed is not stored",
        progress=world.pipeline.stored_offsets,
    )
    world.check_consumers()
    now = time.monotonic()
    return [
        Recovery(name, world.protocol, len(healed) > 1, round(first - at, 2), round(now - at, 2))
        for name, at in healed.items()
    ]


def _judge(world: World) -> dict[str, int]:
    world.quiet()
    if world.traffic.failures:
        raise Broken(f"Kafka refused records: {world.traffic.failures[:3]}")
    while world.consumers:
        world.stop_consumer(world.consumers[0])
    world.truth.read_events()
    world.truth.read_copies()
    counts = world.truth.check(world.traffic.acknowledged)
    world.verify()
    return counts
