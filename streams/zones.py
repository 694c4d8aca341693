"""Time zones as tables of transitions, from the IANA database that the package tzdata carries."""

from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np

from models.record import Zone

FIRST_YEAR, LAST_YEAR = 1970, 2106


@cache
def zone(name: str) -> Zone:
    """(starts, offsets) of a zone: int64 UTC seconds ascending, int32 seconds east of UTC.

    Raises ValueError with the remedy when there is no such zone.
    """
    try:
        info = ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        close = get_close_matches(name, available_timezones(), 1)
        remedy = f"did you mean {close[0]}?" if close else "write an IANA name such as Europe/Paris"
        raise ValueError(f"no time zone {name!r}; {remedy}") from error
    at = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    end = datetime(LAST_YEAR, 1, 1, tzinfo=UTC)
    starts, offsets = [-(2**61)], [_offset(info, at)]
    while at < end:  # a zone changes at most a few times a year: look weekly, then search the second
        later = at + timedelta(days=7)
        if _offset(info, later) != offsets[-1]:
            low, high = int(at.timestamp()), int(later.timestamp())
            while high - low > 1:
                middle = (low + high) // 2
                if _offset(info, datetime.fromtimestamp(middle, UTC)) == offsets[-1]:
                    low = middle
                else:
                    high = middle
            starts.append(high)
            offsets.append(_offset(info, later))
        at = later
    return np.array(starts, np.int64), np.array(offsets, np.int32)


def _offset(info: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(info).utcoffset()
    return int(offset.total_seconds()) if offset else 0
