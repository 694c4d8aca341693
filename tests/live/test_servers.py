"""`make servers`: the real ones up, down and up again with their data, and nothing left in the end."""

import json
from pathlib import Path

from click.testing import CliRunner, Result
from kafka.admin import KafkaAdminClient

from infra.native import kafka, prometheus
from infra.native.__main__ import RECORD, main
from infra.native.process import Identity, answers
from tests import live


def native(folder: Path, *arguments: str) -> Result:
    done = CliRunner().invoke(main, [*arguments, "--folder", str(folder)])
    assert done.exit_code == 0, done.output
    return done


def test_servers_that_are_kept_come_up_again_with_their_data_at_their_addresses(tmp_path: Path) -> None:
    for make in (kafka.server, prometheus.prometheus, prometheus.alertmanager):
        live.server(make, tmp_path / make.__name__)  # or it is skipped
    folder = tmp_path / "servers"
    native(folder, "up", "--only", "kafka,prometheus,alertmanager")
    first = json.loads((folder / RECORD).read_text())
    admin = KafkaAdminClient(bootstrap_servers=first["kafka"]["address"])
    admin.create_topics({"kept": {"num_partitions": 1}}, wait_for_metadata=True)
    admin.close()
    prometheus.say_targets(folder / "prometheus", "workers", "ward-1:9464")
    native(folder, "down", "--keep")
    native(folder, "up")
    again = json.loads((folder / RECORD).read_text())
    assert {name: of["address"] for name, of in again.items()} == {
        name: of["address"] for name, of in first.items()
    }
    admin = KafkaAdminClient(bootstrap_servers=again["kafka"]["address"])
    assert "kept" in admin.list_topics()
    admin.close()
    assert "ward-1:9464" in (folder / "prometheus/targets/workers.yml").read_text()
    assert answers(f"{again['prometheus']['address']}/-/ready")
    native(folder, "down")
    assert not folder.exists()
    assert not any(Identity(of["pid"], of["start"]).lives() for of in [*first.values(), *again.values()])
