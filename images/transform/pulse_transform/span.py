"""A span of event time that is read again: what a person says, and what it comes to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pulse.errors import Stop


@dataclass(frozen=True, slots=True)
class Span:
    """Events that happened from `start` up to and without `end`."""

    start: datetime
    end: datetime

    def as_vars(self) -> dict[str, object]:
        """The vars of dbt_project.yml that say so to the models."""
        return {"rerun_from": self.start.isoformat(), "rerun_to": self.end.isoformat()}


@dataclass(frozen=True, slots=True)
class Asked:
    """A span in a person's words: reporting days, the last of them included, or moments."""

    first: date | datetime
    last: date | datetime

    def days(self) -> list[date]:
        """The days of which `span` has to know when they begin."""
        ends = (self.first, _behind(self.last))
        return [end for end in ends if not isinstance(end, datetime)]

    def span(self, beginnings: Mapping[date, datetime]) -> Span:
        """What it comes to. Stop if there is nothing in it."""
        start, end = (
            end.astimezone(UTC) if isinstance(end, datetime) else beginnings[end].astimezone(UTC)
            for end in (self.first, _behind(self.last))
        )
        if start >= end:
            raise Stop(
                f"--from {self.first.isoformat()} --to {self.last.isoformat()} is an empty span: --to takes a moment "
                "behind that of --from, or a day that is not before it."
            )
        return Span(start, end)


def _behind(last: date | datetime) -> date | datetime:
    return last if isinstance(last, datetime) else last + timedelta(days=1)


def said(text: str) -> date | datetime:
    """A day such as 2026-11-01, or a moment such as 2026-11-01T06:00:00Z, of UTC if it names no zone.

    ValueError if it is neither.
    """
    if len(text) == len("2026-11-01"):
        return date.fromisoformat(text)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def check_kept(span: Span, kept_from: datetime | None) -> None:
    """Stop if events of the span may have been removed: they cannot be read again."""
    if kept_from is not None and span.start < kept_from:
        raise Stop(
            f"--from comes to {span.start.isoformat()}, and events of before {kept_from.astimezone(UTC).isoformat()} "
            "are no longer kept: `pulse maintain` has removed them. Let the span begin there or later."
        )
