"""Stands in for the operators of Strimzi and CloudNativePG, inside the cluster, with real Kafka and real Postgres.

Only for tests, on machines that cannot pull the images of the real ones. What it claims of them stands in README.md.
"""
