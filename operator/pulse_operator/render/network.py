"""Who may connect to the pods of a pipeline: nobody, but for the ports of metrics, of events and of people. Pure.

Nothing is said about where the pods may connect to. Brokers and databases tell their addresses themselves, and they may
be pods, load balancers or machines far away; a rule that allowed all of that would forbid nothing, and a narrower one
would cut off a pipeline on the day that a broker moves. Who knows the addresses can add a policy of their own.
"""

from __future__ import annotations

from collections.abc import Sequence

from pulse_operator.objects import NETWORK_POLICY, Manifest
from pulse_operator.render import collector, consumer, maintain, migrate, simulator, transform
from pulse_operator.render.inputs import Inputs, Wanted, selector, workload
from pulse_operator.render.pod import HEALTH_PORT


def policies(inputs: Inputs) -> list[Wanted]:
    """One for each component that has pods."""
    # Anybody may look at metrics: where Prometheus runs, and under which labels, is not ours to know.
    metrics = {"port": HEALTH_PORT, "protocol": "TCP"}
    events = {"port": collector.PORT, "protocol": "TCP"}
    optional = {transform.COMPONENT: inputs.spec.transform.enabled, simulator.COMPONENT: inputs.spec.simulator.enabled}
    closed = [migrate.COMPONENT, maintain.COMPONENT, *(component for component, enabled in optional.items() if enabled)]
    return [
        policy(inputs, consumer.COMPONENT, {"ingress": [{"ports": [metrics]}]}),
        *(
            [policy(inputs, collector.COMPONENT, {"ingress": [{"ports": [events, metrics]}]})]
            if inputs.spec.collector.enabled
            else []
        ),
        *(policy(inputs, component, {}) for component in closed),
    ]


def policy(inputs: Inputs, component: str, allowed: Manifest) -> Manifest:
    """The policy of one component; without `allowed`, nobody may connect to its pods."""
    spec = {"podSelector": {"matchLabels": selector(inputs, component)}, "policyTypes": ["Ingress"], **allowed}
    return workload(inputs, inputs.home(NETWORK_POLICY, component), component, spec=spec)


def peers(port: int, namespaces: Sequence[str]) -> Manifest:
    """Who may connect to a port: pods of these namespaces, or if none is named anybody."""
    allowed: Manifest = {"ports": [{"port": port, "protocol": "TCP"}]}
    if namespaces:
        allowed["from"] = [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}} for name in namespaces
        ]
    return allowed
