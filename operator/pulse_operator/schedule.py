"""When a cron expression has fired, as Kubernetes reads it. Pure."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


def fired_before(expression: str, zone: str, at: float, times: int) -> float | None:
    """When it fired for the `times`-th last time before `at`, seconds since 1970, by the clocks of a time zone.

    None if it never does, or if there is no such zone.
    """
    try:
        backwards = CronSim(
            _MACROS.get(expression, expression), datetime.fromtimestamp(at, ZoneInfo(zone)), reverse=True
        )
        found = next(islice(backwards, times - 1, None), None)
    except (CronSimError, ZoneInfoNotFoundError, ValueError):
        return None
    return found.timestamp() if found else None
