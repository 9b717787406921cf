"""The SQL of one batch, built from the one list of columns."""

from __future__ import annotations

from pulse_consumer.rows import COLUMNS

# Constants of this package alone are put into the texts below (hence the noqa): no value ever is.
_NAMES = ", ".join(name for name, _ in COLUMNS)

# Same names and types as the table's, and no constraint: what the table refuses is found by the insert, in a savepoint.
CREATE_STAGE = f"create temp table stage on commit delete rows as select {_NAMES} from raw.events with no data"  # noqa: S608

COPY_STAGE = f"copy stage ({_NAMES}) from stdin with (format binary)"

COPY_EVENTS = f"copy raw.events ({_NAMES}) from stdin with (format binary)"

EMPTY_STAGE = "truncate stage"

# Ends the sessions of consumers of this role whose process froze inside a transaction, and with them what they hold.
# idle_in_transaction_session_timeout misses some of them: to the server a COPY that waits for its client is not idle,
# and the Flush that psycopg's executemany sends last stops that clock. A role may end its own sessions without a right.
END_FROZEN = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and usename = current_user and application_name = %s and pid <> pg_backend_pid()
    and xact_start is not null and wait_event = 'ClientRead' and state_change < now() - make_interval(secs => %s)
"""

INSERT = f"insert into raw.events ({_NAMES}) select {_NAMES} from stage on conflict (event_id) do nothing"  # noqa: S608

# What the insert leaves out, asked before it or after it: staged rows whose event was there before this transaction, or
# came from another record of it. The same fingerprint is a repeat; another one is a conflict, which is kept beside the
# first. The lateral look-up, which `offset 0` keeps from being flattened, goes id by id and touches the one partition
# that can hold it.
CLASSIFY = """
with left_out as (
    select stage.*, held.fingerprint = stage.fingerprint as repeats
    from stage cross join lateral (
        select fingerprint, ingested_at, topic_id, kafka_partition, kafka_offset
        from raw.events where events.event_id = stage.event_id offset 0
    ) as held
    where held.ingested_at is distinct from now()
        or (held.topic_id, held.kafka_partition, held.kafka_offset)
            is distinct from (stage.topic_id, stage.kafka_partition, stage.kafka_offset)
), kept as (
    insert into raw.event_conflicts (topic_id, partition_id, kafka_offset, event_id, fingerprint, event)
    select topic_id, kafka_partition, kafka_offset, event_id, fingerprint, to_jsonb(left_out) - 'repeats'
    from left_out where not repeats
    on conflict do nothing
)
select kafka_partition, count(*) filter (where repeats), count(*) filter (where not repeats)
from left_out group by kafka_partition
"""

DEAD_LETTER = """
insert into raw.dead_letters (topic_id, partition_id, kafka_offset, topic, kafka_timestamp, key, value, headers,
    kafka_timestamp_trusted, class, reason, field, sqlstate, consumer_group, version,
    attempt, first_topic_id, first_partition_id, first_kafka_offset, first_kafka_timestamp,
    first_kafka_timestamp_trusted)
values (%s, %s, %s, %s, to_timestamp(%s / 1e6), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,
    %s, %s, %s, %s, to_timestamp(%s / 1e6), %s)
on conflict (topic_id, partition_id, kafka_offset) do nothing
"""

BATCH = """
insert into raw.batches (consumer_group, topic_id, partition_id, epoch, first_offset, next_offset,
    read, inserted, duplicate, conflict, dead, skipped)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
