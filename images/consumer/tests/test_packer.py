"""The compiled packer makes the very bytes that the Python code makes, or leaves the record to it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kit import corpus

from pulse.errors import SettingsError
from pulse.events import EventDecoder
from pulse_consumer import packer
from pulse_consumer.batch import Batch
from pulse_consumer.intake import Intake
from pulse_consumer.offsets import Position
from pulse_consumer.record import REJECTED_HEADER, Headers, Record

TOPIC_ID = bytes(range(16))
ARRIVALS = (None, 0, corpus.ARRIVAL_US)
REQUIRED = {"event_type": "page_view", "user_id": "u", "timestamp": "2026-01-02T03:04:05Z"}

# Everything else of good.jsonl has to be packed by the compiled code, or it would be correct and of no use.
LEFT_TO_PYTHON = {
    "a repeated name, the last counts",
    "64 levels of nesting",
    "large numbers within range",
    "nanoseconds are rounded",
    "offset without colon",
    "the largest price",
    "unknown fields move under properties",
    "unknown metadata moves under properties",
}

needs_native = pytest.mark.skipif(
    packer.chosen("auto") != "native", reason="the compiled packer is not installed: `make test-native` builds it"
)


def record(
    value: bytes | None, *, offset: int = 42, kafka_us: int | None = corpus.ARRIVAL_US, headers: Headers | None = None
) -> Record:
    return Record(3, offset, kafka_us, True, b"key", value, headers)


def reference(one: Record, *, custom_events: bool = True) -> bytes | None:
    """The row by the Python code; None if it refuses the record."""
    batch = Batch(0.0)
    _intake("python", custom_events=custom_events, next_offset=one.offset).add(batch, [one])
    return next(iter(batch.parts[one.partition].rows), None)


def native(one: Record, *, custom_events: bool = True) -> bytes | None:
    (row,) = packer.plain_rows("native", TOPIC_ID, custom_events=custom_events)([one])
    return row


def _intake(name: str, *, custom_events: bool = True, next_offset: int = 0) -> Intake:
    rows = packer.plain_rows(name, TOPIC_ID, custom_events=custom_events)
    made = Intake(EventDecoder(custom_events=custom_events), TOPIC_ID, rows)
    made.positions = {3: Position(1, next_offset)}
    return made


def agree(one: Record, *, custom_events: bool = True) -> bool:
    """Fails unless the compiled packer leaves the record alone or makes the reference's row; whether it made one."""
    row = native(one, custom_events=custom_events)
    if row is not None:
        assert row == reference(one, custom_events=custom_events)
    return row is not None


def document(**fields: Any) -> bytes:
    return json.dumps({**REQUIRED, **fields}).encode()


@needs_native
@pytest.mark.parametrize("case", corpus.good(), ids=lambda case: case.name)
def test_a_good_document_gives_the_same_row(case: corpus.Case) -> None:
    for arrival in ARRIVALS:
        agree(record(case.value, kafka_us=arrival))
    assert agree(record(case.value)) == (case.name not in LEFT_TO_PYTHON)


@needs_native
@pytest.mark.parametrize("case", corpus.bad(), ids=lambda case: case.name)
def test_a_bad_document_is_left_to_python(case: corpus.Case) -> None:
    assert native(record(case.value)) is None


@needs_native
def test_headers_of_others_do_not_matter_and_those_of_pulse_are_left_to_python() -> None:
    assert agree(record(document(), headers=[("traceparent", b"00-1"), ("none", None)]))
    assert native(record(document(), headers=[("traceparent", b"x"), (REJECTED_HEADER, b"too_large")])) is None
    assert native(record(document(), headers=[("pulse.anything", None)])) is None


@needs_native
def test_a_type_that_the_pipeline_refuses_is_left_to_python() -> None:
    custom = record(document(event_type="wishlist_add"))
    assert agree(custom)
    assert not agree(custom, custom_events=False)
    assert agree(record(document()), custom_events=False)


