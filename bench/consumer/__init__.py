"""Pulse's consumer beside other sinks from Kafka to Postgres, on one machine, into the same table."""
