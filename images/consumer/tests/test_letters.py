"""The parts of `pulse dlq` that decide without talking to anybody."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse.events import EventDecoder
from pulse_consumer import redrive
from pulse_consumer.letters import patches
from pulse_consumer.letters.judging import Left, Ready, Rules, judged
from pulse_consumer.letters.letter import Coordinates, Letter, coordinates
from pulse_consumer.letters.pace import Pace
from pulse_consumer.letters.patches import Merge
from pulse_consumer.letters.selection import moment
from pulse_consumer.redrive import Origin

NOW = dt.datetime(2026, 1, 2, 3, 4, 6, tzinfo=dt.UTC)
TOPIC_ID = UUID(int=5)
UNTYPED = b'{"user_id":"u-1","timestamp":"2026-01-02T03:04:05Z"}'
TYPED = Merge({"event_type": "page_view"})
LETTER = Letter(
    at=Coordinates(TOPIC_ID, 3, 42),
    topic="shop-events",
    kafka_us=1_767_323_046_000_000,
    trusted=True,
    key=b"u-1",
    value=UNTYPED,
    headers=[("trace", b"1"), ("pulse.reject.code", b"invalid_json"), ("pulse.redrive.attempt", b"1")],
    code="missing_field",
    reason="no",
    field="event_type",
    sqlstate=None,
    attempt=1,
    first_seen=NOW,
    state="open",
    state_since=NOW,
    first=None,
)

documents: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abc"), documents, max_size=3)


def by_the_letter_of_the_rfc(target: Any, patch: Any) -> Any:
    """MergePatch of RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    made = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = by_the_letter_of_the_rfc(made.get(name), value)
    return made


class TestPatches:
    @given(objects, objects)
    def test_a_merge_patch_does_what_the_rfc_says(self, target: dict[str, Any], patch: dict[str, Any]) -> None:
        done = Merge(patch).applied(json.dumps(target).encode())
        assert json.loads(done) == by_the_letter_of_the_rfc(target, patch)

    @given(objects, objects, objects)
    def test_one_patch_does_what_two_do_after_each_other(
        self, target: dict[str, Any], first: dict[str, Any], then: dict[str, Any]
    ) -> None:
        both = by_the_letter_of_the_rfc(target, patches.combined(first, then))
        one_by_one = by_the_letter_of_the_rfc(by_the_letter_of_the_rfc(target, first), then)
        if not _turns_objects(first, then):
            assert both == one_by_one

    def test_what_it_does_not_name_keeps_its_bytes(self) -> None:
        done = TYPED.applied(b'{"n": 12345678901234567890.10, "user_id":"u"}')
        assert b"12345678901234567890.10" in done

    @pytest.mark.parametrize("value", [None, b"", b"[1]", b"no json", b'"text"'])
    def test_a_value_that_is_no_object_cannot_be_merged_into(self, value: bytes | None) -> None:
        with pytest.raises(ValueError, match="not a JSON object"):
            TYPED.applied(value)

    @pytest.mark.parametrize(
        ("word", "expected"),
        [
            ("event_type=page_view", {"event_type": "page_view"}),
            ("metadata.price=3", {"metadata": {"price": 3}}),
            ("page=null", {"page": None}),
            ('user_id="7"', {"user_id": "7"}),
            ("page=/a=b", {"page": "/a=b"}),
        ],
    )
    def test_an_assignment_is_json_where_it_reads_as_such(self, word: str, expected: dict[str, Any]) -> None:
        assert patches.assignment(word) == expected

    @pytest.mark.parametrize("word", ["page", "=1", "a..b=1", "page=\0"])
    def test_what_sets_nothing_is_refused(self, word: str) -> None:
        with pytest.raises(ValueError, match=r"FIELD=VALUE|U\+0000"):
            patches.assignment(word)


def _turns_objects(first: Any, then: Any) -> bool:
    """Whether `then` goes into what `first` replaces by something else: one merge patch cannot say that."""
    if not (isinstance(first, dict) and isinstance(then, dict)):
        return isinstance(then, dict)
    return any(_turns_objects(first[name], then[name]) for name in first.keys() & then.keys())


