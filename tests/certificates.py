"""Certificates for tests, made by openssl: an authority, and what it has signed."""

import subprocess
from pathlib import Path

NEW = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


class Authority:
    """An authority of its own; `certificate` is what to trust."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.certificate, self._key = folder / f"{name}.crt", folder / f"{name}.key"
        _openssl(*NEW, "-subj", f"/CN={name}", "-keyout", str(self._key), "-out", str(self.certificate))

    def sign(self, name: str) -> tuple[Path, Path]:
        """(certificate, key) of a name, good on loopback; the key is PKCS 8, as Kafka wants it."""
        certificate, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        signed = ("-CA", str(self.certificate), "-CAkey", str(self._key))
        loopback = ("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE")
        files = ("-keyout", str(key), "-out", str(certificate))
        _openssl(*NEW, *signed, *loopback, "-subj", f"/CN={name}", *files)
        return certificate, key

    def lock(self, key: Path) -> Path:
        """The key, encrypted."""
        locked = key.with_suffix(".locked")
        _openssl("pkcs8", "-topk8", "-in", str(key), "-out", str(locked), "-passout", "pass:of-the-key")
        return locked


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
