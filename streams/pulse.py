"""Whether this process was stopped for so long that its group has gone on without it.

A frozen process (SIGSTOP, a paused machine, swapping without end) wakes in the midst of what it did, and
knows nothing yet of the worker that took its partitions over. Kafka refuses its commits and the state
table outlives its blocks, but an old point written to InfluxDB would replace a newer one. So such a
process ends itself, before its next write to the outside; its manager starts it anew.
"""

import os
import sys
import threading
import time
from typing import Final

BEAT: Final = 0.5  # seconds
ZOMBIE: Final = 1  # the exit code of a fault: started anew
_longest = 0.0  # seconds between beats; less than the session with the broker
_last = 0.0  # the time of the last beat; 0.0 while nobody listens


def now() -> float:
    """Seconds that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def stood_still(last: float, at: float, longest: float) -> bool:
    """Whether the time between a beat and now says that the process stood still."""
    return last > 0.0 and at - last > longest


def check() -> None:
    """Go on only if the process was not frozen since its last beat; ends it otherwise, at once."""
    if stood_still(_last, now(), _longest):
        sys.stderr.write('{"event": "frozen for longer than a session: ends, to be started anew"}\n')
        sys.stderr.flush()
        os._exit(ZOMBIE)


def start(longest: float) -> None:
    """Beat from a thread of its own, until the process ends; `longest` s between beats are no freeze."""
    global _last, _longest
    _longest = longest
    _last = now()
    threading.Thread(target=_beat, daemon=True, name="pulse").start()


def _beat() -> None:
    global _last
    while True:
        time.sleep(BEAT)
        check()
        _last = now()
