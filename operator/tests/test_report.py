"""The status of a pipeline, and when it is written."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.evidence import (
    AT,
    CONSUMER,
    KAFKA,
    MAINTAIN,
    NOW,
    RAN_AT,
    READING,
    SPEC,
    STEADY,
    TRANSFORM,
    condition,
    looked,
)

from pulse_operator import report, scaling
from pulse_operator.conditions import ORDER, Evidence, conditions
from pulse_operator.dependencies import Missing, Reason
from pulse_operator.dependencies.verdict import false, true, unknown
from pulse_operator.objects import Ref
from pulse_operator.readings import Reading
from pulse_operator.scaling import PartitionOffsets
from pulse_operator.timestamps import text_of

EARLIER = "2026-03-01T11:00:00Z"
GOOD = true(Reason.READY, "All is well.")
BAD = false(Reason.NOT_FOUND, "Kafka k/e does not exist.")


def status(evidence: Evidence | None = None) -> dict[str, Any]:
    found = evidence or looked()
    return report.status_of(found, conditions(found))


def again(seconds: float = 10.0, stored: dict[str, Any] | None = None, **words: Any) -> dict[str, Any]:
    """The status some seconds after it was stored."""
    return status(looked(stored=status() if stored is None else stored, seconds=seconds, **words))


def read(*committed: int, seconds: float = 10.0) -> Reading:
    """Of partitions with a million records each."""
    offsets = {number: PartitionOffsets(0, 1_000_000, done) for number, done in enumerate(committed)}
    return Reading(AT + seconds, offsets)


def test_the_status_of_a_pipeline_that_does_well() -> None:
    told = status()
    assert {key: value for key, value in told.items() if key not in ("conditions", "autoscaler")} == {
        "observedGeneration": 4,
        "phase": "Ready",
        "lag": {
            "total": 1_200,
            "drainSeconds": 12,
            "partitions": [{"partition": number, "lag": 200} for number in range(6)],
            "measuredAt": NOW,
        },
        "replicas": {
            "current": 2,
            "desired": 2,
            "summary": "2/2",
            "reason": "Steady",
            "message": "2: steady.",
            "changedAt": NOW,
        },
        "transform": {"lastSuccessTime": RAN_AT},
        "maintenance": {"lastSuccessTime": RAN_AT},
    }
    assert [found["type"] for found in told["conditions"]] == list(ORDER)
    assert told["conditions"][0] == {
        "type": "KafkaReady",
        "status": "True",
        "reason": "Ready",
        "message": "Kafka kafka/events is ready.",
        "observedGeneration": 4,
        "lastTransitionTime": NOW,
    }


def test_of_a_pipeline_of_which_nothing_is_known_nothing_is_made_up() -> None:
    gone = {CONSUMER: Missing.OBJECT, TRANSFORM: Missing.OBJECT, MAINTAIN: Missing.OBJECT}
    told = status(looked(put=gone, reading=None, decision=None))
    assert set(told) == {"observedGeneration", "phase", "conditions"}


@pytest.mark.parametrize(
    ("evidence", "phase"),
    [
        (looked(), "Ready"),
        (looked(status={CONSUMER: {"readyReplicas": 1}}), "Degraded"),
        (looked(put={KAFKA: Missing.OBJECT}), "Degraded"),
        (looked(put={KAFKA: Missing.OBJECT, CONSUMER: Missing.OBJECT}), "Pending"),
        (looked(reading=None, put={CONSUMER: Missing.OBJECT}), "Progressing"),
        (looked({**SPEC, "suspend": True}), "Suspended"),
        (looked({**SPEC, "suspend": True}, put={KAFKA: Missing.OBJECT}), "Suspended"),
    ],
)
def test_the_phase(evidence: Evidence, phase: str) -> None:
    assert status(evidence)["phase"] == phase


def test_a_condition_keeps_the_time_of_its_transition_while_its_status_does() -> None:
    before = [{"type": "KafkaReady", "status": "True", "lastTransitionTime": EARLIER}]
    degraded = {"KafkaReady": true(Reason.DEGRADED, "Less than full health.")}
    (kept,) = report.stamped(degraded, before, 5, AT)
    assert (kept["lastTransitionTime"], kept["reason"], kept["observedGeneration"]) == (EARLIER, "Degraded", 5)
    (moved,) = report.stamped({"KafkaReady": BAD}, before, 5, AT)
    assert moved["lastTransitionTime"] == NOW
    (new,) = report.stamped({"TopicsReady": GOOD}, before, 5, AT)
    assert new["lastTransitionTime"] == NOW


def test_at_rest_nothing_is_written() -> None:
    stored = status()
    later = again(seconds=900, stored=stored)
    assert later == stored
    assert not report.due(stored, later, AT + 900)


def test_a_figure_that_moves_is_written_after_half_a_minute() -> None:
    stored = status()
    wanted = again(reading=read(0, seconds=29))
    assert wanted["lag"]["total"] == 1_000_000
    assert not report.due(stored, wanted, AT + 29.9)
    assert report.due(stored, wanted, AT + 30)


def test_the_first_figure_is_written_at_once() -> None:
    without = {key: value for key, value in status().items() if key != "lag"}
    assert report.due(without, status(), AT)


def test_a_figure_in_the_message_about_the_lag_is_no_news() -> None:
    stored = status()
    talks = status()
    (lag,) = (one for one in talks["conditions"] if one["type"] == "LagKnown")
    lag["message"] += " Of 7 partitions."
    talks["replicas"]["message"] = "2: lag 99 is fine."
    talks["replicas"]["reason"] = "QuietAfterChange"
    talks["autoscaler"] = "{}"
    assert not report.due(stored, talks, AT + 1_000)


@pytest.mark.parametrize("field", ["status", "reason", "message", "observedGeneration"])
def test_anything_else_of_a_condition_is(field: str) -> None:
    changed = status()
    changed["conditions"][3][field] = "Another"
    assert report.due(status(), changed, AT)


def test_the_message_of_what_does_not_hold_is_news() -> None:
    bad = status(looked(put={KAFKA: Missing.OBJECT}))
    other = json.loads(json.dumps(bad))
    assert not report.due(bad, other, AT)
    other["conditions"][0]["message"] = "Another sentence."
    assert report.due(bad, other, AT)


def test_another_reason_why_the_lag_is_unknown_is_news() -> None:
    away, refused = (looked(reading=Reading(AT, problem=why, problem_kind="TimedOut")) for why in ("A.", "B."))
    assert report.due(status(away), status(refused), AT)


@pytest.mark.parametrize(
    "change", [{"phase": "Degraded"}, {"observedGeneration": 5}, {"transform": {}}, {"replicas": {"desired": 3}}]
)
def test_other_parts_are_written_at_once(change: dict[str, Any]) -> None:
    assert report.due(status(), {**status(), **change}, AT)


def test_while_the_lag_is_unknown_the_last_figure_stands_with_its_time() -> None:
    stored = status()
    for unread in (None, Reading(AT + 60, problem="no answer", problem_kind="TimedOut")):
        assert again(60, stored, reading=unread)["lag"] == stored["lag"]


def test_the_time_of_the_figure_moves_with_the_figure() -> None:
    stored = status()
    same = replace(READING, at=AT + 60)
    assert again(60, stored, reading=same)["lag"] == stored["lag"]
    assert again(60, stored, reading=read(5, seconds=60))["lag"]["measuredAt"] == text_of(AT + 60)


def test_stalled_partitions_and_an_unknown_drain_time_are_told() -> None:
    told = again(decision=replace(STEADY, drain_seconds=None, stalled=(4, 1)))["lag"]
    assert told["stalledPartitions"] == [1, 4]
    assert "drainSeconds" not in told
    assert again(decision=None)["lag"]["total"] == 1_200


def test_the_time_of_a_change_of_replicas_is_that_of_the_change() -> None:
    stored = status()
    assert again(60, stored, status={CONSUMER: {"readyReplicas": 1}})["replicas"]["changedAt"] == NOW
    stored["replicas"]["desired"] = 5
    assert again(60, stored)["replicas"]["changedAt"] == text_of(AT + 60)


@pytest.mark.parametrize(
    ("name", "words", "ref"), [("transform", "runs", TRANSFORM), ("maintenance", "maintenance", MAINTAIN)]
)
def test_a_failed_run_is_told_and_what_was_stays_while_the_cron_job_is_away(name: str, words: str, ref: Ref) -> None:
    failed = {
        "metadata": {"name": "run", "namespace": "web"},
        "status": {"conditions": [{**condition("Failed", message="x" * 3_000), "lastTransitionTime": NOW}]},
        "apiVersion": "batch/v1",
        "kind": "Job",
    }
    told = again(**{words: [failed]})[name]
    assert (told["lastFailureTime"], len(told["message"])) == (NOW, 1_024)
    away = looked(stored={name: told}, put={ref: Missing.OBJECT})
    assert status(away)[name] == told


def test_it_is_told_where_collectors_take_events_and_with_which_keys() -> None:
    assert "collector" not in status()
    inside = "http://shop-collector.web.svc/v1/events"
    told = status(looked({**SPEC, "collector": {"enabled": True}}))
    assert told["collector"] == {"service": inside, "keysSecret": "shop-collector-keys"}
    ingress = {"host": "collect.shop.example", "tlsSecret": "collect-tls"}
    parts = {"enabled": True, "ingress": ingress, "writeKeys": {"name": "mine"}}
    assert status(looked({**SPEC, "collector": parts}))["collector"] == {
        "service": inside,
        "url": "https://collect.shop.example/v1/events",
        "keysSecret": "mine",
    }


def test_what_the_autoscaler_remembers_is_stored_without_its_averages() -> None:
    memory = scaling.Memory(at=AT, capacity=60_000.0, samples=(scaling.memory.Sample(1, 2, 3, 4, 5, 6, True, False),))
    plain = json.loads(again(decision=replace(STEADY, memory=memory))["autoscaler"])
    assert plain == {"version": 1, "at": AT, "capacity": 60_000.0, "capacity_at": 0.0, "proven": 0.0, "low_most": 0}


def test_a_memory_that_outgrew_the_status_is_left_out() -> None:
    progress = {number: scaling.memory.Progress(10**12, 10**12, 0) for number in range(5_000)}
    assert "autoscaler" not in again(decision=replace(STEADY, memory=scaling.Memory(progress=progress)))


def test_of_a_pipeline_that_is_set_aside_only_phase_and_ready_change() -> None:
    stored = status()
    told = report.only_ready(stored, 7, AT + 60, unknown(Reason.PAUSED, "Hands off."), "Paused")
    assert {**told, "conditions": []} == {**stored, "phase": "Paused", "observedGeneration": 7, "conditions": []}
    assert told["conditions"][:-1] == stored["conditions"][:-1]
    assert told["conditions"][-1]["lastTransitionTime"] == text_of(AT + 60)
    repeated = report.only_ready(told, 7, AT + 90, unknown(Reason.PAUSED, "Hands off."), "Paused")
    assert repeated == told


@pytest.mark.parametrize(
    ("lag", "told"),
    [(0, 0), (7, 7), (99, 99), (123, 120), (125, 120), (126, 130), (999, 1_000), (1_234_567, 1_200_000)],
)
def test_a_lag_is_told_to_two_digits(lag: int, told: int) -> None:
    assert report.rounded(lag) == told


@given(st.integers(0, 10**15))
def test_rounding_is_off_by_a_twentieth_at_most(lag: int) -> None:
    assert abs(report.rounded(lag) - lag) <= lag / 19
    assert len(str(report.rounded(lag)).rstrip("0")) <= 2
