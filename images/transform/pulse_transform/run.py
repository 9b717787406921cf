"""One run of the transformation: take the lock, decide what has to be built, run dbt, record what came of it, say so.

The order and nothing else: what dbt is told stands in `variables`, `refresh`, `span` and `process`, what it answered in
`results`, what Postgres is asked in `store`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from structlog.stdlib import BoundLogger

from pulse import cli
from pulse.errors import PulseError, SettingsError, Stop
from pulse.settings import TransformSettings
from pulse_transform import attempts, process, refresh, scratch, span, store
from pulse_transform.attempts import Outcome
from pulse_transform.fingerprint import project_hash
from pulse_transform.refresh import Terms
from pulse_transform.results import NodeResult, summary
from pulse_transform.span import Asked
from pulse_transform.store import Connection, Ending, Run
from pulse_transform.variables import canonical, project_vars, vars_hash


def transform(
    settings: TransformSettings,
    env: Mapping[str, str],
    log: BoundLogger,
    *,
    full_refresh: bool = False,
    select: Sequence[str] = (),
    again: Asked | None = None,
) -> int:
    """Builds and tests the models, and returns an exit code: 0 if all of it succeeded, else 1.

    All of them are built anew from all events if that is asked for, or if an incremental run could not be exact;
    `again` has an incremental run read events once more that it would leave alone. Raises Stop when another
    transformation is running, or when the words, the settings or the database have to be mended first.
    """
    project = _project(settings)
    variables = project_vars(settings)
    terms = Terms(variables, vars_hash(variables), project_hash(project))
    with store.locked(settings) as connection:
        store.check(connection, settings)
        rerun = _rerun(connection, settings, again)
        reason = _full_refresh_reason(connection, terms, full_refresh, select)
        built = replace(terms, full_refresh=reason is not None)
        run = Run(uuid.uuid4(), built, refresh.with_all_above(select) if built.full_refresh else tuple(select))
        reach = store.begin(connection, run)
        log.info(
            "transform_started",
            run_id=str(run.run_id),
            vars=variables,
            full_refresh=built.full_refresh,
            full_refresh_reason=reason,
            **rerun,
        )
        began = time.monotonic()
        outcome = _dbt(settings, env, log, connection, project, run, {**variables, **rerun})
        ending = _ending(outcome, run)
        store.end(connection, run, ending, outcome.results, reach)
        if ending.status == "succeeded" and run.is_whole and built.full_refresh:
            _empty_new_events(connection, log)
    _report(log, ending, outcome, time.monotonic() - began)
    return cli.OK if ending.status == "succeeded" else cli.FAILED


def _project(settings: TransformSettings) -> Path:
    project = Path(settings.project).absolute()
    if not (project / "dbt_project.yml").is_file():
        raise SettingsError(
            f"PULSE_DBT_PROJECT: {settings.project!r} is not accepted, it takes the directory that holds Pulse's "
            "dbt_project.yml."
        )
    return project


def _rerun(connection: Connection, settings: TransformSettings, again: Asked | None) -> dict[str, object]:
    """The vars that name the events to read once more; none if there are none."""
    if again is None:
        return {}
    found = again.span(store.beginnings(connection, again.days(), settings.time_zone))
    span.check_kept(found, store.kept_from(connection))
    return found.as_vars()


def _full_refresh_reason(connection: Connection, terms: Terms, asked: bool, select: Sequence[str]) -> str | None:
    """Why everything is built anew; None if nothing has to be."""
    if asked:
        return refresh.ASKED
    reason = refresh.need(store.runs_since_a_whole_one(connection), terms)
    if reason and select:
        raise Stop(
            f"--select {' '.join(select)} would build on marts that have to be built anew first, because {reason}: run "
            "`pulse transform` without --select."
        )
    return reason


def _dbt(
    settings: TransformSettings,
    env: Mapping[str, str],
    log: BoundLogger,
    connection: Connection,
    project: Path,
    run: Run,
    variables: Mapping[str, object],
) -> Outcome:
    try:
        with scratch.directory() as directory:
            environment = process.child_environment(
                env, settings.database.dsn, store.address(connection), settings.threads
            )
            return attempts.made(
                process.first_commands(
                    project, directory, canonical(variables), full_refresh=run.terms.full_refresh, select=run.select
                ),
                process.retry_commands(project, directory),
                lambda commands: process.run_dbt(
                    commands,
                    environment,
                    directory,
                    lambda unique_id, status: log.debug("node_finished", node=unique_id, status=status),
                ),
                log,
            )
    except BaseException:
        with suppress(PulseError):  # the interruption is what counts; the next run clears up after this one anyway
            store.end(connection, run, Ending("aborted", message="The run was interrupted."))
        raise


def _ending(outcome: Outcome, run: Run) -> Ending:
    totals = summary(outcome.results)
    counts = (outcome.dbt_version, totals.models, totals.tests)
    if outcome.exit_code == 0 and run.select and not (totals.models or totals.tests):
        return Ending(
            "failed",
            *counts,
            f"--select {' '.join(run.select)} matches no model, and no test but such as only run with --full-refresh.",
        )
    if outcome.exit_code == 0:
        return Ending("succeeded", *counts)
    said = "; ".join(outcome.errors) or f"dbt ended with code {outcome.exit_code} and said nothing."
    return Ending("failed", *counts, f"Failed: {', '.join(totals.failed)}." if totals.failed else said)


def _empty_new_events(connection: Connection, log: BoundLogger) -> None:
    """Saves the next run time; whatever is in the way costs it that, and fails nothing."""
    try:
        store.empty_new_events(connection)
    except PulseError as in_the_way:
        log.warning("new_events_not_emptied", problem=str(in_the_way))


def _report(log: BoundLogger, ending: Ending, outcome: Outcome, seconds: float) -> None:
    for result in outcome.results:
        _report_node(log, result)
    facts = {
        "models": ending.models,
        "tests": ending.tests,
        "skipped": summary(outcome.results).skipped,
        "seconds": round(seconds, 2),
        "starting_seconds": round(outcome.starting_seconds, 2),
    }
    if ending.status == "succeeded":
        log.info("transform_finished", **facts)
    else:
        log.error("transform_failed", **facts, reason=ending.message)


def _report_node(log: BoundLogger, result: NodeResult) -> None:
    if result.is_stale:
        log.warning("source_is_stale", source=result.name, age_seconds=result.age_seconds)
    if result.is_failed:
        log.error(
            "node_failed",
            node=f"{result.kind} {result.name}",
            status=result.status,
            failures=result.failures,
            message=result.message,
        )
