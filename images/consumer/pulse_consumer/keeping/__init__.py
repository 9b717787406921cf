"""What keeps the raw tables in shape: partitions ahead of time, and an end for what is old enough."""
