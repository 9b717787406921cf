"""Every failpoint is reached by a real consumer, kills it there, and what it left behind is what its edge says."""

from __future__ import annotations

import signal

import pytest
from kit.documents import numbered
from kit.pipeline import Pipeline

from pulse import cli
from pulse_consumer.failpoints import Edge

pytestmark = pytest.mark.integration

AFTER_COMMIT = {Edge.COMMITTED, Edge.TOLD, Edge.FLUSHED}


@pytest.mark.parametrize("edge", Edge, ids=lambda edge: edge.value)
def test_a_consumer_dies_at_its_failpoint_and_the_next_one_stores_everything_once(
    pipeline: Pipeline, edge: Edge
) -> None:
    pipeline.produce([*numbered(40), b"not json"])
    doomed = pipeline.start_consumer(failpoint=edge.value)
    if edge is Edge.FLUSHED:
        pipeline.wait_until_caught_up()
        pipeline.start_consumer()  # half of the partitions are to go to it
    code, said = pipeline.end_of(doomed)
    assert code == -signal.SIGKILL, said
    assert (pipeline.sums()["read"] > 0) is (edge in AFTER_COMMIT)
    if edge is not Edge.FLUSHED:
        pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    sums = pipeline.sums()
    assert (sums["inserted"], sums["duplicate"], sums["conflict"], sums["dead"]) == (40, 0, 0, 1)
    assert pipeline.number("select count(*) from raw.events") == 40


def test_an_unknown_failpoint_stops_the_consumer_at_its_start(pipeline: Pipeline) -> None:
    code, said = pipeline.end_of(pipeline.start_consumer(failpoint="commited"))
    assert code == cli.STOPPED
    assert "PULSE_FAILPOINT: 'commited' is not accepted" in said
    assert "committed" in said
