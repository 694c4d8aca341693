"""A difference between what is declared and what a server has, told with the command that mends it."""

from typing import NamedTuple


class Drift(NamedTuple):
    """Something that is not as it should be.

    what: its kind (topic, bucket, retention …); problem: the rest of a sentence that begins with the two;
    remedy: a command.
    """

    what: str
    name: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what} {self.name} {self.problem}; run `{self.remedy}`"
