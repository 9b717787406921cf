"""The commands that need no cluster, and how a status reads."""

from __future__ import annotations

import io
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from pulse.errors import PulseError
from pulse_operator.cli.render import RENDER
from pulse_operator.cli.status import told

EXAMPLES = Path(__file__).parents[2] / "examples"


def rendered(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    parser = ArgumentParser()
    RENDER.configure(parser)
    assert RENDER.run(parser.parse_args(words), {}) == 0
    return list(yaml.safe_load_all(capsys.readouterr().out))


def test_render_prints_every_kind_of_child(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = {made["kind"] for made in rendered(capsys, str(EXAMPLES / "minimal.yaml"))}
    assert kinds >= {"KafkaTopic", "KafkaUser", "Database", "DatabaseRole", "Job", "Deployment", "CronJob", "Secret"}


def test_render_takes_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO((EXAMPLES / "minimal.yaml").read_text()))
    assert {made["metadata"]["namespace"] for made in rendered(capsys, "-", "-n", "web")} == {"web"}


@pytest.mark.parametrize(("login", "users"), [("scram-sha-512", 3), ("tls", 3), ("none", 0)])
def test_users_are_made_as_the_listener_asks(capsys: pytest.CaptureFixture[str], login: str, users: int) -> None:
    made = rendered(capsys, str(EXAMPLES / "minimal.yaml"), "--authentication", login)
    found = [one["spec"]["authentication"]["type"] for one in made if one["kind"] == "KafkaUser"]
    assert found == [login] * users


def test_what_is_printed_holds_no_secret_but_words_in_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    made = rendered(capsys, str(EXAMPLES / "external.yaml"))
    values = [value for one in made if one["kind"] == "Secret" for value in one.get("stringData", {}).values()]
    assert values
    assert all(value.startswith("<") for value in values)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "cannot be read as YAML"),
        ("a: 1\na: 2", "a stands here twice"),
        ("kind: Pod", r"file\.yaml holds no PulsePipeline of pulse\.dev"),
    ],
)
def test_a_file_that_holds_no_pipeline_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "file.yaml").write_text(text)
    with pytest.raises(PulseError, match=says):
        rendered(capsys, str(tmp_path / "file.yaml"))


def test_a_file_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PulseError, match=r"nowhere\.yaml cannot be read"):
        rendered(capsys, "nowhere.yaml")


def test_a_status_reads_from_the_whole_to_the_parts() -> None:
    condition = {"type": "Ready", "status": "False", "reason": "Blocked", "message": "waits for Kafka."}
    raw = {
        "metadata": {"namespace": "web", "name": "shop", "generation": 3},
        "status": {
            "phase": "Pending",
            "observedGeneration": 2,
            "lag": {"total": 1200, "drainSeconds": 30, "measuredAt": "2026-01-01T00:00:00Z"},
            "replicas": {"summary": "1/2", "reason": "LagAbove", "message": "lag 1200"},
            "collector": {"service": "http://inside/v1/events", "url": "https://outside/v1/events", "keysSecret": "k"},
            "dashboard": {"live": {"url": "https://shop/", "secret": "s"}, "metabase": {"url": "https://bi"}},
            "conditions": [condition],
        },
    }
    lines = told(raw).splitlines()
    assert lines[0] == "web/shop: Pending"
    assert "not acted on the latest spec" in lines[1]
    assert "1200 records, drained in 30 s" in lines[2]
    assert "1/2 ready (LagAbove: lag 1200)" in lines[3]
    assert lines[4].split(maxsplit=1) == ["collector", "https://outside/v1/events, write keys in Secret k"]
    assert lines[5].split(maxsplit=1) == ["live", "https://shop/, log-in in Secret s"]
    assert lines[6].split() == ["metabase", "https://bi"]
    assert lines[-1].split() == ["Ready", "False", "Blocked", "waits", "for", "Kafka."]


def test_a_pipeline_that_nobody_looked_at_has_a_status_all_the_same() -> None:
    raw = {"metadata": {"namespace": "web", "name": "shop", "generation": 1}}
    assert told(raw).startswith("web/shop: not looked at yet")


def test_a_reader_that_has_enough_is_no_fault() -> None:
    """`kubectl pulse render FILE | head`, whose reader leaves at once."""
    words = [sys.executable, "-m", "pulse_operator.plugin", "render", str(EXAMPLES / "minimal.yaml")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        said = process.stderr.read().decode()
        assert (process.wait(60), said) == (0, "")
