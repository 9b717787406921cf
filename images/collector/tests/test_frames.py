"""Frames: what was written whole is read, in order, and nothing else is, wherever the file is cut or changed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_collector.frames import MAGIC, found, framed
from pulse_collector.stores import Record

headers = st.none() | st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)))
records = st.lists(
    st.builds(Record, st.none() | st.binary(max_size=20), st.binary(max_size=200), headers, st.booleans())
)


@given(records)
def test_records_come_back_as_they_were(written: list[Record]) -> None:
    assert found(MAGIC + framed(written)) == (written, 0)


@given(records, st.data())
def test_of_a_file_that_was_cut_off_the_whole_records_are_read_and_the_rest_is_counted(
    written: list[Record], data: st.DataObject
) -> None:
    whole = MAGIC + framed(written)
    cut = data.draw(st.integers(len(MAGIC), len(whole)))
    read, cut_bytes = found(whole[:cut])
    assert read == written[: len(read)]
    assert len(MAGIC + framed(read)) + cut_bytes == cut
    assert len(MAGIC + framed(written[: len(read) + 1])) > cut or read == written, "the next one was not whole"


@given(records.filter(bool), st.data())
def test_a_bit_that_flipped_is_no_record(written: list[Record], data: st.DataObject) -> None:
    whole = bytearray(MAGIC + framed(written))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    read, cut_bytes = found(bytes(whole))
    assert cut_bytes > 0
    assert read == written[: len(read)]
    assert len(read) < len(written)


@pytest.mark.parametrize("data", [b"", b"PULSE", b"PULSEBF2" + framed([Record(None, b"x")])])
def test_a_file_of_another_kind_holds_nothing_that_can_be_read(data: bytes) -> None:
    assert found(data) == ([], len(data))
