"""Pure schedules: how many visits an hour of history has, and how many live events are due by now."""

from __future__ import annotations

from random import Random

from pulse_simulator.model import DAY_MS, HOUR_MS

# Visits that an average member of the population makes a day.
VISITS_PER_USER_DAY = 0.4

# Relative weight of each hour of the day (UTC) and of each weekday from Monday; both average to one.
_HOURS = (5, 3, 2, 2, 2, 3, 6, 10, 14, 17, 19, 20, 22, 21, 19, 19, 20, 22, 25, 28, 29, 25, 17, 10)
_WEEKDAYS = (98, 96, 95, 97, 94, 108, 112)
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday


def intensity(hour_start_ms: int) -> float:
    """How busy the hour is, 1.0 being the average over a week."""
    day, rest = divmod(hour_start_ms, DAY_MS)
    by_hour = _HOURS[rest // HOUR_MS] * 24 / sum(_HOURS)
    by_weekday = _WEEKDAYS[(day + _EPOCH_WEEKDAY) % 7] * 7 / sum(_WEEKDAYS)
    return by_hour * by_weekday


def visits(rng: Random, users: int, hour_start_ms: int) -> int:
    """How many visits begin in the hour, give or take a fifth."""
    expected = users * VISITS_PER_USER_DAY / 24 * intensity(hour_start_ms)
    return int(expected * (0.8 + 0.4 * rng.random()) + rng.random())


def due(rate: float, elapsed_seconds: float, sent: int, limit: int) -> int:
    """How many events are to be sent now to have kept `rate` since the start, `limit` in all (0: without end)."""
    total = int(rate * max(0.0, elapsed_seconds))
    return max(0, (min(total, limit) if limit else total) - sent)
