"""The marts, worked out a second time from the rules in plain Python: no SQL, and no code shared with dbt.

Written for being read beside the rules, not for speed. Each function returns the rows of one mart.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

from .history import CUSTOM_TYPES, STEP_TYPES, Event, History

Row = dict[str, object]

FUTURE_AFTER = timedelta(minutes=5)
PIECE = timedelta(hours=24)
RATES = (
    ("page_to_product", 1, 0),
    ("product_to_cart", 2, 1),
    ("cart_to_checkout", 3, 2),
    ("checkout_to_payment", 4, 3),
    ("overall", 4, 0),
)


@dataclass(frozen=True)
class Rules:
    """The settings of a run."""

    session_gap: timedelta = timedelta(minutes=30)
    late_after: timedelta = timedelta(minutes=5)
    time_zone: str = "UTC"
    include_custom_events: bool = True
    exclude_bots: bool = True


def marts(history: History, rules: Rules) -> dict[str, list[Row]]:
    """Every mart by its name."""
    zone = ZoneInfo(rules.time_zone)
    counted = [event for event in history.events if counts(event, rules)]
    sessions = sessions_of(counted, rules)
    return {
        "fct_sessions": [session_row(session, zone) for session in sessions],
        "fct_funnel_daily": funnel_daily(counted, sessions, zone),
        "fct_engagement_daily": engagement_daily(counted, zone),
        "fct_data_quality_daily": data_quality_daily(history, rules),
        "fct_dead_letters_daily": dead_letters_daily(history, zone),
        "fct_retention_cohorts_weekly": retention_cohorts_weekly(counted, zone),
        "fct_landing_pages": landing_pages(sessions),
        "fct_next_steps": next_steps(sessions),
        "dim_visitors": visitors(counted),
    }


# One event.


def arrival(event: Event) -> datetime:
    return event.received_at if event.received_at is not None else event.kafka_timestamp


def is_late(event: Event, rules: Rules) -> bool:
    """Whether it is known to be late."""
    known = event.kafka_timestamp_trusted or event.received_at is not None
    return known and arrival(event) - event.event_timestamp > rules.late_after


def is_future(event: Event) -> bool:
    return event.event_timestamp - arrival(event) > FUTURE_AFTER


def is_bot(event: Event) -> bool:
    context = (event.properties or {}).get("context")
    return isinstance(context, dict) and context.get("is_bot") is True


def is_custom(event: Event) -> bool:
    return event.event_type in CUSTOM_TYPES


def own_step(event: Event) -> int | None:
    return STEP_TYPES.index(event.event_type) if event.event_type in STEP_TYPES else None


def step(event: Event) -> int | None:
    if is_custom(event):
        return None
    return event.funnel_step_index if event.funnel_step_index is not None else own_step(event)


def is_mismatch(event: Event) -> bool:
    sent = event.funnel_step_index
    return not is_custom(event) and sent is not None and sent != own_step(event)


def counts(event: Event, rules: Rules) -> bool:
    """Whether sessions, funnel and actives count it."""
    if is_future(event) or (rules.exclude_bots and is_bot(event)):
        return False
    return rules.include_custom_events or not is_custom(event)


# Numbers and days.


def rounded(value: Fraction) -> Decimal:
    """Two digits, half away from zero; for values from 0 up."""
    return Decimal(math.floor(value * 100 + Fraction(1, 2))) / 100


def percent(part: int, whole: int) -> Decimal | None:
    return rounded(Fraction(100 * part, whole)) if whole else None


def day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()


def active_days(events: Iterable[Event], zone: ZoneInfo) -> dict[date, set[str]]:
    """Who was active, for every day from the first to the last."""
    active: dict[date, set[str]] = defaultdict(set)
    for event in events:
        active[day(event.event_timestamp, zone)].add(event.user_id)
    if not active:
        return {}
    first, last = min(active), max(active)
    return {when: active.get(when, set()) for when in days_between(first, last)}


def days_between(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


# Sessions.

Session = list[Event]


def sessions_of(events: Sequence[Event], rules: Rules) -> list[Session]:
    by_user: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_user[event.user_id].append(event)
    sessions: list[Session] = []
    for theirs in by_user.values():
        theirs.sort(key=lambda event: (event.event_timestamp, event.event_id.bytes))
        for chain in chains(theirs, rules.session_gap):
            sessions.extend(pieces(chain))
    return sessions


def chains(events: Sequence[Event], gap: timedelta) -> list[list[Event]]:
    found = [[events[0]]]
    for before, event in pairwise(events):
        if event.event_timestamp - before.event_timestamp > gap:
            found.append([])
        found[-1].append(event)
    return found


def pieces(chain: Sequence[Event]) -> list[Session]:
    found: dict[int, Session] = defaultdict(list)
    for event in chain:
        found[(event.event_timestamp - chain[0].event_timestamp) // PIECE].append(event)
    return list(found.values())


def ordered_step(session: Session) -> int:
    reached = -1
    for event in session:
        if step(event) == reached + 1:
            reached += 1
    return reached


def furthest_step(events: Iterable[Event]) -> int | None:
    return max((reached for event in events if (reached := step(event)) is not None), default=None)


def duration(session: Session) -> Fraction:
    return Fraction((session[-1].event_timestamp - session[0].event_timestamp) // timedelta(microseconds=1), 1_000_000)


def session_row(session: Session, zone: ZoneInfo) -> Row:
    first, last = session[0], session[-1]
    exact = duration(session)
    furthest = furthest_step(session)
    return {
        "session_id": str(first.event_id),
        "user_id": first.user_id,
        "started_at": first.event_timestamp,
        "ended_at": last.event_timestamp,
        "duration_seconds": Decimal(exact.numerator) / exact.denominator,
        "session_date": day(first.event_timestamp, zone),
        "event_count": len(session),
        "page_view_count": sum(event.event_type == "page_view" for event in session),
        "landing_page": first.page,
        "exit_page": last.page,
        "is_bounce": len(session) == 1,
        "furthest_step": furthest,
        "is_converted": furthest == 4,
        "ordered_step": ordered_step(session),
    }


# Marts by day.


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


# The other marts.


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


def shown(page: str | None) -> str:
    return "(no page)" if page is None else page


def landing_pages(sessions: Sequence[Session]) -> list[Row]:
    by_page: dict[str, list[Session]] = defaultdict(list)
    for session in sessions:
        by_page[shown(session[0].page)].append(session)
    rows: list[Row] = []
    for page, landed in by_page.items():
        bounces = sum(len(session) == 1 for session in landed)
        paid = sum(furthest_step(session) == 4 for session in landed)
        rows.append(
            {
                "landing_page": page,
                "sessions": len(landed),
                "bounces": bounces,
                "bounce_share": percent(bounces, len(landed)),
                "conversions": paid,
                "conversion_rate": percent(paid, len(landed)),
                "avg_duration_seconds": rounded(sum(map(duration, landed)) / Fraction(len(landed))),
            }
        )
    return rows


def next_steps(sessions: Sequence[Session]) -> list[Row]:
    taken: Counter[tuple[tuple[str, str], tuple[str, str]]] = Counter()
    for session in sessions:
        places = [(event.event_type, shown(event.page)) for event in session]
        taken.update(pairwise([*places, ("(exit)", "(exit)")]))
    left: Counter[tuple[str, str]] = Counter()
    for (origin, _), count in taken.items():
        left[origin] += count
    return [
        {
            "from_event_type": origin[0],
            "from_page": origin[1],
            "next_event_type": target[0],
            "next_page": target[1],
            "transitions": count,
            "share": percent(count, left[origin]),
        }
        for (origin, target), count in taken.items()
    ]


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


def in_utc(rows: Iterable[Row]) -> list[Row]:
    """The same rows with every instant written in UTC, so that they compare and print alike."""
    return [
        {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in row.items()}
        for row in rows
    ]
