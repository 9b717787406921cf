"""New events are copied straight into the table, and whatever is not new is told apart as if that were never tried."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kit.documents import numbered
from kit.pipeline import Pipeline
from kit.writing import batch, batch_of, taken, writer_of

from pulse_consumer.writer import Counts, Writer

pytestmark = pytest.mark.integration


@pytest.fixture
def writer(pipeline: Pipeline) -> Iterator[Writer]:
    made = writer_of(pipeline)
    yield made
    made.close()


def stored(pipeline: Pipeline) -> list[tuple[int, int]]:
    """Offset of every event, and how many there are of it."""
    return pipeline.rows("select kafka_offset, count(*) from raw.events group by 1 order by 1")  # type: ignore[return-value]


def test_new_events_go_straight_into_the_table(pipeline: Pipeline, writer: Writer) -> None:
    written = writer.write(batch(taken(pipeline), 0, 10))
    assert (written.copied, written.counts) == (True, {0: Counts(inserted=10)})
    assert stored(pipeline) == [(number, 1) for number in range(10)]
    assert pipeline.sums()["inserted"] == 10


def test_a_repeat_among_new_events_is_stored_once_and_counted(pipeline: Pipeline, writer: Writer) -> None:
    mine = taken(pipeline)
    events = [value for value in numbered(8) if b"event_id" in value]
    writer.write(batch_of(mine, 0, events[:2]))
    written = writer.write(batch_of(mine, 2, [events[2], events[0], events[3], events[3], b"bad"]))
    assert (written.copied, written.counts) == (False, {0: Counts(inserted=2, duplicate=2, dead=1)})
    assert stored(pipeline) == [(0, 1), (1, 1), (2, 1), (4, 1)]


def test_an_event_that_the_table_refuses_is_the_only_dead_letter(pipeline: Pipeline, writer: Writer) -> None:
    pipeline.execute("alter table raw.events add constraint test_refuses check (user_id <> 'user-7')")
    written = writer.write(batch(taken(pipeline), 0, 10))
    assert (written.copied, written.counts) == (False, {0: Counts(inserted=9, dead=1)})
    assert [letter.record.offset for letter in written.dead] == [7]


def test_after_a_failure_it_is_tried_again_once_a_batch_was_all_new(pipeline: Pipeline, writer: Writer) -> None:
    mine = taken(pipeline)
    one = next(value for value in numbered(2) if b"event_id" in value)
    ways = [writer.write(batch(mine, 0, 5)).copied, writer.write(batch_of(mine, 5, [one, one])).copied]
    ways += [writer.write(batch(mine, first, 5)).copied for first in (7, 12, 17)]
    assert ways == [True, False, False, True, True]


def test_while_a_log_is_read_again_new_events_are_still_found_among_the_known_ones(
    pipeline: Pipeline, writer: Writer
) -> None:
    mine = taken(pipeline)
    events = [value for value in numbered(12) if b"event_id" in value]
    other = events[1].replace(b'"user-', b'"other-')
    assert other != events[1]
    writer.write(batch_of(mine, 0, events[:4]))
    again = [writer.write(batch_of(mine, first, events[:4])).counts[0] for first in (4, 8)]
    mixed = writer.write(batch_of(mine, 12, [events[0], events[4], events[4], other, b"bad"]))
    alone = writer.write(batch_of(mine, 17, [events[0], other]))
    assert again == [Counts(duplicate=4)] * 2
    assert mixed.counts == {0: Counts(inserted=1, duplicate=2, conflict=1, dead=1)}
    assert alone.counts == {0: Counts(duplicate=1, conflict=1)}
    assert stored(pipeline) == [(number, 1) for number in (0, 1, 2, 3, 13)]
    assert pipeline.rows("select kafka_offset from raw.event_conflicts order by 1") == [(15,), (18,)]


def test_nothing_of_a_batch_stays_when_its_copy_went_well_and_the_rest_did_not(pipeline: Pipeline) -> None:
    def undelivered(_letters: object) -> None:
        raise RuntimeError("the dead letters went nowhere")

    writer = writer_of(pipeline, undelivered)
    with pytest.raises(RuntimeError):
        writer.write(batch_of(taken(pipeline), 0, [*numbered(5), b"bad"]))
    assert (stored(pipeline), pipeline.sums()["read"]) == ([], 0)
