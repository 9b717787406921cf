"""Simulated visitors."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from pulse.spec.part import Part


class Simulator(Part, frozen=True):
    """Simulated visitors, for trying a pipeline without real traffic."""

    enabled: Annotated[bool, Meta(description="Whether the simulator runs.")] = False
    events_per_second: Annotated[int, Meta(description="Events per second.", ge=1, le=100_000)] = 50
    users: Annotated[int, Meta(description="Size of the population that visits.", ge=1, le=10_000_000)] = 2_000
