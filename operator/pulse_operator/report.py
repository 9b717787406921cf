"""The status of a pipeline and the Events that go with a change of it. Pure: what was, and what was found, go in.

A status is written only if it says something else than the stored one; figures that always move (the lag) are rounded
and written at most every `QUIET_SECONDS`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulse.facts import Decision
from pulse_operator import scaling
from pulse_operator.conditions import Evidence, last_failure, last_success, runs_of_dbt, runs_of_maintenance
from pulse_operator.conditions.scheduled import Scheduled
from pulse_operator.dependencies import Reason, Status, Verdict
from pulse_operator.dependencies.verdict import status as told_by
from pulse_operator.render import metabase, page
from pulse_operator.render.collector import EVENTS_PATH
from pulse_operator.render.ingress import address
from pulse_operator.render.inputs import Inputs
from pulse_operator.timestamps import seconds_of, text_of

QUIET_SECONDS = 30.0
_MESSAGE_MOST = 1024
_MEMORY_MOST = 65_536

# Parts of the status that move by themselves; a change of them alone can wait.
_RESTLESS = ("lag", "autoscaler")
_COUNTING = ("LagKnown", "ScalingLimited")

# A condition that is False for one of these is on its way, or as somebody asked.
_EXPECTED = frozenset({Reason.SUSPENDED, Reason.BLOCKED, Reason.DELETING, Reason.CREATING})


@dataclass(frozen=True, slots=True)
class Event:
    """One Event about the pipeline."""

    reason: str
    message: str
    warning: bool = False


def status_of(evidence: Evidence, found: Mapping[str, Verdict]) -> dict[str, Any]:
    """The whole status as it should be stored."""
    pipeline, at = evidence.pipeline, evidence.seen.at
    return _without_nothing(
        {
            "observedGeneration": pipeline.generation,
            "phase": phase(evidence, found),
            "conditions": stamped(found, pipeline.status.get("conditions", ()), pipeline.generation, at),
            "lag": _lag(evidence),
            "replicas": _replicas(evidence),
            "collector": _collector(evidence),
            "transform": _runs(evidence, runs_of_dbt(evidence), "transform"),
            "maintenance": _runs(evidence, runs_of_maintenance(evidence), "maintenance"),
            "dashboard": _dashboard(evidence),
            "autoscaler": _autoscaler(evidence.decision),
        }
    )


def only_ready(
    status: Mapping[str, Any], generation: int, at: float, verdict: Verdict, phase_word: str
) -> dict[str, Any]:
    """The stored status with another phase and another Ready: for pipelines that are not looked into any further."""
    kept = [found for found in status.get("conditions", ()) if found["type"] != "Ready"]
    ready = stamped({"Ready": verdict}, status.get("conditions", ()), generation, at)
    return {**status, "observedGeneration": generation, "phase": phase_word, "conditions": [*kept, *ready]}


def phase(evidence: Evidence, found: Mapping[str, Verdict]) -> str:
    """One word for it all."""
    if evidence.pipeline.spec.suspend:
        return "Suspended"
    ready = found["Ready"]
    if ready.status is Status.TRUE:
        degraded = any(verdict.reason in (Reason.DEGRADED, Reason.ROLLING) for verdict in found.values())
        failing = any(found[name].status is Status.FALSE for name in ("DatabaseMaintained", "DashboardReady"))
        return "Degraded" if degraded or failing else "Ready"
    consuming = found["ConsumerAvailable"].status is Status.TRUE
    if consuming:
        return "Degraded"
    return "Progressing" if ready.status is Status.UNKNOWN else "Pending"


def stamped(
    found: Mapping[str, Verdict], before: Sequence[Mapping[str, Any]], generation: int, at: float
) -> list[dict[str, Any]]:
    """The conditions as Kubernetes writes them; the time of a transition stays while the status does."""
    stored = {condition["type"]: condition for condition in before}
    made = []
    for name, verdict in found.items():
        old = stored.get(name, {})
        same = old.get("status") == verdict.status.value
        made.append(
            {
                "type": name,
                "status": verdict.status.value,
                "reason": verdict.reason.value,
                "message": verdict.message,
                "observedGeneration": generation,
                "lastTransitionTime": old["lastTransitionTime"] if same else text_of(at),
            }
        )
    return made


def due(stored: Mapping[str, Any], wanted: Mapping[str, Any], at: float) -> bool:
    """Whether the wanted status is to be written now."""
    if _settled(stored) != _settled(wanted):
        return True
    if stored.get("lag") == wanted.get("lag"):
        return False
    told = (stored.get("lag") or {}).get("measuredAt")
    return told is None or at - seconds_of(told) >= QUIET_SECONDS


def _settled(status: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be told at once. Arithmetic that moves with the lag is no news."""
    kept = {name: value for name, value in status.items() if name not in _RESTLESS}
    kept["conditions"] = [
        {name: value for name, value in condition.items() if name != "message" or not _counts(condition)}
        for condition in status.get("conditions", ())
    ]
    replicas = status.get("replicas") or {}
    kept["replicas"] = {name: value for name, value in replicas.items() if name not in ("message", "reason")}
    kept["recommended"] = replicas.get("reason") == scaling.Reason.RECOMMENDED.value
    return kept


