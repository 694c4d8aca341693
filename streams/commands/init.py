"""`vigie init DIR`: everything that infra/compose.yaml needs: files, secrets of mode 600, certificates."""

import os
import re
import secrets
import shutil
from ipaddress import ip_address
from pathlib import Path

import click

from streams.certificates import ends_soon, make_certificate
from streams.configuration import INFRA, read
from streams.influx.plan import writer_name
from streams.influx.setup import ADMIN_PASSWORD, ADMIN_TOKEN, READER, WRITER
from streams.secret_files import OURS_ALONE, ensure_secret, read_secret, write_secret
from streams.settings import Settings

COPIED = ("compose.yaml", "compose.closed.yaml", "prometheus", "alertmanager", "grafana")
CONSOLE = "vigie_console_password"
GENERATED = (ADMIN_PASSWORD, ADMIN_TOKEN, CONSOLE, "grafana_admin_password")
CLOSED = "compose.closed.yaml"
KAFKA_PASSWORD = "vigie_kafka_password"
HOST = re.compile(r"(\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
OF_OUR_GROUP = 0o640  # Kafka's key and password: its image has a user of its own, which joins the group
OF_ALL, FOLDER_OF_ALL = 0o644, 0o755  # what the images read, each as its own user
OF_ROOT = 10_001  # whose the files become when root makes them: no container runs as root


class Host(click.ParamType):
    """A name or an address that a certificate may hold."""

    name = "host"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text itself; a usage error when it is neither a host's name nor an address."""
        try:
            ip_address(value)
        except ValueError:
            if not HOST.fullmatch(value):
                self.fail(f"{value!r} is no host; write kafka.clinic.example or 10.0.0.5", param, ctx)
        return value


@click.command(name="init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--closed", is_flag=True, help="Kafka behind TLS and a password (compose.closed.yaml).")
@click.option(
    "--name",
    "names",
    type=Host(),
    multiple=True,
    help="Another name or address of this machine, for its certificates.",
)
@click.option("--renew", is_flag=True, help="Make the certificates anew, whatever there is.")
def command(folder: Path, closed: bool, names: tuple[str, ...], renew: bool) -> None:
    """Prepare a folder for `docker compose up`. What is there is kept: run it again after an update."""
    if shutil.which("openssl") is None:
        raise click.ClickException("the certificate needs openssl: apt-get install openssl")
    folder.mkdir(parents=True, exist_ok=True)
    said = read_environment(folder / ".env")
    if closed and CLOSED not in said.get("COMPOSE_FILE", CLOSED):
        raise click.ClickException(f"{folder / '.env'}: COMPOSE_FILE is there without {CLOSED}; add it")
    closed = closed or CLOSED in said.get("COMPOSE_FILE", "")
    user, group = owner(folder, said)
    others = [pair for name in COPIED for pair in copy_missing(INFRA / name, folder / name)]
    make_secrets(folder / "secrets", said.get("VIGIE_INFLUX_BUCKET", "vigie"), closed)
    make_folder(folder / "tls")
    keys = {"influxdb": OURS_ALONE} | ({"kafka": OF_OUR_GROUP} if closed else {})
    for server, mode in keys.items():
        ensure_certificate(folder, server, mode, names, renew)
    for name in ("influxdb", "grafana", "console", "cache"):
        (folder / "data" / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.getuid():
        give(user, group, folder / "secrets", folder / "data")
    wanted = {"VIGIE_UID": str(user), "VIGIE_GID": str(group)}
    wanted |= {"COMPOSE_FILE": f"compose.yaml:{CLOSED}"} if closed else {}
    write_environment(folder / ".env", {key: value for key, value in wanted.items() if key not in said})
    for shipped, ours in others:
        click.echo(f"{ours} is not as this version ships it: diff {ours} {shipped}")
    if others:
        click.echo("Take over what is new there, or remove the file and run `vigie init` again.")
    click.echo(f"{folder} is ready: cd {folder} && docker compose up -d")
    click.echo("Webhook receivers: secrets/vigie_endpoints. Health alerts: alertmanager/alertmanager.yml.")
    click.echo(f"The nurses' page: http://127.0.0.1:8710/, any name, password in secrets/{CONSOLE}.")
    click.echo("Grafana: user admin, password in secrets/grafana_admin_password.")


def read_environment(path: Path) -> dict[str, str]:
    """The variables of compose's .env. Raises ConfigurationError when it cannot be read."""
    text = read(path) if path.exists() else ""
    lines = (line.strip().removeprefix("export ") for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs if value}


def write_environment(path: Path, more: dict[str, str]) -> None:
    """Add variables to compose's .env."""
    before = read(path) if path.exists() else ""
    gap = "\n" if before and not before.endswith("\n") else ""
    path.write_text(before + gap + "".join(f"{key}={value}\n" for key, value in more.items()), "utf-8")


def owner(folder: Path, said: dict[str, str]) -> tuple[int, int]:
    """Whom the images run as: whom .env names, else who runs this, but never root.

    Raises ClickException when that one could not read what this makes.
    """
    me = os.getuid()
    user, group = (me, os.getgid()) if me else (OF_ROOT, OF_ROOT)
    try:
        user, group = int(said.get("VIGIE_UID", user)), int(said.get("VIGIE_GID", group))
    except ValueError as error:
        raise click.ClickException(f"{folder / '.env'}: VIGIE_UID and VIGIE_GID are numbers") from error
    if me not in (0, user):
        raise click.ClickException(f"{folder} is of user {user} (.env): run this as that user, or as root")
    return user, group


def copy_missing(source: Path, target: Path) -> list[tuple[Path, Path]]:
    """Copy a file or a tree; whatever exists stays as somebody has changed it.

    Returns pairs of files that differ, (shipped, there).
    """
    if source.is_dir():
        make_folder(target)
        return [pair for path in sorted(source.iterdir()) for pair in copy_missing(path, target / path.name)]
    if not target.exists():
        shutil.copyfile(source, target)
        target.chmod(OF_ALL)
    return [] if target.read_bytes() == source.read_bytes() else [(source, target)]


def make_folder(folder: Path) -> None:
    """A folder that every image may enter, whatever the umask."""
    if not folder.exists():
        folder.mkdir()
        folder.chmod(FOLDER_OF_ALL)


def ensure_certificate(folder: Path, server: str, mode: int, names: tuple[str, ...], renew: bool) -> None:
    """A server's certificate and its key, made when there is none, or anew; one that ends soon is told.

    Raises ClickException with openssl's words.
    """
    certificate, key = folder / "tls" / f"{server}.crt", folder / "secrets" / f"{server}_key"
    if certificate.exists() and key.exists() and not renew:
        if ends_soon(certificate):
            click.echo(f"{certificate} ends soon: `vigie init {folder} --renew`", err=True)
        return
    try:
        make_certificate(server, names, certificate, key)
    except RuntimeError as error:
        raise click.ClickException(str(error)) from error
    certificate.chmod(OF_ALL)
    key.chmod(mode)


def make_secrets(folder: Path, bucket: str, closed: bool) -> None:
    """Whatever of the secrets is missing."""
    for name in GENERATED:
        ensure_secret(folder, name)
    if read_secret(folder, WRITER) is None:
        name = writer_name(Settings.model_construct(influx_bucket=bucket))
        write_secret(folder, WRITER, f"{name}:{secrets.token_urlsafe(32)}")
    if not (folder / READER).exists():  # `vigie influx setup` fills it; a container's mount needs it before
        write_secret(folder, READER, "")
    if read_secret(folder, "vigie_endpoints") is None:
        write_secret(folder, "vigie_endpoints", "[]")
    if closed:
        ensure_secret(folder, KAFKA_PASSWORD)
        (folder / KAFKA_PASSWORD).chmod(OF_OUR_GROUP)


def give(user: int, group: int, *folders: Path) -> None:
    """Make folders and all in them somebody's own."""
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user, group)
