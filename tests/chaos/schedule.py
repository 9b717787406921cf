"""Which faults happen in which run, when, and how long: a pure function of the seed.

Faults are dealt like cards from shuffled decks that hold every kind once, so that any number of runs has them evenly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

FAULTS_PER_RUN = 20
PAIRED = 0.35  # of the faults that may come together with one of another subject
HOLD_SECONDS = (0.3, 2.0)
PROTOCOLS = ("consumer", "classic")


@dataclass(frozen=True, slots=True)
class Kind:
    """What the schedule has to know of a fault. `subject` is what it hits; one that is `alone` is never paired."""

    subject: str
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """Faults that hold at the same time for so long. The seeds are those of their own choices."""

    faults: tuple[tuple[str, int], ...]
    hold_seconds: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """One run: the group's protocol and the faults in order."""

    seed: int
    run: int
    protocol: str
    steps: tuple[Step, ...]

    @property
    def faults(self) -> list[str]:
        """The names of all faults, in order."""
        return [name for step in self.steps for name, _ in step.faults]

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, run {self.run}, protocol {self.protocol}"]
        lines += [
            f"  {number}. {' with '.join(name for name, _ in step.faults)}, {step.hold_seconds:.1f} s"
            for number, step in enumerate(self.steps, 1)
        ]
        return "\n".join(lines)


def schedule(seed: int, run: int, kinds: Mapping[str, Kind], faults: int = FAULTS_PER_RUN) -> Schedule:
    """The run of this number, from 0. Equal arguments give equal schedules, whatever else was asked before."""
    rng = Random(f"{seed}:{run}")
    cards = [_card(seed, place, sorted(kinds)) for place in range(run * faults, (run + 1) * faults)]
    rng.shuffle(cards)
    steps = []
    while cards:
        together = [cards.pop()]
        if cards and rng.random() < PAIRED and _may_meet(kinds[together[0]], kinds[cards[-1]]):
            together.append(cards.pop())
        together.sort(key=lambda name: kinds[name].subject != "consumer")
        steps.append(
            Step(
                tuple((name, rng.getrandbits(32)) for name in together),
                round(rng.uniform(*HOLD_SECONDS), 1),
            )
        )
    return Schedule(seed, run, PROTOCOLS[run % 2], tuple(steps))


def _card(seed: int, place: int, names: list[str]) -> str:
    deck, position = divmod(place, len(names))
    Random(f"{seed}:deck:{deck}").shuffle(names)
    return names[position]


def _may_meet(one: Kind, other: Kind) -> bool:
    """A consumer's fault may meet one of what it talks to; it is then the first to come and the last to go."""
    return not one.alone and not other.alone and (one.subject == "consumer") is not (other.subject == "consumer")
