"""Records into columns: compiled code and the general decoder tell the same of every record."""

import json
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.arrivals import arrive
from models.decode import Reading, Reject, decode_one
from models.fields import FIELDS, PLAIN
from models.routes import Routes
from models.times import parse_times
from tests.logs import HOSTILE, START, reading

GOOD = reading("p-one", "heart-rate", 75, START)
texts = st.text(st.characters(codec="utf-8"), max_size=8) | st.from_regex(
    r"[A-Za-z0-9_-]{1,20}", fullmatch=True
)
numbers = st.integers() | st.floats() | st.floats(-1000, 1000).map(lambda x: round(x, 3))
anything = texts | numbers | st.none() | st.booleans() | st.dictionaries(texts, texts, max_size=3)
kinds = st.sampled_from(["reading", "plan", "other"])


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """Readings with a few fields replaced, left out or added, in any order, then perhaps a byte changed."""
    body = json.loads(GOOD)
    body |= draw(st.dictionaries(st.sampled_from(FIELDS), anything, max_size=3))
    body |= draw(st.fixed_dictionaries({}, optional={"kind": kinds, "battery": numbers, "value": numbers}))
    body |= draw(st.dictionaries(texts, anything, max_size=2))
    for field in draw(st.lists(st.sampled_from(sorted(body)), max_size=1)):
        del body[field]
    items = draw(st.permutations(sorted(body.items(), key=lambda item: item[0])))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " :\t")]))
    text = json.dumps(dict(items), separators=separators, ensure_ascii=draw(st.booleans()))
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    for at, byte in draw(st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), max_size=2)):
        data[at] = byte
    return bytes(data)


def same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


@given(st.lists(records(), min_size=1, max_size=5))
@example(list(HOSTILE))
@example([GOOD, GOOD.replace(b"75", b"075"), GOOD.replace(b"75", b"-0"), GOOD.replace(b"75", b"1e400")])
@example([GOOD + b" ", b" " + GOOD, GOOD + b"x", GOOD[:-1], GOOD.replace(b"75", b"0.1234567890123456789")])
@example([GOOD.replace(b"75", b"75."), GOOD.replace(b"75", b".5"), GOOD.replace(b"75", b"7_5")])
def test_what_compiled_code_takes_the_general_decoder_tells_alike(values: list[bytes]) -> None:
    arrivals = arrive(values, range(len(values)), [b"p-one"] * len(values), Routes())
    for i, value in enumerate(values):
        item, column = decode_one(value, i), arrivals.columns[i]
        assert (i in arrivals.others) == (column["plain"] != PLAIN)
        if column["plain"] != PLAIN:
            assert repr(arrivals.others[i]) == repr(item)
        if isinstance(item, Reading):
            at, zone, timely = parse_times([item.measured_at])
            assert column["timely"] == timely[0]
            assert (not timely[0]) or (column["at"], column["zone"]) == (at[0], zone[0])
            assert same(column["x"], item.value)
            assert same(column["battery"], math.nan if item.battery is None else item.battery)
            assert column["keyed"] == (item.patient == "p-one")
            assert repr(arrivals.reading(i)) == repr(item)
        else:
            assert column["plain"] != PLAIN


@given(x=st.floats(-1e6, 1e6), digits=st.integers(0, 9))
def test_a_plain_number_is_read_as_python_reads_it(x: float, digits: int) -> None:
    text = f"{x:.{digits}f}".encode()
    value = GOOD.replace(b": 75,", b": " + text + b",")
    assert b": " + text + b"," in value
    arrivals = arrive([value], [0], None, Routes())
    assert arrivals.columns["x"][0] == float(text)


@pytest.mark.parametrize(
    "more", [b'"context":{"posture":"sitting"}', b'"context":{}', b'"id":null', b'"x":true']
)
def test_what_devices_often_add_is_plain_too(more: bytes) -> None:
    arrivals = arrive([GOOD[:-1] + b"," + more + b"}"], [0], None, Routes())
    assert arrivals.columns["plain"][0] == PLAIN


names = st.tuples(*[st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=4)] * 3)


@given(
    st.dictionaries(names, st.tuples(st.integers(0, 1000), st.floats(0.1, 2), st.floats(-9, 9)), max_size=40)
)
def test_routes_remember_what_was_put_and_nothing_else(
    put: dict[tuple[str, str, str], tuple[int, float, float]],
) -> None:
    routes = Routes()
    for name, route in put.items():
        assert routes.get(*name) is None
        routes.put(*name, *route)
    for (patient, vital, unit), route in put.items():
        assert routes.get(patient, vital, unit) == route
        moved = patient + vital[0], vital[1:] + unit[:1], unit[1:]  # the same letters, cut elsewhere
        assert moved in put or routes.get(*moved) is None


def test_routes_grow_without_losing_any() -> None:
    routes = Routes()
    for i in range(20_000):
        routes.put(f"p-{i}", "heart-rate", "/min", i, 1.0, 0.0)
    assert [routes.get(f"p-{i}", "heart-rate", "/min") for i in range(20_000)] == [
        (i, 1.0, 0.0) for i in range(20_000)
    ]
    assert routes.get("p-20000", "heart-rate", "/min") is None


@pytest.mark.parametrize("number", [b"1e400", b"-1e400"])
def test_a_number_beyond_every_double_is_told_as_such(number: bytes) -> None:
    item = decode_one(GOOD.replace(b"75", number), 0)
    assert isinstance(item, Reject)
    assert (item.reason, item.detail) == (
        "malformed",
        "a number is out of range; send numbers of up to 1e308",
    )


def test_a_duplicate_key_is_refused_whatever_its_place() -> None:
    for field in FIELDS[:6]:
        twice = GOOD[:-1] + f',"{field}":{json.dumps(json.loads(GOOD)[field])}}}'.encode()
        arrivals = arrive([twice], [0], None, Routes())
        found = arrivals.others[0]
        assert isinstance(found, Reject)
        assert (found.reason, "twice" in found.detail) == ("malformed", True)
        assert not np.any(arrivals.columns["plain"])
