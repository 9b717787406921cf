"""The histories that the exactness suite judges hold the cases that it is there for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from .cutting import KINDS, RULES, SEEDS, Cut, cut
from .history import History
from .raw import Changes, Commit, Place, Position, Reader
from .reference.rules import Rules, counts, day
from .reference.sessions import sessions_of
from .reference.users import quarantined_users

LEAST = 3
OF_THE_STREAM = {
    "topic made anew", "two groups", "several partitions", "move back", "move forward", "take-over", "conflict",
    "duplicate", "dead letter", "offsets without a record", "arrivals during a run that is judged",
    "arrivals during a run that is not", "missed event below the last run",
    "event of a group that is behind another",
}  # fmt: skip
OF_THE_MARTS = {
    "sessions merged", "start moved", "start of a long chain moved", "quarantined later", "day of the year 2000",
}  # fmt: skip


def test_every_case_is_there_at_least_a_few_times() -> None:
    found: Counter[str] = Counter()
    for seed in SEEDS:
        found.update(set(_cases(cut(seed))))
    wanted = {*KINDS, *RULES, "a later full refresh", *OF_THE_STREAM, *OF_THE_MARTS}
    assert {case: found[case] for case in wanted if found[case] < LEAST} == {}


def test_the_same_seed_gives_the_same_history() -> None:
    assert cut(7) == cut(7)
    assert cut(7) != cut(8)


def test_the_last_run_is_whole_and_nothing_comes_during_it() -> None:
    for seed in SEEDS:
        last = cut(seed).steps[-1]
        assert last.run.is_whole
        assert not last.meanwhile.commits


def _cases(history: Cut) -> Iterator[str]:
    yield history.rules
    yield from _cases_of_the_stream(history)
    rules, known = RULES[history.rules], History()
    before: dict[str, list[str]] = {}
    for number, step in enumerate(history.steps):
        yield step.run.kind
        if step.run.full_refresh and number:
            yield "a later full refresh"
        if step.meanwhile.commits:
            yield f"arrivals during a run that is {'judged' if step.is_judged else 'not'}"
        step.before.add_to(known)
        after = _sessions(known, rules)
        yield from _changes(before, after)
        if before and _quarantined(known, rules) & {names[-1] for names in before.values()}:
            yield "quarantined later"
        before = after
        step.meanwhile.add_to(known)
    if any(day(event.event_timestamp, ZoneInfo("UTC")).year == 2000 for event in known.events):
        yield "day of the year 2000"


def _cases_of_the_stream(history: Cut) -> Iterator[str]:
    changes = [part for step in history.steps for part in (step.before, step.meanwhile)]
    for commit in (commit for part in changes for commit in part.commits):
        batch = commit.batch
        outcomes = {"conflict": batch.conflict, "duplicate": batch.duplicate, "dead letter": batch.dead}
        yield from (name for name, count in outcomes.items() if count)
        if commit.next_offset - commit.before.next_offset > batch.inserted + sum(outcomes.values()):
            yield "offsets without a record"
    for move in (move for part in changes for move in part.moves if move.old):
        if move.old and move.old.topic_id != move.new.topic_id:
            yield "topic made anew"
        elif move.old:
            yield "move back" if move.new.next_offset < move.old.next_offset else "move forward"
    moved = {(move.reader, move.new.epoch) for part in changes for move in part.moves}
    stood = {(reader, position.epoch) for part in changes for reader, position in part.positions.items()}
    if stood - moved:
        yield "take-over"
    if len({reader.group for reader, _ in stood}) > 1:
        yield "two groups"
    if len({reader.partition for reader, _ in stood}) > 1:
        yield "several partitions"
    yield from _missed_events(history)
    yield from _events_of_a_group_behind(history)


def _missed_events(history: Cut) -> Iterator[str]:
    reached: dict[object, int] = {}
    of_the_last_run: dict[object, int] = {}
    for step in history.steps:
        for part in (step.before, step.meanwhile):
            for place, _ in part.events:
                if place.offset < of_the_last_run.get(place[:2], 0):
                    yield "missed event below the last run"
            for commit in part.commits:
                place_read = (commit.before.topic_id, commit.reader.partition)
                reached[place_read] = max(reached.get(place_read, 0), commit.next_offset)
            if part is step.before and step.run.is_whole:
                of_the_last_run = dict(reached)


def _events_of_a_group_behind(history: Cut) -> Iterator[str]:
    """Stored where another group had passed by at the last whole run, and was not moved back since."""
    stood: dict[Reader, Position] = {}
    of_the_last_run: dict[Reader, Position] = {}
    for step in history.steps:
        for part in (step.before, step.meanwhile):
            for move in part.moves:
                of_the_last_run.pop(move.reader, None)
            for place, commit in _stored_by(part):
                for other, position in of_the_last_run.items():
                    is_of_the_place = (position.topic_id, other.partition) == place[:2]
                    if is_of_the_place and other.group != commit.reader.group and place.offset < position.next_offset:
                        yield "event of a group that is behind another"
            stood |= part.positions
            if part is step.before and step.run.is_whole:
                of_the_last_run = dict(stood)


def _stored_by(part: Changes) -> Iterator[tuple[Place, Commit]]:
    """Each event's place, and the first batch that it lies in."""
    for place, _ in part.events:
        for commit in part.commits:
            stands_at = (commit.before.topic_id, commit.reader.partition)
            if stands_at == place[:2] and commit.before.next_offset <= place.offset < commit.next_offset:
                yield place, commit
                break


def _sessions(known: History, rules: Rules) -> dict[str, list[str]]:
    """The ids of each session's events by the id of its first event, with its user behind them."""
    counted = [event for event in known.events if counts(event, rules)]
    return {
        str(session[0].event_id): [*(str(event.event_id) for event in session), session[0].user_id]
        for session in sessions_of(counted, rules)
    }


def _changes(before: dict[str, list[str]], after: dict[str, list[str]]) -> Iterator[str]:
    session_of = {event: first for first, (*events, _) in before.items() for event in events}
    for first, (*events, _) in after.items():
        whole = {session_of[event] for event in events if event in session_of}
        if len(whole) > 1:
            yield "sessions merged"
        if whole and first not in session_of:
            yield "start moved"
            if len(events) > 40:
                yield "start of a long chain moved"


def _quarantined(known: History, rules: Rules) -> set[object]:
    counted = [event for event in known.events if counts(event, rules)]
    return {row["user_id"] for row in quarantined_users(counted, rules)}
