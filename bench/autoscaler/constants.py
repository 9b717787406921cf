"""Every number that the simulation takes from reality, with where it comes from. Nothing here decides anything."""

from __future__ import annotations

# Measured by bench/autoscaler/measure.py on 2 cores that the broker, Postgres and the consumer share: 80k/s. Taken
# lower, because in a cluster the database is further away.
POD_RECORDS_PER_SECOND = 60_000.0
# Partitions that change hands stand still for this long; the others go on. The same script: 2 to 3 s when consumers
# join, up to 5 s when one leaves.
REBALANCE_SECONDS = 3.0
# What a limiting database takes less for each pod beyond those that it needs. Measured: two consumers 92k/s, four
# 75k/s, so 0.1; there the consumers themselves share the two cores, so only a fifth of it is taken.
DATABASE_CONTENTION = 0.02
# As a process a consumer is at work after 1 to 1.5 s; a pod needs scheduling, a pulled image
# and its first readiness probe.
POD_START_SECONDS = 15.0
POD_START_JITTER = 0.2
# Offsets are committed a batch after the records were read: what a lag query sees is up to this much behind.
COMMIT_SECONDS = 0.5

PARTITIONS = 12
TARGET_LAG_PER_REPLICA = 100_000  # Pulse's default; KEDA's lagThreshold gets the same

# The group is behind while more than this waits.
DRAINED_RECORDS = 1_000
# Drained means: not behind for this long.
DRAINED_FOR_SECONDS = 60.0
# Up and down again (or the reverse) within this time is a flap: the HPA's own stabilisation window.
FLAP_SECONDS = 300.0

# KEDA 2.20: ScaledObject defaults. Kubernetes 1.30+: HPA defaults of autoscaling/v2 and the controller manager.
KEDA_POLLING_SECONDS = 30.0
KEDA_COOLDOWN_SECONDS = 300.0
HPA_SYNC_SECONDS = 15.0
HPA_TOLERANCE = 0.1
HPA_DOWN_WINDOW_SECONDS = 300.0
HPA_UP_PODS = 4
HPA_UP_FACTOR = 2.0
HPA_UP_PERIOD_SECONDS = 15.0
