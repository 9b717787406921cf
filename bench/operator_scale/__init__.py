"""The operator with many pipelines, on a real API server and one real broker."""
