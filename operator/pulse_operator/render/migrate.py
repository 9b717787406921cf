"""The Job that brings the database to the schema of this version. Pure.

A Job cannot change once it is there, so everything that it is made of goes into its name: another image or another
database is another Job, and the same ones are the same Job. The password is in none of it.
"""

from __future__ import annotations

import hashlib
import json

from pulse.cli import STOPPED
from pulse.facts import DatabaseAccess
from pulse.settings import MigrateSettings
from pulse.spec import Amounts, Resources
from pulse_operator.objects import JOB, Manifest, Ref
from pulse_operator.render import database, dsn
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
from pulse_operator.render.jobs import job
from pulse_operator.render.pod import Container, template

COMPONENT = "migrate"
_RETRIES = 6  # with Kubernetes' growing pauses: about ten minutes
_DEADLINE_SECONDS = 3600
_RESOURCES = Resources(requests=Amounts(cpu="50m", memory="64Mi"), limits=Amounts(memory="256Mi"))


def migration(inputs: Inputs) -> list[Wanted]:
    """The Job and its Secret."""
    access = inputs.facts.databases.get("owner")
    if access is None:
        return [secret_ref(inputs, COMPONENT), job_ref(inputs)]
    told = _told(inputs, access)
    return [
        *secret(inputs, COMPONENT, told),
        workload(inputs, job_ref(inputs), COMPONENT, spec=_spec(inputs, told)),
    ]


def job_ref(inputs: Inputs) -> Ref:
    """Which Job migrates this database to this version, also before it can be made."""
    sink = inputs.cloud_native_pg
    # What is not known yet does not matter to a database of CloudNativePG: it always has a CA, and the spec names it.
    access = inputs.facts.databases.get("owner") or DatabaseAccess("", "unknown yet" if sink else "")
    where = [sink.namespace or inputs.identity.namespace, sink.cluster, sink.database or inputs.name] if sink else []
    made_of = [_spec(inputs, _told(inputs, access)), where or dsn.place(access.dsn)]
    name = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:8]
    return inputs.home(JOB, f"migrate-{name}")


def settings(inputs: Inputs, access: DatabaseAccess) -> MigrateSettings:
    """What the migration is told."""
    return MigrateSettings(
        database=database_settings(access), log=LOG, pipeline=inputs.name, role_prefix=database.prefix(inputs)
    )


def _told(inputs: Inputs, access: DatabaseAccess) -> Environment:
    return environment(inputs, COMPONENT, settings(inputs, access), database_files(access))


def _spec(inputs: Inputs, told: Environment) -> Manifest:
    runs = Container(COMPONENT, inputs.facts.images.consumer, ("pulse-consumer", "migrate"), told, _RESOURCES)
    return job(
        template(inputs, runs, "Never"), retries=_RETRIES, deadline_seconds=_DEADLINE_SECONDS, final_codes=(STOPPED,)
    )
