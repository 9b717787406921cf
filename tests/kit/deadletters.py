"""`pulse dlq` on a pipeline under test, as a user runs it, and the dead letters that tests begin with."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from kit.pipeline import PATIENCE_SECONDS, Pipeline
from pulse.settings import DatabaseSettings, DeadLetterSettings

UNTYPED = b'{"user_id":"u-1","timestamp":"2026-01-02T03:04:05Z","properties":{"n":1}}'


def environment(pipeline: Pipeline, database: DatabaseSettings | None = None, **changes: Any) -> dict[str, str]:
    """The variables of the commands, with the log-in of the consumer unless another is given."""
    settings = DeadLetterSettings(pipeline.kafka, database or pipeline.ingest, pipeline.topics, **changes)
    return settings.to_env()


def dlq(
    pipeline: Pipeline, *words: str, env: dict[str, str] | None = None, code: str = ""
) -> subprocess.CompletedProcess[str]:
    """`pulse-consumer dlq …` to its end, without a terminal. `code` is Python that runs in its process first."""
    start = f"{code}\nimport sys\nfrom pulse_consumer.__main__ import main\nsys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", start, "dlq", *words],
        env=environment(pipeline) if env is None else env,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


def consumed(pipeline: Pipeline, *values: bytes | None, **words: Any) -> None:
    """Sends the values to partition 0 and has a consumer read all that is there; it ends before this returns."""
    pipeline.produce(values, partition=0, **words)
    consume(pipeline)


def consume(pipeline: Pipeline, **changes: Any) -> str:
    """A consumer reads all that is there and ends; its log."""
    process = pipeline.start_consumer(**changes)
    pipeline.wait_until_caught_up()
    assert pipeline.stop(process) == 0
    return pipeline.log(process)
