"""CloudNativePG's Clusters: real Postgres instances on volumes, one of them the primary, and their status."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from stand_in_operators import application, certificates, instances, questions
from stand_in_operators.certificates import Pair
from stand_in_operators.failover import PENDING, Instance, elected, is_lost, names, promotable
from stand_in_operators.instances import CLUSTER, ROLE
from stand_in_operators.kubernetes import Kubernetes, Raw
from stand_in_operators.objects import POSTGRES_API, child, condition, decoded, encoded, folder, own_path
from stand_in_operators.questions import Connection, Questions
from stand_in_operators.surviving import survive

HEALTHY, FAILING_OVER = "Cluster in healthy state", "Failing over"
BEGINNING, JOINING, WAITING = (
    "Setting up primary",
    "Creating a new replica",
    "Waiting for the instances to become active",
)
FENCE_SECONDS = 5


@dataclass
class Memory:
    """What is known of a Cluster from earlier looks. Without it no replica is promoted, so losing it is safe."""

    reached: int | None = None  # how far the primary's log was seen
    answered: float = 0.0  # when the primary last did
    pod: str = ""  # whose the primary was then
    fenced: str = ""  # the pod that was the primary's when it was given up
    has_begun: bool = False  # whether the database that it begins with is there


@dataclass(frozen=True)
class Seen:
    """A Cluster as it is at this look."""

    cluster: Raw
    pods: Mapping[str, Raw]
    instances: Mapping[str, Instance]
    connections: Mapping[str, Connection]

    @property
    def current(self) -> str:
        return str(self.cluster.get("status", {}).get("currentPrimary", ""))

    @property
    def target(self) -> str:
        return str(self.cluster.get("status", {}).get("targetPrimary", ""))

    @property
    def primary(self) -> Instance | None:
        """The one primary, if it answers as such and no other is to be it."""
        found = self.instances.get(self.current)
        steady = self.current == self.target and found and found.answer and found.answer.is_primary
        return found if steady else None


class Servers:
    """Every Cluster, and a connection as the superuser to each that can be written to."""

    def __init__(self, kubernetes: Kubernetes, image: str) -> None:
        self._kubernetes, self._image = kubernetes, image
        self._questions = Questions()
        self._memories: dict[str, Memory] = {}

    def keep(self) -> dict[tuple[str, str], Connection]:
        """Brings every Cluster nearer to what it shall be; (namespace, name) -> a connection to each primary."""
        writable, pods = {}, set()
        for cluster in self._kubernetes.listed(f"{POSTGRES_API}/clusters"):
            metadata = cluster["metadata"]
            if "deletionTimestamp" not in metadata:
                seen = survive(partial(self._keep_one, cluster))
                if seen:
                    pods |= {pod["metadata"]["uid"] for pod in seen.pods.values()}
                    if _takes_commits(seen):
                        writable[metadata["namespace"], metadata["name"]] = seen.connections[seen.current]
        self._questions.forget(pods)
        return writable

    def _keep_one(self, cluster: Raw) -> Seen | None:
        path = own_path(POSTGRES_API, "clusters", cluster)
        refusal = instances.unsupported(cluster)
        if refusal:
            self._kubernetes.tell(path, cluster, {"phase": "Invalid cluster definition", "phaseReason": refusal})
            return None
        name = cluster["metadata"]["name"]
        ca = certificates.authority(self._kubernetes, cluster, f"{name}-ca", f"{name}-ca")
        password = self._password(cluster, f"{name}-superuser", lambda made: {"username": "postgres", "password": made})
        self._run(cluster, ca)
        seen = self._look(cluster, password, ca)
        memory = self._memories.setdefault(cluster["metadata"]["uid"], Memory())
        current, target = self._step(seen, memory)
        self._label(seen, current if current == target else "")
        self._kubernetes.tell(path, cluster, _status(seen, current, target))
        if _takes_commits(seen) and not memory.has_begun:
            login = self._password(cluster, application.secret(cluster), partial(application.login, cluster))
            owner = application.owner(cluster)
            questions.make_database(seen.connections[current], application.database(cluster), owner, login)
            memory.has_begun = True
        return seen

    def _password(self, cluster: Raw, name: str, content: Callable[[str], dict[str, str]]) -> str:
        """The password in a Secret, which is made once."""
        where = folder("/api/v1", cluster["metadata"]["namespace"], "secrets")
        kept = self._kubernetes.found(f"{where}/{name}")
        if kept:
            return decoded(kept)["password"]
        values = content(secrets.token_urlsafe(24))
        secret = child(cluster, "v1", "Secret", name, type="kubernetes.io/basic-auth", data=encoded(values))
        self._kubernetes.ensure(where, secret)
        return values["password"]

    def _run(self, cluster: Raw, ca: Pair) -> None:
        name, namespace = cluster["metadata"]["name"], cluster["metadata"]["namespace"]
        secret, hosts = f"{name}-server", instances.hosts(cluster)
        own = certificates.issued(self._kubernetes, cluster, secret, ca, f"{name}-rw", hosts)
        core, apps = (folder(api, namespace, "") for api in ("/api/v1", "/apis/apps/v1"))
        self._kubernetes.ensure(f"{core}configmaps", instances.configuration(cluster))
        for service in instances.services(cluster):
            self._kubernetes.ensure(f"{core}services", service)
        stateful_set = instances.stateful_set(cluster, self._image, own.certificate)
        self._kubernetes.ensure(f"{apps}statefulsets", stateful_set)

    def _look(self, cluster: Raw, password: str, ca: Pair) -> Seen:
        name, namespace = cluster["metadata"]["name"], cluster["metadata"]["namespace"]
        found = self._kubernetes.listed(f"{folder('/api/v1', namespace, 'pods')}?labelSelector={CLUSTER}%3D{name}")
        pods = {pod["metadata"]["name"]: pod for pod in found}
        seen, connections = {}, {}
        for instance in names(cluster):
            seen[instance] = Instance(instance)
            pod = pods.get(instance)
            if pod:
                answer = self._questions.ask(pod, cluster, password, ca.certificate)
                leaves = "deletionTimestamp" in pod["metadata"]
                seen[instance] = Instance(instance, pod["metadata"]["uid"], leaves, _is_ready(pod), answer)
                connection = self._questions.connection(pod, cluster, password, ca.certificate) if answer else None
                if connection:
                    connections[instance] = connection
        return Seen(cluster, pods, seen, connections)

    def _step(self, seen: Seen, memory: Memory) -> tuple[str, str]:
        """The next currentPrimary and targetPrimary. What is done here is what the status before has announced."""
        current, target = seen.current, seen.target
        if not current:
            first = names(seen.cluster)[0]
            answer = seen.instances[first].answer
            return (first, first) if answer and answer.is_primary else ("", "")
        if target == PENDING:
            fenced = self._fence(seen, memory)
            return current, elected(current, fenced, seen.instances, instances.quorum(seen.cluster), memory.reached)
        if target != current:
            return self._promoted(seen, memory), target
        memory.fenced = ""
        if seen.primary and seen.primary.answer:
            memory.reached, memory.answered = seen.primary.answer.reached, time.monotonic()
            replicas = [one for one in seen.instances.values() if one is not seen.primary]
            questions.keep_slots(seen.connections[current], replicas)
        return current, self._next(seen, memory)

    def _next(self, seen: Seen, memory: Memory) -> str:
        """The primary's own name, or that another is to be found, and there is one."""
        primary = seen.instances.get(seen.current) or Instance(seen.current)
        others = [one for one in seen.instances.values() if one.name != seen.current]
        if is_lost(primary, memory.pod, time.monotonic() - memory.answered):
            best = promotable(others, instances.quorum(seen.cluster), memory.reached)
            if best:
                print(f"{seen.current} is lost; {best} could take over", flush=True)
                return PENDING
        if seen.primary:
            memory.pod = seen.primary.uid
        return seen.current

    def _fence(self, seen: Seen, memory: Memory) -> bool:
        """Whether the old primary's pod is gone for certain. Its successor asks what to be before it starts."""
        pod = seen.pods.get(seen.current)
        uid = pod["metadata"]["uid"] if pod else "none"
        memory.fenced = memory.fenced or uid
        if pod and uid == memory.fenced:
            where = folder("/api/v1", pod["metadata"]["namespace"], "pods")
            self._kubernetes.delete(f"{where}/{seen.current}", uid, FENCE_SECONDS)
            return False
        return True

    def _promoted(self, seen: Seen, memory: Memory) -> str:
        """The target, once it is the primary; until then the old one, which is gone."""
        chosen = seen.instances[seen.target]
        if chosen.answer and chosen.answer.is_primary:
            print(f"{seen.target} is the primary now", flush=True)
            memory.answered, memory.pod = time.monotonic(), chosen.uid
            return seen.target
        if chosen.answer:
            questions.promote(seen.connections[seen.target])
        return seen.current

    def _label(self, seen: Seen, primary: str) -> None:
        """The Service -rw is for whoever carries the label, so nobody does while none is the primary."""
        for name, pod in seen.pods.items():
            role = "primary" if name == primary else "replica"
            if pod["metadata"].get("labels", {}).get(ROLE) != role:
                path = f"{folder('/api/v1', pod['metadata']['namespace'], 'pods')}/{name}"
                self._kubernetes.change(path, {"metadata": {"labels": {ROLE: role}}})


