"""The processes that tests start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FAILING = """
import sys
from pathlib import Path
from tests import workers

def test_that_fails():
    sleeper = workers.process([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(__file__).with_name("pid").write_text(str(sleeper.pid))
    assert sleeper.poll() is not None
"""


def test_a_process_ends_with_the_test_that_started_it_and_failed(tmp_path: Path) -> None:
    (tmp_path / "test_failing.py").write_text(FAILING)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", str(tmp_path)]
    done = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, text=True)
    assert "1 failed" in done.stdout, done.stdout + done.stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
