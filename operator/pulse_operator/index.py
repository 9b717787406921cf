"""The objects that are watched, by name and by pipeline, and what changed from one listing to the next. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pulse_operator.metadata import Meta
from pulse_operator.objects import Kind, Ref


@dataclass(frozen=True, slots=True)
class Scope:
    """What one watch covers: a kind, in a namespace or in all, by a label selector."""

    kind: Kind
    namespace: str | None = None
    labels: str = ""


class Index:
    """The objects of all scopes. An object that two scopes cover is in both, and is gone when it left both."""

    def __init__(self) -> None:
        self._scopes: dict[tuple[Kind, str | None], dict[Scope, dict[Ref, Meta]]] = {}
        self._owned: dict[tuple[str, str], set[Ref]] = {}

    def lookup(self, ref: Ref) -> Meta | None:
        """What is known of an object; None if it does not exist, or is not watched."""
        for where in (ref.namespace, None):
            for objects in self._scopes.get((ref.kind, where), {}).values():
                if ref in objects:
                    return objects[ref]
        return None

    def owned_by(self, namespace: str, name: str) -> frozenset[Ref]:
        """All that carries the labels of one pipeline."""
        return frozenset(self._owned.get((namespace, name), ()))

    def replace(self, scope: Scope, objects: Mapping[Ref, Meta]) -> list[Ref]:
        """Takes a whole listing, and says what it makes new, different or gone."""
        known = self._objects(scope)
        changed = [ref for ref in known if ref not in objects]
        changed += [ref for ref, meta in objects.items() if known.get(ref) != meta]
        for ref in changed:
            self._put(known, ref, objects.get(ref))
        return changed

    def change(self, scope: Scope, ref: Ref, meta: Meta | None) -> None:
        """Takes one change; None removes."""
        self._put(self._objects(scope), ref, meta)

    def _objects(self, scope: Scope) -> dict[Ref, Meta]:
        return self._scopes.setdefault((scope.kind, scope.namespace), {}).setdefault(scope, {})

    def _put(self, objects: dict[Ref, Meta], ref: Ref, meta: Meta | None) -> None:
        before = objects.pop(ref, None)
        if meta is not None:
            objects[ref] = meta
        for owner in {one.owner for one in (before, meta) if one is not None and one.owner is not None}:
            self._settle(owner, ref)

    def _settle(self, owner: tuple[str, str], ref: Ref) -> None:
        """Whether the object is the owner's, by what is known of it now."""
        now = self.lookup(ref)
        refs = self._owned.setdefault(owner, set())
        if now is not None and now.owner == owner:
            refs.add(ref)
        else:
            refs.discard(ref)
        if not refs:
            del self._owned[owner]
