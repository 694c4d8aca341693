"""Tests against real servers: skipped, with the reason, where a server cannot be had.

Without VIGIE_LIVE they run with what is there already; VIGIE_LIVE=1 also fetches and builds what is not
(InfluxDB: some minutes, once), VIGIE_LIVE=must lets them fail when that fails (where a tool is not installed
they are skipped still), VIGIE_LIVE=0 skips them.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.native.artefacts import NotToBeHad, ToolMissing
from infra.native.influxdb import is_had as has_influxdb
from infra.native.kafka import is_had as has_kafka
from infra.native.process import Server


def server(make: Callable[[Path], Server], folder: Path) -> Server:
    """A server, or the test is skipped and says what to install."""
    wish = os.environ.get("VIGIE_LIVE")
    if wish == "0":
        pytest.skip("VIGIE_LIVE=0")
    if wish not in ("1", "must") and not (has_kafka() and has_influxdb()):
        pytest.skip("no servers yet: `make servers` fetches and builds them, once")
    try:
        return make(folder)
    except NotToBeHad as error:
        if wish == "must" and not isinstance(error, ToolMissing):
            pytest.fail(str(error))
        pytest.skip(str(error))
