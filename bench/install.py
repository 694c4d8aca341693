"""Each peer's programs in a place of their own in the user's cache, from the pinned files beside this."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from infra.native.artefacts import NotToBeHad, cache, need, run

HERE = Path(__file__).parent


def python(name: str) -> Path:
    """The interpreter of a virtual environment with requirements/<name>.txt. Raises NotToBeHad."""
    wanted = HERE / "requirements" / f"{name}.txt"
    folder = _place(name, wanted)
    interpreter, done = folder / "bin" / "python", folder / "installed"
    if not done.exists():
        shutil.rmtree(folder)
        made = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True)
        if made.returncode:
            raise NotToBeHad(
                f"{name} needs a virtual environment: apt-get install python3-venv ({made.stdout[-300:]})"
            )
        record = folder / "install.txt"
        run([str(interpreter), "-m", "pip", "install", "--quiet", "-r", str(wanted)], folder, record)
        done.touch()
    return interpreter


def java() -> str:
    """The class path of kafka_streams/Job.java, compiled. Raises NotToBeHad."""
    need("Kafka Streams", "java", "javac")
    sources = HERE / "kafka_streams"
    folder = _place("kafka-streams", sources / "pom.xml", sources / "Job.java")
    jars, classes, record = folder / "lib", folder / "classes", folder / "install.txt"
    if not (classes / "Job.class").exists():
        need("fetching Kafka Streams", "mvn")
        maven = ["mvn", "-q", "-B", "-f", str(sources / "pom.xml")]
        run([*maven, "dependency:copy-dependencies", f"-DoutputDirectory={jars}"], folder, record)
        classes.mkdir(exist_ok=True)
        command = ["javac", "-cp", f"{jars}/*", "-d", str(classes), str(sources / "Job.java")]
        run(command, folder, record)
    return f"{classes}:{jars}/*"


def _place(name: str, *wanted: Path) -> Path:
    """A folder of its own for what these files ask for."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in wanted)).hexdigest()[:12]
    return cache("peers", f"{name}-{digest}")
