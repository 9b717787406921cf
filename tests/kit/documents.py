"""Small valid events for tests that care about their number and not about what they say."""

from __future__ import annotations

import json


def numbered(count: int, first: int = 0, *, users: int = 500, with_ids: bool = True) -> list[bytes]:
    """So many different events; every second one has an event_id of its own, or none has."""
    made = []
    for number in range(first, first + count):
        document = {
            "event_type": "product_view",
            "user_id": f"user-{number % users}",
            "timestamp": "2026-01-02T03:04:05.678Z",
            "page": f"/product/{number % 100}",
            "metadata": {"product_id": str(number % 100), "price": number % 1000 / 100},
            "properties": {"number": number},
        }
        if with_ids and number % 2:
            document["event_id"] = f"018f4e3a-7c1b-7abc-8def-{number:012x}"
        made.append(json.dumps(document).encode())
    return made
