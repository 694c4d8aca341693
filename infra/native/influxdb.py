"""InfluxDB 2 built from its Go module: the API complete, no web page of its own.

There is no package of it in Debian. Flux, its language, is a Rust library inside a Go module: cargo makes
the archive, a pkg-config file of our own tells Go where it is.
"""

import json
import os
import shutil
import signal
import stat
from pathlib import Path

from infra.native.artefacts import alone, cache, need, run, versions
from infra.native.process import LOOPBACK, Server, answers, free_port

MODULE = "github.com/influxdata/influxdb/v2"
FLUX = "github.com/influxdata/flux"
TAGS = "sqlite_foreign_keys,sqlite_json"


def version() -> str:
    """That of versions.toml, unless VIGIE_INFLUXDB_VERSION asks for another one."""
    return os.environ.get("VIGIE_INFLUXDB_VERSION") or str(versions()["influxdb"]["version"])


def is_had() -> bool:
    """Whether it is built already."""
    return (cache("influxdb", version()) / "influxd").exists()


def binary() -> Path:
    """The influxd of this version, built on first use (9 minutes of two cores, 4.4 GB of disk).

    Raises NotToBeHad naming the tool that is missing, or the record of the step that failed.
    """
    folder = cache("influxdb", version())
    built = folder / "influxd"
    if not built.exists():
        need("building InfluxDB", "go", "cargo", "gcc", "pkg-config")
        with alone(folder):
            if not built.exists():
                _build(version(), folder, built)
    return built


def server(folder: Path, port: int = 0) -> Server:
    """An InfluxDB whose data are kept in a folder of its own; nobody is set up yet. Raises NotToBeHad."""
    folder.mkdir(parents=True, exist_ok=True)
    url = f"http://{LOOPBACK}:{port or free_port()}"
    options = {
        "bolt-path": str(folder / "influxd.bolt"),
        "sqlite-path": str(folder / "influxd.sqlite"),
        "engine-path": str(folder / "engine"),
        "http-bind-address": url.removeprefix("http://"),
        "log-level": "warn",
    }
    command = [str(binary()), "--reporting-disabled", *(f"--{k}={v}" for k, v in options.items())]
    # SIGTERM it does not catch
    return Server("influxdb", command, folder, url, lambda: answers(f"{url}/health"), signal.SIGINT)


def _build(number: str, folder: Path, built: Path) -> None:
    record = folder / "build.txt"
    go = {"GOFLAGS": "-buildvcs=false"}
    module = run(["go", "mod", "download", "-json", f"{MODULE}@v{number}"], folder, record, **go)
    source = folder / "source"
    _copy(Path(json.loads(module)["Dir"]), source)
    told = run(["go", "mod", "download", "-json", FLUX], source, record, **go)
    flux = folder / "flux"
    _copy(Path(json.loads(told)["Dir"]), flux)
    flux_version = json.loads(told)["Version"].removeprefix("v")
    crates = flux / "libflux"
    cargo = ["cargo", "rustc", "--locked", "--release", "-p", "flux", "--lib", "--crate-type", "staticlib"]
    rust = {"RUSTFLAGS": "--cap-lints warn", "CARGO_PROFILE_RELEASE_LTO": "false"}
    run(cargo, crates, record, **rust)
    (folder / "flux.pc").write_text(
        f"Name: Flux\nDescription: Flux\nVersion: {flux_version}\n"
        f"Libs: -L{crates}/target/release -lflux -ldl -lm\nCflags: -I{crates}/include\n",
        "utf-8",
    )
    path = os.pathsep.join([str(folder), os.environ.get("PKG_CONFIG_PATH", "")]).rstrip(os.pathsep)
    partial = folder / "influxd.partial"
    command = ["go", "build", "-tags", TAGS, "-ldflags", f"-s -w -X main.version=v{number}"]
    run([*command, "-o", str(partial), "./cmd/influxd"], source, record, PKG_CONFIG_PATH=path, **go)
    partial.replace(built)
    shutil.rmtree(source)
    shutil.rmtree(flux)


def _copy(source: Path, target: Path) -> None:
    """Copy a module out of Go's cache, where everything is read-only."""
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(source, target, copy_function=shutil.copyfile)
    for folder, _, _ in os.walk(target):
        Path(folder).chmod(stat.S_IRWXU)
