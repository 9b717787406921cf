"""A short campaign: crashes at edges, a zombie, outages of both servers, a topic made anew, and ids that all add up."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.__main__ import main
from chaos.campaign import campaign
from chaos.faults import FAULTS, KINDS
from chaos.report import document, failure, progress, summary, table
from chaos.run import Recovery, Result
from chaos.schedule import Schedule, Step, schedule

FEW = (
    ("killed-at-copied", "frozen", "database-crashed", "malformed-flood", "kafka-cut"),
    ("dlq-too-small", "killed-at-accounted", "offsets-reset", "topic-created-again"),
)


@pytest.mark.integration
def test_a_short_campaign_keeps_every_promise(tmp_path: Path) -> None:
    plans = [
        Schedule(1, run, protocol, tuple(Step(((name, 1),), 0.3) for name in faults))
        for run, (protocol, faults) in enumerate(zip(("consumer", "classic"), FEW, strict=True))
    ]
    results = {result.schedule.run: result for result in campaign(plans, tmp_path, jobs=2)}
    for run, faults in enumerate(FEW):
        result = results[run]
        assert result.problem == "", failure(result)
        assert [one.fault for one in result.recoveries] == list(faults)
        assert result.counts["records"] > result.counts["events"] > 0
    assert results[1].counts["read"] > results[1].counts["records"], "nothing was read again after the reset"
    assert list(tmp_path.iterdir()) == [], "logs are kept of broken runs alone"


@pytest.mark.integration
def test_a_job_that_ends_by_itself_is_told(tmp_path: Path) -> None:
    unknown = Schedule(1, 0, "consumer", ())
    (tmp_path / "0").mkdir()  # where the run's logs belong, so that it cannot begin
    with pytest.raises(RuntimeError, match=r"job \d ended with exit code 1"):
        list(campaign([unknown], tmp_path, jobs=2))


@pytest.mark.parametrize("jobs", [1, 2])
def test_no_run_is_begun_after_the_minutes(tmp_path: Path, jobs: int) -> None:
    assert list(campaign([schedule(1, 0, KINDS)], tmp_path, minutes=-1.0, jobs=jobs)) == []


@pytest.mark.parametrize("word", ["--runs", "--jobs", "--faults"])
def test_a_campaign_that_does_nothing_is_refused(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([word, "0"])
    assert f"argument {word}: 0 is less than 1" in capsys.readouterr().err


def test_every_fault_says_what_it_does() -> None:
    assert all(fault.__doc__ for fault in FAULTS.values())
    assert {kind.subject for kind in KINDS.values()} == {"consumer", "kafka", "database", "records"}


def test_the_report_tells_times_and_how_to_repeat() -> None:
    recoveries = [Recovery("killed", "consumer", False, 0.5, 2.0), Recovery("killed", "classic", False, 1.5, 6.0)]
    with_another = Recovery("killed", "classic", True, 50.0, 60.0)
    plan = schedule(9, 4, KINDS)
    counts = {"records": 3, "events": 1, "conflicts": 1, "dead": 1, "read": 3}
    well = Result(plan, recoveries, counts, 9.0)
    assert "| `killed` | 3 (2) | 1.0 s | 1.5 s | 4.0 s | 6.0 s |" in table([*recoveries, with_another])
    assert "| `killed` | 1 (0) | - | - | - | - |" in table([with_another])
    assert "slowest 6.0 s (killed)" in progress(well, 5, 1)
    broken = Result(plan, recoveries[:1], problem="events: 1 are missing\nlog")
    assert "BROKEN after 1 faults: events: 1 are missing" in progress(broken, 5, 2)
    assert summary([well, broken], 5).startswith("3 faults in 2 of 5 runs; BROKEN in 1: 4\n| fault |")
    assert "2 faults in 1 of 5 runs; no promise was broken" in summary([well], 5)
    assert "make chaos SEED=9 RUN=4" in failure(broken)
    assert str(plan) in failure(broken)
    assert '"broken": [\n  4\n ]' in document(9, [broken])
