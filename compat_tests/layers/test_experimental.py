"""Names of `layers.experimental` are those of `layers`."""

import pytest

from torchkeras import layers
from torchkeras.layers.experimental import preprocessing

NAMES = [name for name in vars(preprocessing) if name[0].isupper()]


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"PreprocessingLayer"}))
def test_the_same_layers(name):
    assert getattr(preprocessing, name) is getattr(layers, name)


def test_layers_that_look_at_data():
    for name in ("Normalization", "Discretization", "TextVectorization", "IntegerLookup"):
        assert issubclass(getattr(layers, name), preprocessing.PreprocessingLayer)
