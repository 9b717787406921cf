"""What a request asks for: filter values from the words of its address.

Pure, and the only way in for what people type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from pulse_dashboards.model import Catalogue, Dashboard
from pulse_dashboards.template import Value
from pulse_dashboards.web.warehouse import Choices

DAYS = "days"
EVERYTHING = "all"
DEFAULT_DAYS = "30"
MOST_CHARACTERS = 2_000
FROM, TO = "date_from", "date_to"


class WrongQuestion(ValueError):
    """A word of the address is not understood; the message says which, and what it takes."""


@dataclass(frozen=True, slots=True)
class Question:
    """The values that the statements get, and the range as it was asked for: a number of days, `all`, or nothing."""

    values: Mapping[str, Value]
    days: str


def asked(words: Mapping[str, str], dashboard: Dashboard, catalogue: Catalogue, choices: Choices | None) -> Question:
    """The question of these words. Without dates it is about the 30 days that end with the newest day of the marts.

    WrongQuestion if a word is not one of the dashboard's filters, or its value is none.
    """
    unknown = sorted(set(words) - {DAYS} - set(dashboard.filters))
    if unknown:
        raise WrongQuestion(
            f"{unknown[0]} is no filter of this dashboard; it has {', '.join(dashboard.filters) or 'none'}."
        )
    given = {name: text for name, text in words.items() if text and name != DAYS}
    values = {name: _value(name, text, catalogue) for name, text in given.items()}
    if FROM not in dashboard.filters:
        return Question(values, "")
    if FROM in values or TO in values:
        if FROM in values and TO in values and values[FROM] > values[TO]:  # type: ignore[operator] # both are dates
            raise WrongQuestion(f"The range begins on {values[FROM]} and ends on {values[TO]}, which is before it.")
        return Question(values, "")
    days = words.get(DAYS) or DEFAULT_DAYS
    return Question({**values, **_range(days, choices)}, days)


def _value(name: str, text: str, catalogue: Catalogue) -> Value:
    if catalogue.filters[name].kind == "date":
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise WrongQuestion(f"{name} is {text[:40]!r}, it takes a day such as 2026-01-31.") from None
    if len(text) > MOST_CHARACTERS or "\0" in text:
        raise WrongQuestion(f"{name} takes up to {MOST_CHARACTERS:,} characters, and no null.")
    return text


def _range(days: str, choices: Choices | None) -> dict[str, Value]:
    if days == EVERYTHING or choices is None or choices.last_day is None:
        return {}
    if not (days.isascii() and days.isdigit() and 0 < int(days) <= 3_660):
        raise WrongQuestion(f"{DAYS} is {days[:40]!r}, it takes a number from 1 to 3660, or {EVERYTHING}.")
    return {FROM: choices.last_day - timedelta(days=int(days) - 1), TO: choices.last_day}
