"""What is tried again, how often, and what the attempts come to together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from pulse_transform import attempts
from pulse_transform.attempts import Outcome
from pulse_transform.process import DbtOutcome, Words

FIRST, AGAIN = [["build"]], [["retry"]]
DEADLOCK = "Database Error in model a (models/a.sql)\n  deadlock detected\n  DETAIL:  Process 12 waits for ShareLock"
SERIALIZATION = "Database Error in model a\n  could not serialize access due to concurrent update"
BUG = 'Database Error in model a\n  column "b" does not exist'


def _ended(exit_code: int, **nodes: str | None) -> DbtOutcome:
    """An attempt: for each model its message if it failed, None if it did not."""
    results = [
        {
            "unique_id": f"model.pulse.{name}",
            "status": "error" if message else "success",
            "execution_time": 0.5,
            "adapter_response": {},
            "failures": None,
            "message": message,
        }
        for name, message in nodes.items()
    ]
    return DbtOutcome(exit_code, {"metadata": {"dbt_version": "1"}, "results": results}, [], (), 4.0)


def _made(*attempted: DbtOutcome) -> tuple[Outcome, list[Sequence[Words]], list[Any]]:
    """What comes of these attempts, what was started for them, and what was logged."""
    started: list[Sequence[Words]] = []
    coming = iter(attempted)

    def run(commands: Sequence[Words]) -> DbtOutcome:
        started.append(commands)
        return next(coming)

    with capture_logs() as logged:
        return attempts.made(FIRST, AGAIN, run, structlog.stdlib.get_logger()), started, logged


@pytest.mark.parametrize("message", [DEADLOCK, SERIALIZATION])
def test_what_others_were_in_the_way_of_is_done_again_and_said_to_be(message: str) -> None:
    outcome, started, logged = _made(_ended(1, a=message, b=None), _ended(0, a=None))
    assert started == [FIRST, AGAIN]
    assert outcome.exit_code == 0
    assert {result.name: result.status for result in outcome.results} == {"a": "success", "b": "success"}
    assert outcome.starting_seconds == 8.0
    assert [(line["event"], line["attempt"], line["nodes"]) for line in logged] == [
        ("transform_retried", 2, ["model a"])
    ]


def test_there_are_three_attempts_at_most() -> None:
    outcome, started, logged = _made(*(_ended(1, a=DEADLOCK) for _ in range(3)))
    assert started == [FIRST, AGAIN, AGAIN]
    assert outcome.exit_code == 1
    assert [line["attempt"] for line in logged] == [2, 3]


@pytest.mark.parametrize("failed", [{"a": BUG}, {"a": DEADLOCK, "b": BUG}])
def test_what_would_fail_again_is_not_tried_again(failed: dict[str, str]) -> None:
    outcome, started, _ = _made(_ended(1, **failed))
    assert started == [FIRST]
    assert outcome.exit_code == 1


def test_an_attempt_that_ends_without_results_is_not_taken_for_success() -> None:
    died = DbtOutcome(2, None, [], ("no such file",), 1.0)
    outcome, started, _ = _made(died)
    assert (started, outcome.exit_code, outcome.errors) == ([FIRST], 2, ("no such file",))
