"""Certificates of servers: made by openssl for a deployment's own, and when one ends."""

import socket
import ssl
import subprocess
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from streams.secret_files import write_secret

DAYS: Final = 825  # the longest life that clients accept of a server's certificate
SOON: Final = 30 * 86_400  # seconds before its end
SECONDS: Final = 10.0  # for an answer


def make_certificate(server: str, names: tuple[str, ...], certificate: Path, key: Path) -> None:
    """A certificate for a service of compose, also reached at localhost and at other names or addresses.

    It is its own authority, trusted by the clients of this deployment and nobody else; the uses of its key
    are named, as strict clients (Python from 3.13 on) ask of one. Raises RuntimeError with openssl's words.
    """
    alternatives = ",".join(_alternative(name) for name in (server, "localhost", "127.0.0.1", *names))
    extensions = (
        f"subjectAltName={alternatives}",
        "keyUsage=critical,digitalSignature,keyCertSign",
        "extendedKeyUsage=serverAuth",
    )
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command = ["openssl", "req", "-x509", *curve, "-subj", f"/CN={server}", "-days", str(DAYS)]
    command += [part for extension in extensions for part in ("-addext", extension)]
    new_key, new = key.with_name(f"{key.name}.new"), certificate.with_name(f"{certificate.name}.new")
    write_secret(new_key.parent, new_key.name, "")  # openssl keeps the mode of a file that exists
    done = subprocess.run(
        [*command, "-keyout", str(new_key), "-out", str(new)], capture_output=True, text=True
    )
    if done.returncode:  # what is there stays in use
        new_key.unlink()
        new.unlink(missing_ok=True)
        raise RuntimeError(f"openssl: {done.stderr.strip()}")
    new_key.replace(key)
    new.replace(certificate)


def ends_soon(certificate: Path) -> bool:
    """Whether a certificate has less than a month left, or cannot be read as one."""
    command = ["openssl", "x509", "-noout", "-checkend", str(SOON), "-in", str(certificate)]
    return subprocess.run(command, capture_output=True).returncode != 0


def served_until(url: str, ca: Path | None) -> float | None:
    """When the certificate that a server shows ends, in seconds since 1970; None over an open line.

    `ca`: what to trust, None: the system's authorities. Raises OSError when it does not answer or is not
    trusted.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.hostname is None:
        return None
    context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    with (
        socket.create_connection((parts.hostname, parts.port or 443), timeout=SECONDS) as line,
        context.wrap_socket(line, server_hostname=parts.hostname) as secure,
    ):
        shown = secure.getpeercert() or {}
    return float(ssl.cert_time_to_seconds(str(shown["notAfter"])))


def _alternative(name: str) -> str:
    try:
        return f"IP:{ip_address(name)}"
    except ValueError:
        return f"DNS:{name}"
