"""What the things that a pipeline stands on say about themselves, judged: raw objects in, a verdict out.

Strimzi and CloudNativePG each tell readiness in their own way; the rest of the operator sees only verdicts. Pure: no
client and no clock in here. How long an object has been there comes in as a number of seconds.
"""

from __future__ import annotations

from pulse_operator.dependencies.absent import kind_missing
from pulse_operator.dependencies.cluster import cluster_verdict
from pulse_operator.dependencies.databases import database_verdict, role_verdict
from pulse_operator.dependencies.kafka import Endpoint, endpoint, kafka_verdict
from pulse_operator.dependencies.topics import WantedTopic, topic_verdict
from pulse_operator.dependencies.users import Credentials, credentials, user_verdict
from pulse_operator.dependencies.verdict import Found, Missing, Reason, Status, Verdict

__all__ = [
    "Credentials",
    "Endpoint",
    "Found",
    "Missing",
    "Reason",
    "Status",
    "Verdict",
    "WantedTopic",
    "cluster_verdict",
    "credentials",
    "database_verdict",
    "endpoint",
    "kafka_verdict",
    "kind_missing",
    "role_verdict",
    "topic_verdict",
    "user_verdict",
]
