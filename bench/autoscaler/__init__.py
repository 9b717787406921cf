"""Pulse's autoscaler beside KEDA's Kafka rule with the HPA's defaults: one simulated group, one set of traces."""
