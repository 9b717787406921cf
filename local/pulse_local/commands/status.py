"""`pulse status`: what runs and how far it is; fails when something that should run does not."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.table import Table

from pulse.adapters import kafka as kafka_adapter
from pulse.adapters.postgres import connect
from pulse.cli import FAILED, OK, Command
from pulse.settings import KafkaSettings, TopicSettings
from pulse_local import environment, figures, ports, processes, stack
from pulse_local.figures import Progress
from pulse_local.output import say
from pulse_local.services import postgres
from pulse_local.stack import Stack

COUNTED = ("raw.events", "raw.dead_letters", "raw.event_conflicts")

# The first and the next offset of every partition.
Ends = tuple[dict[int, int], dict[int, int]]


def _configure(_: ArgumentParser) -> None:
    """No words of its own."""


def _run(_: Namespace, env: Mapping[str, str]) -> int:
    local = stack.opened(env, say, forgiving=True)
    if not local.known or not local.state.processes:
        say("The local stack does not run: `pulse up` starts it.")
        return FAILED
    console = Console(file=sys.stdout)
    console.print(_services(local))
    if local.is_running(stack.KAFKA) or local.is_running(stack.POSTGRES):
        console.print(_flow(local))
    if local.is_running(stack.DASHBOARD):
        say(f"Dashboards: {environment.dashboard_address(local.state)}")
    missing = [name for name in stack.SERVICES if not local.is_running(name)]
    if missing:
        say(f"Not running: {', '.join(missing)}. `pulse logs {missing[0]}` says why, `pulse up` starts it again.")
    return FAILED if missing else OK


def _services(local: Stack) -> Table:
    state = local.state
    listens = {
        stack.KAFKA: state.ports.kafka,
        stack.POSTGRES: state.ports.postgres,
        stack.CONSUMER: state.ports.health,
        stack.DASHBOARD: state.ports.dashboard,
        stack.COLLECTOR: state.ports.collector,
        stack.SHOP: state.ports.shop,
    }
    table = Table("service", "state", "pid", "address", box=box.SIMPLE_HEAD)
    others = [process.name for process in state.processes if process.name not in stack.SERVICES]
    for name in (*stack.SERVICES, *others):
        process = state.process(name)
        runs = process is not None and processes.is_running(process)
        address = f"{ports.HOST}:{listens[name]}" if name in listens else ""
        table.add_row(name, "runs" if runs else "stopped", str(process.pid) if runs and process else "", address)
    return table


def _flow(local: Stack) -> Table:
    """The counts that the running services can give; those of a dead one are unknown."""
    plan = local.state.plan
    stored, rows = _in_database(local) if local.is_running(stack.POSTGRES) else (None, {})
    log, dead_log = _in_log(local) if local.is_running(stack.KAFKA) else (None, None)
    lag = None if log is None or stored is None else Progress(*log, stored).lag
    table = Table(f"pipeline {plan.pipeline}", "count", box=box.SIMPLE_HEAD)
    table.columns[1].justify = "right"
    for what, count in (
        (f"end of {plan.events.name}", _total(log[1] if log else None)),
        ("stored up to", _total(stored)),
        ("lag", lag),
        (f"end of {plan.dlq.name}", _total(dead_log[1] if dead_log else None)),
        *((f"rows in {name}", rows.get(name)) for name in COUNTED),
    ):
        table.add_row(what, "unknown" if count is None else f"{count:,}")
    return table


def _total(offsets: Mapping[int, int] | None) -> int | None:
    return None if offsets is None else sum(offsets.values())


def _in_database(local: Stack) -> tuple[dict[int, int], dict[str, int]]:
    """The stored offsets and the rows of each table, all of one moment."""
    plan = local.state.plan
    topics = TopicSettings(plan.events.name, plan.dlq.name, plan.group)
    with connect(local.state.dsn(postgres.ADMIN), "pulse-status") as connection, figures.one_moment(connection):
        stored = figures.stored_offsets(connection, topics)
        return stored, {name: figures.counted(connection, name) for name in COUNTED}


def _in_log(local: Stack) -> tuple[Ends, Ends]:
    """The first and next offsets of the events and of the dead letters, read after what is stored: no lag too small."""
    client = kafka_adapter.admin(KafkaSettings(f"{ports.HOST}:{local.state.ports.kafka}"))
    plan = local.state.plan
    return kafka_adapter.log_ends(client, plan.events.name), kafka_adapter.log_ends(client, plan.dlq.name)


STATUS = Command("what runs, where, and how far it is; exit code 1 if something does not run", _configure, _run)
