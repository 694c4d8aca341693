"""The compiled grammar of lines against the same grammar as a regular expression."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.packed import Packed
from streams.sinks import lines

NAME = "[A-Za-z0-9_-]{1,64}"
FIELD = r"[a-z][a-z0-9_]{0,63}=-?[0-9]{1,19}(?:\.[0-9]{1,18}|i)?"
LINE = re.compile(
    rf"(?P<series>(?P<measurement>window|reading|baseline|trend|score|joint),patient={NAME},vital={NAME}"
    rf"(?:,window=(?P<window>1m|15m|1h|1d))?) (?P<fields>{FIELD}(?:,{FIELD})*) (?P<time>-?[0-9]{{1,19}})",
    re.ASCII,
)
REVISION = re.compile(r"(?:^|,)revision=(-?[0-9]+)i")
LARGEST = 2**63 - 1
GOOD = st.from_regex(LINE, fullmatch=True)
CHARACTERS = st.sampled_from("abzAZ09_-=,. i\n\r\x00é")


def expected(line: str) -> tuple[lines.Row, bool] | None:
    """(Row, whether it is kept for years), None for what is no line of ours."""
    found = LINE.fullmatch(line)
    if found is None:
        return None
    whole = [found["time"], *re.findall(r"=(-?[0-9]+)", found["fields"])]
    if any(abs(int(number)) > LARGEST for number in whole):
        return None  # SQLite and InfluxDB hold 64 bits
    revisions = REVISION.findall(found["fields"])
    row = found["series"], int(found["time"]), int(revisions[-1]) if revisions else 0, found["fields"]
    return row, found["window"] in ("1h", "1d") or found["measurement"] == "trend"


def check(frame: bytes) -> None:
    told = [line for line in frame.split(b"\n") if line]
    wanted = [expected(line.decode("latin-1")) for line in told]
    found = lines.read([frame])
    assert found.rows == [want[0] for want in wanted if want]
    assert [r.line for r in found.refused] == [
        line for line, want in zip(told, wanted, strict=True) if not want
    ]
    assert list(found.raw()) == [
        line for line, want in zip(told, wanted, strict=True) if want and not want[1]
    ]
    assert list(found.kept_for_years()) == [
        line for line, want in zip(told, wanted, strict=True) if want and want[1]
    ]


@given(st.lists(GOOD, max_size=4))
@example(["joint,patient=p,vital=v a=1,revision=3i,revision=-4i 0", "trend,patient=p,vital=v a=1 -5"])
@example([f"window,patient=p,vital=v,window=1d a={LARGEST}i {-LARGEST}"])
@example([f"window,patient=p,vital=v,window=1d a={LARGEST + 1}i 0"])
@example([f"window,patient=p,vital=v,window=15m a=1 {LARGEST + 1}"])
def test_every_line_of_the_grammar_is_taken_apart(told: list[str]) -> None:
    check("\n".join(told).encode("latin-1"))


@given(GOOD, st.integers(0, 400), st.integers(0, 3), st.text(CHARACTERS, max_size=3))
def test_a_line_with_a_fault_is_judged_as_by_the_regular_expression(
    line: str, at: int, removed: int, inserted: str
) -> None:
    at %= len(line) + 1
    check((line[:at] + inserted + line[at + removed :]).encode("latin-1"))


@given(st.binary(max_size=300))
def test_whatever_bytes_stand_in_a_frame_are_judged(noise: bytes) -> None:
    check(noise)


@pytest.mark.parametrize("length", [64, 65])
def test_a_name_has_64_characters_at_most(length: int) -> None:
    check(f"score,patient={'p' * length},vital=v a=1 0".encode())
    check(f"score,patient=p,vital={'v' * length} a=1 0".encode())
    check(f"score,patient=p,vital=v {'a' * length}=1 0".encode())


@given(st.lists(st.binary(max_size=20)))
def test_a_request_holds_its_lines_with_a_line_feed_between_two(told: list[bytes]) -> None:
    assert lines.body(Packed.of(told)) == b"\n".join(told)
