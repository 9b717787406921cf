"""When a cron expression has fired, as Kubernetes reads it, and which time zones there are. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

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


def zone_known(name: str) -> bool:
    """Whether there is such a time zone; on a machine without a database of them, nobody can say that there is not."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of zones, such as Europe
        return not _zones()
    return True


def zone_sentence(name: str) -> str:
    """What to tell about a name that no time zone has, with the one that comes nearest."""
    near = get_close_matches(name, _zones(), 1) or ["Europe/Berlin"]
    return f"{name!r} is not in the time zone database: use a name of it, such as {near[0]}"


@cache
def _zones() -> frozenset[str]:
    """Their names; hundreds of files are looked at for them."""
    return frozenset(available_timezones())


def fired_before(expression: str, zone: str, at: float, times: int) -> float | None:
    """When it fired for the `times`-th last time before `at`, seconds since 1970, by the clocks of a time zone.

    None if it never does, or if there is no such zone.
    """
    try:
        backwards = CronSim(
            _MACROS.get(expression, expression), datetime.fromtimestamp(at, ZoneInfo(zone)), reverse=True
        )
        found = next(islice(backwards, times - 1, None), None)
    except (CronSimError, ZoneInfoNotFoundError, ValueError, OSError):
        return None
    return found.timestamp() if found else None


def longest_gap(expression: str, zone: str) -> timedelta | None:
    """The longest time between two firings, of the hundred that follow a fixed day; None if it never fires twice."""
    try:
        begin = datetime(2026, 1, 1, tzinfo=ZoneInfo(zone))
        fired = [at.timestamp() for at in islice(CronSim(_MACROS.get(expression, expression), begin), 100)]
    except (CronSimError, ZoneInfoNotFoundError, ValueError, OSError):
        return None
    gaps = [later - earlier for earlier, later in pairwise(fired)]
    return timedelta(seconds=max(gaps)) if gaps else None
