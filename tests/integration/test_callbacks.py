"""What fails while partitions come or go ends the session with that failure, and the session can be closed."""

from __future__ import annotations

from typing import Any

import pytest
from kit.documents import numbered
from kit.pipeline import Pipeline
from kit.running import Running

pytestmark = pytest.mark.integration


class Log:
    """Takes every line but one, and keeps them."""

    def __init__(self, refused: str) -> None:
        self.refused = refused
        self.asked = False
        self.problems: list[tuple[str, str]] = []  # event and problem

    def _line(self, event: str, **values: Any) -> None:
        if "problem" in values:
            self.problems.append((event, values["problem"]))
        if values.get("change") == self.refused:
            self.asked = True
            raise RuntimeError(f"the line for {self.refused} is refused")

    info = warning = _line

    def log(self, _level: int, event: str, **values: Any) -> None:
        """What the Kafka library says."""


def test_a_failure_while_partitions_come_ends_the_session_although_records_wait(pipeline: Pipeline) -> None:
    pipeline.produce(numbered(20))  # the library loses track of what it had fetched
    log = Log("assigned")
    running = Running(pipeline, log=log)  # type: ignore[arg-type]
    running.thread.join(60)
    running.end()
    assert str(running.failure) == "the line for assigned is refused"
    assert "failure_was_kept" not in dict(log.problems), "it was told already"


def test_a_failure_while_partitions_go_does_not_keep_a_session_from_closing(pipeline: Pipeline) -> None:
    log = Log("revoked")
    running = Running(pipeline, log=log)  # type: ignore[arg-type]
    pipeline.produce(numbered(20))
    pipeline.wait_until_caught_up()
    running.end()
    assert log.asked
    assert running.failure is None
    assert log.problems == [("failure_was_kept", "the line for revoked is refused")]
    assert pipeline.number("select count(*) from raw.events") == 20
