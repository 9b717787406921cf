"""Ids: parsing what a producer sent, and deriving what it did not."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse import ids

TOPIC = bytes(range(16))


@given(st.uuids())
def test_every_uuid_is_parsed_and_written_back(value: uuid.UUID) -> None:
    assert ids.parsed(str(value)) == value.bytes
    assert ids.parsed(str(value).upper()) == value.bytes
    assert ids.formatted(value.bytes) == str(value)


@given(st.text(max_size=40))
def test_no_other_text_is_taken_for_an_id(text: str) -> None:
    try:
        expected = uuid.UUID(text).bytes if len(text) == 36 and text.count("-") == 4 else None
    except ValueError:
        expected = None
    assert ids.parsed(text) in (expected, None)


@given(st.integers(0, 2**48 - 1))
def test_the_time_in_an_id_is_told_of_those_that_have_one(milliseconds: int) -> None:
    assert ids.milliseconds(ids.derived(milliseconds, b"part")) == milliseconds
    seven = uuid.UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62)
    assert (seven.version, ids.milliseconds(seven.bytes)) == (7, milliseconds)
    assert ids.milliseconds(uuid.uuid4().bytes) is None
    assert ids.milliseconds(None) is None


def test_hyphens_in_other_places_are_refused() -> None:
    assert ids.parsed("018f4e3a7-c1b-7abc-8def-0123456789ab") is None


def test_a_derived_id_is_the_same_on_every_replay() -> None:
    one = ids.of_record(1_767_323_045_123, "user", TOPIC, 2, 77)
    assert one == ids.of_record(1_767_323_045_123, "user", TOPIC, 2, 77)
    assert uuid.UUID(bytes=one).version == 8
    assert uuid.UUID(bytes=one).variant == uuid.RFC_4122
    assert uuid.UUID(bytes=one).int >> 80 == 1_767_323_045_123


@pytest.mark.parametrize(
    "other",
    [
        (1_767_323_045_124, "user", TOPIC, 2, 77),
        (1_767_323_045_123, "other", TOPIC, 2, 77),
        (1_767_323_045_123, "user", bytes(16), 2, 77),
        (1_767_323_045_123, "user", TOPIC, 3, 77),
        (1_767_323_045_123, "user", TOPIC, 2, 78),
    ],
)
def test_two_records_never_share_a_derived_id(other: tuple[int, str, bytes, int, int]) -> None:
    assert ids.of_record(1_767_323_045_123, "user", TOPIC, 2, 77) != ids.of_record(*other)


def test_a_derived_id_is_the_same_in_every_version() -> None:
    # Another derivation would store every record without an id a second time at the next replay.
    made = ids.of_record(1_767_323_045_123, "user", TOPIC, 2, 77)
    assert ids.formatted(made) == "019b7ca9-8d03-8fde-94d7-fe0799f16c6a"


def test_parts_that_join_to_the_same_bytes_give_different_ids() -> None:
    assert ids.derived(1, b"ab", b"c") != ids.derived(1, b"a", b"bc")


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_a_new_id_is_a_uuid_of_version_7_with_the_time_in_front(milliseconds: int, chance: bytes) -> None:
    made = uuid.UUID(bytes=ids.uuid7(milliseconds, chance))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == milliseconds
