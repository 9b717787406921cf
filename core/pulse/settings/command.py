"""The settings of the `pulse` command itself."""

from __future__ import annotations

from dataclasses import dataclass

from pulse.env import Settings, setting


@dataclass(frozen=True, slots=True)
class CommandSettings(Settings):
    """The `pulse` command itself; every process that it starts inherits these."""

    home: str = setting(
        "PULSE_HOME",
        "Directory that holds the data, logs and state of the local stack; empty means the user's data directory.",
        "",
    )
    cache: str = setting(
        "PULSE_CACHE",
        "Directory that holds what was downloaded once: Kafka's jars; empty means the user's cache directory.",
        "",
    )
