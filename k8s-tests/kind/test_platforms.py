"""Which platform a cluster gets, what is refused, and what Helm is told for the real one. Needs no cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
from kind import real
from kind.commands import CommandError, run
from kind.platforms import REAL, STAND_IN, PlatformError, chosen
from programs import program

from pulse_local.paths import Paths

NOTICE = Path(__file__).parents[2] / "operator" / "tests" / "crds" / "NOTICE.md"
UNREACHABLE = "no such host"


@pytest.mark.parametrize(
    ("asked", "runs", "lacking", "gets", "because"),
    [
        ("", "", "", REAL, "their images can be pulled here"),
        ("", "", UNREACHABLE, STAND_IN, "the real ones cannot be pulled here (no such host)"),
        (STAND_IN, "", "", STAND_IN, "PLATFORM=stand-in says so"),
        (REAL, "", "", REAL, "PLATFORM=real says so"),
        ("", STAND_IN, "", STAND_IN, "the cluster runs it already"),
        (REAL, REAL, UNREACHABLE, REAL, "the cluster runs it already"),
    ],
)
def test_the_real_operators_are_taken_where_they_can_be_had(
    asked: str, runs: str, lacking: str, gets: str, because: str
) -> None:
    platform = chosen(asked, runs, lacking)
    assert (platform.name, platform.why) == (gets, because)
    assert str(platform).startswith(f"{gets}: ")


@pytest.mark.parametrize(
    ("asked", "runs", "lacking", "says"),
    [
        (REAL, "", UNREACHABLE, r"cannot be pulled here \(no such host\): leave PLATFORM out"),
        (REAL, STAND_IN, "", "the cluster runs the platform stand-in: say `make kind-down` first"),
        (STAND_IN, REAL, "", "the cluster runs the platform real"),
        ("strimzi", "", "", "PLATFORM=strimzi is none: say real or stand-in"),
    ],
)
def test_what_cannot_be_had_is_refused_with_what_to_do(asked: str, runs: str, lacking: str, says: str) -> None:
    with pytest.raises(PlatformError, match=says):
        chosen(asked, runs, lacking)


@pytest.mark.parametrize(
    ("operator", "origin"),
    [(real.STRIMZI, "strimzi/strimzi-kafka-operator"), (real.CLOUDNATIVE_PG, "cloudnative-pg/cloudnative-pg")],
    ids=["Strimzi", "CloudNativePG"],
)
def test_the_version_is_the_one_whose_definitions_are_tested_against(operator: real.Operator, origin: str) -> None:
    row = next(line for line in NOTICE.read_text().splitlines() if f"github.com/{origin}" in line)
    tag = operator.image.rpartition(":")[2]
    assert f"tag {tag}," in row or f"tag v{tag}," in row


@pytest.mark.parametrize("operator", real.OPERATORS, ids=["Strimzi", "CloudNativePG"])
def test_helm_knows_the_words(operator: real.Operator, server_paths: Paths, tmp_path: Path) -> None:
    """It gets as far as the cluster, which is a port that nothing listens on; before it would ask for any chart."""
    words = [program("helm", server_paths.cache), *operator.install_words()]
    with pytest.raises(CommandError) as refused:
        run(*words, env={"HELM_KUBEAPISERVER": "http://127.0.0.1:1", "HOME": str(tmp_path)})
    assert "Kubernetes cluster unreachable" in str(refused.value)
