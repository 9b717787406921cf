"""Per-day counts of the truth: the funnel by user and by session, and how many users were active.

Fed user by user; a day without anything still gets its row of zeros.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise
from typing import Any

from pulse_simulator import encode

STEPS = 5
_RATES = ("page_to_product", "product_to_cart", "cart_to_checkout", "checkout_to_payment")
_WEEK, _MONTH = 7, 30


def hundredths(part: int, whole: int) -> int:
    """100 * part / whole per cent in hundredths, halves away from zero; `whole` is not 0."""
    return (20_000 * part + whole) // (2 * whole)


def ratio(part: int, whole: int) -> str | None:
    """`part` of `whole` in per cent with two decimals, as Postgres rounds a numeric; None where there is no whole."""
    if whole == 0:
        return None
    value = hundredths(part, whole)
    return f"{value // 100}.{value % 100:02d}"


class Days:
    """The counts of every day from the first to the last with an event."""

    def __init__(self) -> None:
        self._furthest: defaultdict[int, Counter[int]] = defaultdict(Counter)  # day -> furthest step -> users
        self._ordered: defaultdict[int, Counter[int]] = defaultdict(Counter)  # day -> last step in order -> sessions
        self._changes: dict[int, Counter[int]] = {_WEEK: Counter(), _MONTH: Counter()}

    def add_user(self, furthest_by_day: Mapping[int, int]) -> None:
        """One user's active days, each with the furthest step of that day (-1 for none)."""
        active = sorted(furthest_by_day)
        for day in active:
            self._furthest[day][furthest_by_day[day]] += 1
        # A user counts in a window of n days from a day it was active until n days after, or until its next active
        # day takes over.
        for window, changes in self._changes.items():
            for day, following in pairwise([*active, active[-1] + window]):
                changes[day] += 1
                changes[min(day + window, following)] -= 1

    def add_session(self, day: int, ordered_step: int) -> None:
        """One session, on the day of its start."""
        self._ordered[day][ordered_step] += 1

    def _spine(self) -> range:
        return range(min(self._furthest), max(self._furthest) + 1) if self._furthest else range(0)

    def funnel(self) -> Iterator[dict[str, Any]]:
        """fct_funnel_daily."""
        for day in self._spine():
            users = _at_least(self._furthest.get(day, Counter()))
            in_order = _at_least(self._ordered.get(day, Counter()))
            yield {
                "activity_date": encode.date(day),
                **{f"users_step_{place}": count for place, count in enumerate(users)},
                **_rates("", users),
                **{f"ordered_sessions_step_{place}": count for place, count in enumerate(in_order)},
                **_rates("ordered_", in_order),
            }

    def engagement(self) -> Iterator[dict[str, Any]]:
        """fct_engagement_daily."""
        spine = self._spine()
        weekly, monthly = (list(accumulate(self._changes[window][day] for day in spine)) for window in (_WEEK, _MONTH))
        for place, day in enumerate(spine):
            dau = self._furthest[day].total() if day in self._furthest else 0
            yield {
                "activity_date": encode.date(day),
                "dau": dau,
                "wau": weekly[place],
                "mau": monthly[place],
                "stickiness": ratio(dau, monthly[place]),
                "is_full_window": place >= _MONTH - 1,
            }


def _at_least(furthest: Counter[int]) -> list[int]:
    return [sum(count for reached, count in furthest.items() if reached >= place) for place in range(STEPS)]


def _rates(prefix: str, counts: list[int]) -> dict[str, str | None]:
    rates = {
        f"{prefix}cvr_{name}": ratio(after, before)
        for name, (before, after) in zip(_RATES, pairwise(counts), strict=True)
    }
    return {**rates, f"{prefix}cvr_overall": ratio(counts[-1], counts[0])}
