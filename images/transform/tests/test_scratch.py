"""A run works in a directory of its own, and clears up after runs that were killed, and after nobody else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pulse_transform import scratch

NOW = 1_800_000_000.0


def made(parent: Path, name: str, age_seconds: float) -> Path:
    path = parent / name
    path.mkdir()
    (path / "manifest.json").write_text("{}")
    os.utime(path, (NOW - age_seconds, NOW - age_seconds))
    return path


def test_what_a_killed_run_left_is_removed_a_day_later_and_nothing_else(tmp_path: Path) -> None:
    stale = made(tmp_path, "pulse-transform-old", scratch.STALE_SECONDS + 60)
    fresh = made(tmp_path, "pulse-transform-new", scratch.STALE_SECONDS - 60)
    other = made(tmp_path, "thesis", scratch.STALE_SECONDS * 100)
    link = tmp_path / "pulse-transform-link"
    link.symlink_to(other)
    os.utime(link, (0, 0), follow_symlinks=False)
    scratch.remove_stale(tmp_path, NOW)
    assert not stale.exists()
    assert fresh.exists()
    assert (other / "manifest.json").exists()
    assert link.is_symlink()


def test_a_directory_of_somebody_else_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = made(tmp_path, "pulse-transform-theirs", scratch.STALE_SECONDS + 60)
    somebody = os.geteuid() + 1
    monkeypatch.setattr("os.geteuid", lambda: somebody)
    scratch.remove_stale(tmp_path, NOW)
    assert theirs.exists()


def test_a_run_leaves_no_directory_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    stale = made(tmp_path, "pulse-transform-old", NOW)
    with scratch.directory() as directory:
        assert directory.parent == tmp_path
        assert not stale.exists()
    assert list(tmp_path.iterdir()) == []
