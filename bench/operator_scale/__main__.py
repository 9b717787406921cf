"""`make bench-operator`: many PulsePipelines on a real API server, one real broker and one operator.

    PYTHONPATH=.:operator:tests:k8s-tests python -m bench.operator_scale [--pipelines 1000]

Fails if the operator needs more than it is allowed: five minutes until every pipeline is looked after, a lag older than
30 s for more than one pipeline in a hundred, any write at rest but the Lease, a core-second a minute for each hundred
pipelines at rest, 300 MiB. Its own players (nodes, traffic) use the same cores: the first figure is on the safe side.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import apiserver
import definitions
import psutil
from bench.operator_scale.players import PAUSE_SECONDS, Nodes, Traffic, wait_until
from operator_process import Operator, operating
from processes import repeating
from programs import program

from pulse.adapters import kafka as kafka_adapter
from pulse.plan import Topic
from pulse.settings import CommandSettings, KafkaSettings
from pulse_local import ports
from pulse_local.paths import Paths, paths_from
from pulse_local.services import jars, kafka

NAMESPACE = "default"
PIPELINES = f"/apis/pulse.dev/v1alpha1/namespaces/{NAMESPACE}/pulsepipelines"
PARTITIONS = 3
MOVING_SECONDS, SETTLING_SECONDS, REST_SECONDS = 120.0, 90.0, 120.0
FIRST_MOST_SECONDS, AGE_MOST_SECONDS, MEMORY_MOST_MIB, CORE_SECONDS_PER_HUNDRED = 300.0, 30.0, 300.0, 1.0
WRITES = {"POST", "PUT", "PATCH", "DELETE", "APPLY"}


def main() -> int:
    """Runs the benchmark and prints its table; 1 if a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pipelines", type=int, default=1000)
    count = parser.parse_args().pipelines
    with tempfile.TemporaryDirectory(prefix="pulse-bench-") as directory:
        home = Path(directory)
        home.chmod(0o755)
        rows = measured(home, count)
    print(f"\n{datetime.now(UTC):%Y-%m-%d}, {count} pipelines, {psutil.cpu_count()} cores")
    for name, value, most in rows:
        print(f"  {name:<52} {value:>10.2f}   at most {most:g}{'' if value <= most else '   PASSED'}")
    return int(any(value > most for _, value, most in rows))


def measured(home: Path, count: int) -> list[tuple[str, float, float]]:
    """The figures, each with the most that it may be."""
    names = [f"p{number:04d}" for number in range(count)]
    with ExitStack() as stack:
        paths = _paths(home)
        server = stack.enter_context(_api_server(home, paths))
        broker = stack.enter_context(_broker(home, paths))
        say(f"making {count} topics")
        _make_topics(broker, names)
        say(f"making {count} pipelines")
        _make_pipelines(server, names, broker)
        nodes = Nodes(server, NAMESPACE)
        stack.enter_context(repeating(nodes.turn, PAUSE_SECONDS, "nodes"))
        began = time.monotonic()
        operator = stack.enter_context(operating(server, home / "operator", NAMESPACE, PULSE_LAG_INTERVAL="10s"))
        say("the operator is up")
        wait_until(lambda: _looked_after(server) >= count, "every pipeline looked after", 3 * FIRST_MOST_SECONDS)
        first = time.monotonic() - began
        say(f"all looked after in {first:.0f} s; now with traffic")
        traffic = Traffic(
            broker, [f"{name}-events" for name in names], [f"{name}-consumer" for name in names], PARTITIONS
        )
        traffic.commit_all()
        with repeating(traffic.turn, PAUSE_SECONDS, "traffic"):
            ages = _ages(operator, MOVING_SECONDS)
        traffic.commit_all()
        say("traffic stopped; settling")
        time.sleep(SETTLING_SECONDS)
        before, used = _writes(server), _cpu(operator)
        time.sleep(REST_SECONDS)
        written, burned = _writes(server) - before, _cpu(operator) - used
        per_hundred = burned * 60 / REST_SECONDS / (count / 100)
        return [
            ("seconds until all are looked after", first, FIRST_MOST_SECONDS),
            ("age of the lag with traffic, 99th percentile, s", ages, AGE_MOST_SECONDS),
            (f"writes in {REST_SECONDS:.0f} s at rest, without the Lease", written, 0),
            ("core-seconds a minute for 100 pipelines at rest", per_hundred, CORE_SECONDS_PER_HUNDRED),
            ("memory of all its processes, MiB", _memory(operator), MEMORY_MOST_MIB),
        ]