@needs_native
@pytest.mark.parametrize("name", ["timestamp", "received_at"])
@pytest.mark.parametrize(("ahead_us", "packed"), [(0, True), (1, False)])
def test_a_time_over_24_hours_ahead_of_the_arrival_is_left_to_python(name: str, ahead_us: int, packed: bool) -> None:
    own_us = corpus.ARRIVAL_US - 1_000_000
    one = record(document(**{name: "2026-01-02T03:04:05Z"}), kafka_us=own_us - 86_400_000_000 - ahead_us)
    assert agree(one) == packed
    assert (reference(one) is not None) == packed


@needs_native
def test_the_arrival_of_an_event_is_the_time_at_which_it_was_received() -> None:
    later = record(document(timestamp="2026-01-03T03:04:06Z", received_at="2026-01-02T03:04:05Z"), kafka_us=None)
    assert native(later) is None
    assert reference(later) is None


@needs_native
@pytest.mark.parametrize("second", ["{}", '{"ip": "192.0.2.0"}', '"text"', '{"created_at": 2}'])
def test_a_context_that_is_there_twice_is_left_to_python(second: str) -> None:
    properties = f'{{"context": {{"created_at": 1}}, "context": {second}}}'
    value = document()[:-1] + f', "properties": {properties}}}'.encode()
    assert native(record(value)) is None
    assert reference(record(value)) is not None


texts = st.text(max_size=12) | st.sampled_from(
    ["", "\x00", "\\", '"', "\x1f", "\x7f", "/", "é", "\U0001f600", "\u2028"]
)
numbers = (
    st.integers()
    | st.integers(-3, 10**19)
    | st.floats()
    | st.decimals(-(10**9), 10**9, places=3).map(float)
    | st.decimals(0, 1, places=7).map(float)
)
scalars = st.none() | st.booleans() | numbers | texts
trees = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))
contexts = st.dictionaries(
    st.sampled_from(["created_at", "sent_at", "user_agent", "ip", "is_bot", "bot_reason", "referrer"]),
    trees,
    max_size=7,
)
property_objects = st.dictionaries(texts, trees, max_size=5) | st.fixed_dictionaries(
    {"context": contexts | trees}, optional={"a": trees, "z": trees}
)
moments = st.datetimes(timezones=st.none() | st.timezones()).map(lambda moment: moment.isoformat()) | st.from_regex(
    r"20\d\d-[01]\d-[0-3]\d[Tt ][0-2]\d:[0-6]\d:[0-6]\d(\.\d{1,9})?(Z|z|[+-][0-2]\d:?[0-6]\d)?", fullmatch=True
)
usual_moments = st.sampled_from(["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456Z", "2026-01-02T04:04:05.5+01:00"])
prices = st.decimals(0, 10**10, places=2).map(float) | st.decimals(0, 10, places=5).map(float) | numbers
metadata_objects = st.fixed_dictionaries(
    {},
    optional={"product_id": st.none() | texts, "category": texts, "price": prices, "search_query": texts, "x": texts},
)
documents = st.fixed_dictionaries(
    {
        "event_type": st.sampled_from(["page_view", "search", "own_type", "Own", ""]),
        "user_id": st.text(min_size=1, max_size=201) | texts,
        "timestamp": usual_moments | moments,
    },
    optional={
        "event_id": st.none() | st.uuids().map(str) | texts,
        "page": st.none() | texts,
        "metadata": st.none() | metadata_objects,
        "funnel_step_index": st.none() | st.integers(-1, 5) | numbers,
        "funnel_complete": st.none() | st.booleans() | texts,
        "received_at": st.none() | usual_moments | moments,
        "session_id": st.none() | texts,
        "anonymous_id": st.none() | texts,
        "properties": st.none() | property_objects | trees,
        "other": scalars,
    },
)
spellings = st.builds(
    lambda made, ascii_only, indent: json.dumps(made, ensure_ascii=ascii_only, indent=indent).encode(
        "utf-8", "surrogatepass"
    ),
    documents,
    st.booleans(),
    st.none() | st.integers(0, 1),
)
arrivals = st.sampled_from(ARRIVALS) | st.integers(0, 4_000_000_000_000_000)


