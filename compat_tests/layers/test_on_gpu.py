"""Random configurations of every layer on a GPU that is played: a step waits for nothing."""

import pytest

pytest.importorskip("hypothesis")
pytest.importorskip("compat_tests.gpu", exc_type=ImportError)

from compat_tests.checks.drawn import LAYERS  # noqa: E402
from compat_tests.checks.elsewhere import check_drawn_layer  # noqa: E402


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", LAYERS)
def test_random_configurations(name):
    assert check_drawn_layer(name, 3) >= 1
