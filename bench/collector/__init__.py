"""How many requests and events the collector takes, how fast it answers, and whether its memory stays flat."""