def say(text: str) -> None:
    """Progress."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", flush=True)


def _paths(home: Path) -> Paths:
    command = CommandSettings(home=str(home / "pulse"), cache=os.environ.get("PULSE_CACHE", ""))
    return paths_from(command, os.environ, is_root=os.geteuid() == 0)


@contextmanager
def _api_server(home: Path, paths: Paths) -> Iterator[apiserver.ApiServer]:
    taken: set[int] = set()
    for _ in range(3):
        taken.add(ports.free_port(0, taken))
    client, peer, api = taken
    folder = home / "kubernetes"
    folder.mkdir()
    etcd, kube_apiserver = program("etcd", paths.cache), program("kube-apiserver", paths.cache)
    with apiserver.running(etcd, kube_apiserver, folder, (client, peer, api)) as server:
        definitions.install(server)
        yield server


@contextmanager
def _broker(home: Path, paths: Paths) -> Iterator[str]:
    found = jars.ensure_jars(paths.cache, jars.locked_jars(), say)
    broker = kafka.start(paths.kafka, home / "kafka.log", found, ports.free_port(), ports.free_port())
    try:
        yield broker.settings.bootstrap_servers
    finally:
        kafka.stop(broker.process)


def _make_topics(bootstrap: str, names: list[str]) -> None:
    client = kafka_adapter.admin(KafkaSettings(bootstrap))
    config = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": "1048576"}
    dead = {"max.message.bytes": "1310720"}
    kafka_adapter.create_topics(client, [Topic("dead", 1, 1, dead)])
    for start in range(0, len(names), 100):
        some = [Topic(f"{name}-events", PARTITIONS, 1, config) for name in names[start : start + 100]]
        kafka_adapter.create_topics(client, some)


def _make_pipelines(server: apiserver.ApiServer, names: list[str], bootstrap: str) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "database"},
        "stringData": {
            f"{role}-dsn": f"postgresql://{role}@nowhere/x" for role in ("owner", "ingest", "transform", "reader")
        },
    }
    server.call("POST", f"/api/v1/namespaces/{NAMESPACE}/secrets", secret)
    for name in names:
        external = {"bootstrapServers": bootstrap, "topic": f"{name}-events", "dlqTopic": "dead"}
        body = {
            "apiVersion": "pulse.dev/v1alpha1",
            "kind": "PulsePipeline",
            "metadata": {"name": name},
            "spec": {"source": {"external": external}, "sink": {"external": {"secretRef": {"name": "database"}}}},
        }
        status, answer = server.call("POST", PIPELINES, body)
        if status != 201:
            raise RuntimeError(f"{name}: {answer}")


def _looked_after(server: apiserver.ApiServer) -> int:
    """Pipelines whose consumers are available and whose lag is known."""
    found = server.call("GET", f"{PIPELINES}?resourceVersion=0")[1]["items"]
    wanted = {"ConsumerAvailable", "LagKnown", "SchemaMigrated"}
    return sum(
        wanted <= {one["type"] for one in raw.get("status", {}).get("conditions", ()) if one["status"] == "True"}
        for raw in found
    )


def _ages(operator: Operator, seconds: float) -> float:
    """The 99th percentile of the age of every pipeline's lag, over several looks."""
    ages: list[float] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(5)
        at, (_, page) = time.time(), operator.get("/metrics")
        read = re.findall(r"^pulse_pipeline_lag_read_timestamp_seconds\{.*\} (\S+)$", page, re.MULTILINE)
        ages += [at - float(value) for value in read]
    return statistics.quantiles(ages, n=100)[98]


def _writes(server: apiserver.ApiServer) -> float:
    """Requests that changed something since the API server started, those of Leases and of itself left out."""
    page = server.call("GET", "/metrics")[1]["message"]  # it is no JSON
    total = 0.0
    for labels, value in re.findall(r"^apiserver_request_total\{(.*)\} (\S+)$", page, re.MULTILINE):
        found = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if found.get("verb") in WRITES and found.get("resource") != "leases":
            total += float(value)
    return total


def _processes(operator: Operator) -> list[psutil.Process]:
    own = psutil.Process(operator.process.pid)
    return [own, *own.children(recursive=True)]


def _cpu(operator: Operator) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in _processes(operator))


def _memory(operator: Operator) -> float:
    """What is theirs alone: pages that the processes share count once."""
    return sum(process.memory_full_info().uss for process in _processes(operator)) / 2**20


if __name__ == "__main__":
    sys.exit(main())
