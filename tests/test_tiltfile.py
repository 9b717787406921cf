"""The Tiltfile is evaluated with recorders in the place of Tilt's built-ins, and all that it names is looked for.

Tilt itself runs it in the hosted workflow; `k8s-tests/chart/test_tiltfile.py` evaluates it with what Helm makes of the
chart.
"""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import starlark
import yaml
from kit import golden
from kit.tilt import Tilt

from pulse.settings import OffsetsSettings
from pulse.spec import Simulator
from pulse_consumer.commands.offsets import OFFSETS
from pulse_operator.pipeline import parsed

ROOT = Path(__file__).parents[1]
TILTFILE = (ROOT / "Tiltfile").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
CHART = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: pulse-operator}
spec: {template: {metadata: {labels: {app: operator, other: label}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: pulse-operator}, spec: {selector: {app: operator}}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: pulse-operator}}
---
{apiVersion: v1, kind: Pod, metadata: {name: pulse-test}}
"""
CONTEXT = (
    "kind-" + re.findall(r'^NAME = "(.*)"$', (ROOT / "k8s-tests/kind/cluster.py").read_text("utf-8"), re.MULTILINE)[0]
)


def evaluated(context: str = CONTEXT, **files: str) -> Tilt:
    tilt = Tilt(ROOT, context, lambda _: CHART, {"tilt-settings.json": "{}", **files})
    tilt.evaluate(TILTFILE)
    return tilt


@pytest.fixture(scope="module")
def tilt() -> Tilt:
    return evaluated()


def builds(tilt: Tilt) -> dict[str, dict[str, Any]]:
    """Component -> how its image is built."""
    return {given["ref"].removeprefix("pulse/"): given for given in tilt.all("docker_build")}


def dockerfile(given: dict[str, Any]) -> str:
    """The Dockerfile of an image, with the build's arguments put in."""
    text: str = given.get("dockerfile_contents") or (ROOT / given["dockerfile"]).read_text(encoding="utf-8")
    return re.sub(r"\$\{(\w+)\}", lambda named: given["build_args"][named[1]], text)


def copies(given: dict[str, Any]) -> dict[str, str]:
    """What an image takes from the checkout -> where the last stage that takes it puts it."""
    found = {}
    for words in re.findall(r"^COPY (?!--from)(.+)$", dockerfile(given), re.MULTILINE):
        *taken, place = words.split()
        found.update(dict.fromkeys(taken, place))
    return found


