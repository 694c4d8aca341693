"""Where compiled kernels are kept: a folder named by the digest of the core's sources.

numba looks only at the file of a function, not at what that function calls; a cache named by all
sources can never serve code of another version.
"""

import hashlib
import os
from pathlib import Path

import numba


def share_compiled_code() -> Path:
    """Point numba's cache at this version's folder; NUMBA_CACHE_DIR, when set, wins."""
    models = Path(__file__).parent.parent / "models"
    digest = hashlib.sha256()
    for source in sorted(models.rglob("*.py")):
        digest.update(source.read_bytes())
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = base / "vigie" / "compiled" / digest.hexdigest()[:16]
    if "NUMBA_CACHE_DIR" not in os.environ:
        numba.config.CACHE_DIR = str(folder)
    return folder
