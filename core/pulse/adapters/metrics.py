"""Every metric that Pulse exposes, each with its sentence; docs/reference/metrics.md is generated from here.

Labels have few and known values: outcomes, rejection codes, verdicts, partition numbers.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

CONSUMER_RECORDS = Counter(
    "pulse_consumer_records",
    "Records whose transaction was committed, by outcome: inserted, duplicate, conflict or dead.",
    ["outcome"],
    registry=REGISTRY,
)
CONSUMER_DEAD_LETTERS = Counter(
    "pulse_consumer_dead_letters", "Dead letters committed, by rejection code.", ["code"], registry=REGISTRY
)
CONSUMER_BATCH_ROWS = Histogram(
    "pulse_consumer_batch_rows",
    "Records in one committed transaction.",
    buckets=(1, 10, 100, 1_000, 5_000, 10_000, 20_000, 50_000),
    registry=REGISTRY,
)
CONSUMER_BATCH_SECONDS = Histogram(
    "pulse_consumer_batch_seconds",
    "Time from handing a batch to the writer until its commit, retries included.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
    registry=REGISTRY,
)
CONSUMER_WRITE_FAILURES = Counter(
    "pulse_consumer_write_failures",
    "Attempts to write a batch that failed, by verdict.",
    ["verdict"],
    registry=REGISTRY,
)
CONSUMER_SESSIONS = Counter(
    "pulse_consumer_sessions", "Times that the consumer joined its group anew, the first included.", registry=REGISTRY
)
CONSUMER_PARTITIONS = Gauge("pulse_consumer_partitions", "Partitions that this consumer owns now.", registry=REGISTRY)
CONSUMER_LAG = Gauge(
    "pulse_consumer_lag_records",
    "Records between the stored offset and the end of the log as last fetched, by partition.",
    ["partition"],
    registry=REGISTRY,
)
CONSUMER_LAST_COMMIT = Gauge(
    "pulse_consumer_last_commit_timestamp_seconds", "Unix time of the last committed batch.", registry=REGISTRY
)
