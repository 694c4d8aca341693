"""A page over a deployment on Kafka: its own copy of results and alerts, kept for some weeks."""
