"""`pulse suspend` and `pulse resume`: stop a pipeline after its last commit, and start it again."""

from __future__ import annotations

import asyncio
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from pulse.cli import FAILED, OK, Command
from pulse.env import duration
from pulse_operator import objects
from pulse_operator.api import Api
from pulse_operator.cli.target import stored, target_of, target_words
from pulse_operator.objects import COMPONENT_LABEL, PIPELINE_LABEL, Ref

POLL_SECONDS = 1.0


def _words(parser: ArgumentParser) -> None:
    parser.add_argument("pipeline", help="name of the PulsePipeline")
    target_words(parser)


def _suspend_words(parser: ArgumentParser) -> None:
    _words(parser)
    parser.add_argument("--wait", action="store_true", help="until no consumer is left")
    parser.add_argument("--timeout", type=duration, default=duration("5m"), help="longest wait (default 5m)")


def _suspend(words: Namespace, _: Mapping[str, str]) -> int:
    target = target_of(words)
    ref = target.pipeline(words.pipeline)
    target.ask(lambda api: _set(api, ref, suspended=True))
    sys.stdout.write(f"{ref} is suspended: its consumers stop after their last commit.\n")
    if not words.wait or target.ask(lambda api: _quiet(api, ref, words.timeout.total_seconds())):
        return OK
    sys.stdout.write(f"Pods of {ref} are still there. Look at them: kubectl -n {ref.namespace} get pods.\n")
    return FAILED


def _resume(words: Namespace, _: Mapping[str, str]) -> int:
    target = target_of(words)
    ref = target.pipeline(words.pipeline)
    target.ask(lambda api: _set(api, ref, suspended=False))
    sys.stdout.write(f"{ref} goes on.\n")
    return OK


async def _set(api: Api, ref: Ref, *, suspended: bool) -> None:
    await stored(api, ref)
    await api.merge_patch(ref, {"spec": {"suspend": suspended}})


async def _quiet(api: Api, ref: Ref, seconds: float) -> bool:
    """Whether the consumers were gone in time."""
    deadline = time.monotonic() + seconds
    labels = f"{PIPELINE_LABEL}={ref.name},{COMPONENT_LABEL}=consumer"
    while time.monotonic() < deadline:
        told = {child["metadata"]["name"]: child for child in await api.list(objects.DEPLOYMENT, ref.namespace, labels)}
        stopped = all(child["spec"].get("replicas") == 0 for child in told.values())
        if stopped and not await api.list(objects.POD, ref.namespace, labels):
            return True
        await asyncio.sleep(POLL_SECONDS)
    return False


SUSPEND = Command("stop a pipeline after its last commit; everything else stays", _suspend_words, _suspend)
RESUME = Command("let a suspended pipeline go on", _words, _resume)
