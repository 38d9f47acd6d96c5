"""Random configurations of every layer beside live tf.keras; `long_layers.py` draws more."""

import pytest

from compat_tests import oracle

pytest.importorskip("hypothesis")
if oracle.tf_keras() is None:
    pytest.skip("random configurations need the real tf_keras", allow_module_level=True)

from compat_tests.checks.drawn import LAYERS, check_drawn


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", LAYERS)
def test_random_configurations(name):
    assert check_drawn(name, 6) >= 3
