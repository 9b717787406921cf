"""Evaluates a Tiltfile without Tilt: recorders in the place of its built-ins take the arguments that Tilt documents.

What is not in BUILTINS does not exist here, so a Tiltfile that uses more fails until the documented signature is added.
Whether Tilt then does what its documentation says, only Tilt can show.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import starlark
import yaml

# Name -> its parameters as https://docs.tilt.dev/api.html has them; those before the bar have to be given.
BUILTINS = {
    "allow_k8s_contexts": "contexts |",
    "ci_settings": "| k8s_grace_period timeout readiness_timeout",
    "decode_yaml_stream": "yaml |",
    "docker_build": (
        "ref context | build_args dockerfile dockerfile_contents live_update match_in_env_vars ignore only entrypoint "
        "target ssh network secret extra_tag container_args cache_from pull platform extra_hosts"
    ),
    "filter_yaml": "yaml | labels name namespace kind api_version",
    "helm": "pathToChartDir | name namespace values set kube_version skip_crds",
    "k8s_context": "|",
    "k8s_kind": "kind | api_version image_json_path image_object_json_path pod_readiness",
    "k8s_namespace": "|",
    "k8s_resource": (
        "| workload new_name port_forwards extra_pod_selectors trigger_mode resource_deps objects auto_init "
        "pod_readiness links labels discovery_strategy"
    ),
    "k8s_yaml": "yaml | allow_duplicates",
    "local_resource": (
        "name cmd | deps trigger_mode resource_deps ignore auto_init serve_cmd cmd_bat serve_cmd_bat allow_parallel "
        "links labels env serve_env readiness_probe dir serve_dir"
    ),
    "port_forward": "local_port | container_port name link_path host",
    "read_file": "file_path | default",
    "read_json": "path | default",
    "run": "cmd | trigger echo_off",
    "sync": "local_path remote_path |",
    "version_settings": "| check_updates constraint",
}
KINDS_WITH_PODS = {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod"}
TEMPLATED = {"Deployment", "StatefulSet", "DaemonSet"}

Render = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True)
class Call:
    """One call of a built-in, with the arguments that were given, by their documented names."""

    name: str
    given: dict[str, Any]


@dataclass(frozen=True)
class Blob:
    """Text that Tilt keeps apart from a path."""

    text: str


@dataclass
class Tilt:
    """What a Tiltfile did. `render` stands in for `helm template`."""

    root: Path
    context: str
    render: Render
    files: Mapping[str, str] = field(default_factory=dict)  # read in place of those in the root
    calls: list[Call] = field(default_factory=list)
    objects: list[dict[str, Any]] = field(default_factory=list)

    def evaluate(self, text: str) -> None:
        """Runs the Tiltfile; a StarlarkError says what is wrong with it."""
        dialect = starlark.Dialect.extended()
        dialect.enable_f_strings = False  # the Starlark inside Tilt knows none of these three
        dialect.enable_types = starlark.DialectTypes.DISABLE
        dialect.enable_load_reexport = False
        module = starlark.Module()
        module["TRIGGER_MODE_AUTO"], module["TRIGGER_MODE_MANUAL"] = "auto", "manual"
        module.add_callable("str", lambda value: value.text if isinstance(value, Blob) else str(value))
        for name, words in BUILTINS.items():
            module.add_callable(name, self._builtin(name, _signature(words)))
        starlark.eval(module, starlark.parse("Tiltfile", text, dialect), starlark.Globals.standard())

    def all(self, name: str) -> list[dict[str, Any]]:
        """The arguments of every call of one built-in."""
        return [call.given for call in self.calls if call.name == name]

    def workloads(self) -> dict[str, dict[str, Any]]:
        """Name that Tilt gives by itself -> the object with pods, of Kubernetes or of a kind that `k8s_kind` names."""
        return {made["metadata"]["name"]: made for made in self.objects if self._has_pods(made)}

    def attached(self) -> list[dict[str, Any]]:
        """Services of a workload's pods: Tilt puts them beside it, and then refuses them in `objects`."""
        pods = [made["spec"]["template"]["metadata"]["labels"] for made in self.objects if made["kind"] in TEMPLATED]
        services = [made for made in self.objects if made["kind"] == "Service"]
        return [made for made in services if any(made["spec"]["selector"].items() <= labels.items() for labels in pods)]

    def resources(self) -> dict[str, dict[str, Any]]:
        """Name in Tilt's list -> the arguments of the call that says how it is to be treated."""
        told = self.all("k8s_resource")
        named = {given.get("new_name") or given["workload"]: given for given in told}
        alone = set(self.workloads()) - {given.get("workload") for given in told}
        return {
            **named,
            **{name: {} for name in alone},
            **{given["name"]: given for given in self.all("local_resource")},
        }

    def _has_pods(self, made: Mapping[str, Any]) -> bool:
        return made["kind"] in KINDS_WITH_PODS or any(
            re.search(given["kind"], made["kind"], re.IGNORECASE)
            and re.search(given.get("api_version", ""), made["apiVersion"], re.IGNORECASE)
            for given in self.all("k8s_kind")
        )

    def _builtin(self, name: str, signature: inspect.Signature) -> Callable[..., Any]:
        answer = getattr(self, f"_{name}", None)

        def builtin(*args: Any, **kwargs: Any) -> Any:
            try:
                call = Call(name, dict(signature.bind(*args, **kwargs).arguments))
            except TypeError as wrong:
                raise TypeError(f"{name}: {wrong}") from None
            self.calls.append(call)
            return answer(call.given) if answer else starlark.OpaquePythonObject(call)

        return builtin

    def _k8s_context(self, _: Mapping[str, Any]) -> str:
        return self.context

    def _k8s_namespace(self, _: Mapping[str, Any]) -> str:
        return "default"

    def _read_file(self, given: Mapping[str, Any]) -> Any:
        return _blob(self._text(given["file_path"], given.get("default")))

    def _read_json(self, given: Mapping[str, Any]) -> Any:
        return json.loads(self._text(given["path"], json.dumps(given.get("default"))))

    def _helm(self, given: Mapping[str, Any]) -> Any:
        if not (self.root / given["pathToChartDir"] / "Chart.yaml").is_file():
            raise FileNotFoundError(f"helm: {given['pathToChartDir']} is no chart")
        return _blob(self.render(given))

    def _filter_yaml(self, given: Mapping[str, Any]) -> Any:
        wanted, rest = [], []
        for one in self._documents(given["yaml"]):
            fits = re.search(given.get("kind", ""), one["kind"], re.IGNORECASE)
            fits = fits and re.search(given.get("name", ""), one["metadata"]["name"], re.IGNORECASE)
            (wanted if fits else rest).append(one)
        return [_blob(yaml.safe_dump_all(wanted)), _blob(yaml.safe_dump_all(rest))]

    def _decode_yaml_stream(self, given: Mapping[str, Any]) -> Any:
        text = given["yaml"]
        return list(yaml.safe_load_all(text.text if isinstance(text, Blob) else text))

    def _k8s_yaml(self, given: Mapping[str, Any]) -> None:
        sources = given["yaml"] if isinstance(given["yaml"], list) else [given["yaml"]]
        for source in sources:
            self.objects += self._documents(source)

    def _documents(self, source: str | Blob) -> Iterator[dict[str, Any]]:
        text = source.text if isinstance(source, Blob) else self._text(source, None)
        return (one for one in yaml.safe_load_all(text) if one)

    def _text(self, path: str, default: str | None) -> str:
        if path in self.files:
            return self.files[path]
        file = self.root / path
        if not file.is_file() and default is not None:
            return default
        return file.read_text(encoding="utf-8")


def _blob(text: str) -> Any:
    return starlark.OpaquePythonObject(Blob(text))


def _signature(words: str) -> inspect.Signature:
    needed, _, optional = words.partition("|")
    either = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature(
        [
            *(inspect.Parameter(name, either) for name in needed.split()),
            *(inspect.Parameter(name, either, default=None) for name in optional.split()),
        ]
    )
