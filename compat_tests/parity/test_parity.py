"""Pairs of models that differ by one rule: the doctor names it. Equal pairs have no finding."""

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import torchkeras as keras
from compat_tests.checks.source import set_random_weights, written
from compat_tests.processes import ROOT
from torchkeras import layers
from torchkeras.commands.compare import compare
from torchkeras.parity import compare_models


def model_of(*stack, shape, dtype=None, seed=0):
    model = keras.Sequential([keras.Input(shape, dtype=dtype), *stack])
    set_random_weights(model, seed)
    return model


class Port(nn.Module):
    """Modules by name, and a function that calls them."""

    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.function(self, x)


def load(module, layer):
    """Give `module` the weights of a layer's native module, as far as it has them."""
    native = next(iter(layer.children()))
    own, found = module.state_dict(), native.state_dict()
    module.load_state_dict({name: found.get(name, own[name]) for name in own})
    return module


def second(x):
    return x.movedim(-1, 1) if x.shape[-1] in (1, 2, 3) else x


# --- one maker for each rule: a Keras model, and a port with that one mistake -----------------


def padding_same():
    a = model_of(layers.Conv2D(4, 3, strides=2, padding="same", name="conv"), shape=(8, 8, 3))
    conv = load(nn.Conv2d(3, 4, 3, stride=2, padding=1), a.layers[0])
    return a, Port(lambda s, x: s.conv(second(x)), conv=conv)


def padding_of_a_transposed_convolution():
    a = model_of(layers.Conv2DTranspose(4, 3, strides=2, padding="same"), shape=(8, 8, 3))
    conv = nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1, output_padding=1)
    conv = load(conv, a.layers[0])
    return a, Port(lambda s, x: s.conv(second(x)), conv=conv)


def batch_norm_epsilon():
    a = model_of(layers.Dense(6), layers.BatchNormalization(name="norm"), shape=(5,))
    norm = load(nn.BatchNorm1d(6, momentum=0.01), a.layers[1])
    dense = load(nn.Linear(5, 6), a.layers[0])
    return a, Port(lambda s, x: s.norm(s.dense(x)), dense=dense, norm=norm)


def batch_norm_momentum():
    a = model_of(layers.BatchNormalization(name="norm"), shape=(5, 5, 3))
    norm = load(nn.BatchNorm2d(3, eps=1e-3, momentum=0.99), a.layers[0])
    return a, Port(lambda s, x: s.norm(second(x)), norm=norm)


def layer_norm_epsilon():
    a = model_of(layers.LayerNormalization(), shape=(6, 5))
    return a, load(nn.LayerNorm(5), a.layers[0])


def gates_of_a_gru():
    a = model_of(layers.GRU(4, return_sequences=True), shape=(6, 5))
    gru = load(nn.GRU(5, 4, batch_first=True), a.layers[0])
    with torch.no_grad():
        for one in gru.parameters():
            r, z, n = one.chunk(3)
            one.copy_(torch.cat([z, r, n]))  # the order of Keras, as it is in the file
    return a, Port(lambda s, x: s.gru(x)[0], gru=gru)


def gates_of_an_lstm():
    a = model_of(layers.LSTM(4), shape=(6, 5))
    lstm = load(nn.LSTM(5, 4, batch_first=True), a.layers[0])
    with torch.no_grad():
        for one in lstm.parameters():
            i, f, g, o = one.chunk(4)
            one.copy_(torch.cat([i, g, f, o]))
    return a, Port(lambda s, x: s.lstm(x)[0][:, -1], lstm=lstm)


def reset_after():
    a = model_of(layers.GRU(4, reset_after=False), shape=(6, 5))
    gru, holder = nn.GRU(5, 4, batch_first=True), a.layers[0].rnn
    with torch.no_grad():
        gru.weight_ih_l0.copy_(holder.weight_ih_l0)
        gru.weight_hh_l0.copy_(holder.weight_hh_l0)
        gru.bias_ih_l0.copy_(holder.bias_gates_l0)
        gru.bias_hh_l0.zero_()
    return a, Port(lambda s, x: s.gru(x)[0][:, -1], gru=gru)


def flatten_order():
    a = model_of(
        layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2, name="top"), shape=(8, 8, 3)
    )
    parts = {"conv": load(nn.Conv2d(3, 4, 3), a.layers[0])}
    parts["top"] = load(nn.Linear(144, 2), a.layers[2])
    return a, Port(lambda s, x: s.top(s.conv(second(x)).flatten(1)), **parts)


def transposed_kernel():
    a = model_of(layers.Dense(5, name="dense"), shape=(5,))
    dense = load(nn.Linear(5, 5), a.layers[0])
    dense.weight.data = dense.weight.data.T.clone()
    return a, Port(lambda s, x: s.dense(x), dense=dense)