class TestJudging:
    def verdict(self, letter: Letter, rules: Rules, bound: set[bytes] | None = None) -> Ready | Left:
        return judged(letter, rules, EventDecoder(), bound or set())

    def test_a_record_is_sent_with_its_own_headers_and_those_of_its_origin(self) -> None:
        ready = self.verdict(LETTER, Rules(TYPED))
        assert isinstance(ready, Ready)
        origin = Origin(TOPIC_ID.bytes, 3, 42, LETTER.kafka_us, True, 1)
        assert ready.headers == [("trace", b"1"), *redrive.headers(origin)]
        assert ready.event_id == redrive.event(EventDecoder(), ready.value, origin).event_id

    def test_a_later_attempt_is_sent_as_the_first_record(self) -> None:
        first = Origin(bytes(16), 0, 7, 1_767_323_000_000_000, True, 2)
        ready = self.verdict(replace(LETTER, attempt=2, first=first), Rules(TYPED))
        assert isinstance(ready, Ready)
        assert ready.headers[1:] == redrive.headers(first)

    def test_what_would_be_refused_again_is_left_with_the_contract_s_reason(self) -> None:
        left = self.verdict(LETTER, Rules())
        assert isinstance(left, Left)
        assert left.refused == "missing_field"
        assert "event_type" in left.why

    @pytest.mark.parametrize(
        ("changes", "rules", "why"),
        [
            ({"attempt": 3}, Rules(TYPED), "failed 3 times, the limit is 3"),
            ({"attempt": 3}, Rules(TYPED, force=True), None),
            ({"attempt": 2}, Rules(TYPED, most_attempts=2), "the limit is 2"),
            ({"attempt": 3}, Rules(TYPED, most_attempts=4), None),
            ({"state": "sending"}, Rules(TYPED), None),
            ({"state": "replayed"}, Rules(TYPED), "is replayed"),
            ({"state": "dropped"}, Rules(TYPED), "is dropped"),
            ({"state": "dropped"}, Rules(TYPED, again=True), None),
            ({"state": "erased"}, Rules(TYPED, again=True, force=True), "nothing left to send"),
            ({"value": b"no json"}, Rules(TYPED), "not a JSON object"),
        ],
    )
    def test_who_is_held_back(self, changes: dict[str, Any], rules: Rules, why: str | None) -> None:
        verdict = self.verdict(replace(LETTER, **changes), rules)
        assert isinstance(verdict, Ready) if why is None else isinstance(verdict, Left) and why in verdict.why

    def test_no_letter_becomes_two_events(self) -> None:
        ready = self.verdict(LETTER, Rules(TYPED))
        assert isinstance(ready, Ready)
        assert isinstance(self.verdict(LETTER, Rules(TYPED), {ready.event_id}), Ready)
        other = Merge({"event_type": "page_view", "user_id": "u-2"})
        left = self.verdict(LETTER, Rules(other), {ready.event_id})
        assert isinstance(left, Left)
        assert "second one" in left.why


class TestPace:
    @pytest.mark.parametrize("rate", [0.5, 1.0, 7.0, 100.0])
    def test_no_second_has_more_steps_than_the_rate_allows(self, rate: float) -> None:
        at, steps = 0.0, []

        def sleep(seconds: float) -> None:
            nonlocal at
            at += seconds

        pace = Pace(rate, lambda: at, sleep)
        for number in range(50):
            if number == 20:
                at += 10  # a slow broker: what was missed is not made up for
            pace.step()
            steps.append(at)
        for start in steps:
            assert len([step for step in steps if start <= step < start + 1 - 1e-6]) <= max(1, rate)

    def test_without_a_rate_nothing_waits(self) -> None:
        def never(_seconds: float) -> None:
            raise AssertionError

        pace = Pace(None, sleep=never)
        for _ in range(10):
            pace.step()


@pytest.mark.parametrize("text", ["3:42", "00000000-0000-0000-0000-000000000005:3:42"])
def test_a_place_reads_as_it_is_written(text: str) -> None:
    assert str(coordinates(text)) == text


@pytest.mark.parametrize("text", ["3", "3:", "a:b", "1:2:3", "2147483648:0", "0:9223372036854775808"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"place|beyond"):
        coordinates(text)


@pytest.mark.parametrize(
    ("text", "ago"), [("2h", dt.timedelta(hours=2)), ("2026-01-02T03:04:00Z", dt.timedelta(seconds=6))]
)
def test_a_moment_is_a_time_or_so_long_ago(text: str, ago: dt.timedelta) -> None:
    read: Callable[[str, dt.datetime], dt.datetime] = moment
    assert read(text, NOW) == NOW - ago
