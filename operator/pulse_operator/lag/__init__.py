"""How far the groups of many pipelines have read, asked of Kafka by its admin API.

An edge: it opens connections and reads a clock, and decides nothing. What it could not learn it says as `Unknown`, for
each pipeline by itself; it never raises for one and never makes up a number.
"""

from __future__ import annotations

from pulse_operator.lag.answer import Answer, Kind, Unknown, Wanted
from pulse_operator.lag.reader import LagReader

__all__ = ["Answer", "Kind", "LagReader", "Unknown", "Wanted"]
