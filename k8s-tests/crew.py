"""Operators in any number, each with namespaces, a Lease and an end of its own, around one World."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accounts import new_namespace
from apiserver import ApiServer
from gate import Client, Gate, Said, gated
from nodes import Nodes
from nursery import Grown, Nursery, nursing
from operator_process import IMAGES
from processes import repeating
from stand_in import StandIn
from world import CLUSTER, KAFKA, Place

from pulse_operator.objects import Ref

PERIOD_SECONDS = 0.2
NOWHERE = "127.0.0.1:1"
# Many operators on few processors, all by way of one gate: some renew late, which is not what their tests are about.
LONG_SECONDS = 60


@dataclass
class Hired:
    """One operator: its process, and its way to the API server."""

    process: Grown
    client: Client

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.signal(number)
        return self.process.wait()

    def kill(self) -> None:
        self.stop(signal.SIGKILL)


@dataclass
class Crew:
    """The World without an operator of its own, and the means to hire some."""

    server: ApiServer
    gate: Gate
    nursery: Nursery
    home: Path
    stand_in: StandIn
    nodes: Nodes
    hired: list[Hired] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def place(self, name: str) -> Place:
        """A namespace with a Kafka that asks for passwords and a Cluster, for a pipeline. There is no broker behind it,
        so that nothing that happens there writes."""
        namespace = new_namespace(self.server)
        self.stand_in.kafka(namespace, KAFKA, NOWHERE, "scram-sha-512")
        self.stand_in.cluster(namespace, CLUSTER)
        crew: Any = self  # what a Place wants of its world is here: the server, and what operators said
        return Place(crew, namespace, name)

    @property
    def operator(self) -> Crew:
        """Who is asked for the log."""
        return self

    def hire(
        self,
        namespaces: Sequence[str],
        *,
        limit: int | None = None,
        says: Callable[[str, str], Said | None] = lambda _, __: None,
        words: Sequence[str] = ("run",),
        lease_seconds: int = LONG_SECONDS,
        **variables: str,
    ) -> Hired:
        """An operator for these namespaces, killed after its `limit`th write. Its Lease is its own, unless named."""
        number = next(self._numbers)
        client = self.gate.admit(Client(f"operator-{number}", limit, says=says))
        home = self.home / f"operator-{number}"
        home.mkdir()
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "VIRTUAL_ENV") if name in os.environ},
            **IMAGES,
            "KUBECONFIG": str(self.gate.kubeconfig(client, home / "kubeconfig")),
            "PULSE_OPERATOR_NAMESPACE": "default",
            "PULSE_OPERATOR_NAMESPACES": ",".join(namespaces),
            "PULSE_OPERATOR_LEASE": f"lease-{os.getpid()}-{number}",
            "PULSE_LAG_INTERVAL": "1s",
            "PULSE_LOG_FORMAT": "json",
            "PULSE_HEALTH_PORT": "0",
            **variables,
        }
        process = self.nursery.start(list(words), environment, home / "log", lease_seconds)
        client.ends = lambda: os.kill(process.pid, signal.SIGKILL)
        made = Hired(process, client)
        self.hired.append(made)
        return made

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Nobody else asks the API server meanwhile: it is away, and a stand-in cannot bear that."""
        with self._turn:
            yield

    def lease(self, name: str) -> dict[str, Any]:
        """What a Lease says; empty if there is none."""
        status, found = self.server.call("GET", f"/apis/coordination.k8s.io/v1/namespaces/default/leases/{name}")
        return dict(found["spec"]) if status == 200 else {}

    def writes_of(self, ref: Ref) -> list[str]:
        """Who wrote an object, by the requests that were let through."""
        return [what for one in self.hired for what in one.client.writes if what.endswith(ref.path)]

    def said(self) -> str:
        """All that any of them logged."""
        return "\n".join(one.process.said() for one in self.hired)

    def surprises(self) -> list[str]:
        """Lines of the logs that nobody should ever see."""
        signs = ("Traceback", '"exception"', "Error in", "never retrieved")
        return [line for line in self.said().splitlines() if any(sign in line for sign in signs)]


@contextmanager
def assembled(server: ApiServer, home: Path) -> Iterator[Crew]:
    """Stand-ins for everybody else at work on all namespaces; every operator that is left ends with the block."""
    stand_in, nodes = StandIn(server, ()), Nodes(server)
    with gated(server, home) as gate, nursing() as nursery:
        crew = Crew(server, gate, nursery, home, stand_in, nodes)
        with _acting(crew):
            try:
                yield crew
            finally:
                for one in crew.hired:
                    one.process.signal(signal.SIGKILL)


@contextmanager
def _acting(crew: Crew) -> Iterator[None]:
    """Strimzi, CloudNativePG and the nodes, at a pace that leaves the machine to the operators."""

    def look() -> None:
        with crew.resting():
            crew.stand_in.answer()
            crew.nodes.look()

    with repeating(look, PERIOD_SECONDS, "crew"):
        yield
