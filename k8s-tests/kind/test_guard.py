"""Which clusters the tests refuse. Needs no cluster: it is the file that decides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kind.cluster import CONTEXT, ForeignClusterError, guard


def written(path: Path, current: str, server: str) -> Path:
    file = path / "kubeconfig"
    file.write_text(
        json.dumps(
            {
                "clusters": [{"name": "c", "cluster": {"server": server}}],
                "contexts": [{"name": current, "context": {"cluster": "c", "user": "u"}}],
                "current-context": current,
            }
        )
    )
    return file


def test_the_tests_own_cluster_is_accepted(tmp_path: Path) -> None:
    guard(written(tmp_path, CONTEXT, "https://127.0.0.1:41234"))


@pytest.mark.parametrize(
    ("current", "server"),
    [("production", "https://127.0.0.1:41234"), (CONTEXT, "https://cluster.example:6443")],
    ids=["another context", "another machine behind the right name"],
)
def test_another_cluster_is_refused_by_its_name_and_place(tmp_path: Path, current: str, server: str) -> None:
    with pytest.raises(ForeignClusterError) as refused:
        guard(written(tmp_path, current, server))
    assert current in str(refused.value)
    assert server in str(refused.value)


@pytest.mark.parametrize("text", ["", "{}", "current-context: gone\ncontexts: []\nclusters: []\n"])
def test_a_file_that_names_no_cluster_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    with pytest.raises(ForeignClusterError, match="make kind-up"):
        guard(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ForeignClusterError, match="make kind-up"):
        guard(tmp_path / "kubeconfig")
