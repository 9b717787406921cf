"""What a pipeline that is being deleted still has to do, step by step. Pure: what exists goes in, the next actions come
out, and the last one is to let the pipeline go.

Order: collectors, consumers and simulator stop after what they have begun; then the workloads go; then the users of
Kafka; and where the policy says Delete, topics and database, and the roles after the database that they own. It ends
even when Strimzi or CloudNativePG went first: what only they could finish is freed of their finalizers once what they
ran is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pulse_operator import objects
from pulse_operator.objects import Kind, Manifest, Ref

# A pod that got no time to finish loses nothing, it only costs a replay; but a cluster that stops no pods must not keep
# a pipeline for ever.
DRAIN_SECONDS = 300.0

WORKLOADS = frozenset(
    {
        *(objects.DEPLOYMENT, objects.CRON_JOB, objects.JOB, objects.SERVICE, objects.DISRUPTION_BUDGET),
        *(objects.NETWORK_POLICY, objects.INGRESS, objects.AUTOSCALER, objects.POD_MONITOR),
    }
)
# The components whose pods still have something to bring to its end.
AT_WORK = f"{objects.COMPONENT_LABEL} in (collector,consumer,simulator)"
_ACCESS = frozenset({objects.KAFKA_USER})
_DATA = (
    *(frozenset({objects.KAFKA_TOPIC}), frozenset({objects.DATABASE}), frozenset({objects.DATABASE_ROLE})),
    frozenset({objects.SECRET}),
)
_BY_STRIMZI = frozenset({objects.KAFKA_TOPIC, objects.KAFKA_USER})
_BY_CLOUD_NATIVE_PG = frozenset({objects.DATABASE, objects.DATABASE_ROLE})


@dataclass(frozen=True, slots=True)
class Child:
    """One child that is still there."""

    ref: Ref
    uid: str = ""
    deleting: bool = False
    stopped: bool = False  # of a Deployment: whether it is told to run no pod

    @classmethod
    def of(cls, raw: Manifest) -> Child:
        """A child as it was read."""
        metadata = raw["metadata"]
        stopped = (raw.get("spec") or {}).get("replicas") == 0
        return cls(Ref.of(raw), metadata["uid"], "deletionTimestamp" in metadata, stopped)


@dataclass(frozen=True, slots=True)
class Steps:
    """What to do now. Nothing to do and nothing awaited: the pipeline may go, and `kept` outlives it."""

    stop: tuple[Ref, ...] = ()
    delete: tuple[Ref, ...] = ()
    free: tuple[Ref, ...] = ()  # of finalizers whose operator is gone
    awaited: tuple[Ref, ...] = ()
    kept: tuple[Ref, ...] = ()
    unseen: tuple[str, ...] = ()  # where the operator may not look, so that something may be left

    @property
    def done(self) -> bool:
        return not self.awaited


def next_steps(
    children: Iterable[Child],
    *,
    pods: Sequence[Ref],
    delete_data: bool,
    kafka_gone: bool,
    postgres_gone: bool,
    seconds: float,
) -> Steps:
    """The next steps. `pods` are those still at work, `seconds` is for how long the operator has waited for them."""
    there = sorted(children, key=lambda child: str(child.ref))
    loud = tuple(child.ref for child in there if child.ref.kind is objects.DEPLOYMENT and _loud(child))
    if seconds < DRAIN_SECONDS and (loud or pods):
        return Steps(stop=loud, awaited=loud or tuple(pods))
    for stage in (WORKLOADS, _ACCESS, *(_DATA if delete_data else ())):
        left = [child for child in there if child.ref.kind in stage]
        if left:
            orphans = _orphans(stage, kafka_gone, postgres_gone)
            return Steps(
                delete=tuple(child.ref for child in left if not child.deleting),
                free=tuple(child.ref for child in left if child.deleting and child.ref.kind in orphans),
                awaited=tuple(child.ref for child in left),
            )
    return Steps(kept=tuple(child.ref for child in there))


def _loud(child: Child) -> bool:
    return not (child.stopped or child.deleting)


def _orphans(stage: frozenset[Kind], kafka_gone: bool, postgres_gone: bool) -> frozenset[Kind]:
    """Of these kinds those that nobody is left to finish."""
    gone: frozenset[Kind] = _BY_STRIMZI if kafka_gone else frozenset()
    return stage & (gone | _BY_CLOUD_NATIVE_PG if postgres_gone else gone)
