"""Foreign recordings become records of the input log here, before the log."""
