"""Everything that was read about a pipeline, at one moment: raw objects by their refs, pods, and the lag. Pure data."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from pulse_operator import timestamps
from pulse_operator.dependencies import Found, Missing
from pulse_operator.dependencies.verdict import Raw
from pulse_operator.objects import Kind, Ref


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read. A ref that was not asked for counts as not there."""

    at: float  # seconds since 1970
    objects: Mapping[Ref, Found] = field(default_factory=dict)
    pods: Mapping[Ref, tuple[Raw, ...]] = field(default_factory=dict)  # by the Deployment or Job they belong to
    runs: tuple[Raw, ...] = ()  # the Jobs of the transform CronJob, oldest first
    maintenance: tuple[Raw, ...] = ()  # those of the maintain CronJob, likewise
    served: frozenset[Kind] = frozenset()  # of the kinds that a cluster may lack

    def found(self, ref: Ref) -> Found:
        """The object, or why there is none."""
        return self.objects.get(ref, Missing.OBJECT)

    def there(self, ref: Ref | None) -> Raw | None:
        """The object, if there is one."""
        found = self.objects.get(ref) if ref else None
        return None if found is None or isinstance(found, Missing) else found

    def age(self, ref: Ref) -> float:
        """Seconds since the object was made; 0 if there is none."""
        found = self.there(ref)
        return 0.0 if found is None else timestamps.age(found, self.at)


def secret_text(secret: Raw, key: str) -> str | None:
    """A value of a Secret as text; None if the key is absent or holds no text."""
    encoded = (secret.get("data") or {}).get(key)
    if not encoded:
        return None
    try:
        return base64.b64decode(encoded).decode()
    except ValueError:
        return None
