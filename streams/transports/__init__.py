"""Faust transports of ours: `log://` (one SQLite file) and `batch://` (Kafka), both in batches."""


class LogUnusable(Exception):
    """A log cannot be read or written; the text says which, why, and what to do."""
