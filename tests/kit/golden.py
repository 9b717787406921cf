"""The cases that the rendering is held to: a pipeline and what is known of it, beside the manifests that come out.

`python -m kit.golden` writes the manifests anew; what changed is then read in the diff.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import yaml

from pulse.facts import Decision, Facts
from pulse.spec import PipelineSpec
from pulse_operator.objects import Identity
from pulse_operator.render import Rendered, render

FOLDER = Path(__file__).parents[2] / "operator" / "tests" / "golden"
IMAGES = {name: f"pulse/{name}:0.1.0" for name in ("consumer", "simulator", "transform", "dashboards", "collector")}
UID = "6f1c1f0e-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Golden:
    """One case. `pipeline` is what a person applies."""

    name: str
    pipeline: dict[str, Any]
    identity: Identity
    spec: PipelineSpec
    facts: Facts
    decision: Decision

    @property
    def rendered(self) -> Rendered:
        return render(self.identity, self.spec, self.facts, self.decision)

    @property
    def file(self) -> Path:
        return FOLDER / self.name / "manifests.yaml"

    @property
    def text(self) -> str:
        """The file as it has to be."""
        rendered = self.rendered
        withheld = "".join(f"# withheld: {ref}\n" for ref in sorted(map(str, rendered.withheld)))
        return withheld + yaml.safe_dump_all(rendered.manifests, sort_keys=False, width=120)


def case(name: str) -> Golden:
    """The case in the folder of that name."""
    pipeline = _read(FOLDER / name / "pipeline.yaml")
    known = _read(FOLDER / name / "facts.yaml")
    metadata = pipeline["metadata"]
    return Golden(
        name=name,
        pipeline=pipeline,
        identity=Identity(metadata["namespace"], metadata["name"], UID),
        spec=msgspec.convert(pipeline["spec"], PipelineSpec),
        facts=msgspec.convert({"images": IMAGES, **known["facts"]}, Facts),
        decision=msgspec.convert(known["decision"], Decision),
    )


def names() -> list[str]:
    """All cases."""
    return sorted(path.name for path in FOLDER.iterdir())


def kinds(rendered: Rendered) -> list[str]:
    """What it is made of, in order."""
    return [made["kind"] for made in rendered.manifests]


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return found


if __name__ == "__main__":
    for found in map(case, names()):
        found.file.write_text(found.text, encoding="utf-8")
