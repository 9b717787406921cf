"""Writes the children of a pipeline where they are not as they should be, and removes those not wanted any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pulse_operator import objects
from pulse_operator.api import Api
from pulse_operator.dependencies import Missing, Reason, Verdict, kind_missing
from pulse_operator.dependencies.verdict import Raw, false, unknown
from pulse_operator.index import Index
from pulse_operator.metadata import Meta
from pulse_operator.objects import Identity, Manifest, Ref, owned
from pulse_operator.observe import Observer
from pulse_operator.patches import carried, contains, fingerprint, with_fingerprint
from pulse_operator.refusals import ApiError, ApiUnavailable, Conflict, Forbidden, Invalid, NotServed

# Children that may go while their pipeline stays. Topics, databases and roles hold data: only a deletion takes them.
PRUNED = frozenset(
    {
        *(objects.DEPLOYMENT, objects.CRON_JOB, objects.JOB, objects.SERVICE, objects.DISRUPTION_BUDGET),
        *(objects.NETWORK_POLICY, objects.INGRESS, objects.AUTOSCALER, objects.POD_MONITOR),
        objects.KAFKA_USER,
    }
)


@dataclass(slots=True)
class Outcome:
    """What one pass over the children did."""

    refusals: dict[Ref, Verdict] = field(default_factory=dict)
    written: dict[Ref, Manifest] = field(default_factory=dict)
    corrected: list[Ref] = field(default_factory=list)  # they were as asked once, and somebody changed them
    removed: list[Ref] = field(default_factory=list)


class Applier:
    """Remembers in which version each child was seen to be right; one for all pipelines."""

    def __init__(self, api: Api, index: Index, observer: Observer) -> None:
        self._api = api
        self._index = index
        self._observer = observer
        self._right: dict[Ref, tuple[str, str]] = {}
        self._owners: dict[Ref, tuple[str, str]] = {}

    async def apply(
        self, identity: Identity, manifests: Iterable[Manifest], read: Mapping[Ref, Raw] | None = None
    ) -> Outcome:
        """Brings every child to what its manifest says, in order. What is refused is told, and stops no other.

        The manifests of those in `read` repeat what was read there: they are written over that version and no other,
        so that what somebody has changed or deleted since does not come back. The next pass reads it.
        """
        outcome = Outcome()
        for manifest in manifests:
            ref = Ref.of(manifest)
            try:
                await self._one(identity, ref, manifest, (read or {}).get(ref), outcome)
            except ApiUnavailable:
                raise  # the others would fare no better
            except ApiError as refused:
                outcome.refusals[ref] = _verdict(ref, refused)
        return outcome

    async def prune(self, identity: Identity, keep: Iterable[Ref], outcome: Outcome) -> None:
        """Removes children that are not wanted any more; those that a CronJob made are the CronJob's."""
        kept = set(keep)
        for ref in self._index.owned_by(identity.namespace, identity.name) - kept:
            meta = self._index.lookup(ref)
            if meta is None or meta.deleting or not _prunable(ref, meta, identity):
                continue
            await self.delete(ref, meta.uid)
            outcome.removed.append(ref)

    async def scale(self, ref: Ref, replicas: int) -> None:
        """Has so many pods of a Deployment run, and leaves the rest of it as it is."""
        await self._api.merge_patch(ref, {"spec": {"replicas": replicas}})

    async def delete(self, ref: Ref, uid: str) -> None:
        """Removes one child, if it is still the one that was meant."""
        self._right.pop(ref, None)
        self._observer.forget([ref])
        try:
            await self._api.delete(ref, uid)
        except Conflict:
            return  # another of that name came meanwhile: it is judged anew next time

    def owner(self, ref: Ref) -> tuple[str, str] | None:
        """The pipeline that this object was written for, also when it is gone or lost its labels."""
        return self._owners.get(ref)

    def forget(self, key: tuple[str, str]) -> None:
        """Lets go of everything about a pipeline that is no more."""
        mine = [ref for ref, owner in self._owners.items() if owner == key]
        self._observer.forget(mine)
        for ref in mine:
            del self._owners[ref]
            self._right.pop(ref, None)

    async def _one(self, identity: Identity, ref: Ref, manifest: Manifest, read: Raw | None, outcome: Outcome) -> None:
        print_of = fingerprint(manifest)
        self._owners[ref] = identity.namespace, identity.name
        meta = self._index.lookup(ref)
        if meta is not None and self._right.get(ref) == (print_of, meta.version):
            return
        live = await (self._observer.fetch(ref) if meta is None else self._observer.read(ref))
        wanted = with_fingerprint(manifest)
        if not isinstance(live, Missing):
            if not owned(dict(live), identity):
                outcome.refusals[ref] = _foreign(ref)
                return
            if carried(live) == print_of and contains(live, wanted):
                self._right[ref] = print_of, live["metadata"]["resourceVersion"]
                return
            if carried(live) == print_of:
                outcome.corrected.append(ref)
        made = await self._api.apply(wanted if read is None else _over(read, wanted))
        self._right[ref] = print_of, made["metadata"]["resourceVersion"]
        self._observer.keep(ref, made)
        outcome.written[ref] = made


def _over(read: Raw, wanted: Manifest) -> Manifest:
    """Refused as a conflict unless the object is the one that was read, in that version.

    The version alone would not do: the API server asks it of objects that are there, the uid also of one that is gone.
    """
    held = {key: read["metadata"][key] for key in ("uid", "resourceVersion")}
    return {**wanted, "metadata": {**wanted["metadata"], **held}}


def _prunable(ref: Ref, meta: Meta, identity: Identity) -> bool:
    """Secrets of a component go with it; those with the passwords of roles have no owner, and stay."""
    if ref.kind is objects.SECRET:
        return meta.controller == identity.uid
    return ref.kind in PRUNED and meta.controller in ("", identity.uid)


def _foreign(ref: Ref) -> Verdict:
    return false(
        Reason.OWNED_BY_OTHER,
        f"{ref} exists and is not this pipeline's, so it is left alone. Delete or rename it, or rename the pipeline.",
    )


def _verdict(ref: Ref, refused: ApiError) -> Verdict:
    """A refused write as a condition tells it."""
    if isinstance(refused, Forbidden):
        return false(
            Reason.FORBIDDEN,
            f"{ref} may not be written by the operator. Name its namespace in the chart's values. {refused}",
        )
    if isinstance(refused, NotServed):
        return kind_missing(ref.kind.api_version, ref.kind.name, ref.namespace, ref.name)
    if isinstance(refused, Invalid):
        return false(Reason.REFUSED, str(refused))
    if isinstance(refused, Conflict):
        return unknown(Reason.PENDING, str(refused))
    return false(Reason.REFUSED, str(refused))
