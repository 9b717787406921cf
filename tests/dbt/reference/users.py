"""The marts about users: retention, who is whom, and who is left out for the sheer number of events."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from ..events import Event
from .rules import Row, Rules, day, percent


def quarantined_users(events: Sequence[Event], rules: Rules) -> list[Row]:
    """Everybody with more events on a single day than anybody makes by hand."""
    zone = ZoneInfo(rules.time_zone)
    counts: dict[str, Counter[date]] = defaultdict(Counter)
    for event in events:
        counts[event.user_id][day(event.event_timestamp, zone)] += 1
    rows: list[Row] = []
    for user, by_day in counts.items():
        over = [on for on, count in by_day.items() if count > rules.quarantine_events_per_day]
        if over:
            rows.append(
                {
                    "user_id": user,
                    "first_date_over_limit": min(over),
                    "days_over_limit": len(over),
                    "most_events_in_a_day": max(by_day.values()),
                    "events": by_day.total(),
                }
            )
    return rows


def retention_cohorts_weekly(events: Sequence[Event], zone: ZoneInfo) -> list[Row]:
    weeks: dict[str, set[date]] = defaultdict(set)
    for event in events:
        on = day(event.event_timestamp, zone)
        weeks[event.user_id].add(on - timedelta(days=on.weekday()))
    if not weeks:
        return []
    last = max(max(active) for active in weeks.values())
    rows: list[Row] = []
    for cohort in {min(active) for active in weeks.values()}:
        members = [active for active in weeks.values() if min(active) == cohort]
        for number in range((last - cohort).days // 7 + 1):
            back = sum(cohort + timedelta(weeks=number) in active for active in members)
            rows.append(
                {
                    "cohort_week": cohort,
                    "week_number": number,
                    "cohort_users": len(members),
                    "users": back,
                    "share": percent(back, len(members)),
                }
            )
    return rows


def visitors(events: Sequence[Event]) -> list[Row]:
    seen: dict[str, list[Event]] = defaultdict(list)
    owner: dict[str, str] = {}
    for event in sorted(events, key=lambda event: (event.event_timestamp, event.event_id.bytes)):
        seen[event.user_id].append(event)
        if event.anonymous_id is not None and event.anonymous_id != event.user_id:
            owner[event.anonymous_id] = event.user_id
    return [
        {
            "user_id": user,
            "visitor_id": owner.get(user, user),
            "is_stitched": user in owner,
            "anonymous_ids": len({event.anonymous_id for event in theirs} - {None}),
            "first_seen_at": theirs[0].event_timestamp,
            "last_seen_at": theirs[-1].event_timestamp,
        }
        for user, theirs in seen.items()
    ]
