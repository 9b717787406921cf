"""Events by HTTP, from pages and servers, on their way to Kafka."""
