"""What a fault is: something that breaks, something that mends it, and nothing that judges."""

from __future__ import annotations

from random import Random
from typing import ClassVar

from chaos.world import World


class Fault:
    """One fault of one run. `heal` is called even if `inject` failed half-way."""

    name: ClassVar[str]
    subject: ClassVar[str]  # consumer, kafka, database or records
    alone: ClassVar[bool] = False  # whether it needs everything else to be well
    may_stop: ClassVar[bool] = False  # whether a consumer may end with exit code 3 for it

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    @classmethod
    def impossible(cls) -> str:
        """Why it cannot be had on this machine; empty if it can."""
        return ""

    def inject(self, world: World) -> None:
        """Breaks it; returns when it is broken."""
        raise NotImplementedError

    def heal(self, world: World) -> None:
        """Mends it; from its return on the consumers have all that they need. Some faults are over by themselves."""
