"""Reads the lag of many pipelines by way of a process that may end at any time, and stays right when it does.

An access whose question ended the process is found by halving those that were asked, and is asked by itself from then
on until it answers, so that it takes no other's answer away.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Hashable, Mapping

from pulse.facts import KafkaAccess
from pulse_operator.lag.accesses import Settings
from pulse_operator.lag.answer import Answer, Unknown, Wanted
from pulse_operator.lag.child import Child, Crashed

# After this, what is left to ask is left to the next look.
_LOOK_SECONDS = 15.0


class LagReader:
    """Admin clients shared by identical access (bootstrap + credentials), closed when unused for some minutes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._child = Child()
        self._suspects: set[KafkaAccess] = set()
        self._turn = threading.Lock()

    def read(self, wanted: Mapping[Hashable, tuple[KafkaAccess, Wanted]]) -> Mapping[Hashable, Answer]:
        """The offsets of every partition, or why they are not known, under the key of each pipeline."""
        groups: dict[KafkaAccess, set[Wanted]] = {}
        for access, one in wanted.values():
            groups.setdefault(access, set()).add(one)
        with self._turn:
            answers = self._look(groups)
        return {
            key: answers[access][one] if access in answers else _unanswered(access)
            for key, (access, one) in wanted.items()
        }

    def _look(self, groups: Mapping[KafkaAccess, Collection[Wanted]]) -> dict[KafkaAccess, dict[Wanted, Answer]]:
        now, deadline = self._clock(), time.monotonic() + _LOOK_SECONDS
        self._suspects &= groups.keys()
        answers: dict[KafkaAccess, dict[Wanted, Answer]] = {}
        calm = groups.keys() - self._suspects
        batches = deque([calm] if calm or self._child.runs else [])
        batches.extend({suspect} for suspect in self._suspects)
        ended: set[KafkaAccess] = set()
        while batches and time.monotonic() < deadline:
            batch = batches.popleft()
            try:
                answers |= self._child.ask("read", {access: groups[access] for access in batch}, now)
                self._suspects -= batch
            except Crashed:
                batches.extend(self._apart(batch, ended))
        return answers

    def _apart(self, batch: set[KafkaAccess], ended: set[KafkaAccess]) -> list[set[KafkaAccess]]:
        """How to ask those again, one of whom ended the process. `ended` are those that did so alone in this look."""
        if len(batch) > 1:
            listed = list(batch)
            return [set(listed[: len(listed) // 2]), set(listed[len(listed) // 2 :])]
        self._suspects |= batch & ended
        # Once more all the same: a new process looks for the right broker first, which most often is the cure.
        again = [batch] if batch - ended else []
        ended |= batch
        return again

    def settings(self, wanted: Mapping[Hashable, tuple[KafkaAccess, Collection[str]]]) -> Mapping[Hashable, Settings]:
        """The settings in force of the topics under each key, or why they are not known."""
        with self._turn:
            try:
                told: dict[Hashable, Settings] = self._child.ask("settings", dict(wanted))
            except Crashed:
                told = {key: dict.fromkeys(topics, _unanswered(access)) for key, (access, topics) in wanted.items()}
        return told

    def close(self) -> None:
        """Closes every client. The reader is not used again."""
        with self._turn:
            self._child.close()


def _unanswered(access: KafkaAccess) -> Unknown:
    return Unknown(
        "ClientEnded",
        f"The Kafka client ended while it asked Kafka at {access.bootstrap_servers}, as it does when brokers change "
        "their roles. It is asked again; if this stays, look at the brokers' logs.",
    )
