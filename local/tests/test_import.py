"""Every row of an imported file is stored once, or named; importing it again adds nothing."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
from kit.stack import Cli

pytestmark = pytest.mark.integration

MAPPING = """
event:
  event_type: {column: kind, values: {seen: product_view, bought: payment}}
  user_id: who
  timestamp: at
  page: url
properties: [channel]
"""
HEADER = "kind,who,at,url,channel\n"


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "mapping.yaml"
    path.write_text(MAPPING)
    return path


def rows(count: int, who: str) -> list[str]:
    return [f"seen,{who}{n % 7},2024-03-01 10:{n // 60:02d}:{n % 60:02d},/p/{n},ad\n" for n in range(count)]


def written(tmp_path: Path, lines: list[str], name: str = "events.csv") -> Path:
    path = tmp_path / name
    path.write_text(HEADER + "".join(lines))
    return path


def counts(output: str) -> dict[str, int]:
    return {name.strip(): int(count.replace(",", "")) for name, count in re.findall(r"(.{14})\s*([\d,]+)\n", output)}


def test_a_second_import_adds_nothing(stack: Cli, tmp_path: Path, mapping: Path) -> None:
    lines = rows(60, "twice")
    path = written(tmp_path, [*lines, lines[5], lines[40], lines[40]])
    first = stack.run("import", str(path), "--map", str(mapping))
    assert first.returncode == 0, first.stderr
    assert counts(first.stdout) == {
        "rows read": 63, "bad rows": 0, "sent": 63, "inserted": 60, "conflicts": 0, "dead letters": 0, "duplicates": 3,
    }  # fmt: skip
    second = stack.run("import", str(path), "--map", str(mapping))
    assert counts(second.stdout)["inserted"] == 0
    assert counts(second.stdout)["duplicates"] == 63
    assert stack.ask("select count(*) from raw.events where user_id like 'twice%'") == [(60,)]


def test_history_is_stored_as_it_was_and_is_not_late(stack: Cli, tmp_path: Path, mapping: Path) -> None:
    path = written(tmp_path, ["bought,one-row,2024-03-01T10:00:00+02:00,/pay,mail\n"])
    assert stack.run("import", str(path), "--map", str(mapping)).returncode == 0
    stored = stack.ask(
        "select event_type, event_timestamp = '2024-03-01 08:00Z', received_at = event_timestamp, page, properties"
        " from raw.events where user_id = 'one-row'"
    )
    assert stored == [("payment", True, True, "/pay", {"channel": "mail"})]


def test_a_bad_row_is_named_and_costs_no_other(stack: Cli, tmp_path: Path, mapping: Path) -> None:
    lines = rows(20, "mixed")
    lines[3:3] = ["seen,,2024-03-01 10:00:00,/,ad\n", "seen,mixed1,soon,/,ad\n", "seen,mixed1\n"]
    path = written(tmp_path, lines)
    done = stack.run("import", str(path), "--map", str(mapping))
    assert done.returncode == 1
    assert f"{path} line 5: user_id: column 'who' is empty or absent" in done.stderr
    assert f"{path} line 6: timestamp: 'soon' in column 'at' is no time of the format iso" in done.stderr
    assert f"{path} line 7: has 2 values where the header names 5 columns" in done.stderr
    assert counts(done.stdout) == {
        "rows read": 23, "bad rows": 3, "sent": 20, "inserted": 20, "conflicts": 0, "dead letters": 0, "duplicates": 0,
    }  # fmt: skip


def test_strict_sends_nothing_when_a_row_is_bad(stack: Cli, tmp_path: Path, mapping: Path) -> None:
    path = written(tmp_path, [*rows(20, "strict"), "seen,strict1,soon,/,ad\n"])
    done = stack.run("import", str(path), "--map", str(mapping), "--strict")
    assert done.returncode == 1
    assert "line 22: timestamp: 'soon'" in done.stderr
    assert "Nothing was sent, 1 of 21 rows are bad." in done.stderr
    assert stack.ask("select count(*) from raw.events where user_id like 'strict%'") == [(0,)]


def test_what_the_contract_refuses_is_named_and_not_sent(stack: Cli, tmp_path: Path, mapping: Path) -> None:
    lines = [*rows(5, "refused"), "Not A Type,refused1,2024-03-01 10:00:00,/,ad\n", "seen,refused1,1999-01-01,/,ad\n"]
    path = written(tmp_path, lines)
    done = stack.run("import", str(path), "--map", str(mapping))
    assert done.returncode == 1
    assert f"{path} line 7: event_type: not of the form [a-z]" in done.stderr
    assert f"{path} line 8: timestamp: before 2000-01-01" in done.stderr
    found = counts(done.stdout)
    assert (found["bad rows"], found["inserted"], found["dead letters"]) == (2, 5, 0)


def test_strict_sends_nothing_when_the_contract_refuses_a_row(stack: Cli, tmp_path: Path, mapping: Path) -> None:
    path = written(tmp_path, [*rows(5, "choosy"), "Not A Type,choosy1,2024-03-01 10:00:00,/,ad\n"])
    before = stack.ask("select count(*) from raw.events")
    done = stack.run("import", str(path), "--map", str(mapping), "--strict")
    assert done.returncode == 1
    assert "Nothing was sent, 1 of 6 rows are bad." in done.stderr
    assert stack.ask("select count(*) from raw.events") == before


def test_dead_letters_of_an_import_fail_it_and_say_where_to_look(stack: Cli, tmp_path: Path, mapping: Path) -> None:
    """The pipeline may refuse what the contract allows: here by a rule of its own on the table."""
    stack.run(
        "psql", "--admin", "-c", "alter table raw.events add constraint no_page_1 check (page <> '/p/1') not valid"
    )
    try:
        done = stack.run("import", str(written(tmp_path, rows(3, "late-refusal"))), "--map", str(mapping))
    finally:
        stack.run("psql", "--admin", "-c", "alter table raw.events drop constraint no_page_1")
    assert done.returncode == 1
    assert counts(done.stdout)["dead letters"] == 1
    assert "1 events of this import became dead letters. Why: `pulse psql --admin -c" in done.stderr
    look = re.search(r"`pulse psql --admin -c \"(.*)\"`", done.stderr)
    assert look
    assert stack.run("psql", "--admin", "-c", look[1]).returncode == 0


def test_a_row_that_changed_its_content_is_a_conflict_and_said_so(stack: Cli, tmp_path: Path) -> None:
    mapping = tmp_path / "ids.yaml"
    path = tmp_path / "ids.csv"
    path.write_text("id,who,at,url\n0190a6c8-0000-7000-8000-00000000abcd,changed,2024-03-01 10:00:00,/\n")
    mapping.write_text("event: {event_id: id, event_type: {constant: page_view}, user_id: who, timestamp: at}\n")
    assert stack.run("import", str(path), "--map", str(mapping)).returncode == 0
    mapping.write_text(
        "event: {event_id: id, event_type: {constant: page_view}, user_id: who, timestamp: at, page: url}\n"
    )
    done = stack.run("import", str(path), "--map", str(mapping))
    assert done.returncode == 1
    assert counts(done.stdout)["conflicts"] == 1
    assert "1 rows were imported before with other content (a changed mapping?): the first content stays" in done.stderr
    assert "raw.event_conflicts. `pulse down --purge` starts afresh." in done.stderr


def test_a_dry_run_needs_no_stack_and_shows_events_counts_and_bad_rows(
    fresh_stack: Cli, tmp_path: Path, mapping: Path
) -> None:
    path = written(tmp_path, [*rows(7, "dry"), "Not A Type,dry1,2024-03-01 10:00:00,/,ad\n"])
    done = fresh_stack.run("import", str(path), "--map", str(mapping), "--dry-run")
    assert done.returncode == 1
    shown = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [event["page"] for event in shown] == [f"/p/{n}" for n in range(5)]
    assert counts(done.stdout) == {"rows read": 8, "bad rows": 1, "good rows": 7}
    assert f"{path} line 9: event_type:" in done.stderr
    assert not (fresh_stack.home / "state.json").exists()
    good = fresh_stack.run("import", str(written(tmp_path, rows(2, "dry"))), "--map", str(mapping), "--dry-run")
    assert good.returncode == 0, good.stderr


def test_a_dead_broker_is_told_at_once_and_by_name(fresh_stack: Cli, tmp_path: Path, mapping: Path) -> None:
    path = written(tmp_path, rows(3, "broken"))
    assert fresh_stack.run("up").returncode == 0
    fresh_stack.kill("kafka")
    for words in (
        ("import", str(path), "--map", str(mapping)),
        ("offsets", "reset", "--to-beginning", "--yes"),
        ("simulate", "--days", "1"),
    ):
        done = fresh_stack.run(*words)
        assert done.returncode == 3
        assert done.stderr.startswith(f"pulse {words[0]}: Of the local stack kafka does not run: `pulse up` starts")
        assert done.stderr.count("\n") == 1
    outage = fresh_stack.run("migrate", PULSE_DATABASE_DSN="host=127.0.0.1 port=1 dbname=nowhere user=nobody")
    assert outage.returncode == 1
    assert ". Of the local stack kafka does not run: `pulse up` starts what is missing" in outage.stderr


def test_a_compressed_list_of_json_is_sent_item_by_item(stack: Cli, tmp_path: Path) -> None:
    mapping = tmp_path / "nested.yaml"
    mapping.write_text(
        "each: events\n"
        "event: {event_type: {constant: product_view}, user_id: session, timestamp: {column: ts, format: epoch_ms},"
        " metadata: {product_id: aid}}\n"
    )
    lines = [
        {"session": n, "events": [{"aid": 100 * n + m, "ts": 1659304800025 + m} for m in range(n)]} for n in range(1, 8)
    ]
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
    done = stack.run("import", str(path), "--map", str(mapping))
    assert done.returncode == 0, done.stderr
    assert counts(done.stdout)["inserted"] == 28
    assert stack.ask("select user_id, event_type from raw.events where product_id = '706'") == [("7", "product_view")]


def test_a_row_larger_than_the_topic_allows_is_named(stack: Cli, tmp_path: Path, mapping: Path) -> None:
    path = written(tmp_path, [*rows(3, "large"), f"seen,large1,2024-03-01 10:00:00,/{'x' * 1_100_000},ad\n"])
    done = stack.run("import", str(path), "--map", str(mapping))
    assert done.returncode == 1
    assert "line 5: is larger than the topic allows, 1,048,576 bytes" in done.stderr
    assert counts(done.stdout)["inserted"] == 3


def test_a_column_that_the_file_lacks_sends_nothing(stack: Cli, tmp_path: Path, mapping: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("kind,user,at,url,channel\n")
    done = stack.run("import", str(path), "--map", str(mapping))
    assert done.returncode == 3
    assert "has no column 'who'" in done.stderr


def test_without_a_consumer_the_import_says_so_before_it_sends(stack: Cli, tmp_path: Path, mapping: Path) -> None:
    path = written(tmp_path, rows(3, "alone"))
    stack.kill("consumer")
    refused = stack.run("import", str(path), "--map", str(mapping))
    assert refused.returncode == 3
    assert "The consumer does not run, so nothing would be stored: `pulse up` starts it" in refused.stderr
    sent = stack.run("import", str(path), "--map", str(mapping), "--no-wait")
    assert sent.returncode == 0
    assert counts(sent.stdout) == {"rows read": 3, "bad rows": 0, "sent": 3}


def test_without_a_stack_the_import_says_how_to_start_one(fresh_stack: Cli, tmp_path: Path, mapping: Path) -> None:
    done = fresh_stack.run("import", str(written(tmp_path, rows(3, "no"))), "--map", str(mapping))
    assert done.returncode == 3
    assert "There is no broker to send to: start the local stack with `pulse up`." in done.stderr
