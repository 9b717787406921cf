"""The marts that have a row for each day: funnel, engagement, data quality, dead letters."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from ..events import Event
from ..history import History
from .rules import (
    RATES,
    Row,
    Rules,
    arrival,
    day,
    days_between,
    is_bot,
    is_custom,
    is_future,
    is_late,
    is_mismatch,
    percent,
)
from .sessions import Session, furthest_step, ordered_step


def active_days(events: Iterable[Event], zone: ZoneInfo) -> dict[date, set[str]]:
    """Who was active, for every day from the first to the last."""
    active: dict[date, set[str]] = defaultdict(set)
    for event in events:
        active[day(event.event_timestamp, zone)].add(event.user_id)
    if not active:
        return {}
    first, last = min(active), max(active)
    return {when: active.get(when, set()) for when in days_between(first, last)}


def funnel_daily(events: Sequence[Event], sessions: Sequence[Session], zone: ZoneInfo) -> list[Row]:
    by_user_day: dict[tuple[date, str], list[Event]] = defaultdict(list)
    for event in events:
        by_user_day[day(event.event_timestamp, zone), event.user_id].append(event)
    rows = []
    for when in active_days(events, zone):
        furthest = [furthest_step(theirs) for (on, _), theirs in by_user_day.items() if on == when]
        ordered = [ordered_step(session) for session in sessions if day(session[0].event_timestamp, zone) == when]
        users = [sum(reached is not None and reached >= k for reached in furthest) for k in range(5)]
        begun = [sum(reached >= k for reached in ordered) for k in range(5)]
        row: Row = {"activity_date": when}
        row |= {f"users_step_{k}": users[k] for k in range(5)}
        row |= {f"cvr_{name}": percent(users[part], users[whole]) for name, part, whole in RATES}
        row |= {f"ordered_sessions_step_{k}": begun[k] for k in range(5)}
        row |= {f"ordered_cvr_{name}": percent(begun[part], begun[whole]) for name, part, whole in RATES}
        rows.append(row)
    return rows


def engagement_daily(events: Sequence[Event], zone: ZoneInfo) -> list[Row]:
    active = active_days(events, zone)
    rows = []
    for number, when in enumerate(active):
        dau, wau, mau = (
            len(set().union(*(active.get(when - timedelta(days=back), set()) for back in range(length))))
            for length in (1, 7, 30)
        )
        rows.append(
            {
                "activity_date": when,
                "dau": dau,
                "wau": wau,
                "mau": mau,
                "stickiness": percent(dau, mau),
                "is_full_window": number >= 29,
            }
        )
    return rows


def data_quality_daily(history: History, rules: Rules) -> list[Row]:
    zone = ZoneInfo(rules.time_zone)
    arrived: dict[date, list[Event]] = defaultdict(list)
    for event in history.events:
        arrived[day(arrival(event), zone)].append(event)
    committed = defaultdict(list)
    for batch in history.batches:
        committed[day(batch.committed_at, zone)].append(batch)
    rows: list[Row] = []
    for when in sorted(arrived.keys() | committed.keys()):
        events, batches = arrived.get(when, []), committed.get(when, [])
        late = sum(is_late(event, rules) for event in events)
        share = percent(late, len(events))
        rows.append(
            {
                "arrival_date": when,
                "events": len(events),
                "late_events": late,
                "late_share": share,
                "late_share_is_high": share is not None and share > 5,
                "future_events": sum(is_future(event) for event in events),
                "bot_events": sum(is_bot(event) for event in events),
                "custom_events": sum(is_custom(event) for event in events),
                "step_mismatches": sum(is_mismatch(event) for event in events),
                "untrusted_clock_events": sum(not event.kafka_timestamp_trusted for event in events),
                "records_read": sum(b.inserted + b.duplicate + b.conflict + b.dead for b in batches),
                "duplicates": sum(batch.duplicate for batch in batches),
                "conflicts": sum(batch.conflict for batch in batches),
                "dead_letters": sum(batch.dead for batch in batches),
                "newest_kafka_timestamp": max((event.kafka_timestamp for event in events), default=None),
            }
        )
    return rows


def dead_letters_daily(history: History, zone: ZoneInfo) -> list[Row]:
    found = Counter((day(letter.first_seen, zone), letter.reason_class) for letter in history.dead_letters)
    return [{"first_seen_date": on, "class": name, "dead_letters": count} for (on, name), count in found.items()]
