"""A real kube-controller-manager against the tests' API server, so that objects act on each other.

Deployments make ReplicaSets and Pods, Jobs and CronJobs run their course, owners take their children along, namespaces
end, and service accounts come to be. There is still no node: a Pod stays Pending until a test writes its status.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apiserver import ApiServer, service_account_key
from processes import running_process

# What acts on the objects that Pulse makes. Controllers of nodes, volumes and clouds have nothing to act on here.
CONTROLLERS = (
    "cronjob-controller",
    "deployment-controller",
    "disruption-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "horizontal-pod-autoscaler-controller",
    "job-controller",
    "namespace-controller",
    "pod-garbage-collector-controller",
    "replicaset-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "statefulset-controller",
    "ttl-after-finished-controller",
)


@contextmanager
def running_controllers(kube_controller_manager: Path, server: ApiServer, home: Path, port: int) -> Iterator[None]:
    """Starts the program, waits until it acts, and ends it."""
    config = server.kubeconfig(home / "controllers.kubeconfig")
    words: list[str | Path] = [
        *(kube_controller_manager, "--kubeconfig", config, "--bind-address", "127.0.0.1", "--secure-port", str(port)),
        *("--cert-dir", home / "controllers", "--controllers", ",".join(CONTROLLERS), "--leader-elect=false"),
        # No metrics are served here, so it only keeps numbers within their limits; that much sooner than every 15 s.
        *("--horizontal-pod-autoscaler-sync-period", "2s"),
        *("--service-account-private-key-file", service_account_key(home), "--root-ca-file", server.certificate),
    ]
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    log = home / "kube-controller-manager.log"
    with running_process(words, log, lambda: server.call("GET", account)[0] == 200):
        yield
