"""What runs by the clock: dbt, and the upkeep of the raw events."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from pulse.rules import within
from pulse.spec.part import CRON, DURATION, Part, Resources, text


class Transform(Part, frozen=True):
    """The runs of dbt."""

    enabled: Annotated[
        bool, Meta(description="Whether Pulse schedules dbt; false leaves it to a scheduler of your own.")
    ] = True
    schedule: Annotated[str, text("When dbt runs, as a cron expression.", CRON, 100)] = "*/15 * * * *"
    full_refresh_schedule: (
        Annotated[
            str,
            text("When every mart is built anew; if absent, only where settings or models have changed.", CRON, 100),
        ]
        | UnsetType
    ) = UNSET
    session_gap: Annotated[
        str, text("Silence after which a user's next event starts a new session.", DURATION, 16, 2)
    ] = "30m"
    late_after: Annotated[str, text("Delay from which an event counts as late.", DURATION, 16, 2)] = "5m"
    time_zone: Annotated[str, text("Time zone whose days the marts report by.", r"^[A-Za-z][A-Za-z0-9_+/-]*$", 64)] = (
        "UTC"
    )
    bots: Annotated[
        Literal["Exclude", "Include"], Meta(description="Whether events flagged as made by bots count in the marts.")
    ] = "Exclude"
    resources: Annotated[Resources, Meta(description="What each run asks for.")] = Resources()

    rules = (within("session_gap", "24h"), within("late_after", "8760h"))


class Maintenance(Part, frozen=True):
    """The upkeep of the raw events in the database."""

    schedule: Annotated[
        str,
        text(
            "When partitions are made ahead of time and events past the retention are removed, as a cron expression in "
            "UTC. Once a day is often enough.",
            CRON,
            100,
        ),
    ] = "23 2 * * *"
