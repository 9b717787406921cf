"""`pulse suspend` and `pulse resume`: stop a pipeline after its last commit, and start it again."""

from __future__ import annotations

import asyncio
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pulse.cli import FAILED, OK, Command
from pulse.env import duration
from pulse_operator import objects
from pulse_operator.api import Api
from pulse_operator.cli.operators import nobody_acts, operators
from pulse_operator.cli.target import stored, target_of, target_words
from pulse_operator.objects import COMPONENT_LABEL, PIPELINE_LABEL, Manifest, Ref

POLL_SECONDS = 1.0

Reached = Callable[[Api, Manifest], Awaitable[bool]]


def _words(parser: ArgumentParser, until: str) -> None:
    parser.add_argument("pipeline", help="name of the PulsePipeline")
    target_words(parser)
    parser.add_argument("--wait", action="store_true", help=until)
    parser.add_argument("--timeout", type=duration, default=duration("5m"), help="longest wait (default 5m)")


def _suspend_words(parser: ArgumentParser) -> None:
    _words(parser, "until no consumer is left")


def _resume_words(parser: ArgumentParser) -> None:
    _words(parser, "until consumers are at work again")


def _suspend(words: Namespace, _: Mapping[str, str]) -> int:
    return _switch(words, True, "is suspended: its consumers stop after their last commit", _quiet)


def _resume(words: Namespace, _: Mapping[str, str]) -> int:
    return _switch(words, False, "goes on", _at_work)


def _switch(words: Namespace, suspended: bool, says: str, reached: Reached) -> int:
    target = target_of(words)
    ref = target.pipeline(words.pipeline)
    generation = target.ask(lambda api: _set(api, ref, suspended=suspended))
    sys.stdout.write(f"{ref} {says}.\n")
    if not words.wait:
        return OK
    seconds = words.timeout.total_seconds()
    problem = target.ask(lambda api: _waited(api, ref, generation, reached, seconds))
    if problem:
        sys.stdout.write(f"It did not come so far within {seconds:g} s. {problem}\n")
    return FAILED if problem else OK


async def _set(api: Api, ref: Ref, *, suspended: bool) -> int:
    """The generation of the spec that says so."""
    await stored(api, ref)
    changed = await api.merge_patch(ref, {"spec": {"suspend": suspended}})
    return int(changed["metadata"]["generation"])


async def _waited(api: Api, ref: Ref, generation: int, reached: Reached, seconds: float) -> str:
    """Waits until the operator has acted on that spec and its end is reached; "", or why it was not in time."""
    deadline = time.monotonic() + seconds
    while True:
        raw = await stored(api, ref)
        acted = (raw.get("status") or {}).get("observedGeneration", 0) >= generation
        if acted and await reached(api, raw):
            return ""
        if time.monotonic() >= deadline:
            break
        await asyncio.sleep(POLL_SECONDS)
    if not acted:
        return nobody_acts(await operators(api, ref.namespace), ref.namespace)
    told = _condition(raw, "Ready").get("message", "Its operator says nothing of it.")
    return f"{told} Look at its pods: kubectl -n {ref.namespace} get pods."


async def _quiet(api: Api, raw: Manifest) -> bool:
    """Whether the consumers are gone."""
    metadata = raw["metadata"]
    labels = f"{PIPELINE_LABEL}={metadata['name']},{COMPONENT_LABEL}=consumer"
    told = await api.list(objects.DEPLOYMENT, metadata["namespace"], labels)
    stopped = all(child["spec"].get("replicas") == 0 for child in told)
    return stopped and not await api.list(objects.POD, metadata["namespace"], labels)


async def _at_work(_: Api, raw: Manifest) -> bool:
    """Whether consumers are, or have nothing to do; said of this spec, and not of an older one."""
    told = _condition(raw, "ConsumerAvailable")
    return told.get("status") == "True" and told.get("observedGeneration", 0) >= raw["metadata"]["generation"]


def _condition(raw: Manifest, name: str) -> Mapping[str, Any]:
    conditions = (raw.get("status") or {}).get("conditions", ())
    return next((one for one in conditions if one["type"] == name), {})


SUSPEND = Command("stop a pipeline after its last commit; everything else stays", _suspend_words, _suspend)
RESUME = Command("let a suspended pipeline go on", _resume_words, _resume)
