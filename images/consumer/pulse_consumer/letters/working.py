"""What `pulse dlq replay` and `pulse dlq drop` do, some letters at a time, each step noted before the next.

A letter is noted as being sent before it is sent, and as replayed after Kafka acknowledged it. Who is killed in between
leaves it in state sending: the next run sends it once more, and the event that it becomes is stored once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from pulse.events import EventDecoder
from pulse.settings import DeadLetterSettings
from pulse_consumer.letters import ledger, looking
from pulse_consumer.letters.judging import Left, Ready, Rules, judged
from pulse_consumer.letters.ledger import Move
from pulse_consumer.letters.letter import Coordinates
from pulse_consumer.letters.pace import Pace
from pulse_consumer.letters.selection import Selection
from pulse_consumer.letters.sending import Sender

PROGRESS_SECONDS = 2.0

Say = Callable[[str], None]


@dataclass(slots=True)
class Outlook:
    """What a replay would do: how many it would send, and which letters it leaves, each with its reason."""

    ready: int = 0
    left: list[Left] = field(default_factory=list)


class Work:
    """A run over the letters that a selection meets. Raises DatabaseUnavailable, DatabaseWrong or KafkaUnavailable."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        settings: DeadLetterSettings,
        selection: Selection,
        command: str,
        say: Say,
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._command = command
        self._say = say
        self._decoder = EventDecoder(custom_events=settings.custom_events)
        self.places = ledger.places(connection, selection)

    def outlook(self, rules: Rules, each: Callable[[Ready | Left], None]) -> Outlook:
        """Judges every letter, and hands each verdict to `each`. Nothing is changed or sent."""
        found = Outlook()
        for verdicts in self._judged(rules, looking.CHUNK, "looked at"):
            for verdict in verdicts:
                each(verdict)
                if isinstance(verdict, Left):
                    found.left.append(verdict)
                else:
                    found.ready += 1
        return found

    def replay(self, rules: Rules, rate: float | None) -> tuple[int, list[str]]:
        """Sends every letter that may be sent; how many Kafka acknowledged, and a sentence for each that it refused."""
        change = None if rules.change is None else rules.change.told
        sender = Sender(self._settings, Pace(rate))
        sent, failed = 0, list[str]()
        for verdicts in self._judged(rules, _chunk(rate), "sent"):
            ready = [verdict for verdict in verdicts if isinstance(verdict, Ready)]
            if ready:
                self._note([Move(one.letter.at, "sending", one.event_id, change) for one in ready])
                refused = sender.send(ready)
                self._note(
                    [
                        Move(one.letter.at, "not_sent", one.event_id, reason=refused[number])
                        if number in refused
                        else Move(one.letter.at, "replayed", one.event_id, change)
                        for number, one in enumerate(ready)
                    ]
                )
                sent += len(ready) - len(refused)
                failed += [f"{ready[number].letter.at}: Kafka refused it, {why}" for number, why in refused.items()]
        return sent, failed

    def drop(self, reason: str, *, erase: bool) -> int:
        """Notes every letter as dropped, with its bytes erased if wanted; how many."""
        for at in self._chunks(looking.CHUNK, "dropped"):
            if erase:
                ledger.erase(self._connection, at, reason, self._command)
            else:
                self._note([Move(one, "dropped", reason=reason) for one in at])
        return len(self.places)

    def _judged(self, rules: Rules, size: int, done: str) -> Iterator[list[Ready | Left]]:
        for at in self._chunks(size, done):
            bound = ledger.bound(self._connection, at)
            yield [
                judged(letter, rules, self._decoder, bound[letter.at])
                for letter in ledger.letters(self._connection, at)
            ]

    def _chunks(self, size: int, done: str) -> Iterator[Sequence[Coordinates]]:
        told = time.monotonic()
        for start in range(0, len(self.places), size):
            yield self.places[start : start + size]
            if time.monotonic() - told >= PROGRESS_SECONDS:
                told = time.monotonic()
                self._say(f"{min(start + size, len(self.places)):,} of {len(self.places):,} {done}")

    def _note(self, moves: Sequence[Move]) -> None:
        ledger.add(self._connection, moves, self._command)


def _chunk(rate: float | None) -> int:
    """How many letters are sent between two notes: about a second's worth, so that a kill leaves few in doubt."""
    return looking.CHUNK if rate is None else max(1, min(looking.CHUNK, int(rate)))
