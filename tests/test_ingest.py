"""Recordings from outside: files of every kind, and column maps."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from models.strict import ConfigurationError
from streams.cli import main
from streams.ingest.columns import parse_map
from streams.ingest.sources import read_source
from tests.logs import START, reading

MAP = """
[columns]
patient = "id"
vital = "what"
value = "value"
unit = "=kg"
[time]
columns = ["at"]
format = "%Y-%m-%d %H:%M"
zone = "Europe/Paris"
[vitals]
"weight" = "body-weight"
"""
GOOD = [reading("p-one", "body-weight", 80 + i, START + i * 86_400_000) for i in range(3)]


def values(path: Path, column_map: str = "") -> list[bytes]:
    return [line.value for line in read_source(str(path), parse_map(column_map, "m") if column_map else None)]


def rows(folder: Path, text: str | bytes, column_map: str = MAP) -> list[Any]:
    """The readings of a CSV text."""
    path = folder / "recording.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [json.loads(value) for value in values(path, column_map)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_json_lines_are_read_plain_and_gzipped_whatever_ends_a_line(tmp_path: Path, end: bytes) -> None:
    plain, zipped = tmp_path / "a.jsonl", tmp_path / "a.jsonl.gz"
    plain.write_bytes(end.join([GOOD[0], b"", b"  ", *GOOD[1:]]))
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    assert values(plain) == values(zipped) == GOOD
    assert [line.line for line in read_source(str(plain))] == [1, 4, 5]


@pytest.mark.parametrize("column_map", ["", MAP])
def test_an_empty_file_holds_no_record(tmp_path: Path, column_map: str) -> None:
    (tmp_path / "empty").write_bytes(b"")
    assert values(tmp_path / "empty", column_map) == []


def run(source: str, out: Path, given: bytes | None = None, *more: str) -> Any:
    return CliRunner().invoke(main, ["replay", source, "--out", str(out), *more], input=given)


def ledger(out: Path) -> Any:
    return json.loads((out / "ledger.json").read_text())


def test_standard_input_replays_like_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join(GOOD))
    assert run(str(path), tmp_path / "file").exit_code == 0
    assert run("-", tmp_path / "stdin", path.read_bytes()).exit_code == 0
    assert ledger(tmp_path / "file")["accepted"] == 3
    for name in ("results.lp", "alerts.jsonl", "ledger.json"):
        assert (tmp_path / "file" / name).read_bytes() == (tmp_path / "stdin" / name).read_bytes()


def test_lines_that_are_no_utf_8_are_refused_by_name_and_the_others_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join([GOOD[0], b'{"patient":"\xff\xfe"}', b"\xef\xbb\xbf" + GOOD[1], GOOD[2]]))
    assert run(str(path), tmp_path / "out").exit_code == 0
    assert ledger(tmp_path / "out")["accepted"] == 2
    assert ledger(tmp_path / "out")["rejected"] == {"malformed": 2}
    positions = [json.loads(x)["position"] for x in (tmp_path / "out/rejects.jsonl").read_text().splitlines()]
    assert positions == [{"file": "a.jsonl", "line": 2}, {"file": "a.jsonl", "line": 3}]


def broken(path: Path) -> None:
    """A gzip file whose compressed data are damaged near the end."""
    data = bytearray(gzip.compress(b"".join(value + b"\n" for value in GOOD * 200)))
    data[-12:-8] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(data))


def truncated(path: Path) -> None:
    path.write_bytes(gzip.compress(b"".join(value + b"\n" for value in GOOD))[:-12])


def no_gzip(path: Path) -> None:
    path.write_bytes(GOOD[0])


@pytest.mark.parametrize("damage", [broken, truncated, no_gzip])
def test_a_damaged_gzip_file_is_told_in_one_sentence_and_leaves_no_result_that_looks_whole(
    tmp_path: Path, damage: Any
) -> None:
    path = tmp_path / "a.jsonl.gz"
    damage(path)
    result = run(str(path), tmp_path / "out")
    assert result.exit_code == 1
    assert "a source cannot be read to its end" in result.output
    assert not (tmp_path / "out" / "ledger.json").exists()


def test_a_csv_becomes_readings_in_its_own_time_zone(tmp_path: Path) -> None:
    (one,) = rows(tmp_path, "id,what,value,at\np-1,weight,80.5,2026-07-01 08:00\n")
    assert one == {
        "patient": "p-1", "device": "recording", "vital": "body-weight", "value": 80.5, "unit": "kg",
        "measured_at": "2026-07-01T08:00:00+02:00",
    }  # fmt: skip


def test_a_format_with_an_offset_keeps_the_rows_own(tmp_path: Path) -> None:
    own = MAP.replace("%H:%M", "%H:%M %z")
    (one,) = rows(tmp_path, "id,what,value,at\np-1,weight,80.5,2026-07-01 08:00 -0500\n", own)
    assert one["measured_at"] == "2026-07-01T08:00:00-05:00"


def test_quoted_newlines_and_a_byte_order_mark_of_a_spreadsheet_are_no_data(tmp_path: Path) -> None:
    text = '\ufeffid,what,value,at,note\r\np-1,weight,80,2026-07-01 08:00,"a\r\nb, c"\r\n'
    text += "p-1,weight,81,2026-07-02 08:00,\r\n"
    assert [row["value"] for row in rows(tmp_path, text)] == [80.0, 81.0]
    lines = read_source(str(tmp_path / "recording.csv"), parse_map(MAP, "m"))
    assert [line.line for line in lines] == [3, 4]


def test_cells_that_cannot_be_mapped_go_on_as_they_are_for_the_core_to_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        b'id,what,value,at\np-1,weight,"80,5",2026-07-01 08:00\np-1,weight,80,yesterday\n'
        b"p-1,h\xe9,1,2026-07-01 08:00\np-1\n"
    )
    (tmp_path / "map.toml").write_text(MAP)
    result = run(str(path), tmp_path / "out", None, "--map", str(tmp_path / "map.toml"))
    assert result.exit_code == 0, result.output
    assert ledger(tmp_path / "out")["received"] == 4
    assert ledger(tmp_path / "out")["rejected"] == {"bad-time": 1, "malformed": 1, "not-a-number": 2}


def test_a_wide_row_is_one_reading_for_each_cell_that_holds_something(tmp_path: Path) -> None:
    wide = MAP.replace('vital = "what"\nvalue = "value"\n', "") + (
        '[wide]\nsys = { vital = "systolic-bp", unit = "mm[Hg]" }\n'
        'dia = { vital = "diastolic-bp", unit = "mm[Hg]" }\n'
    )
    found = rows(tmp_path, "id,at,sys,dia\np-1,2026-07-01 08:00,128,\np-1,2026-07-02 08:00,130,80\n", wide)
    assert [(row["vital"], row["value"]) for row in found] == [
        ("systolic-bp", 128.0),
        ("systolic-bp", 130.0),
        ("diastolic-bp", 80.0),
    ]


def test_an_event_without_a_number_has_the_value_that_the_map_gives_it(tmp_path: Path) -> None:
    (one,) = rows(
        tmp_path, "id,what,value,at\np-1,weight,x,2026-07-01 08:00\n", MAP + "[events]\nweight = 1.0\n"
    )
    assert one["value"] == 1.0


def test_a_csv_without_a_column_of_the_map_names_each_and_the_nearest_that_it_has(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as error:
        rows(tmp_path, "id,what,valeu,measured\np-1,weight,80,2026-07-01 08:00\n")
    assert [str(fault) for fault in error.value.faults] == [
        "recording.csv: columns.value: there is no column value; did you mean valeu?",
        "recording.csv: time.columns[0]: there is no column at; did you mean what?",
    ]


def test_a_quote_that_never_closes_ends_in_a_sentence_not_in_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,what,value,at\np-1,"weight,80,2026-07-01 08:00\n' + "x,y,z,w\n" * 20_000)
    with pytest.raises(OSError, match=r"a\.csv: field larger than field limit"):
        values(path, MAP)
