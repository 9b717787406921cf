"""The CronJob that makes the partitions of the raw events ahead of time, and ends what is past the retention. Pure."""

from __future__ import annotations

from datetime import timedelta

from msgspec import UNSET, UnsetType

from pulse.facts import DatabaseAccess
from pulse.plan import milliseconds
from pulse.settings import MaintainSettings
from pulse.spec import Amounts, Resources
from pulse_operator.objects import CRON_JOB, Manifest
from pulse_operator.render.environment import (
    LOG,
    Environment,
    database_files,
    database_settings,
    environment,
    secret,
    secret_ref,
)
from pulse_operator.render.inputs import Inputs, Wanted, workload
from pulse_operator.render.jobs import cron, job
from pulse_operator.render.pod import Container, template

COMPONENT = "maintain"

_RETRIES = 4
_DEADLINE_SECONDS = 12 * 3600
_LATEST_START_SECONDS = 12 * 3600
_RESOURCES = Resources(requests=Amounts(cpu="50m", memory="64Mi"), limits=Amounts(memory="256Mi"))


def maintenance(inputs: Inputs) -> list[Wanted]:
    """The Secret once the owner can reach the database, the CronJob once that has its schema."""
    ref = inputs.home(CRON_JOB, COMPONENT)
    access = inputs.facts.databases.get("owner")
    if access is None:
        return [secret_ref(inputs, COMPONENT), ref]
    told = environment(inputs, COMPONENT, settings(inputs, access), database_files(access))
    kept = secret(inputs, COMPONENT, told)
    if not inputs.startable:
        return [*kept, ref]
    return [*kept, workload(inputs, ref, COMPONENT, spec=_spec(inputs, told))]


def settings(inputs: Inputs, access: DatabaseAccess) -> MaintainSettings:
    """What the run is told."""
    sink = inputs.spec.sink
    return MaintainSettings(
        database=database_settings(access),
        log=LOG,
        retention=_length(sink.retention),
        dead_letter_retention=_length(sink.dead_letter_retention),
    )


def _length(said: str | UnsetType) -> timedelta:
    return timedelta(0) if said is UNSET else timedelta(milliseconds=milliseconds(said))


def _spec(inputs: Inputs, told: Environment) -> Manifest:
    runs = Container(COMPONENT, inputs.facts.images.consumer, ("pulse-consumer", "maintain"), told, _RESOURCES)
    return cron(
        inputs,
        COMPONENT,
        job(template(inputs, runs, "Never"), retries=_RETRIES, deadline_seconds=_DEADLINE_SECONDS),
        schedule=inputs.spec.maintenance.schedule,
        zone="UTC",  # the partitions' weeks begin by it
        latest_start_seconds=_LATEST_START_SECONDS,
    )
