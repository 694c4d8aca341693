"""Faust transports of ours: `log://` (one SQLite file) and `batch://` (Kafka), both in batches."""
