"""Is the device at fault, not the patient? Clock, battery and implausible bursts, per device and patient.

Each fault has a row of bad signs before it is told and a row of good ones before it is over; how long
the rows are is this project's choice, no standard's. What is suspected is a few records in the
patient's block, so that it survives a restart.
"""

from typing import Final

import msgspec

CLOCK, BATTERY, BURST = "device-clock", "device-battery", "implausible-burst"
BAD_SIGNS: Final = {CLOCK: 2, BATTERY: 2, BURST: 5}  # in a row, until it is told
GOOD_SIGNS: Final = {CLOCK: 1, BATTERY: 1, BURST: 2}  # in a row, until it is over
BATTERY_LOW: Final = 0.10  # at or under: a bad sign
BATTERY_CHARGED: Final = 0.30  # at or over: a good one; between the two neither row goes on
REPLACED_MILLISECONDS: Final = 7 * 86_400_000  # unheard so long while another device measures: retired
SUSPICIONS: Final = 64  # of one patient; more, and the oldest untold one is forgotten


class Suspicion(msgspec.Struct):
    """What speaks against one device of one patient. Times in ms."""

    rule: str
    device: str
    vital: str
    heard_at: int  # receipt of the device's last reading
    counted_at: int = -1  # measurement of the last sign; one measurement is one sign
    bad: int = 0
    good: int = 0
    told: bool = False


def accuse(
    suspicions: dict[str, Suspicion], rule: str, device: str, vital: str, measured: int, received: int
) -> str | None:
    """A bad sign. Returns the cause of an alert when the row is full.

    What is measured no later than the last sign is a repeat or a part of the same measurement and counts
    for nothing; a device ahead of receipt is taken at receipt, else its row could not go on.
    """
    cause = cause_of(rule, device, vital)
    held = suspicions.get(cause)
    if held is None:
        if len(suspicions) >= SUSPICIONS:
            untold = next((key for key, old in suspicions.items() if not old.told), None)
            if untold is None:
                return None
            del suspicions[untold]
        held = suspicions[cause] = Suspicion(rule, device, vital, received)
    held.heard_at, held.good = received, 0
    if held.told or min(measured, received) <= held.counted_at:
        return None
    held.counted_at, held.vital = min(measured, received), vital
    held.bad += 1
    held.told = held.bad >= BAD_SIGNS[rule]
    return cause if held.told else None


def acquit(
    suspicions: dict[str, Suspicion],
    device: str,
    vital: str,
    battery: float | None,
    measured: int,
    received: int,
) -> list[tuple[str, str]]:
    """An accepted reading of a device. Returns (cause, rule) of each alert that is over."""
    over = []
    for cause, held in list(suspicions.items()):
        if held.device == device:
            ended = _answered(held, vital, battery, measured, received)
        else:
            ended = held.vital == vital and received - held.heard_at > REPLACED_MILLISECONDS
        if ended:
            del suspicions[cause]
            if held.told:
                over.append((cause, held.rule))
    return over


def _answered(held: Suspicion, vital: str, battery: float | None, measured: int, received: int) -> bool:
    """Whether an accepted reading of the suspected device ends the suspicion."""
    held.heard_at = received
    if measured <= held.counted_at or (held.rule == BURST and held.vital != vital):
        return False
    if held.rule == BATTERY:
        if battery is None or battery <= BATTERY_LOW:
            return False
        if held.told and battery < BATTERY_CHARGED:
            return False
    if not held.told:
        return True
    held.counted_at = measured
    held.good += 1
    return held.good >= GOOD_SIGNS[held.rule]


def cause_of(rule: str, device: str, vital: str) -> str:
    """What an alert stands for: a burst is one of a vital, clock and battery are the whole device's."""
    return f"technical/{rule}/{device}/{vital}" if rule == BURST else f"technical/{rule}/{device}"
