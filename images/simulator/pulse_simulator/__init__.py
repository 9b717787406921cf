"""Seeded visitors of a shop, their events on the way to Kafka, and the truth about them in a file."""
