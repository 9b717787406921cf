"""What the chart holds beside its templates keeps up with the code. k8s-tests/chart tests what Helm makes of it."""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from pulse.adapters import metrics
from pulse_operator.crd import definition

ROOT = Path(__file__).parents[1]
CHART = ROOT / "charts" / "pulse"
ALERTS = sorted(CHART.glob("alerts/*.yaml"))
RUNBOOKS = ROOT / "docs" / "runbooks"


def generator() -> Any:
    """A script, not a module of a package."""
    spec = importlib.util.spec_from_file_location("chart", ROOT / "docs" / "chart.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def values() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return found


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    return found


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CHART / "files" / "dashboard.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", sorted(generator().FILES))
def test_generated_files_are_current(name: str) -> None:
    assert (CHART / name).read_text(encoding="utf-8") == generator().FILES[name](), "run `make docs`"


def test_a_sentence_stands_above_every_value() -> None:
    said = {value.path: value.sentence for value in generator().values()}
    assert [path for path, sentence in said.items() if not sentence.endswith(".")] == []


def test_the_schema_covers_exactly_the_values() -> None:
    def compare(shape: dict[str, Any], found: dict[str, Any], above: str) -> None:
        assert shape["additionalProperties"] is False, f"{above or 'the root'} takes a misspelt value"
        assert set(shape["properties"]) == set(found), above
        for name, inner in shape["properties"].items():
            # A value of its own, such as resources, has a sentence; a group of values has none.
            if "description" not in inner:
                compare(inner, found[name], f"{above}.{name}")

    root = schema()
    del root["properties"]["global"]
    compare(root, values(), "")


def test_the_defaults_are_accepted() -> None:
    jsonschema.Draft7Validator(schema()).validate(values())


@pytest.mark.parametrize(
    "wrong",
    [
        {"operater": {}},
        {"operator": {"loglevel": "info"}},
        {"operator": {"logLevel": "loud"}},
        {"operator": {"lagInterval": "soon"}},
        {"operator": {"workers": 0}},
        {"operator": {"workers": "8"}},
        {"operator": {"resources": {"request": {}}}},
        {"namespaces": "shop"},
        {"namespaces": ["Shop"]},
        {"images": {"pullPolicy": "Sometimes"}},
        {"images": {"consumer": {"repository": ""}}},
        {"images": {"consumer": {"digest": "sha256:abc"}}},
        {"imagePullSecrets": ["mirror"]},
        {"drain": {"timeoutSeconds": 5}},
        {"monitoring": {"prometheusRule": {"disabled": ["PulseOperatorDwon"]}}},
    ],
    ids=str,
)
def test_a_wrong_value_is_refused(wrong: dict[str, Any]) -> None:
    assert list(jsonschema.Draft7Validator(schema()).iter_errors(wrong))


def test_the_chart_may_be_part_of_another() -> None:
    jsonschema.Draft7Validator(schema()).validate({**values(), "global": {"imageRegistry": "example.com"}})


def test_the_definition_in_the_chart_is_that_of_the_code() -> None:
    assert yaml.safe_load((CHART / "files" / "pulsepipelines.yaml").read_text(encoding="utf-8")) == definition()


@pytest.mark.parametrize(
    "member",
    [
        "core",
        "operator",
        "images/collector",
        "images/consumer",
        "images/simulator",
        "images/transform",
        "images/dashboards",
    ],
)
def test_the_chart_installs_the_version_that_the_code_has(member: str) -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / member / "pyproject.toml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == project["project"]["version"]


def test_every_alert_has_a_runbook_and_the_other_way_round() -> None:
    assert [path.stem for path in ALERTS] == sorted(path.stem for path in RUNBOOKS.glob("*.md"))


@pytest.mark.parametrize("path", ALERTS, ids=lambda path: path.stem)
def test_an_alert_says_what_is_wrong_and_how_bad_it_is(path: Path) -> None:
    rule = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert rule["alert"] == path.stem
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert set(rule["annotations"]) == {"summary", "description"}
    assert re.fullmatch(r"\d+m", rule["for"]), "an alert waits before it fires"


@pytest.mark.parametrize("path", ALERTS, ids=lambda path: path.stem)
def test_a_runbook_says_meaning_impact_diagnosis_and_mitigation(path: Path) -> None:
    page = (RUNBOOKS / f"{path.stem}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {path.stem}\n")
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == ["Meaning", "Impact", "Diagnosis", "Mitigation"]


@pytest.mark.parametrize("path", ALERTS, ids=lambda path: path.stem)
def test_a_runbook_says_where_each_command_looks(path: Path) -> None:
    """Who is on call is in no namespace yet, so each command names one, and the page says which it is."""
    page = (RUNBOOKS / f"{path.stem}.md").read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    said = [line for line in lines if line.startswith("kubectl ")]
    assert said
    assert [line for line in said if not re.search(r"\s-n NAMESPACE\s|\s-A(\s|$)", line)] == []
    if "-n NAMESPACE" in page:
        assert "NAMESPACE is the alert's label" in page or "NAMESPACE and NAME" in page


def series() -> dict[str, set[str]]:
    """The labels of every series that some component exposes."""
    ends = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}
    found = {}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            for end in ends[metric._type or ""]:
                found[metric._name + end] = {*metric._labelnames, *(["le"] if end == "_bucket" else [])}
    return found


def expressions() -> Iterator[tuple[str, str]]:
    """Every query of the alerts and of the dashboard, by where it stands."""
    for path in ALERTS:
        yield path.stem, yaml.safe_load(path.read_text(encoding="utf-8"))["expr"]
    for panel in dashboard()["panels"]:
        yield from ((f"dashboard: {panel['title']}", target["expr"]) for target in panel.get("targets", ()))


@pytest.mark.parametrize(("where", "expression"), [pytest.param(*found, id=found[0]) for found in expressions()])
def test_a_query_asks_for_series_and_labels_that_exist(where: str, expression: str) -> None:
    known = series()
    asked = re.findall(r"\b(pulse_\w+)(?:\{(.*?)\})?", expression)
    assert asked
    for name, chosen in asked:
        assert name in known, f"{where}: nobody exposes {name}"
        # Prometheus itself adds the namespace, the Pod and the job of whoever it scrapes.
        labels = set(re.findall(r"(\w+)\s*(?:=|!=|=~|!~)\"", chosen))
        assert labels <= known[name] | {"namespace", "pod", "job"}, f"{where}: {name}"


def test_every_panel_of_the_dashboard_explains_itself() -> None:
    panels = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
    assert len(panels) > 10
    assert [panel["title"] for panel in panels if not panel["description"].endswith(".")] == []


def test_links_of_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (CHART / "README.md").read_text(encoding="utf-8")):
        assert "://" in target or (CHART / target).exists(), target
