"""What dbt is started with, and what is kept of its words."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pulse_transform.process import child_environment, first_commands, follow, retry_commands


def _record(name: str, level: str = "info", msg: str = "", **data: Any) -> str:
    return json.dumps({"info": {"name": name, "level": level, "msg": msg}, "data": data}) + "\n"


def _ended(name: str, unique_id: str, status: str, level: str = "info") -> str:
    return _record(name, level, node_info={"unique_id": unique_id, "node_status": status})


def test_each_model_and_test_is_reported_as_it_ends() -> None:
    seen: list[tuple[str, str]] = []
    lines = [
        _record("LogStartLine", node_info={"unique_id": "model.pulse.a", "node_status": "started"}),
        _ended("LogModelResult", "model.pulse.a", "success"),
        _ended("LogTestResult", "test.pulse.b", "fail", level="error"),
    ]
    assert follow(lines, lambda unique_id, status: seen.append((unique_id, status))) == ()
    assert seen == [("model.pulse.a", "success"), ("test.pulse.b", "fail")]


def test_errors_are_kept_on_one_line_each_and_so_is_the_end_of_a_traceback() -> None:
    lines = [
        _record("MainEncounteredError", "error", "Parsing Error\n  Env var required"),
        "Traceback (most recent call last):\n",
        "ModuleNotFoundError: No module named 'dbt'\n",
        "\n",
    ]
    assert follow(lines, lambda *_: None) == (
        "Parsing Error Env var required",
        "ModuleNotFoundError: No module named 'dbt'",
    )


@pytest.mark.parametrize("line", ["[1, 2]\n", "7\n", '{"info": 3}\n', "{}\n"])
def test_json_that_is_no_record_is_taken_as_a_line_of_text(line: str) -> None:
    assert follow([line], lambda *_: None) == (line.strip(),)


def test_dbt_writes_to_the_scratch_directory_alone_and_calls_nobody() -> None:
    first = first_commands(Path("/p"), Path("/s"), "{}", full_refresh=False, select=())
    again = retry_commands(Path("/p"), Path("/s"))
    commands = {"parse", "freshness", "build", "retry"}
    assert [[word for word in words if word in commands] for words in (*first, *again)] == [
        ["parse"],
        ["freshness"],
        ["build"],
        ["retry"],
    ]
    for words in (*first, *again):
        pairs = dict(pairwise(words))
        assert (pairs["--target-path"], pairs["--log-path"], pairs["--project-dir"]) == ("/s/target", "/s/logs", "/p")
        assert "--no-send-anonymous-usage-stats" in words


def _build(*, full_refresh: bool, select: tuple[str, ...] = ()) -> list[str]:
    return first_commands(Path("/p"), Path("/s"), "{}", full_refresh=full_refresh, select=select)[-1]


def test_a_selection_and_a_full_refresh_are_handed_on() -> None:
    words = _build(full_refresh=True, select=("fct_sessions", "+dim_visitors"))
    at = words.index("--select")
    assert words[at + 1 : at + 3] == ["fct_sessions", "+dim_visitors"]
    assert "--full-refresh" in words
    assert not {"--full-refresh", "--select"} & set(_build(full_refresh=False))


def test_tests_of_whole_tables_run_with_a_full_refresh_alone() -> None:
    assert ("--exclude", "tag:whole") in list(pairwise(_build(full_refresh=False)))
    assert "--exclude" not in _build(full_refresh=True)


def test_what_a_command_says_is_forgotten_when_the_next_one_begins() -> None:
    lines = [_record("RunResultError", "error", "stale"), _record("MainReportVersion"), _record("X", "error", "broken")]
    assert follow(lines, lambda *_: None) == ("broken",)


def test_a_source_is_reported_with_what_was_found() -> None:
    seen: list[tuple[str, str]] = []
    line = _record("LogFreshnessResult", "error", status="error", node_info={"unique_id": "source.pulse.raw.events"})
    assert follow([line], lambda *found: seen.append(found)) == ()
    assert seen == [("source.pulse.raw.events", "error")]


def test_files_that_are_named_from_here_are_found_from_the_directory_of_dbt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    env = child_environment({"PGSSLKEY": "my.key"}, "host=h sslrootcert=certs/ca.crt sslcert=/my.crt", {}, 1)
    assert (env["PGSSLROOTCERT"], env["PGSSLKEY"]) == (str(tmp_path / "certs/ca.crt"), str(tmp_path / "my.key"))
    assert env["PGSSLCERT"] == "/my.crt"
    assert child_environment({}, "sslrootcert=system", {}, 1)["PGSSLROOTCERT"] == "system"


def test_the_database_reaches_dbt_as_libpq_variables_and_nothing_else_of_ours_does() -> None:
    ambient = {"PATH": "/bin", "PULSE_DATABASE_DSN": "secret", "DBT_TARGET": "other", "PGSSLROOTCERT": "/ca"}
    env = child_environment(
        ambient,
        "postgresql://u:p%40ss@first,second:5433/d?sslmode=require",
        {"PGHOST": "second", "PGPORT": "5433"},
        3,
    )
    assert env == {
        "PATH": "/bin",
        "PGSSLROOTCERT": "/ca",
        "PGHOST": "second",
        "PGPORT": "5433",
        "PGUSER": "u",
        "PGPASSWORD": "p@ss",
        "PGDATABASE": "d",
        "PGSSLMODE": "require",
        "PULSE_DBT_THREADS": "3",
        "DO_NOT_TRACK": "1",
    }
