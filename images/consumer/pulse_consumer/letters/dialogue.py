"""What `pulse dlq replay` and `drop` say and ask before and after their work."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import psycopg

from pulse import ids
from pulse.cli import FAILED, OK
from pulse.errors import Stop
from pulse.settings import DeadLetterSettings
from pulse_consumer.letters import ledger, patches
from pulse_consumer.letters.judging import Left, Ready, Rules
from pulse_consumer.letters.letter import Letter
from pulse_consumer.letters.patches import Change, Merge, Replace
from pulse_consumer.letters.selection import Selection
from pulse_consumer.letters.working import Say, Work

NAMED = 20  # letters that are left, told by name before the question


@dataclass(frozen=True, slots=True)
class Order:
    """The words of `replay` that say how."""

    fields: tuple[str, ...]
    patch: str | None
    edit: bool
    dry_run: bool
    rate: float | None
    most_attempts: int
    force: bool
    again: bool


class Dialogue:
    """`answer` gets the results, `say` what goes on; `confirmed` asks; `command` is kept in the letters' histories."""

    def __init__(self, answer: Say, say: Say, confirmed: Callable[[], bool], command: str) -> None:
        self._answer = answer
        self._say = say
        self._confirmed = confirmed
        self._command = command

    def replay(self, settings: DeadLetterSettings, selection: Selection, order: Order) -> int:
        """0 if every letter was (or, dry, would be) sent, 1 if some were left or refused, or the answer was no."""
        if order.rate is not None and order.rate <= 0:
            raise Stop(f"--rate {order.rate:g} never sends anything: give a number above 0.")
        with ledger.opened(settings.database.dsn) as connection:
            if not order.dry_run:
                ledger.claim(connection)
            work = Work(connection, settings, selection, self._command, self._say)
            if not work.places:
                return self._nothing(selection)
            change = _change(order, lambda: _only(connection, work))
            rules = Rules(change, order.most_attempts, order.force, order.again)
            outlook = work.outlook(rules, self._foretold if order.dry_run else lambda _: None)
            self._answer(f"{outlook.ready:,} of {len(work.places):,} letters would pass the contract.")
            if order.dry_run:
                return FAILED if outlook.left else OK
            self._left(outlook.left)
            if not outlook.ready:
                self._say("Nothing was sent.")
                return FAILED
            self._answer(f"To be sent to {settings.topics.events}: {outlook.ready:,}.")
            if not self._confirmed():
                self._say("Nothing was changed.")
                return FAILED
            sent, failed = work.replay(rules, order.rate)
        for line in failed:
            self._say(line)
        self._answer(f"Sent and acknowledged: {sent:,}. `pulse dlq list` shows those that are refused again.")
        return FAILED if failed or outlook.left else OK

    def drop(self, settings: DeadLetterSettings, selection: Selection, reason: str, *, erase: bool) -> int:
        """0 when it is done, 1 if the answer was no."""
        with ledger.opened(settings.database.dsn) as connection:
            ledger.claim(connection)
            work = Work(connection, settings, selection, self._command, self._say)
            if not work.places:
                return self._nothing(selection)
            for group in ledger.summary(connection, selection):
                self._answer(f"{group.letters:,} {group.code}, {group.state}")
            fate = "Their bytes are erased for good" if erase else "Their bytes stay"
            self._answer(f"To be dropped: {len(work.places):,}. {fate}.")
            if not self._confirmed():
                self._say("Nothing was changed.")
                return FAILED
            done = work.drop(reason, erase=erase)
        self._answer(f"{'Erased' if erase else 'Dropped'}: {done:,}.")
        return OK

    def _nothing(self, selection: Selection) -> int:
        if selection.places:
            raise Stop(
                f"There is no dead letter at {', '.join(map(str, selection.places))}. `pulse dlq list` shows where."
            )
        self._answer("No dead letter meets these conditions.")
        return OK

    def _foretold(self, verdict: Ready | Left) -> None:
        if isinstance(verdict, Ready):
            self._answer(f"{verdict.letter.at}: would become event {ids.formatted(verdict.event_id)}")
        else:
            self._answer(f"{verdict.letter.at}: {verdict.why}")

    def _left(self, left: list[Left]) -> None:
        if not left:
            return
        self._answer(f"Not sent: {len(left):,}.")
        for one in left[:NAMED]:
            self._answer(f"  {one.letter.at}: {one.why}")
        if len(left) > NAMED:
            classes = Counter(one.refused or "held back" for one in left)
            counts = ", ".join(f"{count:,} {name}" for name, count in classes.most_common())
            self._answer(f"  … in all {counts}; --dry-run names each")


def _only(connection: psycopg.Connection[Any], work: Work) -> Letter:
    if len(work.places) != 1:
        raise Stop(f"--edit changes one letter, and {len(work.places)} are meant: name the place of one.")
    (letter,) = ledger.letters(connection, work.places)
    return letter


def _change(order: Order, letter: Callable[[], Letter]) -> Change | None:
    try:
        if order.fields:
            return Merge(reduce(patches.combined, map(patches.assignment, order.fields)))
        if order.patch:
            return Merge(patches.patch(Path(order.patch).read_text(encoding="utf-8")))
    except (ValueError, OSError) as wrong:
        raise Stop(f"The change cannot be read: {wrong}.") from wrong
    return _edited(letter()) if order.edit else None


def _edited(letter: Letter) -> Change:
    """What a person makes of the value in $EDITOR. Stop if it is left as it was, or the editor fails."""
    before = (letter.value or b"").decode("utf-8", "replace")
    with tempfile.TemporaryDirectory(prefix="pulse-dlq-") as folder:
        file = Path(folder) / "value.json"
        file.write_text(before, encoding="utf-8")
        words = [*shlex.split(os.environ.get("EDITOR") or "vi"), str(file)]
        try:
            code = subprocess.run(words, check=False).returncode
        except OSError as failed:
            raise Stop(
                f"The editor {words[0]!r} does not start ({failed.strerror}): set EDITOR to another."
            ) from failed
        after = file.read_text(encoding="utf-8")
    if code != 0:
        raise Stop(f"The editor ended with code {code}; nothing was sent.")
    if after == before:
        raise Stop("The value was left as it was; nothing was sent. Without --edit it is sent as it is.")
    return Replace(after)
