"""Where no gradient is asked for, layers work in place on what nobody else sees."""

import numpy as np
import pytest
import torch

from torchkeras import Model, layers

X = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")


def plain(x):
    return layers.ReLU()(layers.BatchNormalization()(x))


def added(x):
    return layers.Activation("relu")(layers.Add()([x, layers.Dense(5)(x)]))


def used_twice(x):
    normed = layers.BatchNormalization()(x)
    return layers.Add()([layers.ReLU()(normed), normed])


def seen_through_a_view(x):
    normed = layers.BatchNormalization()(x)
    view = layers.Reshape((5, 1))(normed)
    return layers.Concatenate()([layers.ReLU()(normed), layers.Flatten()(view)])


def an_input(x):
    return layers.ReLU()(layers.Dropout(0.5)(x))


def capped(x):
    return layers.ReLU(max_value=0.5)(layers.BatchNormalization()(x))


def an_output(x):
    normed = layers.BatchNormalization()(x)
    return [normed, layers.ReLU()(normed)]


class Same(layers.BatchNormalization):
    def call(self, inputs):
        return inputs


def own_layer(x):
    return layers.ReLU()(Same()(x))


CASES = {
    plain: 1, added: 1, used_twice: 0, seen_through_a_view: 0, an_input: 0, capped: 0,
    an_output: 0, own_layer: 0,
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_same_numbers_with_and_without_gradients(case):
    inputs = layers.Input((5,))
    model = Model(inputs, case(inputs))
    given = torch.tensor(X)
    expected = model(given)
    with torch.no_grad():
        found = model(given)
    one, other = (x if isinstance(x, list) else [x] for x in (expected, found))
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a.detach(), b)
    torch.testing.assert_close(given, torch.tensor(X))
    assert sum(step.maker is not None for step in model._plan.steps) == CASES[case]


@pytest.mark.parametrize("native", [False, True])
def test_what_a_hook_has_seen_stays(native):
    inputs = layers.Input((5,))
    model = Model(inputs, plain(inputs))
    seen = []
    watched = model.layers[1].norm if native else model.layers[1]
    watched.register_forward_hook(lambda module, args, output: seen.append(output))
    with torch.no_grad():
        model(torch.tensor(X))
    assert bool((seen[0] < 0).any())
