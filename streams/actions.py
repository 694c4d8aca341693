"""What a nurse does about an alert, as a record of the input log: by `vigie alert`, or by the page."""

import msgspec

from models.actions import Action
from models.times import rfc3339
from streams.alerts import Alert, refusal
from streams.input import Appended, append, key_of, open_log, received_now
from streams.settings import Settings


class ActionRefused(Exception):
    """The worker would refuse an action on an alert that stands so; the text says why."""


def send(settings: Settings, alert: Alert, action: Action, length: int | None = None) -> Appended:
    """Append an action; it holds for `length` ms from now on by the log's time, None: until the end.

    Returns its place. Raises ActionRefused, or LogUnusable when the log does not take it.
    """
    if reason := refusal(alert, action.action):
        raise ActionRefused(reason)
    log = open_log(settings)
    try:
        if length is not None:
            key = key_of(msgspec.json.encode(action))
            partition = log.partition(settings.topic("readings"), key)
            action.until = rfc3339(received_now(settings, log, partition) + length)
        [[place]] = append(settings, log, [msgspec.json.encode(action)])
    finally:
        log.close()
    return place
