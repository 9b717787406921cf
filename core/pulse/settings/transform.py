"""The settings of a run of dbt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pulse.env import Settings, setting
from pulse.settings.shared import DatabaseSettings, LogSettings


@dataclass(frozen=True, slots=True)
class TransformSettings(Settings):
    """The dbt runner."""

    database: DatabaseSettings
    log: LogSettings
    project: str = setting("PULSE_DBT_PROJECT", "Directory of the dbt project.")
    session_gap: timedelta = setting(
        "PULSE_SESSION_GAP",
        "Silence after which a user's next event starts a new session.",
        timedelta(minutes=30),
        minimum=1,
        maximum=86_400,
    )
    late_after: timedelta = setting(
        "PULSE_LATE_AFTER",
        "Delay between event and arrival from which an event counts as late.",
        timedelta(minutes=5),
        minimum=1,
    )
    time_zone: str = setting("PULSE_TIME_ZONE", "Time zone whose days the marts report by.", "UTC")
    include_custom_events: bool = setting(
        "PULSE_TRANSFORM_CUSTOM_EVENTS", "Count custom events in sessions and engagement.", True
    )
    exclude_bots: bool = setting("PULSE_EXCLUDE_BOTS", "Leave events flagged as made by bots out of the marts.", True)
    threads: int = setting(
        "PULSE_DBT_THREADS", "Models built, or tests run, at the same time.", 2, minimum=1, maximum=32
    )
