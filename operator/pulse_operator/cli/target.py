"""Which cluster and namespace a command is about: what kubectl would take, unless the words say otherwise."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from kubernetes.config import ConfigException, list_kube_config_contexts

from pulse.errors import Stop
from pulse_operator import objects
from pulse_operator.api import Api
from pulse_operator.objects import Manifest, Ref
from pulse_operator.refusals import NotFound, NotServed

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Target:
    """A cluster, by the words of kubectl, and a namespace."""

    namespace: str
    kubeconfig: str | None = None
    context: str | None = None

    def pipeline(self, name: str) -> Ref:
        """The pipeline of that name."""
        return Ref(objects.PIPELINE, self.namespace, name)

    def ask(self, question: Callable[[Api], Awaitable[T]]) -> T:
        """The answer of a question that needs the API server. Stop if it does not know PulsePipelines."""

        async def asked() -> T:
            async with await Api.connect(self.kubeconfig, self.context) as api:
                return await question(api)

        try:
            return asyncio.run(asked())
        except NotServed as absent:
            raise Stop(f"{absent} Pulse's chart brings it: `helm install`, see the README.") from absent


def target_words(parser: ArgumentParser) -> None:
    """The words that choose a target."""
    parser.add_argument("-n", "--namespace", help="namespace of the pipeline (default: that of the context)")
    parser.add_argument("--context", help="context of the kubeconfig (default: the current one)")
    parser.add_argument("--kubeconfig", help="kubeconfig file (default: as kubectl finds it)")


def target_of(words: Namespace) -> Target:
    """The target that the words name."""
    namespace = words.namespace or _of_context(words.kubeconfig, words.context)
    return Target(namespace, words.kubeconfig, words.context)


async def stored(api: Api, ref: Ref) -> Manifest:
    """The pipeline as it is stored. Stop names it if it is not there."""
    try:
        return await api.get(ref)
    except NotFound as absent:
        raise Stop(f"{ref} does not exist. `kubectl get pulsepipelines -A` lists those that do.") from absent


def _of_context(kubeconfig: str | None, context: str | None) -> str:
    try:
        known, active = list_kube_config_contexts(kubeconfig)  # type: ignore[no-untyped-call]
    except ConfigException:
        return "default"
    wanted = next((one for one in known if one["name"] == context), None) if context else active
    return str(((wanted or {}).get("context") or {}).get("namespace") or "default")
