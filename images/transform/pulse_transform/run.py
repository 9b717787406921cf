"""One run of the transformation: take the lock, run dbt, record what came of it, and say so.

The order and nothing else: what dbt is told stands in `variables` and `process`, what it answered in `results`, what
Postgres is asked in `store`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from structlog.stdlib import BoundLogger

from pulse import cli
from pulse.errors import PulseError, SettingsError
from pulse.settings import TransformSettings
from pulse_transform import process, scratch, store
from pulse_transform.process import DbtOutcome
from pulse_transform.results import NodeResult, node_results, summary
from pulse_transform.store import Connection, Ending, Run
from pulse_transform.variables import canonical, project_vars, vars_hash


def transform(
    settings: TransformSettings,
    env: Mapping[str, str],
    log: BoundLogger,
    *,
    full_refresh: bool = False,
    select: Sequence[str] = (),
) -> int:
    """Builds and tests the models, and returns an exit code: 0 if all of it succeeded, else 1.

    Raises Stop when another transformation is running, or when the settings or the database have to be mended first.
    """
    project = _project(settings)
    variables = project_vars(settings)
    run = Run(uuid.uuid4(), variables, vars_hash(variables), full_refresh, tuple(select))
    with store.locked(settings) as connection:
        store.check(connection, settings)
        reach = store.begin(connection, run)
        log.info("transform_started", run_id=str(run.run_id), vars=variables, full_refresh=full_refresh)
        began = time.monotonic()
        outcome = _dbt(settings, env, log, connection, project, run)
        results = node_results(outcome.results) if outcome.results else []
        ending = _ending(outcome, results, run)
        store.end(connection, run, ending, results, reach)
    _report(log, ending, results, time.monotonic() - began)
    return cli.OK if ending.status == "succeeded" else cli.FAILED


def _project(settings: TransformSettings) -> Path:
    project = Path(settings.project).absolute()
    if not (project / "dbt_project.yml").is_file():
        raise SettingsError(
            f"PULSE_DBT_PROJECT: {settings.project!r} is not accepted, it takes the directory that holds Pulse's "
            "dbt_project.yml."
        )
    return project


def _dbt(
    settings: TransformSettings,
    env: Mapping[str, str],
    log: BoundLogger,
    connection: Connection,
    project: Path,
    run: Run,
) -> DbtOutcome:
    try:
        with scratch.directory() as directory:
            arguments = process.build_arguments(
                project, directory, canonical(run.variables), full_refresh=run.full_refresh, select=run.select
            )
            return process.run_dbt(
                arguments,
                process.child_environment(env, settings.database.dsn, store.address(connection), settings.threads),
                directory,
                lambda unique_id, status: log.debug("node_finished", node=unique_id, status=status),
            )
    except BaseException:
        with suppress(PulseError):  # the interruption is what counts; the next run clears up after this one anyway
            store.end(connection, run, Ending("aborted", message="The run was interrupted."))
        raise


def _ending(outcome: DbtOutcome, results: Sequence[NodeResult], run: Run) -> Ending:
    totals = summary(results)
    version = outcome.results["metadata"]["dbt_version"] if outcome.results else None
    if run.select and outcome.exit_code == 0 and not results:
        return Ending("failed", version, 0, 0, f"--select {' '.join(run.select)} matches no model of the project.")
    if outcome.exit_code == 0:
        return Ending("succeeded", version, totals.models, totals.tests)
    said = "; ".join(outcome.errors) or f"dbt ended with code {outcome.exit_code} and said nothing."
    message = f"Failed: {', '.join(totals.failed)}." if totals.failed else said
    return Ending("failed", version, totals.models, totals.tests, message)


def _report(log: BoundLogger, ending: Ending, results: Sequence[NodeResult], seconds: float) -> None:
    for result in results:
        if result.is_failed:
            log.error(
                "node_failed",
                node=f"{result.kind} {result.name}",
                status=result.status,
                failures=result.failures,
                message=result.message,
            )
    counts = {"models": ending.models, "tests": ending.tests, "skipped": summary(results).skipped}
    if ending.status == "succeeded":
        log.info("transform_finished", **counts, seconds=round(seconds, 2))
    else:
        log.error("transform_failed", **counts, seconds=round(seconds, 2), reason=ending.message)
