"""The operator: keeps PulsePipelines as they are described, scales them on lag and says truthfully how they are."""
