"""Topics, partitions and offsets in one SQLite file, and Faust on top of it."""
