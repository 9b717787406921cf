"""The autoscaler: lag and a policy in, a number of replicas and the reason out.

Pure: no clock, random source, environment, Kubernetes or Kafka in here. Time comes in with the observation, and what
has to be remembered between two calls goes out as a value that the caller stores.
"""

from __future__ import annotations

from pulse_operator.scaling.decide import decide
from pulse_operator.scaling.decision import Decision, Limit, Reason
from pulse_operator.scaling.memory import Memory
from pulse_operator.scaling.observation import Observation, PartitionOffsets
from pulse_operator.scaling.policy import Mode, Policy

__all__ = ["Decision", "Limit", "Memory", "Mode", "Observation", "PartitionOffsets", "Policy", "Reason", "decide"]