def _is_ready(pod: Raw) -> bool:
    told = pod.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in told)


def _takes_commits(seen: Seen) -> bool:
    """Whether a commit comes back: the primary answers, and as many replicas follow as it waits for."""
    answer = seen.primary.answer if seen.primary else None
    return (
        answer is not None and len(answer.followers & set(names(seen.cluster))) >= instances.quorum(seen.cluster).needed
    )


def _status(seen: Seen, current: str, target: str) -> Raw:
    """As CloudNativePG says it. Initialized is said once and never taken back."""
    cluster = seen.cluster
    name, wanted = cluster["metadata"]["name"], names(cluster)
    ready = [one for one in seen.instances.values() if one.is_ready and one.answer]
    well = bool(seen.primary) and current == target and len(ready) == len(wanted)
    phase = _phase(cluster, well, current, target)
    said = [
        condition(cluster, "Ready", "True", reason="ClusterIsReady", message="Cluster is Ready")
        if well
        else condition(cluster, "Ready", "False", reason="ClusterIsNotReady", message="Cluster Is Not Ready")
    ]
    if current:
        told = "The cluster is initialized"
        said.append(condition(cluster, "Initialized", "True", reason="Initialized", message=told))
    return {
        "phase": phase,
        "conditions": said,
        "instances": len(wanted),
        "readyInstances": len(ready),
        "instanceNames": wanted,
        "writeService": f"{name}-rw",
        "readService": f"{name}-r",
        **({"currentPrimary": current, "targetPrimary": target} if current else {}),
    }


def _phase(cluster: Raw, well: bool, current: str, target: str) -> str:
    if not current:
        return BEGINNING
    if current != target:
        return FAILING_OVER
    if well:
        return HEALTHY
    before = cluster.get("status", {}).get("phase", BEGINNING)
    return JOINING if before in (BEGINNING, JOINING) else WAITING
