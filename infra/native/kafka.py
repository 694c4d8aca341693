"""Kafka, one node in KRaft mode, from Maven's artefacts."""

import shutil
import subprocess
from pathlib import Path

from kafka.admin import KafkaAdminClient

from infra.native.artefacts import NotToBeHad, alone, cache, need, run, versions
from infra.native.process import LOOPBACK, Server, free_port, listens

CLUSTER = "MkU3OEVBNTcwNTJENDM2Qk"  # any id of 16 bytes in base64
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>vigie</groupId><artifactId>servers</artifactId><version>1</version><packaging>pom</packaging>
<dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_{scala}</artifactId>
<version>{version}</version></dependency></dependencies></project>"""
PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}
num.partitions=1
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""


def is_had() -> bool:
    """Whether the jars are fetched already."""
    wanted = versions()["kafka"]
    return bool(list((cache("kafka", wanted["version"]) / "lib").glob(f"kafka_{wanted['scala']}-*.jar")))


def jars() -> Path:
    """The folder of Kafka's jars, fetched on first use. Raises NotToBeHad."""
    wanted = versions()["kafka"]
    need("Kafka", "java")
    root = cache("kafka", wanted["version"])
    folder, partial = root / "lib", root / "lib.partial"
    if not is_had():
        need("fetching Kafka", "mvn")
        with alone(root):
            if not is_had():
                shutil.rmtree(partial, ignore_errors=True)
                (root / "pom.xml").write_text(POM.format(**wanted), "utf-8")
                command = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={partial}"]
                run(command, root, root / "fetch.txt")
                shutil.rmtree(folder, ignore_errors=True)
                partial.replace(folder)
    return folder


def server(folder: Path, port: int = 0) -> Server:
    """A broker whose data are kept in a folder of its own. Raises NotToBeHad."""
    port = port or free_port()
    text = PROPERTIES.format(broker=port, controller=free_port(), folder=folder / "data")
    return server_of(folder, text, f"{LOOPBACK}:{port}")


def server_of(folder: Path, text: str, address: str) -> Server:
    """A broker of other properties, whose clients come in at an address. Raises NotToBeHad."""
    folder.mkdir(parents=True, exist_ok=True)
    properties = folder / "server.properties"
    properties.write_text(text, "utf-8")
    java = ["java", "-Xmx512m", "-cp", f"{jars()}/*"]
    form = [*java, "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(properties)]
    done = subprocess.run([*form, "--ignore-formatted"], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise NotToBeHad(f"Kafka cannot format {folder}: {done.stderr[-500:]}")
    return Server("kafka", [*java, "kafka.Kafka", str(properties)], folder, address, lambda: _up(address))


def _up(address: str) -> bool:
    if not listens(address):  # the client would wait longer and longer between its own tries
        return False
    try:
        KafkaAdminClient(bootstrap_servers=address).close()
    except Exception:  # whatever the client says of a broker that is not up yet
        return False
    return True
