"""Averages over the samples since pods last came or went, and what is expected from them. Reads, never changes."""

from __future__ import annotations

from dataclasses import dataclass

from pulse_operator.scaling.memory import Memory, Sample

# Lag up to what is read in this time is no backlog: it is being written, and its commit is on the way.
IN_FLIGHT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Rates:
    """Records per second."""

    produced: float
    hottest: float  # of that, in the partition that gets the most
    consumed: float

    @property
    def growth(self) -> float:
        return self.produced - self.consumed

    def drain_seconds(self, lag: float) -> float | None:
        """Until the lag is gone if all goes on like this; None if it does not shrink."""
        return lag / -self.growth if self.growth < 0 else None


def _rates(samples: list[Sample]) -> Rates | None:
    seconds = sum(sample.seconds for sample in samples)
    if seconds <= 0:
        return None
    return Rates(
        sum(sample.produced for sample in samples) / seconds,
        sum(sample.hottest for sample in samples) / seconds,
        sum(sample.consumed for sample in samples) / seconds,
    )


def rates(memory: Memory, window_seconds: float) -> Rates | None:
    """The averages of the last `window_seconds`; None until one whole interval lies behind the last change of pods."""
    newest = memory.samples[-1].at if memory.samples else 0.0
    return _rates([s for s in memory.samples if s.settled and newest - s.at < window_seconds])


def latest_rates(memory: Memory) -> Rates | None:
    """Those of the last interval alone, settled or not."""
    return _rates(list(memory.samples[-1:]))


def average_lag(memory: Memory, window_seconds: float) -> float:
    """Of the partitions that move."""
    newest = memory.samples[-1].at
    lags = [s.lag for s in memory.samples if newest - s.at < window_seconds]
    return sum(lags) / len(lags)


def saturated_rate(memory: Memory) -> float | None:
    """Consumed per second while every replica had more to read than it could; None if that was not just so."""
    if not memory.samples or not memory.samples[-1].saturated:
        return None
    found = _rates([sample for sample in memory.samples if sample.saturated])
    return found.consumed if found else None
