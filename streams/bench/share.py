"""Processor time of other processes, and processes held to a share of a processor (Linux).

Workers and broker of one machine take each other's processors. Held to a share each, workers leave the
broker what it needs, and more of them show what more of them do. A process that has used its share of a
tenth of a second is stopped until the next, as the quota of a control group would, without being root.
"""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Final

PERIOD: Final = 0.1  # seconds, as the kernel's own quota
LOOK: Final = 0.002  # seconds


def used(process: int) -> float:
    """Processor seconds of all threads of a process so far. Raises OSError when it is gone."""
    return time.clock_gettime(~process << 3 | 2)  # clock_getcpuclockid(3), which Python does not have


@contextmanager
def held(processes: Sequence[int], share: float) -> Iterator[None]:
    """Hold each process to a share of a processor while the block runs; 1 holds nobody."""
    if share >= 1:
        yield
        return
    ended = Event()
    thread = Thread(target=_hold, args=(processes, share, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        for process in processes:
            _tell(process, signal.SIGCONT)


def _hold(processes: Sequence[int], share: float, ended: Event) -> None:
    begin = {process: _used(process) for process in processes}
    while not ended.is_set():
        until = time.monotonic() + PERIOD
        for process in processes:
            _tell(process, signal.SIGCONT)
        running = set(processes)
        while time.monotonic() < until:
            for process in list(running):
                if _used(process) - begin[process] >= share * PERIOD:
                    _tell(process, signal.SIGSTOP)
                    running.remove(process)
            time.sleep(LOOK)
        for process in processes:  # what was used beyond the share is owed, what was left is lost
            begin[process] = min(_used(process), begin[process] + share * PERIOD)


def _used(process: int) -> float:
    try:
        return used(process)
    except OSError:
        return 0.0


def _tell(process: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, what)
