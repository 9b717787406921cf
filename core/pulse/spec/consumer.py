"""What is accepted as an event, and who writes it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from pulse.rules import Rule, within
from pulse.spec.part import DURATION, Part, Resources, text


class Contract(Part, frozen=True):
    """What is accepted as an event."""

    custom_events: Annotated[
        bool, Meta(description="Keep events of types that the contract does not know; false dead-letters them.")
    ] = True


class Batch(Part, frozen=True):
    """How much the consumer writes in one transaction."""

    rows: Annotated[int, Meta(description="Most records.", ge=1, le=1_000_000)] = 20_000
    bytes: Annotated[int, Meta(description="Most bytes of record values.", ge=1024, le=1_073_741_824)] = 33_554_432
    linger: Annotated[str, text("Longest that a record waits for its batch to fill.", DURATION, 16, 2)] = "100ms"

    rules = (within("linger", "60s"),)


class Scaling(Part, frozen=True):
    """How many consumers run. Replicas follow the lag between min and max."""

    mode: Annotated[
        Literal["Auto", "Recommend", "Off"],
        Meta(description="Auto scales; Recommend only says what it would do; Off runs min replicas."),
    ] = "Auto"
    min: Annotated[int, Meta(description="Fewest replicas; 0 lets an idle pipeline rest.", ge=0, le=1000)] = 1
    max: Annotated[int, Meta(description="Most replicas; more than partitions would be idle.", ge=1, le=1000)] = 3
    target_lag_per_replica: Annotated[
        int,
        Meta(description="Records of lag that one replica may carry before another is added.", ge=1, le=2_000_000_000),
    ] = 100_000
    target_drain_time: Annotated[str, text("Time within which a backlog should be worked off.", DURATION, 16, 2)] = "5m"
    scale_down_delay: Annotated[
        str, text("Time for which fewer must be enough before any is taken away.", DURATION, 16, 2)
    ] = "10m"

    rules = (
        Rule("self.min <= self.max", "min must not be larger than max", lambda scaling: scaling.min <= scaling.max),
        within("target_drain_time", "8760h"),
        within("scale_down_delay", "24h"),
    )


class Consumer(Part, frozen=True):
    """The consumers of the pipeline."""

    batch: Annotated[Batch, Meta(description="How much is written in one transaction.")] = Batch()
    resources: Annotated[Resources, Meta(description="What each consumer pod asks for.")] = Resources()
    scaling: Annotated[Scaling, Meta(description="How many consumers run.")] = Scaling()
