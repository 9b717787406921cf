"""What a run_results.json comes to."""

from typing import Any

from pulse_transform.results import node_results, summary


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
