"""Why pods do not do their work, in their own words: the newest complaint of a container, or of the scheduler."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from pulse_operator.dependencies.verdict import Raw, status

_MOST = 500

# Of a line of our own log: what it is about, and what is wrong. Its other values are for who reads the log.
_TELLING = ("node", "message", "reason", "error", "problem")


def complaint(pods: Sequence[Raw]) -> str:
    """A clause naming the pod, without a full stop; "" if none complains. The newest pod is asked first."""
    newest = sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True)
    return next(_complaints(newest), "").rstrip(".")


def _complaints(pods: Iterable[Raw]) -> Iterator[str]:
    for pod in pods:
        name, told = pod["metadata"]["name"], status(pod)
        for container in told.get("containerStatuses", ()):
            for state in (container.get("state", {}), container.get("lastState", {})):
                ended = state.get("terminated")
                if ended and ended.get("exitCode"):
                    said = (ended.get("message") or ended.get("reason") or "").strip()
                    yield f"Pod {name} ended with code {ended['exitCode']}: {_last_lines(said)}"
            waiting = container.get("state", {}).get("waiting")
            if waiting and waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
                yield f"Pod {name}: {waiting['reason']}: {_last_lines(waiting.get('message') or 'no message')}"
        for condition in told.get("conditions", ()):
            if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
                yield f"Pod {name} cannot be scheduled: {condition.get('message') or condition.get('reason')}"


def _last_lines(text: str) -> str:
    """What was said last counts; a status is no place for a log."""
    flat = " ".join(" ".join(_plain(line) for line in text.splitlines()).split())
    return flat if len(flat) <= _MOST else f"…{flat[-_MOST:]}"


def _plain(line: str) -> str:
    """A line of one of our logs as words; any other as it is."""
    try:
        told = json.loads(line)
    except ValueError:
        return line
    if not isinstance(told, dict) or "event" not in told:
        return line
    return ": ".join(str(told[key]).rstrip(".") for key in ("event", *_TELLING) if told.get(key)) + "."
