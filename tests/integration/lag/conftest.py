"""Who asks for the lag, and the brokers that are asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kit.lag import Clock, Kafka
from kit.secured import SecuredBroker

from pulse_local.services.kafka import Broker
from pulse_operator.lag import LagReader


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(clock: Clock) -> Iterator[LagReader]:
    made = LagReader(clock)
    yield made
    made.close()


@pytest.fixture
def kafka(broker: Broker) -> Iterator[Kafka]:
    made = Kafka(broker)
    yield made
    made.admin.delete_topics([made.wanted.topic])


@pytest.fixture
def secured(secured_broker: SecuredBroker) -> Iterator[Kafka]:
    made = Kafka(secured_broker.broker)
    yield made
    made.admin.delete_topics([made.wanted.topic])
