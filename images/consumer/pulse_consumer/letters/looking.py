"""What `pulse dlq list` and `pulse dlq show` do. Nothing is changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

from pulse.errors import Stop
from pulse_consumer.letters import ledger, text
from pulse_consumer.letters.letter import Coordinates, Letter
from pulse_consumer.letters.selection import Selection

CHUNK = 100  # letters whose bytes are in memory at the same time


def chunks(connection: psycopg.Connection[Any], at: Sequence[Coordinates], size: int = CHUNK) -> Iterator[list[Letter]]:
    """The letters in their order, some at a time."""
    for start in range(0, len(at), size):
        yield ledger.letters(connection, at[start : start + size])


def listing(dsn: str, selection: Selection, *, as_json: bool) -> Iterator[str]:
    """The lines of `pulse dlq list`."""
    with ledger.opened(dsn) as connection:
        at = ledger.places(connection, selection)
        if as_json:
            for found in chunks(connection, at):
                yield from (json.dumps(text.summary_json(letter), ensure_ascii=False) for letter in found)
            return
        shown = [letter for found in chunks(connection, at) for letter in found]
        groups = ledger.summary(connection, selection)
        if shown:
            yield from text.listing(shown)
            more = sum(group.letters for group in groups) - len(shown)
            if more > 0:
                yield f"… and {more:,} more, later ones: raise --limit, or say --since."
            yield ""
        yield from text.overview(groups)


def showing(dsn: str, at: Coordinates, *, as_json: bool) -> Iterator[str]:
    """The lines of `pulse dlq show`. Stop if there is no such letter, or one in several topics."""
    with ledger.opened(dsn) as connection:
        letter = one(connection, at)
        history = ledger.moves(connection, letter.at)
        kin = ledger.chain(connection, letter.origin)
        if as_json:
            yield json.dumps(text.whole_json(letter, history, kin), ensure_ascii=False)
            return
        ids = {move["event_id"] for move in history if move["event_id"] is not None}
        fates = {event_id: ledger.fate(connection, event_id) for event_id in ids}
        yield from text.whole(letter, history, kin, fates)


def one(connection: psycopg.Connection[Any], at: Coordinates) -> Letter:
    """The letter that stands there. Stop if there is none, or one in several topics."""
    found = ledger.places(connection, Selection(places=(at,)))
    if not found:
        raise Stop(f"There is no dead letter at {at}. `pulse dlq list` shows where they are.")
    if len(found) > 1:
        names = ", ".join(map(str, found))
        raise Stop(f"Several topics have a dead letter at {at}: say which one, {names}.")
    (letter,) = ledger.letters(connection, found)
    return letter
