"""A page on loopback over the SQLite sink: who needs attention first, and why."""

from streams.page.application import create_page

__all__ = ["create_page"]
