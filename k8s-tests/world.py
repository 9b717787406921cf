"""Everything around a running operator: an API server, stand-ins for others' operators and for nodes, a real broker;
and a place of its own for each pipeline that a test makes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import patience
from accounts import new_namespace
from apiserver import ApiServer
from nodes import Nodes
from operator_process import Operator, operating
from stand_in import READY, StandIn

from pulse.adapters import kafka as kafka_adapter
from pulse.plan import plan
from pulse_local.services.kafka import Broker
from pulse_operator import objects
from pulse_operator.objects import Kind, Ref

T = TypeVar("T")
Raw = dict[str, Any]

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
KAFKA, CLUSTER = "kafka", "postgres"
PARTITIONS = 6
# What a pipeline may consist of, in the namespaces of its own, of its Kafka and of its Postgres.
CHILDREN = (
    *(objects.DEPLOYMENT, objects.CRON_JOB, objects.JOB, objects.SERVICE, objects.SECRET, objects.DISRUPTION_BUDGET),
    *(
        objects.NETWORK_POLICY,
        objects.INGRESS,
        objects.AUTOSCALER,
        objects.POD_MONITOR,
        objects.KAFKA_TOPIC,
        objects.KAFKA_USER,
        objects.DATABASE,
    ),
    objects.DATABASE_ROLE,
)


@dataclass
class World:
    """One API server with everybody at work on it."""

    server: ApiServer
    operator: Operator
    stand_in: StandIn
    nodes: Nodes
    broker: Broker
    places: list[Place] = field(default_factory=list)

    def place(self, name: str, *, login: str | None = None, brokers: str | None = None) -> Place:
        """A namespace with a ready Kafka and a healthy Cluster, for the pipeline of this name, which no other has.

        Without a login the Kafka leads to the real broker, on which the topics of the pipeline are made.
        """
        namespace = new_namespace(self.server)
        made = Place(self, namespace, name)
        made.create_topics()
        self.stand_in.kafka(namespace, KAFKA, brokers or self.broker.bootstrap_servers, login)
        self.stand_in.cluster(namespace, CLUSTER)
        self.places.append(made)
        return made


@dataclass
class Place:
    """One pipeline with its surroundings, and whatever a test wants to know of it or do to it."""

    world: World
    namespace: str
    name: str

    # What it is made of

    def spec(self, **parts: Any) -> Raw:
        """The smallest spec, with these parts in place of the defaults."""
        strimzi = {"cluster": KAFKA, "partitions": PARTITIONS}
        return {"source": {"strimzi": strimzi}, "sink": {"cloudNativePG": {"cluster": CLUSTER}}, **parts}

    def apply(self, spec: Raw | None = None, **parts: Any) -> Place:
        """What `kubectl apply` does."""
        body = {
            "apiVersion": objects.PIPELINE.api_version,
            "kind": objects.PIPELINE.name,
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": spec or self.spec(**parts),
        }
        path = f"{self.pipeline.path}?fieldManager=kubectl&force=true"
        self.call("PATCH", path, body, APPLY)
        return self

    def create_topics(self) -> None:
        """Does the topic operator's work on the real broker."""
        admin = kafka_adapter.admin(self.world.broker.settings)
        kafka_adapter.create_topics(admin, plan(self.name, partitions=PARTITIONS).topics)

    @property
    def pipeline(self) -> Ref:
        return Ref(objects.PIPELINE, self.namespace, self.name)

    def ref(self, kind: Kind, suffix: str = "") -> Ref:
        """A child."""
        return Ref(kind, self.namespace, f"{self.name}-{suffix}" if suffix else self.name)

    @property
    def consumer(self) -> Ref:
        return self.ref(objects.DEPLOYMENT, "consumer")

    @property
    def kafka(self) -> Ref:
        return Ref(objects.KAFKA, self.namespace, KAFKA)

    @property
    def cluster(self) -> Ref:
        return Ref(objects.CLUSTER, self.namespace, CLUSTER)

    @property
    def migration(self) -> Ref | None:
        """The Job of the schema, under whatever name."""
        found = [raw["metadata"]["name"] for raw in self.items(objects.JOB) if "-migrate-" in raw["metadata"]["name"]]
        return Ref(objects.JOB, self.namespace, found[0]) if found else None

    # Reading and writing

    def call(self, method: str, path: str, body: Any = None, form: str = "application/json") -> Raw:
        status, answer = self.world.server.call(method, path, body, content_type=form)
        assert status in (200, 201), f"{method} {path}: {answer}"
        return answer

    def read(self, ref: Ref) -> Raw | None:
        """The object, or None."""
        status, answer = self.world.server.call("GET", ref.path)
        assert status in (200, 404), answer
        return answer if status == 200 else None

    def there(self, ref: Ref) -> Raw:
        """The object, which has to exist."""
        found = self.read(ref)
        assert found is not None, f"{ref} is not there.\n{self.dump()}"
        return found

    def items(self, kind: Kind) -> list[Raw]:
        """All objects of a kind in this namespace; none of a kind that is not served."""
        status, answer = self.world.server.call("GET", kind.path(self.namespace))
        return list(answer["items"]) if status == 200 else []

    def change(self, ref: Ref, body: Mapping[str, Any], manager: str = "somebody") -> Raw:
        """What a person changes by hand."""
        return self.call("PATCH", f"{ref.path}?fieldManager={manager}", body, MERGE)

    def remove(self, ref: Ref) -> None:
        """What a person deletes by hand; what it made goes too."""
        self.call("DELETE", ref.path, {"propagationPolicy": "Background"})

    def tell(self, ref: Ref, **parts: Any) -> None:
        """What the operator of an object says about it now, with its latest generation as the one it speaks of."""
        status = {"observedGeneration": self.there(ref)["metadata"]["generation"], **parts}
        if ref.kind in (objects.CLUSTER, objects.CRON_JOB):
            del status["observedGeneration"]
        self.call("PATCH", f"{ref.path}/status", {"status": status}, MERGE)

    def kafka_is(self, *conditions: Mapping[str, Any], **parts: Any) -> None:
        """What Strimzi says about the Kafka; ready if nothing is given."""
        self.tell(self.kafka, conditions=list(conditions) or [READY], **parts)

    def children(self) -> dict[str, Raw]:
        """Everything that Pulse made here, by its ref as text."""
        found = {}
        for kind in CHILDREN:
            for raw in self.items(kind):
                if raw["metadata"].get("labels", {}).get(objects.PIPELINE_LABEL) == self.name:
                    found[f"{kind.name} {raw['metadata']['name']}"] = raw
        return found

    def versions(self) -> dict[str, str]:
        """What would change if anybody wrote anything of it."""
        found = {**self.children(), str(self.pipeline): self.there(self.pipeline)}
        return {name: raw["metadata"]["resourceVersion"] for name, raw in found.items()}

    # What the operator says

    def status(self) -> Raw:
        found = self.read(self.pipeline) or {}
        status: Raw = found.get("status", {})
        return status

    def condition(self, name: str) -> Raw:
        found = [one for one in self.status().get("conditions", ()) if one["type"] == name]
        return dict(found[0]) if found else {}

    def events(self, reason: str = "") -> list[Raw]:
        """Those about the pipeline, oldest first."""
        about = [raw for raw in self.items(objects.EVENT) if raw["involvedObject"].get("name") == self.name]
        wanted = [raw for raw in about if raw["involvedObject"]["kind"] == objects.PIPELINE.name]
        found = [raw for raw in wanted if reason in ("", raw["reason"])]
        return sorted(found, key=lambda raw: str(raw["firstTimestamp"]))

    # Waiting

    def until(self, what: str, look: Callable[[], T | None], how_long: str = "child") -> T:
        return patience.until(how_long, what, look, self.dump)

    def stays(self, what: str, holds: Callable[[], bool], seconds: float = patience.CALM_SECONDS) -> None:
        patience.stays(what, holds, self.dump, seconds)

    def until_condition(self, name: str, status: str, reason: str, how_long: str = "condition") -> str:
        """The message of the condition, once it is so."""

        def look() -> Raw | None:
            found = self.condition(name)
            return found if (found.get("status"), found.get("reason")) == (status, reason) else None

        return str(self.until(f"{name} is {status} ({reason})", look, how_long)["message"])

    def until_ready(self) -> Place:
        self.until_condition("Ready", "True", "Ready", "ready")
        return self

    def until_there(self, ref: Ref, holds: Callable[[Raw], bool] = lambda _: True) -> Raw:
        def look() -> Raw | None:
            found = self.read(ref)
            return found if found is not None and holds(found) else None

        return self.until(f"{ref} is there as it should be", look)

    def until_gone(self, ref: Ref) -> None:
        self.until(f"{ref} is gone", lambda: self.read(ref) is None)

    def dump(self) -> str:
        """Status, children, events and the end of the operator's log."""
        events = [f"  {raw['type']} {raw['reason']}: {raw['message']}" for raw in self.events()]
        lines = [
            *(f"PulsePipeline {self.namespace}/{self.name}", json.dumps(self.status(), indent=1)),
            *("children:", *(f"  {name}" for name in self.children())),
            *("events:", *events, "operator:", self.world.operator.said()[-6000:]),
        ]
        return "\n".join(lines)


@contextmanager
def running_world(
    server: ApiServer, broker: Broker, home: Path, namespaces: str = "", **variables: str
) -> Iterator[World]:
    """Everybody at work until the block ends, in all namespaces or the operator in some; its log is then searched for
    surprises."""
    stand_in, nodes = StandIn(server, ()), Nodes(server)
    with operating(server, home, namespaces, **variables) as operator, stand_in.answering(), nodes.running():
        world = World(server, operator, stand_in, nodes, broker)
        yield world
        for place in world.places:
            _leave(place)
        surprises = [line for line in operator.said().splitlines() if "Traceback" in line]
        assert not surprises, "\n".join(surprises)


def _leave(place: Place) -> None:
    """Takes the pipeline away without asking the operator, which may lack the rights to agree."""
    if place.read(place.pipeline) is not None:
        place.remove(place.pipeline)
        place.world.server.call("PATCH", place.pipeline.path, {"metadata": {"finalizers": None}}, content_type=MERGE)
