"""`pulse dlq list` and `show`: what the ledger has, chosen and told."""

from __future__ import annotations

import base64
import json

import pytest
from kit.deadletters import UNTYPED, consumed, dlq
from kit.pipeline import Pipeline

pytestmark = pytest.mark.integration


@pytest.fixture
def dead(pipeline: Pipeline) -> Pipeline:
    """Four dead letters of three classes, at 0:0 to 0:3."""
    consumed(
        pipeline, UNTYPED, b"no json", b'{"event_type":"Page View","user_id":"u","timestamp":"2026-01-02"}', UNTYPED
    )
    return pipeline


def test_list_shows_each_letter_and_counts_them_by_class(dead: Pipeline) -> None:
    done = dlq(dead, "list")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["0:0", "0:1", "0:2", "0:3"]
    assert "missing_field" in lines[1]
    assert [line.split()[:3] for line in lines if " open " in line and not line.startswith("0:")] == [
        ["invalid_json", "open", "1"],
        ["invalid_timestamp", "open", "1"],
        ["missing_field", "open", "2"],
    ]
    assert lines[-1] == "4 in all."


@pytest.mark.parametrize(
    ("words", "offsets"),
    [
        (["--class", "missing_field"], [0, 3]),
        (["--class", "missing_field", "--class", "invalid_json"], [0, 1, 3]),
        (["--field", "timestamp"], [2]),
        (["--since", "1h"], [0, 1, 2, 3]),
        (["--until", "1h"], []),
        (["--partition", "1"], []),
        (["--topic", "another"], []),
        (["--state", "dropped"], []),
        (["--state", "dropped", "--state", "open"], [0, 1, 2, 3]),
        (["--limit", "2"], [0, 1]),
    ],
)
def test_list_chooses(dead: Pipeline, words: list[str], offsets: list[int]) -> None:
    done = dlq(dead, "list", "--json", *words)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [letter["offset"] for letter in found] == offsets
    assert {letter["state"] for letter in found} <= {"open"}


def test_show_tells_all_of_one_letter(dead: Pipeline) -> None:
    shown = dlq(dead, "show", "0:0").stdout
    assert "missing_field" in shown
    assert '    "user_id": "u-1",' in shown.splitlines()
    whole = json.loads(dlq(dead, "show", "0:1", "--json").stdout)
    assert (whole["class"], base64.b64decode(whole["value"]["base64"])) == ("invalid_json", b"no json")
    assert whole["attempt"] == 1
    assert whole["attempts"] == [{"place": f"{whole['topic_id']}:0:1", "attempt": 1}]
    assert whole["history"] == []


def test_bytes_that_are_no_text_are_shown_without_steering_the_terminal(pipeline: Pipeline) -> None:
    consumed(pipeline, b"\xff\x1b[31mred", key=b"\x07", headers=[("trace", b"\x00"), ("none", None)])
    shown = dlq(pipeline, "show", "0:0").stdout
    assert r"\xff\x1b[31mred" in shown
    assert "\x1b" not in shown
    assert r"trace: \x00" in shown
    assert "none: (none)" in shown


def test_what_is_not_there_and_what_is_no_place_are_told(dead: Pipeline) -> None:
    missing = dlq(dead, "show", "0:99")
    assert missing.returncode == 3
    assert "no dead letter at 0:99" in missing.stderr
    assert dlq(dead, "show", "99").returncode == 2
    wrong = dlq(dead, "list", "--since", "yesterday")
    assert wrong.returncode == 2
    assert "'yesterday' is no time" in wrong.stderr


def test_a_place_that_two_topics_have_has_to_be_told_apart(dead: Pipeline) -> None:
    other = "00000000-0000-0000-0000-000000000001"
    dead.execute(
        "insert into raw.dead_letters (topic_id, partition_id, kafka_offset, topic, class, reason, consumer_group,"
        f" version) values ('{other}', 0, 0, 'older', 'invalid_json', 'no', 'g', '0')"
    )
    unclear = dlq(dead, "show", "0:0")
    assert unclear.returncode == 3
    assert f"{other}:0:0" in unclear.stderr
    assert json.loads(dlq(dead, "show", f"{other}:0:0", "--json").stdout)["topic"] == "older"
    assert f"{other}:0:0" in dlq(dead, "list").stdout
