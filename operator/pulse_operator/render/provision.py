"""The Job that puts Pulse's dashboards into Metabase. Pure.

Everything that it depends on is in its name, the credentials as a hash: other definitions (they are in the image),
another password of the reader or another Metabase are another Job, and the same ones are the same Job.
"""

from __future__ import annotations

import hashlib
import json

from pulse.cli import STOPPED
from pulse.facts import DatabaseAccess
from pulse.settings import MetabaseSettings
from pulse.spec import Amounts, Resources
from pulse_operator.dashboards import PROVISION as COMPONENT
from pulse_operator.objects import JOB, Manifest, Ref
from pulse_operator.render import metabase
from pulse_operator.render.environment import (
    CREDENTIALS_ANNOTATION,
    LOG,
    Environment,
    database_settings,
    environment,
    secret,
    secret_ref,
)
from pulse_operator.render.inputs import Inputs, Wanted, workload
from pulse_operator.render.jobs import job
from pulse_operator.render.network import policy
from pulse_operator.render.pod import Container, template

_RETRIES = 6
_DEADLINE_SECONDS = 3600
_RESOURCES = Resources(requests=Amounts(cpu="50m", memory="96Mi"), limits=Amounts(memory="384Mi"))


def provisions(inputs: Inputs) -> list[Wanted]:
    """Nothing unless Metabase is enabled; the Job once all that it is told is known. It waits for Metabase itself."""
    if not inputs.spec.dashboard.metabase.enabled:
        return []
    closed = policy(inputs, COMPONENT, {})
    ref, reader = job_ref(inputs), inputs.facts.databases.get("reader")
    if ref is None or reader is None:
        return [closed, secret_ref(inputs, COMPONENT)]
    told = _told(inputs, reader)
    ready = inputs.startable and inputs.facts.dashboards.database is not None
    return [
        closed,
        *secret(inputs, COMPONENT, told),
        workload(inputs, ref, COMPONENT, spec=_spec(inputs, told)) if ready else ref,
    ]


def job_ref(inputs: Inputs) -> Ref | None:
    """Which Job says that this Metabase has these dashboards; None while it is not known what that is told."""
    reader, keys = inputs.facts.databases.get("reader"), inputs.facts.dashboards.keys
    if not inputs.spec.dashboard.metabase.enabled or reader is None or not (keys.email and keys.password):
        return None
    made_of = [_spec(inputs, _told(inputs, reader)), inputs.spec.dashboard.metabase.image]
    name = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:8]
    return inputs.home(JOB, f"{COMPONENT}-{name}")


def settings(inputs: Inputs, reader: DatabaseAccess) -> MetabaseSettings:
    """What it is told; Metabase reaches Postgres as the pods do."""
    keys = inputs.facts.dashboards.keys
    return MetabaseSettings(
        database=database_settings(reader),
        log=LOG,
        pipeline=inputs.name,
        url=metabase.inside(inputs),
        email=keys.email,
        password=keys.password,
        edited=inputs.spec.dashboard.metabase.edited,
    )


def _told(inputs: Inputs, reader: DatabaseAccess) -> Environment:
    return environment(inputs, COMPONENT, settings(inputs, reader), {})


def _spec(inputs: Inputs, told: Environment) -> Manifest:
    runs = Container(COMPONENT, inputs.facts.images.dashboards, ("pulse-dashboards", "metabase"), told, _RESOURCES)
    pod = template(inputs, runs, "Never", {CREDENTIALS_ANNOTATION: told.fingerprint})
    return job(pod, retries=_RETRIES, deadline_seconds=_DEADLINE_SECONDS, final_codes=(STOPPED,))
