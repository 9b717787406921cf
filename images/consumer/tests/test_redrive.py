"""A dead letter that is sent again: what its headers say, and the event that it becomes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse import ids
from pulse.errors import Rejection
from pulse.events import EventDecoder
from pulse_consumer import redrive
from pulse_consumer.batch import Batch
from pulse_consumer.deadletter import DeadLetter, dlq_headers
from pulse_consumer.intake import Intake
from pulse_consumer.offsets import Position
from pulse_consumer.packer import plain_rows
from pulse_consumer.record import Headers, Record
from pulse_consumer.redrive import Origin
from pulse_consumer.rows import packed

GOOD = b'{"event_type":"page_view","user_id":"u","timestamp":"2026-01-02T03:04:05Z"}'
WITH_ARRIVAL = GOOD[:-1] + b',"received_at":"2026-01-02T03:04:06Z"}'
FIRST_US = 1_767_323_046_000_000
NOW_US = FIRST_US + 3 * 86_400_000_000
TOPIC_ID, OTHER_ID = bytes(16), bytes(range(16))
ORIGIN = Origin(OTHER_ID, 7, 42, FIRST_US, trusted=True, attempt=1)

origins = st.builds(
    Origin,
    st.binary(min_size=16, max_size=16),
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**63 - 1),
    st.none() | st.integers(0, NOW_US // 1000).map(lambda milliseconds: milliseconds * 1000),
    st.booleans(),
    st.integers(1, 1_000),
)


def record(headers: Headers | None, value: bytes = GOOD, *, trusted: bool = True) -> Record:
    return Record(0, 900, NOW_US, trusted, b"key", value, headers)


def taken(given: Record) -> tuple[list[bytes], list[DeadLetter]]:
    """What a consumer of partition 0 makes of the record."""
    intake = Intake(EventDecoder(), TOPIC_ID, plain_rows("python", TOPIC_ID, custom_events=True))
    intake.positions = {0: Position(1, 900)}
    batch = Batch(0.0)
    intake.add(batch, [given])
    return batch.parts[0].rows, batch.parts[0].dead


@given(origins)
def test_what_is_written_is_what_is_read(origin: Origin) -> None:
    assert redrive.origin_of(record([("trace", b"x"), *redrive.headers(origin)])) == origin


def test_the_row_has_the_id_and_the_arrival_of_the_first_record_and_says_where_the_last_one_stands() -> None:
    rows, _ = taken(record(redrive.headers(ORIGIN)))
    first = EventDecoder().decode(GOOD, FIRST_US, OTHER_ID, 7, 42)
    assert first.event_id == ids.of_record(FIRST_US // 1000, "u", OTHER_ID, 7, 42)
    event = redrive.event(EventDecoder(), GOOD, ORIGIN)
    assert (event.event_id, event.received_us) == (first.event_id, FIRST_US)
    assert rows == [packed(event, NOW_US, True, TOPIC_ID, 0, 900)]


def test_an_arrival_that_the_document_names_stays() -> None:
    assert redrive.event(EventDecoder(), WITH_ARRIVAL, ORIGIN).received_us == FIRST_US
    later = replace(ORIGIN, kafka_us=FIRST_US + 60_000_000)
    assert redrive.event(EventDecoder(), WITH_ARRIVAL, later).received_us == FIRST_US


def test_a_producer_s_clock_is_not_taken_for_an_arrival() -> None:
    assert redrive.event(EventDecoder(), GOOD, replace(ORIGIN, trusted=False)).received_us is None


def test_it_is_judged_by_its_first_arrival() -> None:
    early = replace(ORIGIN, kafka_us=FIRST_US - 2 * 86_400_000_000)
    _, dead = taken(record(redrive.headers(early)))
    assert [letter.code for letter in dead] == ["timestamp_out_of_range"]


def test_a_second_failure_counts_on_and_still_names_the_first_record() -> None:
    _, (letter,) = taken(record(redrive.headers(replace(ORIGIN, attempt=2)), b"no json"))
    assert (letter.attempt, letter.origin) == (3, replace(ORIGIN, attempt=2))
    assert ("pulse.dlq.attempt", b"3") in dlq_headers(letter, "shop-events", "")


def without(name: str) -> Headers:
    return [(key, value) for key, value in redrive.headers(ORIGIN) if key != redrive.PREFIX + name]


NAMES = ["topic_id", "partition", "offset", "timestamp", "timestamp_trusted", "attempt"]
SPOILED = ["gone", None, b"x", b"-1", b"9223372036854775808", b"\xff"]


@pytest.mark.parametrize(
    ("name", "value"),
    # An empty time is no mistake: the first record had none.
    [(name, value) for name in NAMES for value in SPOILED if (name, value) != ("timestamp", None)],
)
def test_headers_that_name_no_record_make_a_dead_letter_of_its_own(name: str, value: str | bytes | None) -> None:
    spoiled: Headers = without(name)
    if not isinstance(value, str):
        spoiled.append((redrive.PREFIX + name, value))
    _, (letter,) = taken(record(spoiled))
    assert (letter.code, letter.attempt, letter.origin) == ("invalid_redrive", 1, None)


def test_a_first_arrival_in_the_future_is_no_way_around_the_limits_of_time() -> None:
    ahead = replace(ORIGIN, kafka_us=NOW_US + 25 * 3_600_000_000, trusted=False)
    with pytest.raises(Rejection, match="invalid_redrive"):
        redrive.origin_of(record(redrive.headers(ahead)))
    assert redrive.origin_of(record(redrive.headers(ahead), trusted=False)) == ahead, "no clock to hold it against"