def steps(given: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [step.given for step in given.get("live_update", ()) if step.name == name]


def words_after(command: list[str], first: list[str]) -> list[str]:
    assert command[: len(first)] == first
    return command[len(first) :]


def started() -> list[dict[str, Any]]:
    """The Deployments that the operator makes of a pipeline with all that runs for long."""
    found = {}
    for case in ("simulator", "collector"):
        for made in yaml.safe_load_all((golden.FOLDER / case / "manifests.yaml").read_bytes()):
            if made["kind"] == "Deployment":
                found[made["metadata"]["name"]] = made
    return list(found.values())


KUBECTL = ["kubectl", "--context", CONTEXT, "--namespace", "default"]


@pytest.mark.parametrize("context", ["production", "kind-kind", ""])
def test_another_cluster_is_refused_in_a_sentence_before_anything_is_said_about_it(context: str) -> None:
    tilt = Tilt(ROOT, context, lambda _: CHART, {"tilt-settings.json": "{}"})
    with pytest.raises(
        starlark.StarlarkError, match=f"kubectl points at {context}, and Tilt may only touch {CONTEXT}: run `make"
    ):
        tilt.evaluate(TILTFILE)
    assert tilt.all("allow_k8s_contexts") == [{"contexts": CONTEXT}]
    writing = {"docker_build", "k8s_yaml", "k8s_resource", "local_resource"}
    assert not writing & {call.name for call in tilt.calls}


def test_nothing_is_loaded_from_the_network() -> None:
    assert not re.search(r"\bload(_dynamic)?\(|https?://(?!localhost:)|ext://", TILTFILE)


def test_a_persons_own_settings_come_first() -> None:
    own = {"base": "example/python:1", "load": 7}
    tilt = evaluated(**{"tilt-settings.json": json.dumps(own)})
    assert {given["build_args"]["BASE"] for given in tilt.all("docker_build")} == {"example/python:1"}
    (load,) = (given["cmd"] for given in tilt.all("local_resource") if given["name"] == "load")
    assert '"eventsPerSecond": 7' in load[-1]
    assert "tilt-settings.json" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()


def test_every_image_of_the_makefile_is_built_and_looked_for_in_the_environment_of_the_operator(tilt: Tilt) -> None:
    images = set(re.findall(r"^IMAGES := (.*)$", MAKEFILE, re.MULTILINE)[0].split())
    assert set(builds(tilt)) == images
    assert all(given["match_in_env_vars"] is True and given["context"] == "." for given in builds(tilt).values())


def test_an_image_is_made_of_files_that_exist_and_that_tilt_watches(tilt: Tilt) -> None:
    for component, given in builds(tilt).items():
        taken = copies(given)
        assert {"core", "requirements.lock"} <= set(taken), component
        for path in (*taken, *given["only"]):
            assert (ROOT / path).exists(), f"{component}: {path}"
        unseen = [path for path in taken if not any(Path(path).is_relative_to(seen) for seen in given["only"])]
        assert unseen == [], f"{component} is not built again when these change"


def test_an_image_is_given_every_argument_of_its_dockerfile_and_no_other(tilt: Tilt) -> None:
    base = re.findall(r"^BASE \?= (.*)$", MAKEFILE, re.MULTILINE)[0]
    for component, given in builds(tilt).items():
        declared = re.findall(r"^ARG (\w+)", dockerfile(given), re.MULTILINE)
        assert set(declared) == set(given["build_args"]), component
        assert given["build_args"]["BASE"] == base


def test_changed_code_lands_where_the_image_runs_it_from(tilt: Tilt) -> None:
    live = {component: given for component, given in builds(tilt).items() if given.get("live_update")}
    assert set(live) == set(builds(tilt)) - {"transform"}, "all that run for long"
    for component, given in live.items():
        text = dockerfile(given)
        (home,) = re.findall(r"PYTHONPATH=(\S+)", text)
        # A pod may write to /tmp alone, and restart.py copies what lies in code/ to the home.
        assert Path(home).is_relative_to("/tmp")  # noqa: S108
        synced = {step["local_path"]: step["remote_path"] for step in steps(given, "sync")}
        assert set(synced.values()) == {f"{home}/pulse", f"{home}/pulse_{component}"}
        for path, place in synced.items():
            assert (ROOT / path / "__init__.py").exists()
            assert copies(given)[path] == place.replace(home, "/opt/live/code")


def test_changed_code_starts_the_process_again(tilt: Tilt) -> None:
    script = ROOT / "images" / "live" / "restart.py"
    assert script.stat().st_mode & 0o111 == 0o111
    for component, given in builds(tilt).items():
        if not given.get("live_update"):
            continue
        assert [step.name for step in given["live_update"]] == ["sync", "sync", "run"], "Tilt wants run last"
        assert steps(given, "run") == [{"cmd": "kill -HUP 1"}]
        place = Path(copies(given)["images/live/restart.py"])
        first, *_ = re.findall(r"^ENV PATH=([^: ]+)", dockerfile(given), re.MULTILINE)[-1:]
        assert place == Path(first) / f"pulse-{component}", "found before the command of the same name"
        folder = Path(given["build_args"]["FOLDER"])
        scripts = tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
        assert scripts[place.name] == f"{given['build_args']['PACKAGE']}.__main__:main"


def test_what_is_named_is_there(tilt: Tilt) -> None:
    there = set(tilt.workloads())
    free = [made for made in tilt.objects if made not in tilt.attached()]
    objects = {f"{made['metadata']['name']}:{made['kind']}".lower() for made in free}
    for given in tilt.all("k8s_resource"):
        assert given["workload"] in there
        assert {one.lower() for one in given.get("objects", ())} <= objects
    named = [given["workload"] for given in tilt.all("k8s_resource")]
    assert sorted(named) == sorted(there), "each workload has its group, once"
    resources = tilt.resources()
    for name, given in resources.items():
        assert set(given.get("resource_deps", ())) <= set(resources) - {name}, name
        assert given["labels"], name


def test_every_object_belongs_to_a_resource(tilt: Tilt) -> None:
    assigned = {one.lower() for given in tilt.all("k8s_resource") for one in given.get("objects", ())}
    taken = [*tilt.workloads().values(), *tilt.attached()]
    left = [f"{made['metadata']['name']}:{made['kind']}" for made in tilt.objects if made not in taken]
    assert sorted(one.lower() for one in left) == sorted(assigned)


def test_the_parts_of_the_chart_that_run_on_an_uninstall_or_a_test_are_left_out(tilt: Tilt) -> None:
    (chart,) = tilt.all("helm")
    assert chart["set"] == ["drain.enabled=false"]
    assert "Pod" not in {made["kind"] for made in tilt.objects}
    values = yaml.safe_load((ROOT / chart["pathToChartDir"] / "values.yaml").read_bytes())
    assert values["drain"]["enabled"] is True


def test_a_kind_is_itself_and_not_each_whose_name_holds_it(tilt: Tilt) -> None:
    kinds = {made["kind"] for made in tilt.objects} | {"ClusterRole", "KafkaTopic", "PulsePipelineList"}
    for given in tilt.all("k8s_kind"):
        assert len([kind for kind in kinds if re.search(given["kind"], kind, re.IGNORECASE)]) == 1, given


def test_a_forwarded_port_is_one_that_a_container_has(tilt: Tilt) -> None:
    used = {
        given["workload"]: [forward.given for forward in given["port_forwards"]]
        for given in tilt.all("k8s_resource")
        if given["port_forwards"]
    }
    assert sum(map(len, used.values())) == len(tilt.all("port_forward")), "a line of FORWARDS names no resource"
    address = re.findall(
        r"\{host\}:(\d+)/", (ROOT / "operator/pulse_operator/credentials/database.py").read_text("utf-8")
    )
    containers = {"postgres": {int(port) for port in address}}
    for name, forwards in used.items():
        assert {forward["container_port"] for forward in forwards} <= containers[name]
        assert all(forward["name"] for forward in forwards)
    here = [forward["local_port"] for forward in tilt.all("port_forward")]
    assert len(set(here)) == len(here)
    assert min(here) > 1024


def test_the_pods_that_the_operator_starts_are_found_by_their_labels(tilt: Tilt) -> None:
    (told,) = (given for given in tilt.all("k8s_resource") if given["workload"] == "pulse-operator")
    templates = [made["spec"]["template"] for made in started()]
    for wanted in told["extra_pod_selectors"]:
        assert any(wanted.items() <= template["metadata"]["labels"].items() for template in templates), wanted
    for template in templates:
        assert any(wanted.items() <= template["metadata"]["labels"].items() for wanted in told["extra_pod_selectors"])
        (container,) = template["spec"]["containers"]
        assert container["command"][0] == f"pulse-{container['name']}", "the command that restart.py stands before"


def test_ci_ends_when_the_pipeline_says_that_it_is_ready(tilt: Tilt) -> None:
    resources = tilt.resources()
    (pipeline,) = (made for made in tilt.objects if made["kind"] == "PulsePipeline")
    words = words_after(resources["ready"]["cmd"], KUBECTL)
    assert words[:3] == ["wait", f"pulsepipeline/{pipeline['metadata']['name']}", "--for=condition=Ready"]
    assert resources["ready"]["resource_deps"] == [pipeline["metadata"]["name"]]
    (limits,) = tilt.all("ci_settings")
    assert all(re.fullmatch(r"\d+m", limit) for limit in limits.values())
    assert int(limits["timeout"][:-1]) > int(limits["readiness_timeout"][:-1]) >= int(re.findall(r"\d+", words[3])[0])


def test_pages_of_the_pipeline_are_opened_where_it_asks_for_them(tilt: Tilt) -> None:
    assert "live" in tilt.resources(), "minimal.yaml has a live page"
    assert "metabase" not in tilt.resources()
    pipeline = (golden.FOLDER / "dashboards" / "pipeline.yaml").read_text(encoding="utf-8")
    both = evaluated(**{"tilt-settings.json": json.dumps({"pipeline": "mine.yaml"}), "mine.yaml": pipeline})
    made = golden.case("dashboards").rendered.manifests
    objects = {(one["kind"], one["metadata"]["name"]): one for one in made}
    for part in ("live", "metabase"):
        given = both.resources()[part]
        words = words_after(given["cmd"], [*KUBECTL, "get", "secret"])
        data = objects["Secret", words[0]]["data"]
        assert set(re.findall(r"\.data\.(\w+)", words[-1])) <= set(data)
        kind, name, here, there = re.findall(r"port-forward (\w+)/([-\w]+) (\d+):(\d+);", given["serve_cmd"][-1])[0]
        assert [port["port"] for port in objects[kind.capitalize(), name]["spec"]["ports"]] == [int(there)]
        assert given["links"] == [f"http://localhost:{here}"]
        assert given["resource_deps"] == ["ready"]


def test_a_button_waits_until_it_is_pressed(tilt: Tilt) -> None:
    buttons = {name: given for name, given in tilt.resources().items() if given["labels"] == ["buttons"]}
    assert set(buttons) == {"replay", "load", "rest"}
    assert all(given["auto_init"] is False and given["trigger_mode"] == "manual" for given in buttons.values())


def test_replay_is_a_command_of_the_consumer_and_its_pods_have_what_it_needs(tilt: Tilt) -> None:
    words = words_after(tilt.resources()["replay"]["cmd"], [*KUBECTL, "exec"])
    place, dashes, program, command, *given = words
    (consumer,) = (made for made in started() if f"deployment/{made['metadata']['name']}" == place)
    assert (dashes, program, command) == ("--", "pulse-consumer", "offsets")
    parser = argparse.ArgumentParser()
    OFFSETS.configure(parser)
    assert parser.parse_args(given).yes, "nobody is there to ask"
    (container,) = consumer["spec"]["template"]["spec"]["containers"]
    settings = OffsetsSettings.from_env({one["name"]: one.get("value", "secret") for one in container["env"]})
    assert settings.topics.events


def test_load_and_rest_are_specs_that_the_operator_takes(tilt: Tilt) -> None:
    (applied,) = (made for made in tilt.objects if made["kind"] == "PulsePipeline")
    pipeline = {**applied, "metadata": {**applied["metadata"], "namespace": "default", "uid": golden.UID}}
    rates = {}
    for name in ("load", "rest"):
        kind, resource, how, flag, patch = words_after(tilt.resources()[name]["cmd"], [*KUBECTL, "patch"])
        assert (kind, resource) == ("pulsepipeline", pipeline["metadata"]["name"])
        assert (how, flag) == ("--type=merge", "--patch")
        changed = {**pipeline, "spec": {**pipeline["spec"], **json.loads(patch)["spec"]}}
        rates[name] = parsed(changed).spec.simulator.events_per_second
    assert rates["rest"] == Simulator().events_per_second == parsed(pipeline).spec.simulator.events_per_second
    assert rates["load"] > 10 * rates["rest"]


def test_commands_of_make_exist(tilt: Tilt) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE))
    made = [given["cmd"] for given in tilt.all("local_resource") if given["cmd"][0] != "kubectl"]
    assert made, "the platform is made by make"
    for program, *wanted in made:
        assert program == "make"
        assert set(wanted) <= targets


def test_a_built_in_that_tilt_does_not_document_is_not_there() -> None:
    tilt = Tilt(ROOT, CONTEXT, lambda _: CHART)
    for text, says in (
        ("docker_build('a', '.', live_updates = [])", "live_updates"),
        ("docker_build('a')", "context"),
        ("k8s_yml('a.yaml')", "k8s_yml"),
        ("k8s_yaml('no/such.yaml')", "no/such.yaml"),
        ("k8s_yaml('a' + read_file('Makefile'))", "not supported"),
        ("print(f'{1}')", "f-string"),
    ):
        with pytest.raises(starlark.StarlarkError, match=says):
            tilt.evaluate(text)
    assert tilt.all("docker_build") == []
