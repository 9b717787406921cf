"""The decoder and the published schema against the corpus."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from kit import corpus

import pulse
from pulse.errors import Rejection
from pulse.events import REJECTION_CODES, Event, EventDecoder

TOPIC_ID = bytes(range(16))
SCHEMA = json.loads((Path(pulse.__file__).parent / "schema" / "event-v1.schema.json").read_text())


def decoded(value: bytes | None, **options: Any) -> Event:
    return EventDecoder(**options).decode(value, corpus.ARRIVAL_US, TOPIC_ID, 3, 42)


def document(**fields: Any) -> bytes:
    return json.dumps(
        {"event_type": "page_view", "user_id": "u", "timestamp": "2026-01-02T03:04:05Z", **fields}
    ).encode()


@pytest.mark.parametrize("case", corpus.good(), ids=lambda case: case.name)
def test_a_good_document_becomes_an_event(case: corpus.Case) -> None:
    event = decoded(case.value)
    for name, value in case.line.get("expect", {}).items():
        assert getattr(event, name) == value, name
    if "expect_properties" in case.line:
        assert event.properties is not None
        assert json.loads(event.properties) == case.line["expect_properties"]


@pytest.mark.parametrize("case", corpus.bad(), ids=lambda case: case.name)
def test_a_bad_document_is_refused_by_name(case: corpus.Case) -> None:
    with pytest.raises(Rejection) as refused:
        decoded(case.value)
    assert (refused.value.code, refused.value.field) == (case.line["code"], case.line["field"])
    assert refused.value.code in REJECTION_CODES


@pytest.mark.parametrize("case", corpus.good(), ids=lambda case: case.name)
def test_the_published_schema_accepts_what_the_decoder_accepts(case: corpus.Case) -> None:
    assert case.value is not None
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(case.value))


@pytest.mark.parametrize("case", corpus.bad(), ids=lambda case: case.name)
def test_the_published_schema_refuses_what_the_decoder_refuses(case: corpus.Case) -> None:
    problem = _schema_problem(case.value)
    if "beyond_schema" in case.line:
        assert problem is None, f"the schema does see this one now: drop beyond_schema ({problem})"
    else:
        assert problem is not None


def _schema_problem(value: bytes | None) -> str | None:
    """What JSON itself or the schema has against the value; None if nothing."""
    text = (value or b"").decode("utf-8", "replace")
    if "\ufffd" in text:
        return "not UTF-8"
    try:
        parsed = json.loads(text, parse_constant=_not_json)
    except ValueError as wrong:
        return str(wrong)
    except RecursionError:
        return None if text.startswith("{") else "not an object"
    error = next(jsonschema.Draft202012Validator(SCHEMA).iter_errors(parsed), None)
    return None if error is None else error.message


def _not_json(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def test_the_corpus_has_a_document_for_every_code_that_a_decoder_can_give() -> None:
    elsewhere = {"rejected_by_collector", "database_refused", "custom_event", "invalid_redrive"}
    assert {case.line["code"] for case in corpus.bad()} == set(REJECTION_CODES) - elsewhere


def test_the_names_in_the_corpus_are_unique() -> None:
    names = Counter(case.name for case in corpus.good() + corpus.bad())
    assert [name for name, count in names.items() if count > 1] == []


def test_custom_events_are_refused_where_the_pipeline_keeps_only_known_ones() -> None:
    value = document(event_type="wishlist_add")
    assert decoded(value).event_type == "wishlist_add"
    with pytest.raises(Rejection, match="custom_event"):
        decoded(value, custom_events=False)


@pytest.mark.parametrize(("seconds", "accepted"), [(86_400, True), (86_400.000_001, False)])
def test_an_event_may_lie_24_hours_ahead_of_its_arrival_and_not_more(seconds: float, accepted: bool) -> None:
    arrival_us = corpus.ARRIVAL_US - 1_000_000 - round(seconds * 1_000_000)
    decoder = EventDecoder()
    if accepted:
        assert decoder.decode(document(), arrival_us, TOPIC_ID, 0, 0).event_us == arrival_us + 86_400_000_000
    else:
        with pytest.raises(Rejection, match="timestamp_out_of_range"):
            decoder.decode(document(), arrival_us, TOPIC_ID, 0, 0)


def test_a_record_without_a_time_is_not_judged_by_one() -> None:
    assert EventDecoder().decode(document(timestamp="2090-01-01T00:00:00Z"), None, TOPIC_ID, 0, 0).event_us > 0


class TestFingerprint:
    def same(self, one: bytes, other: bytes) -> bool:
        return decoded(one).fingerprint == decoded(other).fingerprint

    def test_the_order_of_names_and_the_arrival_do_not_count(self) -> None:
        left = document(properties={"a": 1, "b": {"c": 2, "d": 3}}, received_at="2026-01-02T03:04:06Z")
        right = document(received_at="2026-01-02T03:04:07Z", properties={"b": {"d": 3, "c": 2}, "a": 1})
        assert self.same(left, right)

    def test_a_retry_through_a_collector_is_the_same_event(self) -> None:
        first = {
            "created_at": "2026-01-02T03:04:00Z",
            "sent_at": "2026-01-02T03:04:01Z",
            "user_agent": "x",
            "is_bot": False,
        }
        retry = {"created_at": "2026-01-02T03:04:00Z", "sent_at": "2026-01-02T03:05:11Z", "ip": "192.0.2.0"}
        assert self.same(
            document(properties={"context": first}),
            document(timestamp="2026-01-02T03:04:05.25Z", properties={"context": retry}),
        )

    def test_context_that_only_a_collector_wrote_counts_as_none(self) -> None:
        assert self.same(document(), document(properties={"context": {"is_bot": True, "bot_reason": "agent"}}))

    @pytest.mark.parametrize(
        "change",
        [
            {"event_type": "search"},
            {"user_id": "v"},
            {"timestamp": "2026-01-02T03:04:05.000001Z"},
            {"page": "/"},
            {"metadata": {"product_id": "1"}},
            {"metadata": {"category": "1"}},
            {"metadata": {"price": 1}},
            {"metadata": {"search_query": "1"}},
            {"funnel_step_index": 0},
            {"funnel_complete": True},
            {"session_id": "1"},
            {"anonymous_id": "1"},
            {"properties": {"a": 1}},
            {"properties": {"context": {"created_at": "2026-01-02T03:04:00Z"}}},
        ],
        ids=str,
    )
    def test_every_field_of_the_client_counts(self, change: dict[str, Any]) -> None:
        assert not self.same(document(), document(**change))

    def test_it_is_the_same_in_every_version(self) -> None:
        # Stored fingerprints are compared with new ones: a change here turns every replay into conflicts.
        value = document(page="/p", metadata={"price": 9.5}, properties={"z": 1, "context": {"utm": {"source": "x"}}})
        assert decoded(value).fingerprint.hex() == "f0c04ecdc135dc023974ddb64016bbb0"
