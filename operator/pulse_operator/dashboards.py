"""Under which names the dashboards' objects are, and which objects are theirs. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from pulse_operator import objects
from pulse_operator.objects import Ref

# The parts that they are made of: the live page, Metabase, and the Job that puts the dashboards into it.
PAGE, METABASE, PROVISION = "dashboards", "metabase", "provision"


@dataclass(frozen=True, slots=True)
class DashboardRefs:
    """The objects that tell how the dashboards are, whether or not anybody wants them."""

    page: Ref  # the Deployment
    token: Ref  # the Secret that people take the page's token from
    metabase: Ref  # the Deployment
    keys: Ref  # the Secret with what Metabase must never lose
    role: Ref | None = None  # of Metabase's own database, where CloudNativePG runs that
    role_secret: Ref | None = None
    database: Ref | None = None

    @property
    def all(self) -> tuple[Ref, ...]:
        """Those that there can be."""
        found = (self.page, self.token, self.metabase, self.keys, self.role, self.role_secret, self.database)
        return tuple(ref for ref in found if ref is not None)


def dashboard_refs(home: str, name: str, postgres: str | None) -> DashboardRefs:
    """Those of a pipeline; `postgres` is the namespace of its CloudNativePG Cluster, if it has one."""
    return DashboardRefs(
        page=Ref(objects.DEPLOYMENT, home, f"{name}-{PAGE}"),
        token=Ref(objects.SECRET, home, f"{name}-{PAGE}"),
        metabase=Ref(objects.DEPLOYMENT, home, f"{name}-{METABASE}"),
        keys=Ref(objects.SECRET, home, f"{name}-{METABASE}"),
        role=Ref(objects.DATABASE_ROLE, postgres, f"{name}-{METABASE}") if postgres else None,
        role_secret=Ref(objects.SECRET, postgres, f"{name}-db-{METABASE}") if postgres else None,
        database=Ref(objects.DATABASE, postgres, f"{name}-{METABASE}") if postgres else None,
    )


def is_dashboards(ref: Ref, name: str) -> bool:
    """Whether an object of this pipeline belongs to its dashboards."""
    part = ref.name.removeprefix(f"{name}-").removeprefix("db-")
    return any(part == one or part.startswith(f"{one}-") for one in (PAGE, METABASE, PROVISION))
