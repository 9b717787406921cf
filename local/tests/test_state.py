"""The state file brings back what was saved, is private, and a damaged one is never guessed at."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from pulse.errors import Stop
from pulse_local import state
from pulse_local.processes import Process
from pulse_local.state import Ports

KAFKA = Process("kafka", 10, "boot/1", "/logs/kafka.log")
CONSUMER = Process("consumer", 11, "boot/2", "/logs/consumer.log", 2)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    saved = replace(state.fresh(), ports=Ports(1, 2, 3, 4), history_end="2026-01-01", history_done=True)
    saved = saved.with_process(KAFKA).with_process(CONSUMER)
    state.save(tmp_path / "state.json", saved)
    assert state.load(tmp_path / "state.json") == saved


def test_passwords_are_for_the_owner_alone_and_not_printed(tmp_path: Path) -> None:
    fresh = state.fresh()
    state.save(tmp_path / "state.json", fresh)
    assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600
    assert fresh.passwords.admin not in repr(fresh)


def test_no_file_means_that_nothing_ever_ran(tmp_path: Path) -> None:
    assert state.load(tmp_path / "state.json") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 99}', '{"version": 1, "ports": {}}'])
def test_a_damaged_file_stops_with_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(Stop, match=r"is damaged, so what runs is not known: .* remove the directory"):
        state.load(tmp_path / "state.json")


def test_an_interrupted_save_leaves_the_old_state(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state.save(path, state.fresh())
    before = path.read_text()
    (tmp_path / "state.new").write_text(json.dumps({"half": "written"}))
    assert path.read_text() == before


def test_a_restarted_process_takes_the_place_of_the_old_one() -> None:
    again = replace(KAFKA, pid=99)
    assert state.fresh().with_process(KAFKA).with_process(CONSUMER).with_process(again).processes == (CONSUMER, again)


def test_every_role_has_a_connection_of_its_own() -> None:
    fresh = state.fresh()
    roles = ("postgres", state.ROLES.ingest, state.ROLES.transform, state.ROLES.reader)
    connections = {fresh.dsn(role) for role in roles}
    assert len(connections) == 4
    assert all(f"//{role}:" in fresh.dsn(role) for role in roles)
