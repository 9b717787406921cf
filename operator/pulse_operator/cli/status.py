"""`pulse status PIPELINE`: what the operator says of a pipeline in a cluster, condition by condition."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any

from pulse.cli import FAILED, OK, Command
from pulse_operator.api import Api
from pulse_operator.cli.operators import nobody_acts, operators
from pulse_operator.cli.target import stored, target_of, target_words
from pulse_operator.objects import Manifest, Ref

_WIDTHS = (18, 9, 22)


def _words(parser: ArgumentParser) -> None:
    parser.add_argument("pipeline", help="name of the PulsePipeline")
    target_words(parser)


def _run(words: Namespace, _: Mapping[str, str]) -> int:
    target = target_of(words)
    raw, advice = target.ask(lambda api: _asked(api, target.pipeline(words.pipeline)))
    sys.stdout.write(told(raw, advice))
    return OK if _ready(raw) else FAILED


async def _asked(api: Api, ref: Ref) -> tuple[Manifest, str]:
    """The pipeline, and what may be the matter if its operator has not acted on it."""
    raw = await stored(api, ref)
    behind = _observed(raw) != raw["metadata"].get("generation")
    return raw, nobody_acts(await operators(api, ref.namespace), ref.namespace) if behind else ""


def told(raw: Mapping[str, Any], advice: str = "") -> str:
    """The status as text; `advice` says why nobody may have acted on the latest spec."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    lines = [f"{metadata['namespace']}/{metadata['name']}: {status.get('phase', 'not looked at yet')}"]
    if _observed(raw) != metadata.get("generation"):
        if status:
            lines.append("The operator has not acted on the latest spec yet: what follows is older.")
        if advice:
            lines.append(f"If it stays so: {advice}")
    lag, replicas, collector, transform = (
        status.get(name) or {} for name in ("lag", "replicas", "collector", "transform")
    )
    if lag:
        drain = f", drained in {lag['drainSeconds']} s" if lag.get("drainSeconds") else ""
        lines.append(f"lag         {lag.get('total', 'unknown')} records{drain} (at {lag.get('measuredAt')})")
    if replicas:
        why = f" ({replicas['reason']}: {replicas.get('message', '')})" if replicas.get("reason") else ""
        lines.append(f"consumers   {replicas.get('summary')} ready{why}")
    if collector:
        keys = f", write keys in Secret {collector['keysSecret']}" if collector.get("keysSecret") else ""
        lines.append(f"collector   {collector.get('url') or collector.get('service')}{keys}")
    for name, found in (status.get("dashboard") or {}).items():
        secret = f", log-in in Secret {found['secret']}" if found.get("secret") else ""
        lines.append(f"{name.ljust(11)} {found['url']}{secret}")
    if transform.get("lastSuccessTime"):
        lines.append(f"dbt         last good run {transform['lastSuccessTime']}")
    lines.append("")
    for condition in status.get("conditions", ()):
        cells = (condition["type"], condition["status"], condition["reason"])
        padded = " ".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True))
        lines.append(f"{padded} {condition['message']}")
    return "\n".join(lines).rstrip() + "\n"


def _observed(raw: Mapping[str, Any]) -> int | None:
    return (raw.get("status") or {}).get("observedGeneration")


def _ready(raw: Mapping[str, Any]) -> bool:
    conditions = (raw.get("status") or {}).get("conditions", ())
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


STATUS = Command("what the operator says of a pipeline; exit code 1 if it is not ready", _words, _run)
