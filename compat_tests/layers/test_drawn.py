"""Random configurations of every layer beside live tf.keras; `long_layers.py` draws more."""

import inspect

import pytest

from compat_tests import oracle

pytest.importorskip("hypothesis")
if oracle.tf_keras() is None:
    pytest.skip("random configurations need the real tf_keras", allow_module_level=True)

from compat_tests.checks.draw_texts import TEXTS, check_drawn_texts
from compat_tests.checks.drawn import LAYERS, check_drawn, drawn_arguments
from torchkeras import layers

# What is not drawn, since a test of its own has it, or an error.
APART = {
    "*": {"sparse", "ragged", "weights", "time_major"},  # errors; rows of wrappers and recurrent
    "BatchNormalization": {"synchronized"},  # between processes
    "Conv2D": {"groups"},  # a CPU has no kernel for its gradient in TensorFlow
    "Conv3D": {"groups"},
    "Conv3DTranspose": {"dilation_rate"},  # tf.keras ignores it
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", LAYERS)
def test_random_configurations(name):
    assert check_drawn(name, 6) >= 3


@pytest.mark.parametrize("name", LAYERS)
def test_every_argument_is_drawn(name):
    for kind, given in drawn_arguments(name).items():
        taken = inspect.signature(getattr(layers, kind)).parameters.values()
        taken = {p.name for p in taken if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        assert kind != name or taken - given <= APART["*"] | APART.get(kind, set()), kind


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TEXTS)
def test_random_configurations_of_layers_without_gradients(name):
    assert check_drawn_texts(name, 12) >= 6
