"""The settings of the simulator."""

from __future__ import annotations

from dataclasses import dataclass

from pulse.env import Settings, setting
from pulse.settings.shared import KafkaSettings, LogSettings


@dataclass(frozen=True, slots=True)
class SimulatorSettings(Settings):
    """The simulator; what it simulates is said by its flags, each of which has a variable here."""

    kafka: KafkaSettings
    log: LogSettings
    events_topic: str = setting("PULSE_EVENTS_TOPIC", "Topic that holds the events.")
    seed: int = setting("PULSE_SIM_SEED", "Same seed, same events.", 1, minimum=0)
    users: int = setting("PULSE_SIM_USERS", "Size of the population that visits.", 2_000, minimum=1, maximum=10_000_000)
    days: int = setting(
        "PULSE_SIM_DAYS", "Days of history, back-dated, to send before anything live.", 0, minimum=0, maximum=3_650
    )
    rate: float = setting(
        "PULSE_SIM_RATE",
        "Live events per second; 0 sends the history only, a rate out of reach sends as fast as possible.",
        0.0,
        minimum=0.0,
        maximum=1_000_000,
    )
    events: int = setting(
        "PULSE_SIM_EVENTS", "Stop after so many live events; 0 goes on until it is stopped.", 0, minimum=0
    )
    late_share: float = setting(
        "PULSE_SIM_LATE_SHARE", "Share of events that arrive more than five minutes late.", 0.02, minimum=0, maximum=0.9
    )
    duplicate_share: float = setting(
        "PULSE_SIM_DUPLICATE_SHARE", "Share of events sent twice with one event_id.", 0.01, minimum=0, maximum=0.9
    )
    disorder_share: float = setting(
        "PULSE_SIM_DISORDER_SHARE", "Share of events sent out of their order.", 0.02, minimum=0, maximum=0.9
    )
    malformed_share: float = setting(
        "PULSE_SIM_MALFORMED_SHARE", "Malformed records for each good event.", 0.001, minimum=0, maximum=0.9
    )
    end: str = setting("PULSE_SIM_END", "End of the history, RFC 3339; empty means now.", "")
    truth: str = setting(
        "PULSE_SIM_TRUTH", "File that the truth about the simulated visitors is written to; empty writes none.", ""
    )
