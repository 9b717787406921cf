"""History gets its partitions before it is sent, so that none of it lies among the events that have no week."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from kit.stack import Cli

from pulse_local import processes
from pulse_local.state import ROLES

MAPPING = "event: {event_type: kind, user_id: who, timestamp: at, event_id: id}\n"
IN_DEFAULT = "select count(*) from raw.events_default where user_id like '{}%'"
OF_2024 = "select count(*) from {} where event_timestamp between '2024-06-01' and '2024-10-01'"
TABLES = "select inhrelid::regclass::text from pg_inherits where inhparent = 'raw.events'::regclass"


@pytest.mark.integration
def test_imported_history_lies_in_its_weeks_and_no_other_week_is_made(stack: Cli, tmp_path: Path) -> None:
    before = {name for (name,) in stack.ask(TABLES)}
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    moments = ["2023-05-01T00:00:00Z", "2023-05-07T23:59:59.999Z", "2021-01-31T12:00:00Z"]
    lines = [f"page_view,past,{moment},\n" for moment in moments]
    lines.append(f"page_view,no-time,2022-02-02T02:02:02Z,{uuid.uuid4()}\n")
    (tmp_path / "events.csv").write_text("kind,who,at,id\n" + "".join(lines))
    done = stack.run("import", str(tmp_path / "events.csv"), "--map", str(tmp_path / "mapping.yaml"))
    assert done.returncode == 0, done.stderr
    assert "Making partitions for history: 2, from the week of 2021-01-25 on" in done.stderr
    assert {name for (name,) in stack.ask(TABLES)} - before == {"raw.events_20210125", "raw.events_20230501"}
    assert stack.ask(IN_DEFAULT.format("past")) == [(0,)]
    assert stack.ask(IN_DEFAULT.format("no-time")) == [(1,)], "its id belongs to no week"
    again = stack.run("import", str(tmp_path / "events.csv"), "--map", str(tmp_path / "mapping.yaml"))
    assert "Making partitions" not in again.stderr


@pytest.mark.integration
def test_simulated_history_lies_in_its_weeks(stack: Cli) -> None:
    simulated = ("simulate", "--users", "60", "--seed", "5")
    done = stack.run(*simulated, "--days", "20", "--end", "2024-09-10T12:00:00Z")
    assert done.returncode == 0, done.stderr
    assert "Making partitions for history: 4, from the week of 2024-08-19 on" in done.stderr
    by_variable = stack.run(*simulated, PULSE_SIM_DAYS="2", PULSE_SIM_END="2024-07-03T00:00:00Z")
    assert by_variable.returncode == 0, by_variable.stderr
    assert "Making partitions for history: 1, from the week of 2024-07-01 on" in by_variable.stderr
    live = stack.run(*simulated, "--rate", "1000", "--events", "50")
    assert live.returncode == 0, live.stderr
    assert "Making partitions" not in live.stderr
    sent = sum(events_of(run.stderr) for run in (done, by_variable))
    assert sent > 1_000
    assert processes.wait_until(lambda: stack.ask(OF_2024.format("raw.events")) == [(sent,)], 60)
    assert stack.ask(OF_2024.format("raw.events_default")) == [(0,)]


def events_of(log: str) -> int:
    """How many events a simulation says that it has sent."""
    (line,) = (json.loads(line) for line in log.splitlines() if "simulation_finished" in line)
    return int(line["events"])


@pytest.mark.integration
def test_where_the_database_is_somebody_else_s_the_import_says_what_its_owner_has_to_do(
    stack: Cli, tmp_path: Path
) -> None:
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    (tmp_path / "events.csv").write_text("kind,who,at,id\npage_view,else,2019-03-04T00:00:00Z,\n")
    state = stack.state()
    done = stack.run(
        "import",
        *(str(tmp_path / "events.csv"), "--map", str(tmp_path / "mapping.yaml")),
        PULSE_DATABASE_DSN=state.dsn(ROLES.ingest),
    )
    assert done.returncode == 0, done.stderr
    assert "`pulse maintain --from 2019-03-04` as its owner makes them, and moves such events." in done.stderr
    assert stack.ask(IN_DEFAULT.format("else")) == [(1,)]
    assert stack.run("maintain", "--week", "2019-03-08").returncode == 0
    assert stack.ask(IN_DEFAULT.format("else")) == [(0,)]
