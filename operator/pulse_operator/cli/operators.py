"""Which operators run in a cluster, and whose pipelines they keep.

That is asked where nothing happens, and where it counts which images an operator gives out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pulse.errors import SettingsError
from pulse.settings import OperatorSettings
from pulse_operator import objects
from pulse_operator.api import Api
from pulse_operator.objects import Manifest, Ref
from pulse_operator.refusals import Forbidden
from pulse_operator.scope import listed

_LABELS = "app.kubernetes.io/name=pulse-operator,app.kubernetes.io/component=operator"  # as the chart sets them


@dataclass(frozen=True, slots=True)
class Operator:
    """One that is installed. `settings` is None if they are not those of this version."""

    ref: Ref
    ready: bool
    settings: OperatorSettings | None

    def keeps(self, namespace: str) -> bool:
        """Whether it looks after the pipelines of a namespace; one whose settings are not read may."""
        kept = listed(self.settings.namespaces) if self.settings else ()
        return not kept or namespace in kept


async def operators(api: Api, namespace: str) -> list[Operator] | None:
    """Those of the cluster, or of a pipeline's namespace where only that may be read; None if nobody can say."""
    try:
        return [_operator(raw) for raw in await api.list(objects.DEPLOYMENT, None, _LABELS)]
    except Forbidden:
        pass
    try:
        # Another may run elsewhere, so that none is here says nothing.
        return [_operator(raw) for raw in await api.list(objects.DEPLOYMENT, namespace, _LABELS)] or None
    except Forbidden:
        return None


def nobody_acts(found: Sequence[Operator] | None, namespace: str) -> str:
    """Why a pipeline of this namespace may stay without an answer, and what to do."""
    if found is None:
        return (
            f"No operator seems to watch namespace {namespace}, and you may not see which ones run. Ask whoever "
            f"installed Pulse whether the chart's values (namespaces, clusterWide) cover {namespace}."
        )
    at_work = [one for one in found if one.keeps(namespace)]
    if not at_work:
        others = "; ".join(f"{one.ref} watches {_kept(one)}" for one in found) or "none runs in this cluster"
        do = f"Name {namespace} in the chart's value namespaces" if found else "Install the chart, see the README"
        return f"No operator seems to watch namespace {namespace}: {others}. {do}."
    ref, ready = at_work[0].ref, any(one.ready for one in at_work)
    if not ready:
        return f"{ref} should watch namespace {namespace}, and has no ready pod: kubectl -n {ref.namespace} get pods."
    log = f"kubectl -n {ref.namespace} logs deployment/{ref.name}"
    return f"{ref} watches namespace {namespace} and has not acted on it. Look at its log: {log}."


def _operator(raw: Manifest) -> Operator:
    (container, *_) = raw["spec"]["template"]["spec"]["containers"]
    env = {item["name"]: item["value"] for item in container.get("env", ()) if item.get("value")}
    try:
        settings = OperatorSettings.from_env(env)
    except SettingsError:
        settings = None
    return Operator(Ref.of(raw), bool((raw.get("status") or {}).get("readyReplicas")), settings)


def _kept(operator: Operator) -> str:
    return ", ".join(listed(operator.settings.namespaces)) if operator.settings else "others"
