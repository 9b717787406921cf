"""The CronJobs that run dbt: the regular one, and the one that builds everything anew. Pure."""

from __future__ import annotations

from msgspec import UNSET

from pulse.env import duration
from pulse.facts import DatabaseAccess
from pulse.settings import TransformSettings
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

COMPONENT = "transform"
# Where the image of the dbt runner has the project.
PROJECT_DIRECTORY = "/opt/pulse/dbt"
# A CronJob's name can have 52 characters, so that those of its Jobs fit; a pipeline's has up to 40 of them.
RUN, REFRESH = "transform", "refresh"

_HOUR = 3600
# A run that finds another at work ends, and is tried again with growing pauses. The regular one comes round anyhow; the
# refresh waits for its turn.
_RUN_RETRIES, _REFRESH_RETRIES = 2, 6
_RUN_DEADLINE_SECONDS, _REFRESH_DEADLINE_SECONDS = 4 * _HOUR, 24 * _HOUR
_RUN_LATEST_START_SECONDS, _REFRESH_LATEST_START_SECONDS = 600, 12 * _HOUR


def transforms(inputs: Inputs) -> list[Wanted]:
    """The Secret once the database can be reached, the CronJobs once it has its schema; nothing if others run dbt."""
    if not inputs.spec.transform.enabled:
        return []
    refreshed = inputs.spec.transform.full_refresh_schedule is not UNSET
    crons = [inputs.home(CRON_JOB, name) for name in (RUN, *([REFRESH] if refreshed else []))]
    access = inputs.facts.databases.get("transform")
    if access is None:
        return [secret_ref(inputs, COMPONENT), *crons]
    told = environment(inputs, COMPONENT, settings(inputs, access), database_files(access))
    kept = secret(inputs, COMPONENT, told)
    if not inputs.startable:
        return [*kept, *crons]
    specs = [_run(inputs, told), _refresh(inputs, told)]
    return [*kept, *(workload(inputs, ref, COMPONENT, spec=spec) for ref, spec in zip(crons, specs, strict=False))]


def settings(inputs: Inputs, access: DatabaseAccess) -> TransformSettings:
    """What the dbt runner is told."""
    wanted = inputs.spec.transform
    return TransformSettings(
        database=database_settings(access),
        log=LOG,
        project=PROJECT_DIRECTORY,
        session_gap=duration(wanted.session_gap),
        late_after=duration(wanted.late_after),
        time_zone=wanted.time_zone,
        exclude_bots=wanted.bots == "Exclude",
    )


def _run(inputs: Inputs, told: Environment) -> Manifest:
    return cron(
        inputs,
        COMPONENT,
        job(
            _template(inputs, told, ("pulse-transform", "run")),
            retries=_RUN_RETRIES,
            deadline_seconds=_RUN_DEADLINE_SECONDS,
        ),
        schedule=inputs.spec.transform.schedule,
        zone=inputs.spec.transform.time_zone,
        latest_start_seconds=_RUN_LATEST_START_SECONDS,
    )


def _refresh(inputs: Inputs, told: Environment) -> Manifest:
    return cron(
        inputs,
        COMPONENT,
        job(
            _template(inputs, told, ("pulse-transform", "run", "--full-refresh")),
            retries=_REFRESH_RETRIES,
            deadline_seconds=_REFRESH_DEADLINE_SECONDS,
        ),
        schedule=inputs.spec.transform.full_refresh_schedule or "",
        zone=inputs.spec.transform.time_zone,
        latest_start_seconds=_REFRESH_LATEST_START_SECONDS,
    )


def _template(inputs: Inputs, told: Environment, command: tuple[str, ...]) -> Manifest:
    runs = Container(COMPONENT, inputs.facts.images.transform, command, told, inputs.spec.transform.resources)
    return template(inputs, runs, "Never")
