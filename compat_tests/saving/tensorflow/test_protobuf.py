import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchkeras.saving.tensorflow.protobuf import encode, fields, fixed32, number, text


def test_fields_come_back():
    data = encode((1, 300), (2, "naïve"), (3, b"\x00\xff"), (4, -1), (5, None), (6, 0))
    found = dict(fields(data + fixed32(7, 2**32 - 1)))
    assert number(found[1]) == 300 and text(found[2]) == "naïve" and bytes(found[3]) == b"\x00\xff"
    assert number(found[4]) == -1 and found[7] == 2**32 - 1
    assert not {5, 6} & set(found)


@pytest.mark.parametrize(
    "data", [b"\x0a", b"\x0a\x05ab", b"\x08", b"\x0b", b"\x09\x00", b"\x80" * 11]
)
def test_damage_is_a_value_error(data):
    with pytest.raises(ValueError):
        list(fields(data))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(data):
    try:
        assert all(field < 2**61 for field, _ in fields(data))
    except ValueError:
        pass
