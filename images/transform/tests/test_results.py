"""What a run_results.json comes to."""

from typing import Any

import pytest

from pulse_transform.results import may_succeed_again, merged, node_results, source_results, summary


def _entry(unique_id: str, status: str, **other: Any) -> dict[str, Any]:
    return {
        "unique_id": unique_id,
        "status": status,
        "execution_time": 0.25,
        "adapter_response": {},
        "failures": None,
        "message": None,
        **other,
    }


def _document(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"results": list(entries)}


def test_names_and_kinds_come_out_of_the_ids() -> None:
    model, test = node_results(
        _document(
            _entry("model.pulse.fct_sessions", "success"),
            _entry("test.pulse.unique_fct_sessions_session_id.c2f4a9", "pass"),
        )
    )
    assert (model.kind, model.name) == ("model", "fct_sessions")
    assert (test.kind, test.name) == ("test", "unique_fct_sessions_session_id")


def test_rows_are_counted_for_tables_and_for_nothing_else() -> None:
    table, view, test = node_results(
        _document(
            _entry("model.pulse.a", "success", adapter_response={"rows_affected": 7}),
            _entry("model.pulse.b", "success", adapter_response={"rows_affected": -1}),
            _entry("test.pulse.c", "pass", adapter_response={"rows_affected": 1}),
        )
    )
    assert [table.rows_affected, view.rows_affected, test.rows_affected] == [7, None, None]


def test_the_summary_counts_what_ran_and_names_what_failed() -> None:
    results = node_results(
        _document(
            _entry("model.pulse.a", "success"),
            _entry("model.pulse.b", "error", message="no such column"),
            _entry("model.pulse.c", "skipped"),
            _entry("test.pulse.d", "pass"),
            _entry("test.pulse.e.0f", "fail", failures=3),
            _entry("test.pulse.f", "warn", failures=1),
        )
    )
    counted = summary(results)
    assert (counted.models, counted.tests, counted.skipped) == (2, 3, 1)
    assert counted.failed == ("model b", "test e")


def _source(status: str, **other: Any) -> dict[str, Any]:
    return {
        "unique_id": "source.pulse.raw.events",
        "status": status,
        "execution_time": 0.1,
        "message": None,
        **other,
    }


@pytest.mark.parametrize(
    ("entry", "is_stale", "is_failed", "age_seconds"),
    [
        (_source("pass", age=3.5), False, False, 3.5),
        (_source("warn", age=1000.0), True, False, 1000.0),
        (_source("error", age=5000.0), True, False, 5000.0),
        (_source("error", age=63_900_000_000.0), True, False, None),
        (_source("runtime error", message="permission denied"), False, True, None),
    ],
)
def test_an_old_source_fails_nothing_and_one_that_cannot_be_read_does(
    entry: dict[str, Any], is_stale: bool, is_failed: bool, age_seconds: float | None
) -> None:
    (source,) = source_results([entry])
    assert (source.kind, source.name) == ("source", "raw.events")
    assert (source.is_stale, source.is_failed, source.age_seconds) == (is_stale, is_failed, age_seconds)
    counted = summary([source])
    assert (counted.models, counted.tests) == (0, 0)


def test_of_two_attempts_the_later_counts_and_nothing_is_lost() -> None:
    before = node_results(_document(_entry("model.pulse.a", "success"), _entry("model.pulse.b", "error")))
    after = node_results(_document(_entry("model.pulse.b", "success"), _entry("model.pulse.c", "success")))
    assert [(result.name, result.status) for result in merged(before, after)] == [
        ("a", "success"),
        ("b", "success"),
        ("c", "success"),
    ]


def test_nothing_is_tried_again_where_nothing_failed() -> None:
    succeeded = _entry("model.pulse.a", "success", message="deadlock detected")
    assert not may_succeed_again(node_results(_document(succeeded)))
