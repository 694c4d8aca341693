"""Secrets in files of their own: made once, mode 600, in a folder of mode 700; never printed."""

import os
import secrets
from pathlib import Path

from models.strict import ConfigurationError, Fault

OURS_ALONE = 0o600


def read_secret(folder: Path, name: str) -> str | None:
    """A secret, or None when it is not there or empty. Raises ConfigurationError when it cannot be read."""
    try:
        return (folder / name).read_text("utf-8-sig").strip() or None
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:  # neither it nor its text may be told: they hold the secret
        fault = Fault(str(folder / name), "-", f"not UTF-8 at byte {error.start}", "save it as UTF-8")
    except OSError as error:
        fault = Fault(str(folder / name), "-", f"cannot be read ({type(error).__name__})", "mend its rights")
    raise ConfigurationError([fault]) from None


def write_secret(folder: Path, name: str, text: str) -> None:
    """Replace a secret whole; at no moment can anybody else read it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = folder / f".{name}.partial"
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OURS_ALONE), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / name)


def ensure_secret(folder: Path, name: str) -> str:
    """The secret of a file, made of 256 random bits when there is none."""
    found = read_secret(folder, name)
    if found is None:
        found = secrets.token_urlsafe(32)
        write_secret(folder, name, found)
    return found


def is_open(folder: Path, name: str) -> bool:
    """Whether others than the owner may read a secret."""
    return bool((folder / name).stat().st_mode & 0o077)
