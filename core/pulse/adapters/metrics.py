"""Every metric that Pulse exposes, each with its sentence; docs/reference/metrics.md is generated from here.

Labels have few and known values: outcomes, rejection codes, verdicts, partition numbers.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
# Apart, so that a consumer does not show the others' figures as zeros, nor they the consumer's.
OPERATOR_REGISTRY = CollectorRegistry()
COLLECTOR_REGISTRY = CollectorRegistry()
DASHBOARD_REGISTRY = CollectorRegistry()

CONSUMER_RECORDS = Counter(
    "pulse_consumer_records",
    "Records whose transaction was committed, by outcome: inserted, duplicate, conflict or dead.",
    ["outcome"],
    registry=REGISTRY,
)
CONSUMER_DEAD_LETTERS = Counter(
    "pulse_consumer_dead_letters", "Dead letters committed, by rejection code.", ["code"], registry=REGISTRY
)
CONSUMER_REDRIVES_REFUSED = Counter(
    "pulse_consumer_redrives_refused",
    "Dead letters that `pulse dlq replay` sent again and that were refused again, by rejection code.",
    ["code"],
    registry=REGISTRY,
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
CONSUMER_BATCHES = Counter(
    "pulse_consumer_batches",
    "Committed transactions, by the way of their events: copied straight into the table, or merged through the stage.",
    ["way"],
    registry=REGISTRY,
)
CONSUMER_PACKER = Gauge(
    "pulse_consumer_packer",
    "1 under the name of what makes the rows of plain records: native or python.",
    ["name"],
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
OPERATOR_RECONCILES = Counter(
    "pulse_operator_reconciles",
    "Passes over a pipeline, by outcome: done or failed.",
    ["outcome"],
    registry=OPERATOR_REGISTRY,
)
OPERATOR_RECONCILE_SECONDS = Histogram(
    "pulse_operator_reconcile_seconds",
    "Time that one pass over a pipeline took.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=OPERATOR_REGISTRY,
)
OPERATOR_LAST_RECONCILE = Gauge(
    "pulse_operator_last_reconcile_timestamp_seconds",
    "Unix time of the last pass over any pipeline.",
    registry=OPERATOR_REGISTRY,
)
OPERATOR_PIPELINES = Gauge(
    "pulse_operator_pipelines", "Pipelines that the operator looks after.", registry=OPERATOR_REGISTRY
)
OPERATOR_SCALE_DECISIONS = Counter(
    "pulse_operator_scale_decisions",
    "Decisions to change replicas, by reason.",
    ["reason"],
    registry=OPERATOR_REGISTRY,
)
PIPELINE_CONDITION = Gauge(
    "pulse_pipeline_condition",
    "1 under the status that a condition of a pipeline has now: True, False or Unknown; the others are absent.",
    ["namespace", "pipeline", "condition", "status"],
    registry=OPERATOR_REGISTRY,
)
PIPELINE_LAG = Gauge(
    "pulse_pipeline_lag_records",
    "Records in Kafka that are not in Postgres yet.",
    ["namespace", "pipeline"],
    registry=OPERATOR_REGISTRY,
)
PIPELINE_LAG_READ = Gauge(
    "pulse_pipeline_lag_read_timestamp_seconds",
    "Unix time at which the lag was last read.",
    ["namespace", "pipeline"],
    registry=OPERATOR_REGISTRY,
)
PIPELINE_DRAIN_SECONDS = Gauge(
    "pulse_pipeline_drain_seconds",
    "Seconds until the backlog is worked off at the present rate; absent if unknown.",
    ["namespace", "pipeline"],
    registry=OPERATOR_REGISTRY,
)
PIPELINE_LAST_TRANSFORM = Gauge(
    "pulse_pipeline_last_transform_timestamp_seconds",
    "Unix time at which the last good run of dbt ended; absent before the first.",
    ["namespace", "pipeline"],
    registry=OPERATOR_REGISTRY,
)
PIPELINE_LAST_MAINTENANCE = Gauge(
    "pulse_pipeline_last_maintenance_timestamp_seconds",
    "Unix time at which the last good run of `pulse maintain` ended; absent before the first.",
    ["namespace", "pipeline"],
    registry=OPERATOR_REGISTRY,
)
PIPELINE_REPLICAS = Gauge(
    "pulse_pipeline_replicas",
    "Consumers, by kind: current (ready) or desired.",
    ["namespace", "pipeline", "kind"],
    registry=OPERATOR_REGISTRY,
)
COLLECTOR_REQUESTS = Counter(
    "pulse_collector_requests",
    "Requests answered, by code: ok, opted_out (a pixel of a visitor whose browser says no: nothing was stored), or "
    "why the request was refused as a whole.",
    ["code"],
    registry=COLLECTOR_REGISTRY,
)
COLLECTOR_CONNECTIONS_REFUSED = Counter(
    "pulse_collector_connections_refused",
    "What never became a request, by reason: not_http or head_too_long (400), head_too_slow (hung up on), "
    "too_many_connections (503).",
    ["reason"],
    registry=COLLECTOR_REGISTRY,
)
COLLECTOR_EVENTS = Counter(
    "pulse_collector_events",
    "Events of requests that Kafka, or the buffer on the disk, has stored, by the name of the write key and by "
    "outcome: accepted, rejected (stored as what becomes a dead letter) or unrecorded (rejected, and too many or too "
    "large to be stored).",
    ["key", "outcome"],
    registry=COLLECTOR_REGISTRY,
)
COLLECTOR_REJECTED = Counter(
    "pulse_collector_rejected_events", "Rejected events, by code.", ["code"], registry=COLLECTOR_REGISTRY
)
COLLECTOR_BOTS = Counter(
    "pulse_collector_bot_events",
    "Accepted events flagged as made by bots, by reason.",
    ["reason"],
    registry=COLLECTOR_REGISTRY,
)
COLLECTOR_REQUEST_SECONDS = Histogram(
    "pulse_collector_request_seconds",
    "Time from a request's head to its answer, with the reading of its body and Kafka's acknowledgement.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=COLLECTOR_REGISTRY,
)
COLLECTOR_HELD_BYTES = Gauge(
    "pulse_collector_held_bytes", "Bytes of bodies held now, read or being read.", registry=COLLECTOR_REGISTRY
)
COLLECTOR_BUFFERED = Counter(
    "pulse_collector_buffered_records",
    "Records that went over the buffer on the disk, by what became of them: written, drained into Kafka, or refused, "
    "as the topic takes none of their size, and kept beside.",
    ["outcome"],
    registry=COLLECTOR_REGISTRY,
)
COLLECTOR_BUFFER_BYTES = Gauge(
    "pulse_collector_buffer_bytes", "Bytes that wait in the buffer on the disk.", registry=COLLECTOR_REGISTRY
)
COLLECTOR_BUFFER_CUT = Counter(
    "pulse_collector_buffer_cut_bytes",
    "Bytes at the ends of buffer files that were no whole record, as a write was cut off, and were left out.",
    registry=COLLECTOR_REGISTRY,
)
COLLECTOR_KAFKA_UP = Gauge(
    "pulse_collector_kafka_up", "1 while Kafka takes events, else 0.", registry=COLLECTOR_REGISTRY
)
DASHBOARD_READING_SECONDS = Histogram(
    "pulse_dashboard_reading_seconds",
    "Time from the question for all cards of a dashboard to the last row of them.",
    ["dashboard"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
    registry=DASHBOARD_REGISTRY,
)
DASHBOARD_CARDS = Counter(
    "pulse_dashboard_cards",
    "Cards read from Postgres, by outcome: shown or failed.",
    ["dashboard", "outcome"],
    registry=DASHBOARD_REGISTRY,
)
DASHBOARD_DATABASE_FAILURES = Counter(
    "pulse_dashboard_database_failures",
    "Questions that the page could not put to Postgres at all.",
    registry=DASHBOARD_REGISTRY,
)
DASHBOARD_SIGN_INS = Counter(
    "pulse_dashboard_sign_ins",
    "Tokens that people typed in, by outcome: right or wrong.",
    ["outcome"],
    registry=DASHBOARD_REGISTRY,
)
