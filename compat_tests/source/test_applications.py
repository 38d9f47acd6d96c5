"""The smallest applications as torch code; `make_source.py` writes all families."""

import pytest

from compat_tests.checks.source import TOLERANCE
from compat_tests.make_source import SIZES, TABLE, row


@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNetV3Small"])
def test_computes_the_same(name, tmp_path):
    assert row(name, tmp_path)[2] < TOLERANCE


def test_table_has_every_family():
    lines = TABLE.read_text(encoding="utf-8").splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(SIZES)
    assert all(float(line.split()[2]) < TOLERANCE for line in lines)
