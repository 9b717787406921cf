"""The only place with sockets, clocks and environments: clients of Kafka and Postgres, logs, metrics, health."""
