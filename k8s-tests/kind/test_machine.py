"""What the commands of the cluster say on a machine that lacks something. Nothing is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from kind import cluster, daemon
from kind.commands import CommandError


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, on a machine without a single program."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    return tmp_path / "cache"


def test_without_go_no_daemon_is_started(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def started(home: Path) -> None:
        raise AssertionError(f"a daemon was started in {home}")

    monkeypatch.setattr(daemon, "ensure", started)
    with pytest.raises(RuntimeError, match="Go is missing and kind is built from its modules: install Go"):
        cluster.up(bare)


def test_where_there_was_nothing_there_is_nothing_to_remove(bare: Path) -> None:
    cluster.down(bare)


def test_a_cluster_that_nobody_can_remove_is_told(bare: Path) -> None:
    kubeconfig = bare / "kind" / "kubeconfig"
    kubeconfig.parent.mkdir(parents=True)
    kubeconfig.touch()
    with pytest.raises(CommandError, match=r"no Docker daemon answers .* \(there is no command docker"):
        cluster.down(bare)
    assert kubeconfig.exists(), "the next attempt still knows of it"
