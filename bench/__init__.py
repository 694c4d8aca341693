"""The same small job on other stream processors beside Vigie, on one real Kafka: `make peers`."""