# What is plain by the letter: usual forms, names without escapes, numbers that a double holds as they are written.
plain_names = st.text("abcdefgxyz_é", min_size=1, max_size=8)
plain_texts = st.text(
    st.characters(codec="utf-8", exclude_characters="".join(map(chr, {*range(32)} - {*b"\b\f\n\r\t"}))), max_size=12
)
plain_numbers = st.integers(-(10**18) + 1, 10**18 - 1) | st.decimals(
    "0.001", 999_999_999_999, places=3, allow_nan=False
).map(float)
plain_trees = st.recursive(
    st.none() | st.booleans() | plain_numbers | plain_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain_names, inner, max_size=4),
)
plain_contexts = st.dictionaries(
    st.sampled_from(["created_at", "sent_at", "user_agent", "ip", "is_bot", "bot_reason", "referrer"]), plain_trees
)
plain_documents = st.fixed_dictionaries(
    {
        "event_type": st.sampled_from(["page_view", "search", "own_type"]),
        "user_id": st.text(st.characters(codec="utf-8", min_codepoint=32), min_size=1, max_size=200),
        "timestamp": usual_moments,
    },
    optional={
        "event_id": st.none() | st.uuids().map(str),
        "page": st.none() | plain_texts,
        "metadata": st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                "product_id": st.none() | plain_texts,
                "category": plain_texts,
                "price": st.just(0) | st.decimals("0.01", 999_999_999, places=4).map(float) | st.integers(0, 10**9 - 1),
                "search_query": plain_texts,
            },
        ),
        "funnel_step_index": st.none() | st.integers(0, 4),
        "funnel_complete": st.none() | st.booleans(),
        "received_at": st.none() | usual_moments,
        "session_id": st.none() | plain_texts,
        "anonymous_id": st.none() | plain_texts,
        "properties": st.none()
        | st.dictionaries(plain_names, plain_trees, max_size=4)
        | st.fixed_dictionaries({"context": plain_contexts}, optional={"a": plain_trees, "z": plain_trees}),
    },
)


@needs_native
@settings(max_examples=1_000)
@given(plain_documents, st.none() | st.integers(0, 2), st.randoms(use_true_random=False))
def test_every_plain_document_is_packed_and_gives_the_same_row(
    made: dict[str, Any], indent: int | None, order: random.Random
) -> None:
    names = list(made)
    order.shuffle(names)
    value = json.dumps({name: made[name] for name in names}, ensure_ascii=False, indent=indent).encode()
    assert agree(record(value))


@needs_native
@settings(max_examples=1_000)
@given(spellings, arrivals, st.booleans())
@example(document(metadata={"price": 0.285}), None, True)
@example(document(properties={"context": {"created_at": None}}), None, True)
def test_any_document_gives_the_same_row(value: bytes, kafka_us: int | None, custom_events: bool) -> None:
    agree(record(value, kafka_us=kafka_us), custom_events=custom_events)


@needs_native
@settings(max_examples=1_000)
@given(st.sampled_from([case.value for case in corpus.good() if case.value]), st.data())
def test_a_damaged_document_gives_the_same_row(value: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(value)))
    length = data.draw(st.integers(0, 3))
    filler = data.draw(
        st.binary(max_size=2) | st.sampled_from([b'"', b"\\", b"{", b"}", b",", b"0", b"-", b"e5", b" "])
    )
    agree(record(value[:place] + filler + value[place + length :]))


@needs_native
@given(st.lists(st.sampled_from(corpus.good() + corpus.bad()), max_size=30))
def test_a_mixed_run_gives_the_same_batch(cases: list[corpus.Case]) -> None:
    records = [record(case.value, offset=offset) for offset, case in enumerate(cases)]
    batches = (Batch(0.0), Batch(0.0))
    for name, batch in zip(("python", "native"), batches, strict=True):
        _intake(name).add(batch, records)
    assert batches[0] == batches[1]


def test_rows_that_only_python_packs_are_asked_of_no_other_packer() -> None:
    assert packer.plain_rows("python", TOPIC_ID, custom_events=True)([record(document())] * 2) == [None, None]
    assert reference(record(document())) is not None


def test_a_packer_that_is_wanted_and_not_there_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packer, "_installed", False)
    assert packer.chosen("auto") == "python"
    with pytest.raises(SettingsError, match="make native"):
        packer.chosen("native")
    monkeypatch.setattr(packer, "_installed", True)
    assert (packer.chosen("auto"), packer.chosen("native"), packer.chosen("python")) == ("native", "native", "python")
