"""Which namespaces the operator looks after. Pure."""

from __future__ import annotations

from pulse.facts import Images
from pulse.settings import OperatorSettings


def listed(text: str) -> tuple[str, ...]:
    """The names in a comma-separated setting."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def images(settings: OperatorSettings) -> Images:
    """The images that pipelines are made of."""
    return Images(
        consumer=settings.consumer_image,
        simulator=settings.simulator_image,
        transform=settings.transform_image,
        dashboards=settings.dashboards_image,
        collector=settings.collector_image,
        pull_policy=settings.pull_policy,
        pull_secrets=listed(settings.pull_secrets),
    )