def flipped_kernel():
    a = model_of(layers.Conv2D(4, 3, name="conv"), shape=(8, 8, 3))
    conv = load(nn.Conv2d(3, 4, 3), a.layers[0])
    conv.weight.data = conv.weight.data.flip(2, 3)
    return a, Port(lambda s, x: s.conv(second(x)), conv=conv)


def bias_missing():
    a = model_of(layers.Dense(4, name="one"), layers.Dense(3, name="two"), shape=(5,))
    one = load(nn.Linear(5, 4), a.layers[0])
    two = nn.Linear(4, 3, bias=False)
    two.weight.data = a.layers[1].linear.weight.data.clone()
    return a, Port(lambda s, x: s.two(s.one(x)), one=one, two=two)


def weights_of_one_layer():
    a = model_of(layers.Dense(4, name="one"), layers.Dense(3, name="two"), shape=(5,))
    b = copy.deepcopy(a)
    b.layers[1].kernel.assign(np.ones((4, 3), "float32"))
    return a, b


def softmax_missing():
    a = model_of(layers.Dense(4, "softmax", name="top"), shape=(5,))
    return a, Port(lambda s, x: s.top(x), top=load(nn.Linear(5, 4), a.layers[0]))


def softmax_twice():
    a = model_of(layers.Dense(4, "softmax", name="top"), shape=(5,))
    top = load(nn.Linear(5, 4), a.layers[0])
    return a, Port(lambda s, x: s.top(x).softmax(-1).softmax(-1), top=top)


def relu_missing():
    a = model_of(layers.Dense(6, "relu", name="one"), layers.Dense(3, name="two"), shape=(5,))
    parts = {"one": load(nn.Linear(5, 6), a.layers[0]), "two": load(nn.Linear(6, 3), a.layers[1])}
    return a, Port(lambda s, x: s.two(s.one(x)), **parts)


def slope_of_leaky_relu():
    a = model_of(layers.Dense(6), layers.LeakyReLU(), layers.Dense(3), shape=(5,))
    parts = {"one": load(nn.Linear(5, 6), a.layers[0]), "two": load(nn.Linear(6, 3), a.layers[2])}
    return a, Port(lambda s, x: s.two(F.leaky_relu(s.one(x))), **parts)


def padding_counts_in_averages():
    a = model_of(layers.AveragePooling2D(3, 1, padding="same"), shape=(7, 7, 3))
    return a, Port(lambda s, x: s.pool(second(x)), pool=nn.AvgPool2d(3, 1, padding=1))


def scaled_inputs():
    a = model_of(layers.Rescaling(1 / 255), layers.Conv2D(4, 3, name="conv"), shape=(8, 8, 3))
    conv = load(nn.Conv2d(3, 4, 3), a.layers[1])
    return a, Port(lambda s, x: s.conv(second(x)), conv=conv)


def reversed_channels():
    a = model_of(layers.Conv2D(4, 3, name="conv"), shape=(8, 8, 3))
    conv = load(nn.Conv2d(3, 4, 3), a.layers[0])
    return a, Port(lambda s, x: s.conv(second(x).flip(1)), conv=conv)


def half_pixels():
    a = model_of(layers.UpSampling2D(2, interpolation="bilinear"), shape=(5, 5, 3))
    resize = dict(scale_factor=2, mode="bilinear", align_corners=True)
    return a, Port(lambda s, x: F.interpolate(second(x), **resize))


def turned_images():
    a = model_of(layers.Conv2D(4, 3, name="conv"), shape=(8, 8, 3))
    conv = load(nn.Conv2d(3, 4, 3), a.layers[0])
    return a, Port(lambda s, x: s.conv(second(x).transpose(2, 3)), conv=conv)


def a_layer_left_out():
    a = model_of(
        layers.Dense(4, name="one"), layers.BatchNormalization(), layers.Dense(3, name="two"),
        shape=(5,),
    )  # fmt: skip
    parts = {"one": load(nn.Linear(5, 4), a.layers[0]), "two": load(nn.Linear(4, 3), a.layers[2])}
    return a, Port(lambda s, x: s.two(s.one(x)), **parts)


RULES = [
    (padding_same, "conv", "padding 'same' is not the same on both sides"),
    (padding_of_a_transposed_convolution, "conv2d_transpose", "padding"),
    (batch_norm_epsilon, "norm", "epsilon: 0.001 in A, 1e-05 in B"),
    (batch_norm_momentum, "norm", "in training: momentum 0.01 in A, 0.99 in B"),
    (layer_norm_epsilon, "layer_normalization", "epsilon: 0.001 in A, 1e-05 in B"),
    (gates_of_a_gru, "gru", "gate order: A has the gates rzn, B has zrn"),
    (gates_of_an_lstm, "lstm", "gate order: A has the gates ifgo, B has igfo"),
    (reset_after, "gru", "GRU reset_after: False in A, True in B"),
    (flatten_order, "top", "flatten order: A flattens with channels last"),
    (transposed_kernel, "dense", "the kernel of B is transposed"),
    (flipped_kernel, "conv", "the kernel of B is flipped"),
    (bias_missing, "two", "the bias is missing in B"),
    (weights_of_one_layer, "two", "weights differ: weight"),
    (softmax_missing, "outputs", "activation softmax is missing in B"),
    (softmax_twice, "outputs", "activation softmax is applied twice in B"),
    (relu_missing, "two", "activation relu is missing in B"),
    (slope_of_leaky_relu, "dense_1", "activation leaky_relu (0.3) in A, leaky_relu (0.01) in B"),
    (padding_counts_in_averages, "average_pooling2d", "padding counts in the average of one"),
    (scaled_inputs, "conv", "scaling: A takes 0.00392157 * x"),
    (reversed_channels, "conv", "the channels are in reverse order"),
    (half_pixels, "up_sampling2d", "half-pixel centres"),
    (turned_images, "conv", "data_format: axes of B are those of A in the order (0, 1, 3, 2)"),
    (a_layer_left_out, "batch_normalization", "only A has it"),
]


