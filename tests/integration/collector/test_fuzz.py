"""Requests that nobody would write, made from the collector's own description and from its opposite."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit.collector import EVENTS, Running, asked, event, in_topic
from kit.pipeline import Pipeline, environment

from pulse_collector.refusals import REFUSALS
from pulse_local.ports import HOST

pytestmark = pytest.mark.integration

DESCRIPTION = Path(__file__).parents[3] / "docs" / "reference" / "collector.openapi.json"

# What the description cannot say: an event that breaks the contract is rejected inside of a 202, and whether keys are
# asked for is a setting.
NOT_HELD = "negative_data_rejection,positive_data_acceptance,ignored_auth,missing_required_header"


def test_every_answer_is_one_that_the_description_has_and_every_event_is_accounted_for(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    running = Running(pipeline, rate=0.0, reject_rate=0.0, origins="https://shop.example")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", str(DESCRIPTION)),
            *("--url", f"http://{HOST}:{running.port}", "--exclude-checks", NOT_HELD, "--max-examples", "60"),
            *("--generation-deterministic", "--phases", "examples,coverage,fuzzing"),
            *("--warnings", "off", "--no-color", "--max-response-time", "10"),
        ],
        env=environment({}),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    assert running.post(event(1)).status == 202
    assert running.metric('pulse_collector_requests_total{code="internal"}') == 0
    stored = sum(
        running.metric(f'pulse_collector_events_total{{key="anybody",outcome="{outcome}"}}')
        for outcome in ("accepted", "rejected")
    )
    assert len(in_topic(pipeline)) == stored > 20


headers = st.dictionaries(
    st.sampled_from(
        ["Content-Type", "Content-Encoding", "Origin", "X-Pulse-Key", "User-Agent", "X-Forwarded-For", "Sec-Purpose"]
    ),
    st.sampled_from(["application/json", "text/plain", "gzip", "null", "https://shop.example", ""])
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30).map(str.strip),
    max_size=5,
)
bodies = st.binary(max_size=300) | st.sampled_from([b"{}", b'{"batch":[{}]}', b'{"batch":[[[[]]],1e999,"\xff"]}'])


def test_any_head_and_body_get_an_answer_of_the_list(pipeline: Pipeline) -> None:
    running = Running(pipeline, rate=0.0, reject_rate=0.0, origins="https://shop.example", keys="shop:shop-key-1")
    connection = running.connection()
    statuses = {202, 204, *(status for status, _ in REFUSALS.values())}

    @settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(["POST", "GET", "OPTIONS", "PUT", "DELETE"]), headers, bodies)
    def fuzz(method: str, head: dict[str, str], body: bytes) -> None:
        reply = asked(connection, method, EVENTS, body, head)
        assert reply.status in statuses - {500, 503}
        if reply.status >= 400:
            assert reply.status == REFUSALS[reply.code][0]

    fuzz()
    connection.close()
    assert running.post(event(1), X_Pulse_Key="shop-key-1").status == 202
