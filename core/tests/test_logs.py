"""A log that cannot be written stops no work."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from pulse.adapters import logs
from pulse.settings import LogSettings


def test_a_line_is_json_with_the_shared_keys() -> None:
    out = io.StringIO()
    logs.configure(LogSettings("info", "json"), "consumer", out).info("batch_committed", inserted=3)
    line = json.loads(out.getvalue())
    assert line["event"] == "batch_committed"
    assert line["component"] == "consumer"
    assert line["inserted"] == 3
    assert {"timestamp", "level", "version"} <= set(line)


def test_a_closed_stream_loses_the_line_and_nothing_else() -> None:
    out = io.StringIO()
    log = logs.configure(LogSettings("info", "json"), "consumer", out)
    out.close()
    log.info("batch_committed")
    logs.of_library("librdkafka", log).warning("a line of a library")


def test_a_full_disk_loses_the_line_and_nothing_else() -> None:
    full = Path("/dev/full").open("w", buffering=1)  # noqa: SIM115 - closing it has to fail
    log = logs.configure(LogSettings("info", "json"), "consumer", full)
    log.info("batch_committed")
    log.info("batch_committed", more="x" * 100_000)
    with pytest.raises(OSError, match="No space left"):
        full.close()