@pytest.mark.parametrize("make, name, rule", RULES, ids=[row[0].__name__ for row in RULES])
def test_names_the_rule(make, name, rule):
    found = compare_models(*make())
    assert not found.equal
    assert rule in (found.first.rule or ""), str(found)
    assert found.first.a == name or name in str(found).splitlines()[-1], str(found)
    assert len(found.findings) == 1 or make is a_layer_left_out, str(found)


def convolutional():
    return model_of(
        layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(2, padding="same"),
        layers.SeparableConv2D(5, 3, padding="same"),
        layers.Flatten(),
        layers.Dense(3, "softmax"),
        shape=(9, 9, 3),
    )


def recurrent():
    return model_of(
        layers.Embedding(9, 5),
        layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
        layers.GRU(3),
        layers.Dense(1, "sigmoid"),
        shape=(6,), dtype="int32",
    )  # fmt: skip


def attentive():
    inputs = keras.Input((6, 5))
    x = layers.LayerNormalization()(inputs + layers.MultiHeadAttention(2, 3)(inputs, inputs))
    model = keras.Model(inputs, layers.GlobalAveragePooling1D()(x))
    set_random_weights(model)
    return model


@pytest.mark.parametrize("make", [convolutional, recurrent, attentive])
def test_equal_models_have_no_finding(make, tmp_path):
    model = make()
    for other in (copy.deepcopy(model), written(model, tmp_path)):
        found = compare_models(model, other)
        assert found.equal and found.first is None, str(found)
        assert str(found).endswith("The models are equal.")
        assert len(found.rows) > 2


def test_the_first_of_two_is_told_first():
    a = model_of(layers.Dense(4, "relu", name="one"), layers.Dense(3, name="two"), shape=(5,))
    parts = {"one": load(nn.Linear(5, 4), a.layers[0]), "two": load(nn.Linear(4, 3), a.layers[1])}
    parts["two"].bias.data.zero_()
    found = compare_models(a, Port(lambda s, x: s.two(s.one(x)), **parts))
    assert "activation relu is missing in B; the bias is missing in B" in found.first.rule


def test_settings_and_weights_together():
    a = model_of(layers.LayerNormalization(), shape=(6, 5))
    b = load(nn.LayerNorm(5), a.layers[0])
    b.bias.data.zero_()
    assert "several things differ: eps, bias" in compare_models(a, b).first.rule


def test_without_shapes_inputs_are_asked_for():
    net = nn.Linear(3, 2)
    with pytest.raises(ValueError, match="give x"):
        compare_models(net, net)
    assert compare_models(net, copy.deepcopy(net), torch.randn(4, 3)).equal


def run_command(*arguments, capsys):
    with pytest.raises(SystemExit) as left:
        compare([str(one) for one in arguments])
    return left.value.code, capsys.readouterr()


def test_command(tmp_path, capsys):
    model = convolutional()
    model.save(tmp_path / "model.h5")
    model.to_torch_source(tmp_path / "model.py")
    status, told = run_command(tmp_path / "model.h5", tmp_path / "model.py", capsys=capsys)
    assert status == 0 and told.out.endswith("The models are equal.\n")
    model.layers[-1].bias.assign([5.0, 0.0, 0.0])
    model.save(tmp_path / "other.keras")
    np.save(tmp_path / "x.npy", np.ones((2, 9, 9, 3), "float32"))
    status, told = run_command(
        tmp_path / "model.h5", tmp_path / "other.keras", "--input", tmp_path / "x.npy",
        capsys=capsys,
    )  # fmt: skip
    assert status == 1 and "weights differ: bias" in told.out
    status, told = run_command(tmp_path / "model.h5", tmp_path / "none.h5", capsys=capsys)
    assert status == 2 and "none.h5" in told.err
    status, told = run_command(tmp_path / "model.h5", capsys=capsys)
    assert status == 2 and "required: B" in told.err


def test_command_is_in_the_table(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "from torchkeras.command import main; main()", "compare", "--help"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0 and "example: torchkeras compare" in done.stdout
