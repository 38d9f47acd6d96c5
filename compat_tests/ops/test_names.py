"""Every function of torchkeras.ops is in a table of cases, and stands in its namespace."""

import re
from pathlib import Path

import pytest

from torchkeras import ops

TABLES = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))


@pytest.mark.parametrize("name", sorted(ops.__all__))
def test_every_name_has_a_case(name):
    assert re.search(rf"\b{name}\b", TABLES.replace("sorted(ops.__all__)", "")), name


def test_namespaces():
    assert ops.nn.relu is ops.relu
    assert ops.numpy.mean is ops.mean
    assert ops.linalg.inv is ops.inv
    assert not hasattr(ops.numpy, "rsqrt") and not hasattr(ops, "resize")
    assert all(callable(getattr(ops.image, name)) for name in ops.image.__all__)
