"""The settings of the operator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pulse.env import Settings, setting
from pulse.settings.shared import LogSettings


@dataclass(frozen=True, slots=True)
class OperatorSettings(Settings):
    """The operator."""

    log: LogSettings
    own_namespace: str = setting("PULSE_OPERATOR_NAMESPACE", "Namespace that the operator itself runs in.")
    consumer_image: str = setting("PULSE_CONSUMER_IMAGE", "Image of consumers and migrations.")
    simulator_image: str = setting("PULSE_SIMULATOR_IMAGE", "Image of the simulator.")
    transform_image: str = setting("PULSE_TRANSFORM_IMAGE", "Image of the dbt runner.")
    dashboards_image: str = setting("PULSE_DASHBOARDS_IMAGE", "Image of the live page and of Metabase's provisioning.")
    collector_image: str = setting("PULSE_COLLECTOR_IMAGE", "Image of the collector.")
    pull_policy: str = setting(
        "PULSE_IMAGE_PULL_POLICY",
        "When these images are pulled.",
        "IfNotPresent",
        choices=("Always", "IfNotPresent", "Never"),
    )
    pull_secrets: str = setting(
        "PULSE_IMAGE_PULL_SECRETS", "Secrets that these images are pulled with, comma-separated.", ""
    )
    namespaces: str = setting(
        "PULSE_OPERATOR_NAMESPACES", "Namespaces whose pipelines are kept, comma-separated; empty means all.", ""
    )
    lease: str = setting("PULSE_OPERATOR_LEASE", "Lease that the one operator at work holds.", "pulse-operator")
    deployment: str = setting(
        "PULSE_OPERATOR_DEPLOYMENT", "The operator's own Deployment, which a drain scales to zero first.", ""
    )
    lag_interval: timedelta = setting(
        "PULSE_LAG_INTERVAL", "Time between two looks at the lag of a pipeline.", timedelta(seconds=10), minimum=1
    )
    resync_interval: timedelta = setting(
        "PULSE_RESYNC_INTERVAL",
        "Longest time until a pipeline is looked at although nothing happened.",
        timedelta(minutes=5),
        minimum=5,
    )
    workers: int = setting(
        "PULSE_RECONCILE_WORKERS", "Pipelines that are reconciled at the same time.", 8, minimum=1, maximum=100
    )
    health_port: int = setting(
        "PULSE_HEALTH_PORT", "Port of /livez, /readyz and /metrics; 0 takes a free one.", 8080, minimum=0, maximum=65535
    )
