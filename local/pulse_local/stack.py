"""Brings the local stack up and down: which process after which, with what, and what to undo when one fails."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException

from pulse.env import unknown, unknown_sentence
from pulse.errors import SettingsError, Stop
from pulse.settings import CommandSettings
from pulse_local import environment, paths, ports, processes, provision, state
from pulse_local.paths import Paths
from pulse_local.processes import Process
from pulse_local.services import jars, kafka, postgres
from pulse_local.shop.serve import TRACKER
from pulse_local.state import Ports, State

KAFKA, POSTGRES, CONSUMER, DASHBOARD = "kafka", "postgres", "consumer", "dashboard"
COLLECTOR, SHOP = "collector", "shop"
# What events go through, and all that is kept running: who looks at the numbers is in nobody's way.
PIPELINE = (POSTGRES, KAFKA, CONSUMER)
# The shop has the tracker in its pages, which an installed Pulse does not bring.
SERVICES = (*PIPELINE, COLLECTOR, *((SHOP,) if TRACKER.is_file() else ()), DASHBOARD)

CONSUMER_READY_SECONDS = 60.0
OTHER_READY_SECONDS = 30.0
OTHER_STOP_SECONDS = 30.0

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Forced:
    """Ports that the user insists on; 0 takes a free one."""

    kafka: int = 0
    postgres: int = 0


class Stack:
    """The local stack in one home: its state, and the two things that change it."""

    def __init__(self, where: Paths, env: Mapping[str, str], report: Report) -> None:
        self.paths = where
        self.env = env
        self.report = report
        self._state = state.load(where.state)
        self._started: list[Process] = []

    @property
    def state(self) -> State:
        """The state; Stop if the stack never ran here."""
        if self._state is None:
            raise Stop("The local stack does not run: `pulse up` starts it.")
        return self._state

    @property
    def known(self) -> bool:
        """Whether the stack ever ran in this home."""
        return self._state is not None

    def is_running(self, name: str) -> bool:
        process = self._state.process(name) if self._state else None
        return process is not None and processes.is_running(process)

    def running(self) -> list[Process]:
        """The processes of the stack that run, in the order of their start."""
        return [process for process in self._state.processes if processes.is_running(process)] if self._state else []

    def up(self, forced: Forced) -> None:
        """Starts whatever of the services does not run. What it started is stopped again if one fails."""
        paths.prepare(self.paths)
        with self._alone():
            paths.check_space(self.paths)
            self._remember(state.load(self.paths.state) or state.fresh())  # another `up` may have ended just now
            ports_before = self.state.ports
            self._started = []
            try:
                self._choose_ports(forced)
                self._start_postgres()
                self._start_kafka()
                self._provision()
                self._start_consumer()
                self._start_collector()
                self._start_shop()
                self._start_dashboard()
            except BaseException:
                with processes.uninterrupted():
                    for process in reversed(self._started):
                        self.stop(process)
                    # The next `up` shall not try again what failed; what ran before kept its ports.
                    self._remember(replace(self.state, ports=ports_before))
                raise

    def down(self) -> list[str]:
        """Stops every process of the stack, the last one first; returns their names."""
        stopped = []
        for process in reversed(self.running()):
            self.report(f"Stopping {process.name} (pid {process.pid})")
            self.stop(process)
            stopped.append(process.name)
        if self._state is not None:
            self._remember(replace(self._state, processes=()))
        return stopped

    def stop(self, process: Process) -> None:
        """Stops one process and forgets it."""
        stops = {KAFKA: kafka.stop, POSTGRES: postgres.stop}
        gently = stops[process.name](process) if process.name in stops else self._stop_other(process)
        if not gently:
            self.report(f"{process.name} did not stop in time and was killed; its next start recovers.")
        self._remember(self.state.without_process(process.name))

    def start(self, name: str, argv: list[str], env: Mapping[str, str]) -> Process:
        """Starts one more process that belongs to the stack, and remembers it."""
        process = processes.start(name, argv, log=self.paths.log(name), env=env, cwd=self.paths.home)
        self._remember_process(process)
        return process

    def note_history(self, end: str, *, done: bool) -> None:
        """Remembers which history the demo sends, and that it is stored."""
        self._remember(replace(self.state, history_end=end, history_done=done))

    def purge(self) -> None:
        """Removes the home with all data in it; SettingsError if it is not ours."""
        if not paths.is_ours(self.paths.home):
            raise SettingsError(
                f"{self.paths.home} was not made by the local stack (it has no file {paths.MARKER}), so it stays: set "
                "PULSE_HOME to the right directory, or remove it by hand."
            )
        shutil.rmtree(self.paths.home)
        self._state = None

    def _stop_other(self, process: Process) -> bool:
        return processes.stop(process, OTHER_STOP_SECONDS)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Holds the home's lock; Stop if another command is starting the stack right now."""
        with (self.paths.home / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Stop("Another `pulse up` is at work in this home: wait until it is done.") from None
            yield

    def _remember(self, new: State) -> None:
        self._state = new
        state.save(self.paths.state, new)

    def _remember_process(self, process: Process) -> None:
        self._started.append(process)
        self._remember(self.state.with_process(process))

    def _choose_ports(self, forced: Forced) -> None:
        last = self.state.ports
        if forced.kafka and forced.kafka == forced.postgres:
            raise Stop(f"--kafka-port and --postgres-port are both {forced.kafka}: give one of them another port.")
        taken = {forced.kafka, forced.postgres}

        def free(before: int) -> int:
            port = ports.free_port(before, taken)
            taken.add(port)
            return port

        def chosen(service: str, wanted: int, before: int, option: str) -> int:
            if self.is_running(service):
                if wanted and wanted != before:
                    raise Stop(f"{service} already runs on port {before}: `pulse down` first, to move it to {wanted}.")
                return before
            return ports.forced_port(wanted, option) if wanted else free(before)

        kafka_port = chosen(KAFKA, forced.kafka, last.kafka, "--kafka-port")
        new = Ports(
            kafka=kafka_port,
            controller=last.controller if self.is_running(KAFKA) else free(last.controller),
            postgres=chosen(POSTGRES, forced.postgres, last.postgres, "--postgres-port"),
            health=chosen(CONSUMER, 0, last.health, ""),
            dashboard=chosen(DASHBOARD, 0, last.dashboard, ""),
            collector=chosen(COLLECTOR, 0, last.collector, ""),
            collector_health=chosen(COLLECTOR, 0, last.collector_health, ""),
            # The collector knows the origin of the shop's pages, so it stays while either runs.
            shop=last.shop if self.is_running(COLLECTOR) else chosen(SHOP, 0, last.shop, ""),
        )
        self._remember(replace(self.state, ports=new))

    def _start_postgres(self) -> None:
        if self.is_running(POSTGRES):
            return
        with self._timed(f"Postgres on {ports.HOST}:{self.state.ports.postgres}"):
            postgres.start(
                self.paths.postgres,
                self.paths.log(POSTGRES),
                self.paths.cache,
                self.state.ports.postgres,
                self.state.passwords.admin,
                self._remember_process,
            )

    def _start_kafka(self) -> None:
        if self.is_running(KAFKA):
            return
        class_path = jars.ensure_jars(self.paths.cache, jars.locked_jars(), self.report)
        with self._timed(f"Kafka on {ports.HOST}:{self.state.ports.kafka}"):
            kafka.start(
                self.paths.kafka,
                self.paths.log(KAFKA),
                class_path,
                self.state.ports.kafka,
                self.state.ports.controller,
                self._remember_process,
            )

    def _provision(self) -> None:
        with self._timed("Topics, database and schema"):
            provision.create_topics(self.state)
            provision.create_database(self.state)
            provision.migrate(self.state, self.env, self.paths.log("migrate"))
            provision.let_roles_log_in(self.state)
            provision.maintain(self.state, self.env, self.paths.log("maintain"))

    def _start_consumer(self) -> None:
        if self.is_running(CONSUMER):
            return
        settings = environment.consumer_settings(self.state, self.env)
        with self._timed(f"Consumer, health on {ports.HOST}:{settings.health_port}"):
            process = self._start_component(CONSUMER, ["pulse_consumer", "run"], settings.to_env())
            processes.wait_ready(process, lambda: _answers(settings.health_port), CONSUMER_READY_SECONDS)

    def _start_collector(self) -> None:
        if self.is_running(COLLECTOR):
            return
        settings = environment.collector_settings(self.state, self.env)
        with self._timed(f"Collector on {ports.HOST}:{settings.port}"):
            process = self._start_component(COLLECTOR, ["pulse_collector"], settings.to_env())
            processes.wait_ready(process, lambda: _answers(settings.health_port), OTHER_READY_SECONDS)

    def _start_shop(self) -> None:
        if self.is_running(SHOP) or SHOP not in SERVICES:
            return
        port = self.state.ports.shop
        words = ["--port", str(port), "--collector", environment.collector_address(self.state)]
        with self._timed(f"Shop on {ports.HOST}:{port}"):
            process = self._start_component(SHOP, ["pulse_local.shop", *words], {})
            processes.wait_ready(process, lambda: _answers(port, "/"), OTHER_READY_SECONDS)

    def _start_dashboard(self) -> None:
        if self.is_running(DASHBOARD):
            return
        if not self.state.dashboard_token:
            self._remember(replace(self.state, dashboard_token=state.secret()))
        settings = environment.dashboard_settings(self.state, self.env)
        with self._timed(f"Dashboards on {ports.HOST}:{settings.port}"):
            process = self._start_component(DASHBOARD, ["pulse_dashboards", "serve"], settings.to_env())
            processes.wait_ready(process, lambda: _answers(settings.port), OTHER_READY_SECONDS)

    def _start_component(self, name: str, module: list[str], settings: Mapping[str, str]) -> Process:
        """Starts one of Pulse's components with these settings and no other."""
        inherited = {name: value for name, value in self.env.items() if not name.startswith("PULSE_")}
        return self.start(name, [sys.executable, "-m", *module], {**inherited, **settings})

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.report(f"{what}: ready after {time.monotonic() - began:.1f} s")


def _answers(port: int, path: str = "/readyz") -> bool:
    connection = HTTPConnection(ports.HOST, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def opened(env: Mapping[str, str], report: Report, *, forgiving: bool = False) -> Stack:
    """The stack in the home that the environment names.

    Looking and stopping are `forgiving`: a variable that Pulse does not know is told, and does not stand in their way.
    """
    if forgiving and (strange := unknown(env)):
        for name in strange:
            report(f"Note: {unknown_sentence(name)}")
        env = {name: value for name, value in env.items() if name not in strange}
    return Stack(paths.paths_from(CommandSettings.from_env(env), env, is_root=os.geteuid() == 0), env, report)
