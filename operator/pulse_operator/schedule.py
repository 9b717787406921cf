"""When a cron expression has fired, as Kubernetes reads it. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

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


def fired_before(expression: str, at: float, times: int) -> float | None:
    """When it fired for the `times`-th last time before `at`, seconds since 1970; None if it never does.

    CronJobs without a time zone go by that of the cluster's controller, taken to be UTC.
    """
    try:
        backwards = CronSim(_MACROS.get(expression, expression), datetime.fromtimestamp(at, UTC), reverse=True)
        found = next(islice(backwards, times - 1, None), None)
    except CronSimError:
        return None
    return found.timestamp() if found else None
