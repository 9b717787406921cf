"""The demo: a month of history, then live traffic, through the whole pipeline, with the marts shown as they grow.

Whatever it starts it stops again, on Ctrl-C too; what ran before stays.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka.admin import AdminClient
from rich.console import Console

from pulse.adapters import kafka as kafka_adapter
from pulse.adapters.postgres import connect
from pulse.errors import Stop
from pulse.settings import KafkaSettings, TopicSettings
from pulse.weeks import weeks
from pulse_local import accounting, backlog, children, environment, figures, history, marts, ports, processes, stack
from pulse_local.accounting import Produced
from pulse_local.figures import Accounts
from pulse_local.figures import Progress as Standing
from pulse_local.meter import Meter
from pulse_local.output import program, say
from pulse_local.processes import Process
from pulse_local.services import postgres
from pulse_local.stack import Forced, Stack
from pulse_local.state import ROLES

ONCE_SECONDS = 10.0
TRANSFORM_EVERY_SECONDS = 30.0
ACCOUNT_SECONDS = 5.0
TRANSFORM_SECONDS = 600.0
_LINE_SECONDS = 1.0
_SIMULATOR = "simulator"


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    once: bool
    rate: float
    days: int
    users: int
    forced: Forced


class Demo:
    """One run of the demo."""

    def __init__(self, local: Stack, env: Mapping[str, str], options: Options) -> None:
        self._local = local
        self._env = env
        self._options = options
        self._console = Console()
        self._before: set[str] = {process.name for process in local.running()}
        self._produced = Produced()
        self._admin: AdminClient | None = None

    def run(self) -> bool:
        """The whole demo; False if its numbers do not add up. Stops what it started, however it ends."""
        try:
            self._bring_up()
            with self._connected() as connection:
                self._wait_stored(connection)  # what an interrupted demo left belongs to the books before this one
                baseline, end_before = self._books(connection)
                self._send_history(connection)
                self._transform()
                self._show_marts()
                if not self._options.once:
                    self._live(connection, seconds=None)
                    self._account_if_quick(connection, baseline, end_before)
                    return True
                self._live(connection, ONCE_SECONDS)
                self._count(self._truth("live"))
                self._wait_stored(connection)
                self._transform()
                self._show_marts()
                return self._adds_up(connection, baseline, end_before)
        finally:
            self._stop_own()

    def _bring_up(self) -> None:
        if all(self._local.is_running(name) for name in stack.SERVICES):
            say("The local stack runs already and is used as it is.")
            return
        try:
            self._local.up(self._options.forced)
        except KeyboardInterrupt:
            left = "what ran before still runs" if self._before else "nothing is left running"
            say(f"\nStopped while starting; {left}.")
            raise

    def _send_history(self, connection: psycopg.Connection[Any]) -> None:
        state = self._local.state
        if state.history_done:
            say("The history is there already, from an earlier demo.")
            return
        end = state.history_end or dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        self._local.note_history(end, done=False)
        until = dt.datetime.fromisoformat(end)
        history.make_weeks(self._local, weeks(until - dt.timedelta(days=self._options.days), until))
        say(f"Sending {self._options.days} days of history of {self._options.users:,} simulated visitors")
        truth = self._truth("history")
        code = children.run(
            self._simulator("--days", str(self._options.days), "--end", end, "--truth", str(truth)),
            self._child_env("simulate"),
        )
        if code != 0:
            raise Stop(f"The simulator ended with exit code {code}; what it said stands above.")
        self._count(truth)
        self._wait_stored(connection)
        self._local.note_history(end, done=True)

    def _live(self, connection: psycopg.Connection[Any], seconds: float | None) -> None:
        """Simulates live traffic for so long, or until Ctrl-C, and runs dbt every now and then."""
        self._say_where_to_look(seconds)
        words = self._simulator("--rate", str(self._options.rate), "--truth", str(self._truth("live")))
        self._truth("live").unlink(missing_ok=True)
        simulator = self._local.start(_SIMULATOR, words, self._child_env("simulate"))
        try:
            self._watch(connection, simulator, seconds)
        except KeyboardInterrupt:
            if seconds:
                raise
            say("\nStopping.")
        finally:
            self._local.stop(simulator)

    def _watch(self, connection: psycopg.Connection[Any], simulator: Process, seconds: float | None) -> None:
        began = time.monotonic()
        next_transform = began + TRANSFORM_EVERY_SECONDS
        transform: subprocess.Popen[bytes] | None = None
        meter = Meter(self._console)
        try:
            while seconds is None or time.monotonic() - began < seconds:
                self._check_alive(simulator)
                meter.show(self._standing(connection))
                if transform is not None and transform.poll() is not None:
                    meter.note(self._transform_result(transform.returncode))
                    transform, next_transform = None, time.monotonic() + TRANSFORM_EVERY_SECONDS
                elif transform is None and seconds is None and time.monotonic() > next_transform:
                    transform = self._start_transform()
                time.sleep(_LINE_SECONDS)
        finally:
            meter.close()
            if transform is not None:
                children.end(transform)

    def _check_alive(self, simulator: Process) -> None:
        for process in (*(self._local.state.process(name) for name in stack.SERVICES), simulator):
            if process is None or not processes.is_running(process):
                name = process.name if process else "a service"
                raise Stop(f"{name} has ended on its own: `pulse logs {name}` shows why.")

    def _transform(self) -> None:
        with self._busy("dbt builds and checks the marts"):
            child = self._start_transform()
            try:
                code = child.wait(TRANSFORM_SECONDS)
            except BaseException:
                children.end(child)
                raise
        if code != 0:
            raise Stop(self._transform_failed(code))

    def _start_transform(self) -> subprocess.Popen[bytes]:
        return children.start_transform(self._local.paths.log("transform"), self._child_env("transform"))

    def _transform_result(self, code: int) -> str:
        if code != 0:
            return self._transform_failed(code)
        with self._reading() as reader:
            return f"dbt done. {marts.today(reader)}"

    def _transform_failed(self, code: int) -> str:
        return children.transform_failure(self._local.paths.log("transform"), code)

    def _show_marts(self) -> None:
        with self._reading() as reader:
            for table in marts.tables(reader):
                self._console.print(table)

    def _wait_stored(self, connection: psycopg.Connection[Any]) -> None:
        backlog.wait_stored(lambda: self._standing(connection))

    def _adds_up(self, connection: psycopg.Connection[Any], baseline: Accounts, end_before: int) -> bool:
        added, faults = self._account(connection, baseline, end_before)
        with self._reading() as reader:
            faults += accounting.faults_of_marts(
                figures.counted(connection, "raw.events"), marts.counted_events(reader), marts.row_counts(reader)
            )
        say(accounting.told(added, faults))
        return not faults

    def _account_if_quick(self, connection: psycopg.Connection[Any], baseline: Accounts, end_before: int) -> None:
        """After Ctrl-C: the sums, unless the person would have to wait for them."""
        if not self._truth("live").exists():
            say("Not added up: the simulator was killed before it could tell what it had sent.")
            return
        self._count(self._truth("live"))
        left = backlog.left_after(lambda: self._standing(connection), ACCOUNT_SECONDS)
        if left:
            say(f"Not added up: {left:,} records are in the log and not stored yet; the next start goes on with them.")
            return
        say(accounting.told(*self._account(connection, baseline, end_before)))

    def _account(
        self, connection: psycopg.Connection[Any], baseline: Accounts, end_before: int
    ) -> tuple[Accounts, list[str]]:
        """What was added to the books since the start, and what of it does not come out."""
        books, end = self._books(connection)
        added = accounting.since(baseline, books)
        faults = accounting.faults_of_books(self._produced, end - end_before, added, from_empty=baseline.read == 0)
        return added, faults

    def _books(self, connection: psycopg.Connection[Any]) -> tuple[Accounts, int]:
        return figures.accounts(connection, self._local.state.plan.group), self._standing(connection).written

    def _standing(self, connection: psycopg.Connection[Any]) -> Standing:
        state = self._local.state
        if self._admin is None:
            self._admin = kafka_adapter.admin(KafkaSettings(f"{ports.HOST}:{state.ports.kafka}"))
        plan = state.plan
        topics = TopicSettings(plan.events.name, plan.dlq.name, plan.group)
        return figures.progress(self._admin, connection, topics)

    def _simulator(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "pulse_simulator", "--users", str(self._options.users), *words]

    def _child_env(self, command: str) -> dict[str, str]:
        return environment.for_child(self._local.state, command, self._env)

    def _truth(self, part: str) -> Path:
        return self._local.paths.home / f"truth-{part}.json"

    def _count(self, truth: Path) -> None:
        told = json.loads(truth.read_text())
        self._produced += Produced(told["records"], told["events"], told["duplicates"], told["malformed"])

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[Any]]:
        with connect(self._local.state.dsn(postgres.ADMIN), "pulse-demo") as connection:
            connection.autocommit = True
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[psycopg.Connection[Any]]:
        with connect(self._local.state.dsn(ROLES.reader), "pulse-demo") as connection:
            yield connection

    @contextmanager
    def _busy(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        with self._console.status(what):
            yield
        say(f"{what}: done after {time.monotonic() - began:.1f} s")

    def _say_where_to_look(self, seconds: float | None) -> None:
        home = self._env.get("PULSE_HOME")
        pulse = f"PULSE_HOME={home} {program()}" if home else program()
        if seconds:
            say(f"Live traffic for {seconds:.0f} s at {self._options.rate:g} events/s")
            return
        say(
            f"Live traffic at {self._options.rate:g} events/s; dbt runs again every {TRANSFORM_EVERY_SECONDS:.0f} s.\n"
            f"Dashboards: {environment.dashboard_address(self._local.state)}\n"
            f"A shop to click in: {environment.shop_address(self._local.state)}/\n"
            "Where to look next, in another terminal:\n"
            f"  {pulse} status     what runs, lag, rows, dead letters\n"
            f"  {pulse} logs -f    what the services say\n"
            f"  {pulse} psql       the marts, in SQL: \\d marts.*\n"
            f"Ctrl-C stops it; the data stays until `{pulse} down --purge`."
        )

    def _stop_own(self) -> None:
        self._admin = None  # a client left open would complain that its broker went away
        with processes.uninterrupted():
            for process in reversed(self._local.running()):
                if process.name not in self._before:
                    say(f"Stopping {process.name} (pid {process.pid})")
                    self._local.stop(process)
