"""What a pipeline is made of, as manifests. Pure: the same input gives the same bytes.

It feeds the apply step, the preview and the golden tests. What differs from run to run (addresses, passwords, replicas)
comes in through facts and decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pulse.facts import Decision, Facts
from pulse.spec import PipelineSpec
from pulse_operator.objects import Identity, Manifest, Ref
from pulse_operator.render import collector, consumer
from pulse_operator.render.access import kafka_users
from pulse_operator.render.collector import collectors
from pulse_operator.render.consumer import consumers
from pulse_operator.render.database import databases
from pulse_operator.render.inputs import Inputs, Wanted
from pulse_operator.render.maintain import maintenance
from pulse_operator.render.metabase import metabases
from pulse_operator.render.migrate import job_ref, migration
from pulse_operator.render.monitors import monitors
from pulse_operator.render.network import policies
from pulse_operator.render.page import pages
from pulse_operator.render.provision import job_ref as provision_ref
from pulse_operator.render.provision import provisions
from pulse_operator.render.simulator import simulators
from pulse_operator.render.topics import kafka_topics
from pulse_operator.render.transform import transforms

__all__ = ["Rendered", "migration_job", "provision_job", "render"]

# In this order they are applied: what others stand on comes first, and a pod only after the policy that guards it.
_PARTS = (
    *(kafka_topics, kafka_users, databases, policies, migration),
    *(
        consumer.surroundings,
        collector.surroundings,
        monitors,
        consumers,
        collectors,
        simulators,
        transforms,
        maintenance,
    ),
    *(pages, metabases, provisions),
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """All of it. What is withheld is wanted but cannot be made yet: it is neither applied nor pruned."""

    manifests: tuple[Manifest, ...]
    withheld: frozenset[Ref]


def render(identity: Identity, spec: PipelineSpec, facts: Facts, decision: Decision) -> Rendered:
    """What shall exist for this pipeline, in the order in which it is to be applied."""
    inputs = Inputs(identity, spec, facts, decision)
    wanted: list[Wanted] = [found for part in _PARTS for found in part(inputs)]
    return Rendered(
        manifests=tuple(_sorted(found) for found in wanted if not isinstance(found, Ref)),
        withheld=frozenset(found for found in wanted if isinstance(found, Ref)),
    )


def migration_job(identity: Identity, spec: PipelineSpec, facts: Facts) -> Ref:
    """The Job whose success means that the database has the schema that these images need."""
    return job_ref(Inputs(identity, spec, facts, Decision(0)))


def provision_job(identity: Identity, spec: PipelineSpec, facts: Facts) -> Ref | None:
    """The Job whose success means that Metabase has the dashboards; None where none is wanted or can be named yet."""
    return provision_ref(Inputs(identity, spec, facts, Decision(0)))


def _sorted(value: Any) -> Any:
    """The same with the keys of every mapping in order; lists stay as they are."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
