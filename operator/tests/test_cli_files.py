"""A file of pipelines is read to its end: all mistakes are told, each with its line, and what is right goes through."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pulse.errors import SettingsError
from pulse_operator.cli.files import FileInvalid, pipelines

GOOD = """\
apiVersion: pulse.dev/v1alpha1
kind: PulsePipeline
metadata: {name: shop}
spec:
  source: {strimzi: {cluster: kafka}}
  sink: {cloudNativePG: {cluster: postgres}}
"""


def read(folder: Path, text: str) -> list[dict[str, object]]:
    (folder / "shop.yaml").write_text(text)
    return pipelines(str(folder / "shop.yaml"), "web")


def told(folder: Path, text: str) -> list[str]:
    """The lines of the refusal, without the folder."""
    with pytest.raises(FileInvalid) as refused:
        read(folder, text)
    return str(refused.value).replace(f"{folder}/", "").splitlines()


def test_every_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    text = GOOD + "  simulater: {enabled: true}\n  simulator:\n    rate: 5\n    users: many\n  suspend: later\n"
    assert told(tmp_path, text) == [
        "shop.yaml has 4 mistakes:",
        "  shop.yaml:7: spec.simulater: there is no such field; did you mean simulator?",
        "  shop.yaml:9: spec.simulator.rate: there is no such field",
        "  shop.yaml:10: spec.simulator.users: must be a whole number, not 'many'",
        "  shop.yaml:11: spec.suspend: must be true or false, not 'later'",
        "Correct it; nothing was done.",
    ]


def test_several_documents_are_told_apart(tmp_path: Path) -> None:
    text = GOOD + "---\nkind: Pod\n---\n" + GOOD.replace("postgres", "Postgres") + "---\n" + GOOD.replace("shop", "pg")
    lines = told(tmp_path, text)
    assert lines[0] == "shop.yaml has 2 mistakes:"
    assert lines[1].startswith("  shop.yaml:15 (document 3): spec.sink.cloudNativePG.cluster: must match ^[a-z0-9]")
    assert lines[2].startswith("  shop.yaml:19 (document 4): metadata.name must not be or begin with pg")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("v1alpha1", "v1", "shop.yaml:1: apiVersion: must be pulse.dev/v1alpha1, not pulse.dev/v1"),
        ("metadata: {name: shop}", "metadata: {}", "shop.yaml:3: metadata.name: is missing"),
        (
            "metadata: {name: shop}",
            "metadata: shop",
            "shop.yaml:3: metadata: must have fields of its own, such as name",
        ),
        ("name: shop", f"name: {'a' * 41}", "shop.yaml:3: metadata.name: must have at most 40 characters, not 41"),
        ("spec:", "spek:", "shop.yaml:4: spek: there is no such field; did you mean spec?"),
        (
            "  source",
            "  suspend: false\n  sorce",
            "shop.yaml:6: spec.sorce: there is no such field; did you mean source?",
        ),
        (
            "  source",
            "  transform: {timeZone: Mars/Phobos}\n  source",
            "shop.yaml:5: spec.transform.timeZone: 'Mars/Phobos'",
        ),
        ("  source", '  transform: {schedule: "0 0 31 2 *"}\n  source', "schedule: '0 0 31 2 *' never comes"),
        ("  source", '  maintenance: {schedule: "0 0 31 2 *"}\n  source', "schedule: '0 0 31 2 *' never comes"),
        ("  source", '  transform: {schedule: "99 * * * *"}\n  source', "schedule: '99 * * * *' never comes"),
        ("  source", '  transform: {schedule: "soon"}\n  source', "shop.yaml:5: spec.transform.schedule: must match"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, line: str) -> None:
    lines = told(tmp_path, GOOD.replace(old, new))
    assert any(line in one for one in lines), lines
    assert not any("Apply it again" in one for one in lines)


def test_a_wrong_schedule_is_told_once(tmp_path: Path) -> None:
    assert len(told(tmp_path, GOOD + "  transform: {schedule: soon}\n")) == 3


def test_what_is_right_goes_through_with_its_namespace(tmp_path: Path) -> None:
    text = (
        GOOD
        + "  transform:\n  simulator: {users: null}\n---\n"
        + GOOD.replace("{name: shop}", "{name: b, namespace: c}")
    )
    first, second = read(tmp_path, text)
    assert (first["metadata"], second["metadata"]) == (
        {"name": "shop", "namespace": "web"},
        {"name": "b", "namespace": "c"},
    )
    assert first["spec"] == {**second["spec"], "simulator": {}}  # type: ignore[dict-item] # null counts as absent


def test_a_date_is_text_as_for_kubectl(tmp_path: Path) -> None:
    (found,) = read(tmp_path, GOOD.replace("{name: shop}", "{name: shop, labels: {since: 2026-01-01}}"))
    assert found["metadata"]["labels"] == {"since": "2026-01-01"} != {"since": date(2026, 1, 1)}  # type: ignore[index]


@pytest.mark.parametrize("text", ["a: [", "&a [*a]", "x: 1\nx: 2", "? [1]\n: 2", "\t"])
def test_what_is_no_yaml_is_one_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"shop\.yaml"):
        read(tmp_path, text)
