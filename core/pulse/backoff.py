"""How long to wait before a failed piece of work is tried again."""

from __future__ import annotations

from collections.abc import Callable, Iterator


def delays(
    random_unit: Callable[[], float], first_seconds: float = 0.1, cap_seconds: float = 10.0, factor: float = 2.0
) -> Iterator[float]:
    """Endless waits in seconds: growing by `factor` up to `cap_seconds`, each between half of that and the whole.

    `random_unit` returns numbers in [0, 1); the jitter keeps consumers that lost one database together from
    coming back in one instant.
    """
    ceiling = first_seconds
    while True:
        yield ceiling * (0.5 + 0.5 * random_unit())
        ceiling = min(cap_seconds, ceiling * factor)
