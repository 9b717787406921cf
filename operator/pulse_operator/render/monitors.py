"""What tells Prometheus to look at consumers, collectors and the live page, where its operator is installed. Pure."""

from __future__ import annotations

from pulse_operator.dashboards import PAGE
from pulse_operator.objects import POD_MONITOR, Manifest
from pulse_operator.render import collector, consumer
from pulse_operator.render.inputs import Inputs, Wanted, selector, workload
from pulse_operator.render.pod import HEALTH_PORT_NAME


def monitors(inputs: Inputs) -> list[Wanted]:
    """A PodMonitor for each, if the kind is served."""
    if POD_MONITOR.plural not in inputs.facts.optional_kinds:
        return []
    optional = {collector.COMPONENT: inputs.spec.collector.enabled, PAGE: inputs.spec.dashboard.live.enabled}
    watched = [consumer.COMPONENT, *(component for component, enabled in optional.items() if enabled)]
    return [_monitor(inputs, component) for component in watched]


def _monitor(inputs: Inputs, component: str) -> Manifest:
    spec = {
        "selector": {"matchLabels": selector(inputs, component)},
        "podMetricsEndpoints": [{"port": HEALTH_PORT_NAME, "path": "/metrics", "interval": "30s"}],
    }
    return workload(inputs, inputs.home(POD_MONITOR, component), component, spec=spec)
