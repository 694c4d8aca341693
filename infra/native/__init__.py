"""The real servers without a container engine: Kafka, InfluxDB, Prometheus, Alertmanager on loopback."""
