"""The marts, worked out a second time from the rules in plain Python: no SQL, and no code shared with dbt.

Written for being read beside the rules, not for speed. Each function returns the rows of one mart.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ..history import History
from .daily import data_quality_daily, dead_letters_daily, engagement_daily, funnel_daily
from .rules import Row, Rules, counts
from .sessions import landing_pages_daily, next_steps_daily, session_row, sessions_of, touches_daily
from .users import quarantined_users, retention_cohorts_weekly, visitors

__all__ = ["Row", "Rules", "in_utc", "marts"]


def marts(history: History, rules: Rules) -> dict[str, list[Row]]:
    """Every mart by its name."""
    zone = ZoneInfo(rules.time_zone)
    of_all = [event for event in history.events if counts(event, rules)]
    quarantined = quarantined_users(of_all, rules)
    out = {row["user_id"] for row in quarantined}
    counted = [event for event in of_all if event.user_id not in out]
    sessions = sessions_of(counted, rules)
    return {
        "fct_sessions": [session_row(session, zone) for session in sessions],
        "fct_funnel_daily": funnel_daily(counted, sessions, zone),
        "fct_engagement_daily": engagement_daily(counted, zone),
        "fct_data_quality_daily": data_quality_daily(history, rules),
        "fct_dead_letters_daily": dead_letters_daily(history, zone),
        "fct_quarantined_users": quarantined,
        "fct_retention_cohorts_weekly": retention_cohorts_weekly(counted, zone),
        "fct_landing_pages_daily": landing_pages_daily(sessions, zone),
        "fct_next_steps_daily": next_steps_daily(sessions, zone),
        "fct_touches_daily": touches_daily(sessions, zone),
        "dim_visitors": visitors(counted),
    }


def in_utc(rows: Iterable[Row]) -> list[Row]:
    """The same rows with every instant written in UTC, so that they compare and print alike."""
    return [
        {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in row.items()}
        for row in rows
    ]
