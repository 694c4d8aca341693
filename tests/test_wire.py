"""Rejects hold what was refused, and none is ever too large to be told."""

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decode import OVERSIZE_BYTES
from models.wire import LARGEST_REJECT, ORIGINAL_BYTES, Reject, reject_body

POSITION = {"topic": "vigie.readings", "partition": 1023, "offset": 1 << 62}
seeds = st.binary(min_size=1, max_size=8) | st.text(min_size=1, max_size=3).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


def body(original: bytes, detail: str = "no use") -> dict[str, object]:
    told: dict[str, object] = json.loads(reject_body(Reject("oversize", detail, 0, original), POSITION))
    return told


@pytest.mark.parametrize(
    "repeated", [b'"', b"\x00", b"\x1f\\", b"\xff\xfe", "é".encode(), "\U0001f600".encode()]
)
def test_a_refused_record_of_a_megabyte_makes_a_reject_that_any_topic_takes(repeated: bytes) -> None:
    original = repeated * ((1 << 20) // len(repeated))
    told = body(original, "\x00" * 100_000)
    assert len(reject_body(Reject("oversize", "\x00" * 100_000, 0, original), POSITION)) <= LARGEST_REJECT
    assert LARGEST_REJECT < 1_000_000  # Kafka's own limit is 1 MiB
    assert told["original_bytes"] == len(original)
    assert told["original_sha256"] == hashlib.sha256(original).hexdigest()


@given(seeds, st.integers(0, 3 * ORIGINAL_BYTES), st.text(max_size=20))
def test_a_reject_holds_the_record_or_its_beginning_and_is_bounded(
    seed: bytes, size: int, detail: str
) -> None:
    original = (seed * (size // len(seed) + 1))[:size]
    encoded = reject_body(Reject("malformed", detail, 0, original), POSITION)
    assert len(encoded) <= LARGEST_REJECT
    told = json.loads(encoded)
    text = told.get("original")
    kept = base64.b64decode(told["original_base64"]) if text is None else text.encode()
    assert original.startswith(kept)
    if size <= ORIGINAL_BYTES:
        assert kept == original
        assert not {"original_bytes", "original_sha256"} & set(told)
    else:
        assert ORIGINAL_BYTES - 3 <= len(kept) <= ORIGINAL_BYTES  # a torn character is left out
        assert told["original_bytes"] == size


def test_a_record_of_a_good_size_is_told_whole() -> None:
    assert ORIGINAL_BYTES == OVERSIZE_BYTES
    assert body(b"x" * ORIGINAL_BYTES)["original"] == "x" * ORIGINAL_BYTES


def test_a_detail_that_names_a_thousand_faults_is_cut() -> None:
    detail = body(b"x", "limits[a]: is bad; " * 1000)["detail"]
    assert isinstance(detail, str)
    assert len(detail) == 4096
    assert detail.endswith("…")
