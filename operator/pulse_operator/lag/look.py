"""One look at all pipelines of one access: which questions are put, in which order, and what their answers make."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping

from pulse_operator.lag.answer import Answer, Unknown, Wanted
from pulse_operator.lag.connection import Connection
from pulse_operator.lag.memory import Memory
from pulse_operator.scaling.observation import PartitionOffsets

# What brokers need to find new leaders: worth a wait, as unknown lag wakes a pipeline that sleeps.
SETTLE_SECONDS = 0.3


def look(connection: Connection, memory: Memory, wanted: Collection[Wanted], now: float) -> dict[Wanted, Answer]:
    """The answer for each; where brokers are changing their roles, the second one."""
    answers = _look(connection, memory, wanted, now)
    again = [one for one, told in answers.items() if isinstance(told, Unknown) and told.passing]
    if again:
        time.sleep(SETTLE_SECONDS)
        answers |= _look(connection, memory, again, now)
    return answers


def _look(connection: Connection, memory: Memory, wanted: Collection[Wanted], now: float) -> dict[Wanted, Answer]:
    """As cheap as what is remembered allows.

    Ends come before commits: a commit that is newer than its end reads as no lag, an end newer than its commit would
    read as lag that is not there.
    """
    ends = _ends(connection, memory, {one.topic for one in wanted}, now)
    answers: dict[Wanted, Answer] = {}
    moved: dict[Wanted, Mapping[int, int]] = {}
    for one in wanted:
        told = ends[one.topic]
        if isinstance(told, Unknown):
            answers[one] = told
        elif (unmoved := memory.unmoved(one, told, now)) is not None:
            answers[one] = unmoved
        else:
            moved[one] = told
    return answers | _positions(connection, memory, moved, now)


def _ends(
    connection: Connection, memory: Memory, topics: Iterable[str], now: float
) -> dict[str, dict[int, int] | Unknown]:
    counts: dict[str, int] = {}
    unseen = []
    for topic in topics:
        count = memory.count(topic, now)
        if count is None:
            unseen.append(topic)
        else:
            counts[topic] = count
    failed: dict[str, dict[int, int] | Unknown] = {}
    for topic, told in connection.counts(unseen).items():
        if isinstance(told, Unknown):
            failed[topic] = told
        else:
            counts[topic] = told
            memory.keep_count(topic, told, now)
    ends = connection.ends(counts).result()
    for topic, offsets in ends.items():
        if isinstance(offsets, Unknown):
            memory.forget_count(topic)  # it may have been made anew with fewer partitions
    return ends | failed


def _positions(
    connection: Connection, memory: Memory, moved: Mapping[Wanted, Mapping[int, int]], now: float
) -> dict[Wanted, Answer]:
    pending_starts = connection.starts({one.topic: len(ends) for one, ends in moved.items()})
    pending_commits = connection.committed(moved)
    starts, commits = pending_starts.result(), pending_commits.result()
    answers: dict[Wanted, Answer] = {}
    for one, ends in moved.items():
        begun, done = starts[one.topic], commits[one]
        if isinstance(begun, Unknown):
            answers[one] = begun
            continue
        if isinstance(done, Unknown):
            answers[one] = done
            continue
        partitions = {n: PartitionOffsets(begun[n], end, done.get(n)) for n, end in ends.items()}
        answers[one] = partitions
        memory.keep_answer(one, partitions, now)
        if done.keys() - ends.keys():
            memory.forget_count(one.topic)  # the group reads partitions that were added since
    return answers
