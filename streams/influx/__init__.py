"""InfluxDB 2 set up and checked."""
