"""What tells Prometheus to look at the consumers, where its operator is installed. Pure."""

from __future__ import annotations

from pulse_operator.objects import POD_MONITOR
from pulse_operator.render.consumer import COMPONENT, HEALTH_PORT_NAME
from pulse_operator.render.inputs import Inputs, Wanted, selector, workload


def monitors(inputs: Inputs) -> list[Wanted]:
    """A PodMonitor, if the kind is served."""
    if POD_MONITOR.plural not in inputs.facts.optional_kinds:
        return []
    spec = {
        "selector": {"matchLabels": selector(inputs, COMPONENT)},
        "podMetricsEndpoints": [{"port": HEALTH_PORT_NAME, "path": "/metrics", "interval": "30s"}],
    }
    return [workload(inputs, inputs.home(POD_MONITOR, COMPONENT), COMPONENT, spec=spec)]
