"""torch.export of whole models: one program for batches of any size, as torch alone makes it."""

import pytest
import torch

from torchkeras import Input, Model, Sequential, layers

BATCH = torch.export.Dim("batch")


class Subclass(Model):
    def __init__(self):
        super().__init__()
        self.first, self.last = layers.Dense(4, "tanh"), layers.Dense(3, "softmax")

    def call(self, inputs):
        return self.last(self.first(inputs))


def functional():
    x = Input((8,))
    both = layers.Concatenate()([layers.Dense(4, "relu")(x), layers.Dense(4, "sigmoid")(x)])
    return Model(x, layers.Dense(3, "softmax")(both))


def dense():
    return Sequential([Input((8,)), layers.Dense(4, "relu"), layers.Dense(3, "softmax")])


def convolutions():
    stack = [layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(), layers.Flatten()]
    return Sequential([layers.Reshape((4, 2, 1), input_shape=(8,)), layers.ZeroPadding2D(), *stack])


def recurrent():
    first = [layers.Reshape((4, 2), input_shape=(8,)), layers.Masking()]
    return Sequential([*first, layers.Bidirectional(layers.LSTM(3)), layers.Dense(3, "softmax")])


@pytest.mark.filterwarnings("ignore:While compiling, we found certain side effects:UserWarning")
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("make", [dense, functional, Subclass, convolutions, recurrent])
def test_a_program_for_any_batch(make, strict, tmp_path):
    model = make()
    model(torch.randn(2, 8))
    shapes = ({0: BATCH},)
    program = torch.export.export(model, (torch.randn(4, 8),), dynamic_shapes=shapes, strict=strict)
    torch.export.save(program, tmp_path / "program.pt2")
    loaded = torch.export.load(tmp_path / "program.pt2").module()
    for count in (2, 7):
        x = torch.randn(count, 8)
        torch.testing.assert_close(loaded(x), model(x))
    assert set(program.state_dict) == set(model.state_dict())
