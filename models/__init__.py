"""Vigie's functional core: everything that needs no clock, socket, broker, file or log."""
