"""Sessions, and the marts that are counted from them: landing pages, next steps, touches."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

from ..events import Event
from .rules import Row, Rules, day, percent, referrer, rounded, step, utm

PIECE = timedelta(hours=24)

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


def is_converted(session: Session) -> bool:
    return furthest_step(session) == 4


def began_on(session: Session, zone: ZoneInfo) -> date:
    return day(session[0].event_timestamp, zone)


def duration(session: Session) -> Fraction:
    return Fraction((session[-1].event_timestamp - session[0].event_timestamp) // timedelta(microseconds=1), 1_000_000)


def session_row(session: Session, zone: ZoneInfo) -> Row:
    first, last = session[0], session[-1]
    exact = duration(session)
    return {
        "session_id": str(first.event_id),
        "user_id": first.user_id,
        "started_at": first.event_timestamp,
        "ended_at": last.event_timestamp,
        "duration_seconds": Decimal(exact.numerator) / exact.denominator,
        "session_date": began_on(session, zone),
        "event_count": len(session),
        "page_view_count": sum(event.event_type == "page_view" for event in session),
        "landing_page": first.page,
        "exit_page": last.page,
        "is_bounce": len(session) == 1,
        "furthest_step": furthest_step(session),
        "is_converted": is_converted(session),
        "ordered_step": ordered_step(session),
        "categories": sorted({event.category for event in session if event.category is not None}),
        "referrer": referrer(first),
        "utm_source": utm(first, "source"),
        "utm_medium": utm(first, "medium"),
        "utm_campaign": utm(first, "campaign"),
    }


def shown(page: str | None) -> str:
    return "(no page)" if page is None else page


def landing_pages_daily(sessions: Sequence[Session], zone: ZoneInfo) -> list[Row]:
    by_page: dict[tuple[date, str], list[Session]] = defaultdict(list)
    for session in sessions:
        by_page[began_on(session, zone), shown(session[0].page)].append(session)
    rows: list[Row] = []
    for (on, page), landed in by_page.items():
        bounces = sum(len(session) == 1 for session in landed)
        paid = sum(is_converted(session) for session in landed)
        rows.append(
            {
                "session_date": on,
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


def next_steps_daily(sessions: Sequence[Session], zone: ZoneInfo) -> list[Row]:
    taken: Counter[tuple[date, tuple[str, str], tuple[str, str]]] = Counter()
    for session in sessions:
        places = [(event.event_type, shown(event.page)) for event in session]
        on = began_on(session, zone)
        taken.update((on, origin, target) for origin, target in pairwise([*places, ("(exit)", "(exit)")]))
    left: Counter[tuple[date, tuple[str, str]]] = Counter()
    for (on, origin, _), count in taken.items():
        left[on, origin] += count
    return [
        {
            "session_date": on,
            "from_event_type": origin[0],
            "from_page": origin[1],
            "next_event_type": target[0],
            "next_page": target[1],
            "transitions": count,
            "share": percent(count, left[on, origin]),
        }
        for (on, origin, target), count in taken.items()
    ]


def touches_daily(sessions: Sequence[Session], zone: ZoneInfo) -> list[Row]:
    """Each conversion twice: for what brought the user the first time, and for what brought the session itself."""
    first: dict[str, Session] = {}
    for session in sorted(sessions, key=lambda session: session[0].event_timestamp):
        first.setdefault(session[0].user_id, session)
    found: Counter[tuple[object, ...]] = Counter()
    for session in filter(is_converted, sessions):
        for touch, brought in (("first", first[session[0].user_id]), ("last", session)):
            found[began_on(session, zone), touch, *came_from(brought[0])] += 1
    columns = ("session_date", "touch", "landing_page", "referrer", "utm_source", "utm_medium", "utm_campaign")
    return [{**dict(zip(columns, key, strict=True)), "conversions": count} for key, count in found.items()]


def came_from(event: Event) -> tuple[str, ...]:
    """Where a session came from, by its first event."""
    campaign = (utm(event, name) for name in ("source", "medium", "campaign"))
    return (shown(event.page), *("(none)" if value is None else value for value in (referrer(event), *campaign)))
