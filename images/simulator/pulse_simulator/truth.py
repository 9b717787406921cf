"""The truth file: what a perfect pipeline shows of the events that were sent.

Counted from what the visitors did, by rules of its own: it shares no code with the consumer, dbt or the event
contract, so that a mistake in one of them cannot hide in the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pulse_simulator import encode
from pulse_simulator.daily import Days, hundredths, ratio
from pulse_simulator.ledger import Entry, Ledger
from pulse_simulator.model import DAY_MS, MINUTE_MS, Moment

VERSION = 1
SESSION_GAP_MS = 30 * MINUTE_MS
LONGEST_SESSION_MS = DAY_MS
LATE_SHARE_LIMIT = 5  # per cent

SESSION_COLUMNS = (
    "user_id",
    "started_at_us",
    "ended_at_us",
    "event_count",
    "page_view_count",
    "landing_page",
    "exit_page",
    "is_bounce",
    "furthest_step",
    "is_converted",
    "ordered_step",
)
_STEP_OF_TYPE = {"page_view": 0, "product_view": 1, "add_to_cart": 2, "checkout": 3, "payment": 4}
_TYPES_WITHOUT_STEP = {"search", "remove_from_cart", "button_click", "form_submit", "video_play"}


def step(moment: Moment) -> int | None:
    """The funnel step that counts: as sent, else that of the type. A custom event never has one."""
    if moment.event_type in _STEP_OF_TYPE:
        return _STEP_OF_TYPE[moment.event_type] if moment.sent_step is None else moment.sent_step
    return moment.sent_step if moment.event_type in _TYPES_WITHOUT_STEP else None


def sessions(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """One user's ordered entries, cut into sessions.

    A pause of more than half an hour starts a new chain; a chain is cut every 24 hours from its start.
    """
    current: list[Entry] = []
    chain_start = previous = piece = 0
    for entry in entries:
        at = entry[0]
        if current and at - previous > SESSION_GAP_MS:
            yield current
            current = []
        if not current:
            chain_start, piece = at, 0
        elif (at - chain_start) // LONGEST_SESSION_MS != piece:
            yield current
            current = []
            piece = (at - chain_start) // LONGEST_SESSION_MS
        current.append(entry)
        previous = at
    if current:
        yield current


class Truth:
    """The truth about everything in a ledger."""

    def __init__(self, ledger: Ledger, moments: list[Moment], seed: int) -> None:
        self._ledger = ledger
        self._moments = moments
        self._steps = [step(moment) for moment in moments]
        self._seed = seed

    def write(self, path: Path) -> None:
        """Writes the file; sessions go to it one by one, so that millions need no memory."""
        days = Days()
        with path.open("w", encoding="utf-8") as file:
            file.write(json.dumps(self._totals())[:-1])
            file.write(f', "session_columns": {json.dumps(SESSION_COLUMNS)}, "sessions": [')
            for place, row in enumerate(self._session_rows(days)):
                file.write(",\n" if place else "\n")
                json.dump(row, file, ensure_ascii=False)
            file.write("\n], ")
            marts = {
                "funnel_daily": list(days.funnel()),
                "engagement_daily": list(days.engagement()),
                "data_quality_daily": list(self._data_quality()),
            }
            file.write(json.dumps(marts)[1:] + "\n")

    def _totals(self) -> dict[str, Any]:
        ledger = self._ledger
        span = [encode.instant(moment) for moment in ledger.span_ms()] if ledger.events else [None, None]
        return {
            "version": VERSION,
            "seed": self._seed,
            "records": ledger.records,
            "events": ledger.events,
            "duplicates": ledger.repeated,
            "malformed": ledger.malformed,
            "late": ledger.late,
            "first_timestamp": span[0],
            "last_timestamp": span[1],
        }

    def _session_rows(self, days: Days) -> Iterator[list[Any]]:
        for user, entries in self._ledger.users():
            furthest: dict[int, int] = {}
            for at, _, number in entries:
                day, reached = at // DAY_MS, self._steps[number]
                furthest[day] = max(furthest.get(day, -1), -1 if reached is None else reached)
            days.add_user(furthest)
            name = encode.user_id(user)
            for session in sessions(entries):
                row = self._session_row(name, session)
                days.add_session(session[0][0] // DAY_MS, row[-1])
                yield row

    def _session_row(self, name: str, session: list[Entry]) -> list[Any]:
        moments = [self._moments[number] for _, _, number in session]
        steps = [self._steps[number] for _, _, number in session]
        furthest = max((reached for reached in steps if reached is not None), default=None)
        in_order = -1
        for reached in steps:
            if reached == in_order + 1:
                in_order = reached
        return [
            name,
            session[0][0] * 1000,
            session[-1][0] * 1000,
            len(session),
            sum(moment.event_type == "page_view" for moment in moments),
            moments[0].page,
            moments[-1].page,
            len(session) == 1,
            furthest,
            furthest == 4,
            in_order,
        ]

    def _data_quality(self) -> Iterator[dict[str, Any]]:
        for day, events in sorted(self._ledger.arrived.items()):
            late = self._ledger.arrived_late.get(day, 0)
            yield {
                "arrival_date": encode.date(day),
                "events": events,
                "late_events": late,
                "late_share": ratio(late, events),
                # Judged by the share as it is shown, which is rounded.
                "late_share_is_high": hundredths(late, events) > LATE_SHARE_LIMIT * 100,
            }
