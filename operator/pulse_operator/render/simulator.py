"""The Deployment of the simulator, for as long as it is enabled. Pure."""

from __future__ import annotations

from pulse.facts import KafkaAccess
from pulse.settings import SimulatorSettings
from pulse.spec import Amounts, Resources
from pulse_operator.objects import DEPLOYMENT, Manifest
from pulse_operator.render.environment import (
    CREDENTIALS_ANNOTATION,
    LOG,
    Environment,
    environment,
    kafka_files,
    kafka_settings,
    secret,
    secret_ref,
)
from pulse_operator.render.inputs import Inputs, Wanted, selector, workload
from pulse_operator.render.pod import Container, template
from pulse_operator.render.topics import topic_settings

COMPONENT = "simulator"
_RESOURCES = Resources(requests=Amounts(cpu="100m", memory="128Mi"), limits=Amounts(memory="1Gi"))


def simulators(inputs: Inputs) -> list[Wanted]:
    """Nothing unless it is enabled, so that what was there goes."""
    if not inputs.spec.simulator.enabled:
        return []
    deployment = inputs.home(DEPLOYMENT, COMPONENT)
    kafka = inputs.facts.kafka.get("producer")
    if kafka is None:
        return [secret_ref(inputs, COMPONENT), deployment]
    told = environment(inputs, COMPONENT, settings(inputs, kafka), kafka_files(kafka))
    return [
        *secret(inputs, COMPONENT, told),
        workload(inputs, deployment, COMPONENT, spec=_spec(inputs, told)),
    ]


def settings(inputs: Inputs, kafka: KafkaAccess) -> SimulatorSettings:
    """What the simulator is told: live visitors, until it is stopped."""
    return SimulatorSettings(
        kafka=kafka_settings(kafka),
        log=LOG,
        events_topic=topic_settings(inputs).events,
        users=inputs.spec.simulator.users,
        rate=float(inputs.spec.simulator.events_per_second),
    )


def _spec(inputs: Inputs, told: Environment) -> Manifest:
    runs = Container(COMPONENT, inputs.facts.images.simulator, ("pulse-simulator",), told, _RESOURCES)
    return {
        "replicas": 1,
        "selector": {"matchLabels": selector(inputs, COMPONENT)},
        # Two at once would send twice the rate.
        "strategy": {"type": "Recreate"},
        "revisionHistoryLimit": 3,
        "template": template(inputs, runs, "Always", {CREDENTIALS_ANNOTATION: told.fingerprint}),
    }
