"""All pipelines of one operator: which there are, which are due, and which objects' changes concern which of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from pulse.adapters import metrics
from pulse.errors import PulseError
from pulse_operator import gauges, objects
from pulse_operator.metadata import Meta
from pulse_operator.objects import Ref
from pulse_operator.reconcile import Key, Reconciler
from pulse_operator.work import Work

Raw = Mapping[str, Any]

# Several objects change within one moment; looking once after all of them is enough.
GATHER_SECONDS = 0.2
AUTOSCALER_SECONDS = 60.0


class Keeper:
    """Takes what happened, and has the reconciler look. All methods belong to one event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.work: Work[Key] = Work(clock)
        self._clock = clock
        self._raw: dict[Key, Raw] = {}
        self._heard_at: dict[Key, float] = {}
        self._reconciler: Reconciler | None = None
        self._log = structlog.get_logger()

    def serve(self, reconciler: Reconciler) -> None:
        """Says who does the passes; nothing is worked on before."""
        self._reconciler = reconciler

    def appeared(self, raw: Raw) -> None:
        """A pipeline is there, or is another one than before."""
        key = _key(raw)
        before = self._raw.get(key)
        if before is not None and _succeeds(before, raw):
            return
        kept = {name: value for name, value in raw.items() if name != "metadata"}
        kept["metadata"] = {name: value for name, value in raw["metadata"].items() if name != "managedFields"}
        self._raw[key] = kept
        self._heard_at[key] = self._clock()
        metrics.OPERATOR_PIPELINES.set(len(self._raw))
        if before is None or _asked(before) != _asked(kept):
            self.work.add(key)

    def vanished(self, raw: Raw) -> None:
        """A pipeline is no more."""
        key = _key(raw)
        now = self._raw.get(key)
        if now is not None and _succeeds(now, raw):
            return
        self._raw.pop(key, None)
        self._heard_at.pop(key, None)
        self.work.drop(key)
        gauges.forget(key)
        metrics.OPERATOR_PIPELINES.set(len(self._raw))
        if self._reconciler is not None:
            self._reconciler.forget(key, raw["metadata"]["uid"])

    def changed(self, ref: Ref, meta: Meta | None) -> None:
        """Some object changed that one or more pipelines have to do with."""
        keys = set(self._reconciler.dependents.get(ref, ())) if self._reconciler else set()
        if self._reconciler is not None and (owner := self._reconciler.owner(ref)) is not None:
            keys.add(owner)
        if meta is not None and meta.owner is not None:
            keys.add(meta.owner)
        # An autoscaler that is there says something new of itself all the time, and nothing that counts here.
        gather = AUTOSCALER_SECONDS if ref.kind is objects.AUTOSCALER and meta is not None else GATHER_SECONDS
        for key in keys & self._raw.keys():
            self.work.add(key, gather)

    def news(self, key: Key) -> None:
        """The autoscaler has something new about a pipeline."""
        if key in self._raw:
            self.work.add(key)

    async def one(self, key: Key) -> float | None:
        """One pass over one pipeline."""
        raw = self._raw.get(key)
        if raw is None or self._reconciler is None:
            return None
        began = time.perf_counter()
        try:
            if self._clock() - self._heard_at[key] >= self._reconciler.resync_seconds:
                # A watch may have missed the end of a pipeline: nothing is made for one that is no more.
                raw = await self._confirmed(key, self._reconciler)
            again = await self._reconciler.reconcile(raw) if raw is not None else None
        finally:
            metrics.OPERATOR_RECONCILE_SECONDS.observe(time.perf_counter() - began)
            metrics.OPERATOR_LAST_RECONCILE.set(self._clock())
        metrics.OPERATOR_RECONCILES.labels("done").inc()
        return again

    async def _confirmed(self, key: Key, reconciler: Reconciler) -> Raw | None:
        """The pipeline as the API server has it now."""
        found = await reconciler.current(key)
        if found is None:
            self.vanished(self._raw[key])
            return None
        self.appeared(found)
        return self._raw[key]

    def failed(self, key: Key, error: Exception, again: float) -> None:
        """A pass did not come to its end; it is made again."""
        metrics.OPERATOR_RECONCILES.labels("failed").inc()
        known = isinstance(error, PulseError)
        self._log.warning(
            "reconcile_failed",
            pipeline="/".join(key),
            problem=str(error) if known else f"{type(error).__name__}: {error}",
            retry_in_seconds=round(again, 1),
            exc_info=None if known else error,
        )


def _key(raw: Raw) -> Key:
    return raw["metadata"]["namespace"], raw["metadata"]["name"]


def _succeeds(one: Raw, other: Raw) -> bool:
    """Whether `one` is a later pipeline of the same name. Of two objects kopf tells in any order."""
    ours, theirs = one["metadata"], other["metadata"]
    return ours["uid"] != theirs["uid"] and int(ours["resourceVersion"]) > int(theirs["resourceVersion"])


def _asked(raw: Raw) -> tuple[Any, ...]:
    """What a person or the API server can change about a pipeline, its status aside: that is our own doing."""
    metadata = raw["metadata"]
    wanted = ("uid", "generation", "deletionTimestamp", "finalizers", "annotations")
    return tuple(metadata.get(name) for name in wanted)
