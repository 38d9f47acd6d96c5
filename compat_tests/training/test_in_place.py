"""Layers work in place on what nobody else sees."""

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


def images(x):
    x = layers.Reshape((3, 2, 10))(layers.Dense(60)(x))
    short = layers.BatchNormalization()(x)
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(10, 3, padding="same")(short)))
    return layers.Activation("relu")(layers.Add()([x, short]))


CASES = {
    plain: 1, added: 1, used_twice: 0, seen_through_a_view: 0, an_input: 0, capped: 0,
    an_output: 0, own_layer: 0, images: 2,
}  # fmt: skip


def outputs_and_gradients(model, training):
    given = torch.tensor(X, requires_grad=training)
    torch.manual_seed(0)
    with torch.set_grad_enabled(training):
        outputs = model.train(training)(given)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        if not training:
            return outputs
        total = sum((output * output.detach().cos()).sum() for output in outputs)
    gradients = torch.autograd.grad(total, [given, *model.parameters()], allow_unused=True)
    torch.testing.assert_close(given.detach(), torch.tensor(X))
    return [*outputs, *gradients]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_the_same_numbers_in_place_and_apart(case, training):
    inputs = layers.Input((5,))
    model = Model(inputs, case(inputs))
    found = outputs_and_gradients(model, training)
    assert sum(step.maker is not None for step in model._plan.steps) == CASES[case]
    for step in model._plan.steps:
        step.maker = None
    for a, b in zip(found, outputs_and_gradients(model, training), strict=True):
        assert (a is None) == (b is None)
        assert a is None or torch.equal(a, b)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("native", [False, True])
def test_what_a_hook_has_seen_stays(native, training):
    inputs = layers.Input((5,))
    model = Model(inputs, plain(inputs))
    seen = []
    watched = model.layers[1].norm if native else model.layers[1]
    watched.register_forward_hook(lambda module, args, output: seen.append(output))
    with torch.set_grad_enabled(training):
        model.train(training)(torch.tensor(X))
    assert bool((seen[0] < 0).any())


@pytest.mark.parametrize("recording", [False, True])
def test_a_module_in_the_place_of_the_native_one(recording):
    """As where a batch normalization was folded into the layer before it."""
    inputs = layers.Input((4, 4, 2))
    before = layers.Conv2D(3, 2)(inputs)
    after = layers.ReLU()(layers.BatchNormalization()(before))
    model = Model(inputs, layers.Concatenate()([after, before]))
    model.layers[2].norm = torch.nn.Identity()
    with torch.set_grad_enabled(recording):
        outputs = model(torch.randn(2, 4, 4, 2)).detach()
    assert torch.equal(outputs[..., :3], outputs[..., 3:].relu()) and bool((outputs < 0).any())
