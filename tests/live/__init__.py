"""Tests against real servers: skipped, with the reason, where a server cannot be had."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.native.artefacts import NotToBeHad
from infra.native.process import Server


def server(make: Callable[[Path], Server], folder: Path) -> Server:
    """A server, or the test is skipped and says what to install."""
    if os.environ.get("VIGIE_LIVE") != "1":
        pytest.skip("live tests run with VIGIE_LIVE=1")
    try:
        return make(folder)
    except NotToBeHad as error:
        pytest.skip(str(error))