def _counts(condition: Mapping[str, Any]) -> bool:
    return condition["status"] == "True" and condition["type"] in _COUNTING


def events(before: Sequence[Mapping[str, Any]], found: Mapping[str, Verdict]) -> list[Event]:
    """An Event for every condition whose status or reason is another one than the stored."""
    stored = {condition["type"]: condition for condition in before}
    made = []
    for name, verdict in found.items():
        old = stored.get(name)
        if old is not None and (old.get("status"), old.get("reason")) == (verdict.status.value, verdict.reason.value):
            continue
        if name == "Ready" or (old is None and verdict.status is not Status.FALSE):
            continue  # Ready repeats another condition; a new pipeline has nothing to tell but what is wrong
        made.append(Event(verdict.reason.value, f"{name}: {verdict.message}"[:_MESSAGE_MOST], _alarms(name, verdict)))
    return made


def _alarms(name: str, verdict: Verdict) -> bool:
    if name == "ScalingLimited":
        return verdict.status is Status.TRUE
    return verdict.status is Status.FALSE and verdict.reason not in _EXPECTED


def rounded(lag: int) -> int:
    """To two digits, so that a status does not change with every record."""
    size = max(0, len(str(lag)) - 2)
    return round(lag, -size)


def _lag(evidence: Evidence) -> dict[str, Any]:
    reading, decision = evidence.reading, evidence.decision
    if reading is None or reading.problem:
        # The last figure stands, with the time when it was true.
        stored: dict[str, Any] = dict(evidence.pipeline.status.get("lag") or {})
        return stored
    drain = decision.drain_seconds if decision else None
    figures = {
        "total": rounded(reading.lag),
        "drainSeconds": None if drain is None else rounded(int(drain)),
        "partitions": [
            {"partition": number, "lag": rounded(offsets.lag)} for number, offsets in sorted(reading.partitions.items())
        ],
        "stalledPartitions": sorted(decision.stalled) if decision else [],
    }
    made = _without_nothing(figures)
    before = dict(evidence.pipeline.status.get("lag") or {})
    measured = before.pop("measuredAt", None)
    return {**made, "measuredAt": measured if before == made and measured else text_of(reading.at)}


def _replicas(evidence: Evidence) -> dict[str, Any]:
    found = evidence.seen.there(evidence.wants.consumer)
    if found is None:
        return {}
    ready, wanted = told_by(found).get("readyReplicas", 0), found["spec"].get("replicas", 1)
    before = evidence.pipeline.status.get("replicas") or {}
    changed = before.get("desired") != wanted
    decision = evidence.decision
    return _without_nothing(
        {
            "current": ready,
            "desired": wanted,
            "summary": f"{ready}/{wanted}",
            "reason": decision.reason.value if decision else None,
            "message": decision.message[:_MESSAGE_MOST] if decision else None,
            "changedAt": text_of(evidence.seen.at) if changed else before.get("changedAt"),
        }
    )


def _runs(evidence: Evidence, what: Scheduled, name: str) -> dict[str, Any]:
    if evidence.seen.there(what.ref) is None:
        return dict(evidence.pipeline.status.get(name) or {})
    good, bad = last_success(evidence, what), last_failure(evidence, what)
    return _without_nothing(
        {
            "lastSuccessTime": text_of(good) if good is not None else None,
            "lastFailureTime": text_of(bad[0]) if bad else None,
            "message": bad[1][:_MESSAGE_MOST] if bad else None,
        }
    )


def _collector(evidence: Evidence) -> dict[str, Any]:
    """Where events are sent to, by what name, and with which key; nothing of a collector that is not asked for."""
    wants = evidence.wants
    if wants.collector is None:
        return {}
    keys = wants.supplied_keys or wants.own_keys
    return _without_nothing(
        {
            "service": f"http://{wants.collector.name}.{wants.collector.namespace}.svc{EVENTS_PATH}",
            "url": address(evidence.pipeline.spec.collector.ingress, EVENTS_PATH) or None,
            "keysSecret": keys.name if keys else None,
        }
    )


def _dashboard(evidence: Evidence) -> dict[str, Any]:
    """Where people find them, or where nobody said, pods do; and the Secrets that let them in."""
    refs, inputs = (
        evidence.wants.dashboards,
        Inputs(evidence.pipeline.identity, evidence.pipeline.spec, evidence.facts, Decision(0)),
    )
    wanted = inputs.spec.dashboard
    live = {"url": page.outside(inputs) or page.inside(inputs)}
    if wanted.live.auth == "token":
        live["secret"] = refs.token.name
    shown = {"url": metabase.outside(inputs) or metabase.inside(inputs), "secret": refs.keys.name}
    return _without_nothing(
        {
            "live": live if wanted.live.enabled else None,
            "metabase": shown if wanted.metabase.enabled else None,
        }
    )


def _autoscaler(decision: scaling.Decision | None) -> str | None:
    """What a restarted operator goes on from. Averages are not worth a write: they are new within a minute."""
    if decision is None:
        return None
    plain = decision.memory.to_dict()
    plain.pop("samples", None)
    text = json.dumps(plain, separators=(",", ":"))
    return text if len(text) <= _MEMORY_MOST else None


def _without_nothing(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, {}, [])}
