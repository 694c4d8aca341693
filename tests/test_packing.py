"""State blocks are compressed for their way, and what is no block stays as it is."""

from hypothesis import given
from hypothesis import strategies as st

from streams.packing import pack, unpack


@given(st.binary(max_size=5000))
def test_a_block_comes_back_as_it_was(block: bytes) -> None:
    assert unpack(pack(block)) == block


@given(st.binary(min_size=1, max_size=500), st.data())
def test_a_torn_block_is_left_for_the_core_to_refuse(block: bytes, data: st.DataObject) -> None:
    packed = pack(block)
    torn = packed[: data.draw(st.integers(0, len(packed) - 1))]
    assert unpack(torn) == torn


def test_a_block_of_numbers_is_a_fraction_of_itself() -> None:
    assert len(pack(bytes(70_000))) < 100
