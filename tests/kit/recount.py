"""An independent count of what records say: parse every value, keep the first of each event_id, count by brute force.

Slow and plain on purpose. It knows the contract's decoder and nothing of the simulator, the consumer or dbt, so it can
judge all three. Its result has the form of the simulator's truth file.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from pulse.errors import Rejection
from pulse.events import Event, EventDecoder

_STEPS = {"page_view": 0, "product_view": 1, "add_to_cart": 2, "checkout": 3, "payment": 4}
_KNOWN = {*_STEPS, "search", "remove_from_cart", "button_click", "form_submit", "video_play"}
_RATES = ("page_to_product", "product_to_cart", "cart_to_checkout", "checkout_to_payment")
_MINUTE_US = 60_000_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

# A session is the list of its events.
Session = list[Event]


def recount(records: Iterable[tuple[bytes | None, int]]) -> dict[str, Any]:
    """The truth about records, given as (value, the broker's time in microseconds), first sent first."""
    total = malformed = duplicates = 0
    events: dict[bytes, Event] = {}
    arrival: dict[bytes, int] = {}
    decoder = EventDecoder()
    for value, kafka_us in records:
        total += 1
        try:
            event = decoder.decode(value, kafka_us, bytes(16), 0, total)
        except Rejection:
            malformed += 1
            continue
        if event.event_id in events:
            duplicates += 1
            assert events[event.event_id].fingerprint == event.fingerprint, "a repeat differs from its first"
            continue
        events[event.event_id] = event
        arrival[event.event_id] = event.received_us or kafka_us
    sessions = sessions_of(events.values())
    late = {key for key, event in events.items() if arrival[key] - event.event_us > 5 * _MINUTE_US}
    times = sorted(event.event_us for event in events.values())
    return {
        "version": 1,
        "records": total,
        "events": len(events),
        "duplicates": duplicates,
        "malformed": malformed,
        "late": len(late),
        "first_timestamp": _text(times[0]) if times else None,
        "last_timestamp": _text(times[-1]) if times else None,
        "sessions": sorted(map(_session_row, sessions), key=lambda row: (row[0], row[1])),
        "funnel_daily": _funnel(list(events.values()), sessions),
        "engagement_daily": _engagement(list(events.values())),
        "data_quality_daily": _quality(arrival, late),
    }


def sessions_of(events: Iterable[Event]) -> list[Session]:
    """Chains without a pause of more than 30 minutes, cut every 24 hours from their start."""
    by_user = defaultdict(list)
    for event in events:
        by_user[event.user_id].append(event)
    out: list[Session] = []
    for mine in by_user.values():
        mine.sort(key=lambda event: (event.event_us, event.event_id))
        pieces: dict[tuple[int, int], Session] = defaultdict(list)
        start = previous = mine[0].event_us
        for event in mine:
            if event.event_us - previous > 30 * _MINUTE_US:
                start = event.event_us
            previous = event.event_us
            pieces[start, (event.event_us - start) // (24 * 60 * _MINUTE_US)].append(event)
        out += pieces.values()
    return out


def step_of(event: Event) -> int | None:
    """As sent, else by type; a custom event has none."""
    if event.event_type not in _KNOWN:
        return None
    return _STEPS.get(event.event_type) if event.funnel_step_index is None else event.funnel_step_index


def _furthest(events: Iterable[Event]) -> int | None:
    return max((step for step in map(step_of, events) if step is not None), default=None)


def _ordered(session: Session) -> int:
    rest = [step_of(event) for event in session]
    for wanted in range(5):
        if wanted not in rest:
            return wanted - 1
        rest = rest[rest.index(wanted) + 1 :]
    return 4


def _session_row(session: Session) -> list[Any]:
    furthest = _furthest(session)
    return [
        session[0].user_id,
        session[0].event_us,
        session[-1].event_us,
        len(session),
        len([event for event in session if event.event_type == "page_view"]),
        session[0].page,
        session[-1].page,
        len(session) == 1,
        furthest,
        furthest == 4,
        _ordered(session),
    ]


def _date(microseconds: int) -> dt.date:
    return (_EPOCH + dt.timedelta(microseconds=microseconds)).date()


def _text(microseconds: int) -> str:
    moment = _EPOCH + dt.timedelta(microseconds=microseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _spine(days: Iterable[dt.date]) -> list[dt.date]:
    known = sorted(days)
    return [known[0] + dt.timedelta(days=n) for n in range((known[-1] - known[0]).days + 1)] if known else []


def _percent(part: int, whole: int) -> str | None:
    if not whole:
        return None
    return str((Decimal(100) * part / whole).quantize(Decimal("0.01"), ROUND_HALF_UP))


def _rates(prefix: str, counts: list[int]) -> dict[str, str | None]:
    rates = {f"{prefix}cvr_{name}": _percent(counts[n + 1], counts[n]) for n, name in enumerate(_RATES)}
    return {**rates, f"{prefix}cvr_overall": _percent(counts[4], counts[0])}


def _funnel(events: list[Event], sessions: list[Session]) -> list[dict[str, Any]]:
    by_user_day = defaultdict(list)
    for event in events:
        by_user_day[event.user_id, _date(event.event_us)].append(event)
    furthest = {key: _furthest(mine) for key, mine in by_user_day.items()}
    rows = []
    for day in _spine(day for _, day in by_user_day):
        reached = [step for (_, other), step in furthest.items() if other == day and step is not None]
        users = [len([step for step in reached if step >= k]) for k in range(5)]
        ordered = [_ordered(session) for session in sessions if _date(session[0].event_us) == day]
        in_order = [len([step for step in ordered if step >= k]) for k in range(5)]
        rows.append(
            {
                "activity_date": day.isoformat(),
                **{f"users_step_{k}": users[k] for k in range(5)},
                **_rates("", users),
                **{f"ordered_sessions_step_{k}": in_order[k] for k in range(5)},
                **_rates("ordered_", in_order),
            }
        )
    return rows


def _engagement(events: list[Event]) -> list[dict[str, Any]]:
    active = defaultdict(set)
    for event in events:
        active[_date(event.event_us)].add(event.user_id)
    spine = _spine(active)

    def within(day: dt.date, days: int) -> int:
        window = [active.get(day - dt.timedelta(days=back), set()) for back in range(days)]
        return len(set().union(*window))

    return [
        {
            "activity_date": day.isoformat(),
            "dau": within(day, 1),
            "wau": within(day, 7),
            "mau": within(day, 30),
            "stickiness": _percent(within(day, 1), within(day, 30)),
            "is_full_window": day >= spine[0] + dt.timedelta(days=29),
        }
        for day in spine
    ]


def _quality(arrival: dict[bytes, int], late: set[bytes]) -> list[dict[str, Any]]:
    rows = []
    for day in sorted({_date(moment) for moment in arrival.values()}):
        here = {key for key, moment in arrival.items() if _date(moment) == day}
        share = _percent(len(here & late), len(here))
        rows.append(
            {
                "arrival_date": day.isoformat(),
                "events": len(here),
                "late_events": len(here & late),
                "late_share": share,
                "late_share_is_high": share is not None and Decimal(share) > 5,
            }
        )
    return rows
