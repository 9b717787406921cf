"""What is wrong with a pipeline that no cluster has seen. Pure, but for the clock.

That is what an API server would refuse, and what else only a refused child would tell: a schedule that never comes, a
time zone that is nowhere.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from pulse.checks import Mistake, name_mistakes, spec_mistakes, unknown_field
from pulse_operator.crd import GROUP, VERSION
from pulse_operator.schedule import fired_before, zone_known, zone_sentence

_FIELDS = ["apiVersion", "kind", "metadata", "spec", "status"]
_SCHEDULES = (("transform", "schedule"), ("transform", "fullRefreshSchedule"), ("maintenance", "schedule"))


def mistakes(raw: Mapping[str, Any]) -> list[Mistake]:
    """All of them."""
    found = [unknown_field((str(name),), _FIELDS) for name in raw if name not in _FIELDS]
    if raw.get("apiVersion") != f"{GROUP}/{VERSION}":
        found.append(Mistake(("apiVersion",), f"must be {GROUP}/{VERSION}, not {raw.get('apiVersion')}"))
    found += _of_metadata(raw.get("metadata"))
    wrong = spec_mistakes(raw.get("spec"))
    paths = {mistake.path for mistake in wrong}
    return [*found, *wrong, *(one for one in _of_crons(raw.get("spec")) if one.path not in paths)]


def _of_metadata(metadata: Any) -> list[Mistake]:
    if metadata is not None and not isinstance(metadata, Mapping):
        return [Mistake(("metadata",), "must have fields of its own, such as name")]
    return name_mistakes((metadata or {}).get("name"))


def _of_crons(spec: Any) -> Iterator[Mistake]:
    """What the schema takes, and a CronJob would not."""
    zone = _told(spec, "transform", "timeZone")
    if zone is not None and not zone_known(zone):
        yield Mistake(("spec", "transform", "timeZone"), zone_sentence(zone))
    for part, name in _SCHEDULES:
        schedule = _told(spec, part, name)
        if schedule is not None and fired_before(schedule, "UTC", time.time(), 1) is None:
            yield Mistake(("spec", part, name), f"{schedule!r} never comes, or is no cron expression")


def _told(spec: Any, part: str, name: str) -> str | None:
    """The text in a field of a part; None if there is no text."""
    fields = spec.get(part) if isinstance(spec, Mapping) else None
    found = fields.get(name) if isinstance(fields, Mapping) else None
    return found if isinstance(found, str) else None
