"""An owner that froze with rows in its hands: the next one gets on, and the frozen one wakes up to nothing.

These take a minute each: they wait for the server's own limits.
"""

from __future__ import annotations

import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kit.documents import numbered
from kit.pipeline import PATIENCE_SECONDS, Pipeline

pytestmark = pytest.mark.integration

CLASSIC = {"group_protocol": "classic", "session_timeout": timedelta(seconds=6)}
RUN = "import sys; from pulse_consumer.__main__ import main; sys.argv[1:] = ['run']; sys.exit(main())"
# Sent to the thread itself, so that it takes no further step; the whole process stops with it.
FREEZE = "import signal, threading; freeze = lambda: signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)"

FROZEN_WHILE_IT_TAKES_OVER = f"""
{FREEZE}
from pulse_consumer import offsets
check = offsets._check
def frozen(*words):
    offsets._check = check
    freeze()
    check(*words)
offsets._check = frozen
{RUN}
"""
# The server has taken most of the rows, and their keys, and waits for the end of the COPY. It keeps the last 64 kB of a
# COPY in hand, so a batch that is no longer holds no key: such a one is let through.
FROZEN_IN_A_COPY = f"""
{FREEZE}
import psycopg
write = psycopg.Copy.write
def frozen(copy, rows):
    write(copy, rows)
    if len(rows) > 500_000:
        psycopg.Copy.write = write
        freeze()
psycopg.Copy.write = frozen
{RUN}
"""


def freezing(pipeline: Pipeline, code: str, **changes: Any) -> subprocess.Popen[bytes]:
    """A consumer that stops itself (SIGSTOP) where `code` says."""
    return pipeline.start(["-c", code], pipeline.settings(**CLASSIC, **changes).to_env())


def wait_until_frozen(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while Path(f"/proc/{process.pid}/stat").read_text().rsplit(") ", 1)[1][0] != "T":
        assert time.monotonic() < deadline, "it does not freeze"
        time.sleep(0.05)


def held(pipeline: Pipeline) -> set[str]:
    """The states of the consumers' sessions that have a transaction open and wait for their client."""
    rows = pipeline.rows(
        "select state from pg_stat_activity where datname = current_database() and application_name = 'pulse-consumer'"
        " and xact_start is not null and wait_event = 'ClientRead'"
    )
    return {state for (state,) in rows}


def wakes_up_to_nothing(pipeline: Pipeline, frozen: subprocess.Popen[bytes]) -> None:
    """It goes on, and stores nothing of what it held; together they store what comes."""
    before = pipeline.sums()
    frozen.send_signal(signal.SIGCONT)
    pipeline.produce(numbered(50, first=10_000))
    pipeline.wait_until_caught_up()
    assert pipeline.sums() == {**before, "read": before["read"] + 50, "inserted": before["inserted"] + 50}
    assert pipeline.stop(frozen) == 0


def test_an_owner_that_froze_before_its_commit_loses_what_it_holds(pipeline: Pipeline) -> None:
    frozen = pipeline.start_consumer(**CLASSIC)
    with psycopg.connect(pipeline.database.dsn) as other:
        other.execute("lock table raw.batches in exclusive mode")
        pipeline.produce(numbered(100))
        pipeline.wait_for(
            lambda: pipeline.number("select count(*) from pg_locks where not granted") > 0, lambda: "it does not wait"
        )
        frozen.send_signal(signal.SIGSTOP)
    pipeline.wait_for(lambda: held(pipeline) == {"idle in transaction"}, lambda: held(pipeline))
    pipeline.start_consumer(**CLASSIC)
    pipeline.wait_until_caught_up()
    assert pipeline.sums()["inserted"] == 100
    wakes_up_to_nothing(pipeline, frozen)


def test_an_owner_that_froze_in_the_middle_of_a_copy_loses_what_it_holds(pipeline: Pipeline) -> None:
    pipeline.produce(numbered(5_000))
    frozen = freezing(pipeline, FROZEN_IN_A_COPY, batch_linger=timedelta(seconds=5))  # all events in one batch
    wait_until_frozen(frozen)
    pipeline.wait_for(lambda: held(pipeline) == {"active"}, lambda: held(pipeline))
    second = pipeline.start_consumer(**CLASSIC)
    pipeline.wait_until_caught_up()
    assert pipeline.sums()["inserted"] == 5_000
    assert "lock timeout" in pipeline.log(second), "it held nothing"
    wakes_up_to_nothing(pipeline, frozen)


def test_an_owner_that_froze_while_it_took_over_loses_what_it_holds(pipeline: Pipeline) -> None:
    pipeline.produce(numbered(100))
    frozen = freezing(pipeline, FROZEN_WHILE_IT_TAKES_OVER)
    wait_until_frozen(frozen)
    assert held(pipeline) == {"idle in transaction"}
    pipeline.start_consumer(**CLASSIC)
    pipeline.wait_until_caught_up()
    assert pipeline.sums()["inserted"] == 100
    wakes_up_to_nothing(pipeline, frozen)
