"""Asks for the lag of every pipeline at a fixed pace, and lets the autoscaler decide. It sets no replicas itself: who
does is told that there is something new."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, replace

from pulse.adapters import metrics
from pulse.facts import KafkaAccess
from pulse_operator import gauges, scaling
from pulse_operator.lag import Answer, LagReader, Unknown, Wanted
from pulse_operator.readings import Reading, TopicReading
from pulse_operator.report import QUIET_SECONDS, rounded

Key = tuple[str, str]
TOPICS_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Target:
    """One pipeline as the autoscaler needs it. Without a policy its lag is read and nothing is decided."""

    access: KafkaAccess
    wanted: Wanted
    replicas: int
    ready: int
    policy: scaling.Policy | None = None
    supplied_topics: tuple[str, ...] = ()  # topics that Pulse did not make, whose settings are looked at too


@dataclass(slots=True)
class _Entry:
    target: Target
    memory: scaling.Memory
    reading: Reading | None = None
    topics: TopicReading | None = None
    decision: scaling.Decision | None = None
    told_at: float = 0.0
    told_lag: int | None = None


class Scaler:
    """Readings and decisions of all pipelines. All methods but the reading itself belong to one event loop."""

    def __init__(
        self, reader: LagReader, interval: float, clock: Callable[[], float], news: Callable[[Key], None]
    ) -> None:
        self._reader = reader
        self._interval = interval
        self._clock = clock
        self._news = news
        self._entries: dict[Key, _Entry] = {}
        self._turned_at = clock()

    def enrol(self, key: Key, target: Target, remembered: str | None) -> None:
        """Has this pipeline looked after. `remembered` is what an earlier operator stored about it."""
        entry = self._entries.get(key)
        if entry is None:
            self._entries[key] = _Entry(target, scaling.Memory.from_dict(_plain(remembered)))
        else:
            if target.policy is None:
                entry.decision = None
            entry.target = target

    def drop(self, key: Key) -> None:
        """Forgets a pipeline that is no more, or that cannot be asked about."""
        self._entries.pop(key, None)

    def reading(self, key: Key) -> Reading | None:
        """What the broker answered last."""
        entry = self._entries.get(key)
        return entry.reading if entry else None

    def topics(self, key: Key) -> TopicReading | None:
        """How the topics were set that Pulse did not make."""
        entry = self._entries.get(key)
        return entry.topics if entry else None

    def decision(self, key: Key) -> scaling.Decision | None:
        """What was decided last."""
        entry = self._entries.get(key)
        return entry.decision if entry else None

    def still(self) -> float:
        """Seconds since the last look ended."""
        return self._clock() - self._turned_at

    async def run(self) -> None:
        """Looks until cancelled. A look that took long is followed by the next at once."""
        while True:
            began = self._clock()
            await self.turn()
            self._turned_at = self._clock()
            await asyncio.sleep(max(0.0, self._interval - (self._clock() - began)))

    async def turn(self) -> None:
        """One look at all pipelines."""
        looked_after = dict(self._entries)
        asked: dict[Hashable, tuple[KafkaAccess, Wanted]] = {
            key: (entry.target.access, entry.target.wanted) for key, entry in looked_after.items()
        }
        if not asked:
            return
        answers = await asyncio.to_thread(self._reader.read, asked)
        at = self._clock()
        for key, entry in looked_after.items():
            # An answer about another topic, or an earlier pipeline of that name, is not about this one.
            if self._entries.get(key) is entry and entry.target.wanted == asked[key][1]:
                self._take(key, entry, _reading(answers[key], at))
        await self._look_at_topics(at)

    def _take(self, key: Key, entry: _Entry, reading: Reading) -> None:
        before, entry.reading = entry.reading, reading
        gauges.show_lag(key, reading)
        decided = entry.decision
        if entry.target.policy is not None:
            entry.decision = scaling.decide(_observation(entry.target, reading), entry.target.policy, entry.memory)
            entry.memory = entry.decision.memory
        if entry.decision is not None and entry.decision.replicas != (decided or entry.target).replicas:
            metrics.OPERATOR_SCALE_DECISIONS.labels(entry.decision.reason.value).inc()
        if self._is_news(entry, before, decided):
            entry.told_at, entry.told_lag = reading.at, None if reading.problem else rounded(reading.lag)
            self._news(key)

    def _is_news(self, entry: _Entry, before: Reading | None, decided: scaling.Decision | None) -> bool:
        """Whether somebody should look: at once for another decision or another problem, later for another figure."""
        reading, decision = entry.reading, entry.decision
        assert reading is not None  # noqa: S101 - just taken
        if decision is not None and decision.replicas != entry.target.replicas:
            return True
        if (before is None) or (before.problem_kind != reading.problem_kind):
            return True
        if decision is not None and (
            decided is None
            or decided.limited_by != decision.limited_by
            or decided.stalled != decision.stalled
            or decided.recommended != decision.recommended
        ):
            return True
        moved = not reading.problem and rounded(reading.lag) != entry.told_lag
        return moved and reading.at - entry.told_at >= QUIET_SECONDS

    async def _look_at_topics(self, at: float) -> None:
        due: dict[Hashable, tuple[KafkaAccess, Collection[str]]] = {
            key: (entry.target.access, entry.target.supplied_topics)
            for key, entry in self._entries.items()
            if entry.target.supplied_topics and (entry.topics is None or at - entry.topics.at >= TOPICS_SECONDS)
        }
        if not due:
            return
        found = await asyncio.to_thread(self._reader.settings, due)
        for key, entry in list(self._entries.items()):
            if key not in found:
                continue
            before, entry.topics = entry.topics, _topics(found[key], at)
            if before is None or replace(before, at=at) != entry.topics:
                self._news(key)


def _reading(answer: Answer, at: float) -> Reading:
    if isinstance(answer, Unknown):
        return Reading(at, problem=answer.reason, problem_kind=answer.kind)
    return Reading(at, partitions=answer)


def _topics(found: Mapping[str, Mapping[str, str] | Unknown], at: float) -> TopicReading:
    problems = {topic: told for topic, told in found.items() if isinstance(told, Unknown)}
    missing = tuple(sorted(topic for topic, told in problems.items() if told.kind == "NoTopic"))
    other = next((told.reason for told in problems.values() if told.kind != "NoTopic"), "")
    configs = {topic: told for topic, told in found.items() if not isinstance(told, Unknown)}
    return TopicReading(at, configs, missing, other)


def _observation(target: Target, reading: Reading) -> scaling.Observation:
    return scaling.Observation(reading.at, target.replicas, target.ready, reading.partitions, reading.problem)


def _plain(text: str | None) -> object:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None  # a person cut it; averages start again
