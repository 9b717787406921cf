"""The fault campaign: real consumers on a real Kafka and Postgres, faults by a seed, every event compared by its id."""
