"""`vigie init DIR`: everything that infra/compose.yaml needs: files, secrets of mode 600, a certificate."""

import os
import shutil
import subprocess
from pathlib import Path

import click

from streams.configuration import INFRA
from streams.influx.setup import ADMIN_PASSWORD, ADMIN_TOKEN, READER, WRITER
from streams.secret_files import OURS_ALONE, ensure_secret, read_secret, write_secret

COPIED = ("compose.yaml", "prometheus", "alertmanager", "grafana")
GENERATED = (ADMIN_PASSWORD, ADMIN_TOKEN, "grafana_admin_password")
FILLED_LATER = (WRITER, READER)  # by `vigie influx setup`; a container's mount needs the file before
CERTIFICATE, KEY = "influxdb.crt", "influxdb_key"
DAYS = 825  # the longest life that clients accept of a server's certificate
OF_ROOT = 10_001  # whose the files become when root makes them: no container runs as root


@click.command(name="init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def command(folder: Path) -> None:
    """Prepare a folder for `docker compose up`. What is there is kept: run it again after an update."""
    if shutil.which("openssl") is None:
        raise click.ClickException("the certificate needs openssl: apt-get install openssl")
    folder.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        copy_missing(INFRA / name, folder / name)
    secrets = folder / "secrets"
    for name in GENERATED:
        ensure_secret(secrets, name)
    for name in FILLED_LATER:
        if not (secrets / name).exists():
            write_secret(secrets, name, "")
    if read_secret(secrets, "vigie_endpoints") is None:
        write_secret(secrets, "vigie_endpoints", "[]")
    if not (secrets / KEY).exists():
        make_certificate(folder / "tls", secrets / KEY)
    for name in ("influxdb", "grafana"):
        (folder / "data" / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    user, group = (os.getuid(), os.getgid()) if os.getuid() else (OF_ROOT, OF_ROOT)
    if not os.getuid():
        give(user, group, secrets, folder / "data")
    if not (folder / ".env").exists():
        (folder / ".env").write_text(f"VIGIE_UID={user}\nVIGIE_GID={group}\n", "utf-8")
    click.echo(f"{folder} is ready: cd {folder} && docker compose up -d")
    click.echo("Webhook receivers: secrets/vigie_endpoints. Health alerts: alertmanager/alertmanager.yml.")
    click.echo("Grafana: user admin, password in secrets/grafana_admin_password.")


def copy_missing(source: Path, target: Path) -> None:
    """Copy a file or a tree; whatever exists stays as somebody has changed it."""
    if source.is_dir():
        for path in sorted(source.iterdir()):
            copy_missing(path, target / path.name)
    elif not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def make_certificate(folder: Path, key: Path) -> None:
    """A certificate of InfluxDB's own, which the clients of this folder trust and nobody else."""
    folder.mkdir(parents=True, exist_ok=True)
    names = "subjectAltName=DNS:influxdb,DNS:localhost,IP:127.0.0.1"
    write_secret(key.parent, key.name, "")  # openssl keeps the mode of a file that exists
    subject = ["-subj", "/CN=influxdb", "-addext", names, "-days", str(DAYS)]
    files = ["-keyout", str(key), "-out", str(folder / CERTIFICATE)]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command = ["openssl", "req", "-x509", *curve, *subject, *files]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        key.unlink()
        raise click.ClickException(f"openssl: {done.stderr.strip()}")
    key.chmod(OURS_ALONE)


def give(user: int, group: int, *folders: Path) -> None:
    """Make folders and all in them somebody's own."""
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user, group)
