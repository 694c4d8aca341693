"""A simulated ward: patients at home, their devices, and six stories worth an alert.

Everything is a pure function of a seed and of the moment at which the live part begins.
No line of it describes a real person.
"""

from streams.ward.simulation import ZONE, Arrival, Ward

__all__ = ["ZONE", "Arrival", "Ward"]
