"""A worker whose fetching can die without a word, as `python -m tests.deaf MARK SECONDS [COMMAND…]`.

While the file MARK exists nothing is fetched; the consumer keeps its place in the group, all else goes on.
SECONDS stand for the minute after which such a worker counts as stalled.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from streams import progress
from streams.cli import main
from streams.transports.batch import Tracking


def deafen(mark: Path) -> None:
    hear = Tracking._getmany

    async def getmany(self: Any, active_partitions: Any, timeout: float) -> Any:
        if mark.exists():
            await asyncio.sleep(0.05)
            return {}
        return await hear(self, active_partitions, timeout)

    Tracking._getmany = getmany  # type: ignore[method-assign]


if __name__ == "__main__":
    deafen(Path(sys.argv[1]))
    progress.LEAST_SECONDS = float(sys.argv[2])  # type: ignore[misc]
    sys.argv[1:] = sys.argv[3:]
    main()
