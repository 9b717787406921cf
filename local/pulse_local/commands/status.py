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
from pulse_local import figures, ports, processes, stack
from pulse_local.output import say
from pulse_local.services import postgres
from pulse_local.stack import Stack


def _configure(_: ArgumentParser) -> None:
    """No words of its own."""


def _run(_: Namespace, env: Mapping[str, str]) -> int:
    local = stack.opened(env, say, forgiving=True)
    if not local.known or not local.state.processes:
        say("The local stack does not run: `pulse up` starts it.")
        return FAILED
    console = Console(file=sys.stdout)
    console.print(_services(local))
    if local.is_running(stack.KAFKA) and local.is_running(stack.POSTGRES):
        console.print(_flow(local))
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
    state = local.state
    plan = state.plan
    client = kafka_adapter.admin(KafkaSettings(f"{ports.HOST}:{state.ports.kafka}"))
    with connect(state.dsn(postgres.ADMIN), "pulse-status") as connection, figures.one_moment(connection):
        topics = TopicSettings(plan.events.name, plan.dlq.name, plan.group)
        progress = figures.progress(client, connection, topics)
        _, dlq_ends = figures.log_ends(client, plan.dlq.name)
        table = Table(f"pipeline {plan.pipeline}", "count", box=box.SIMPLE_HEAD)
        table.columns[1].justify = "right"
        for what, count in (
            (f"end of {plan.events.name}", progress.written),
            ("stored up to", sum(progress.stored.values())),
            ("lag", progress.lag),
            (f"end of {plan.dlq.name}", sum(dlq_ends.values())),
            ("rows in raw.events", figures.counted(connection, "raw.events")),
            ("rows in raw.dead_letters", figures.counted(connection, "raw.dead_letters")),
            ("rows in raw.event_conflicts", figures.counted(connection, "raw.event_conflicts")),
        ):
            table.add_row(what, f"{count:,}")
    return table


STATUS = Command("what runs, where, and how far it is; exit code 1 if something does not run", _configure, _run)
