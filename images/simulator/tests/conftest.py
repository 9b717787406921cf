"""Small histories that the tests of the simulator look at."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pulse_simulator.faults import Shares
from pulse_simulator.history import History
from pulse_simulator.model import Shop
from pulse_simulator.records import Record, Scribe

END_MS = 1_780_000_123_456
MakeHistory = Callable[..., list[list[Record]]]


@pytest.fixture(scope="session")
def make_history() -> MakeHistory:
    """Hour by hour the records of a history of a few users and days, with every fault in it unless told otherwise."""

    def made(
        seed: int = 1,
        users: int = 60,
        days: int = 6,
        shares: Shares = Shares(0.08, 0.05, 0.06, 0.04),  # noqa: B008 - frozen
        end_ms: int = END_MS,
    ) -> list[list[Record]]:
        shop = Shop(seed)
        return list(History(Scribe(shop, users, shares), shares, seed, users, days, end_ms))

    return made
