"""Whole models as torch code: files of users, nested and shared parts, functions, modes."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

import torchkeras as keras
from compat_tests.checks.source import (
    TOLERANCE,
    check_source,
    difference,
    set_random_weights,
    written,
)
from compat_tests.saving.test_real_models import FOLDER, INDEX
from torchkeras import backend as K
from torchkeras import layers, ops
from torchkeras.models import load_model

RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.normal(size=shape).astype("float32")


@pytest.mark.parametrize("entry", INDEX, ids=lambda entry: entry["file"])
def test_real_models(entry, tmp_path):
    path = FOLDER / entry["file"]
    model = load_model(path, compile=False)
    with np.load(f"{path}.npz") as stored:
        inputs = [stored[key] for key in sorted(stored.files) if key.startswith("x")]
        expected = [stored[key] for key in sorted(stored.files) if key.startswith("y")]
    inputs = [x.astype("float32") if x.dtype == "float64" else x for x in inputs]
    net = check_source(model, inputs, tmp_path)
    with torch.no_grad():
        found = net(*map(torch.from_numpy, inputs))
    for one, other in zip(found if len(expected) > 1 else [found], expected, strict=True):
        np.testing.assert_allclose(one.numpy(), other, rtol=1e-4, atol=1e-4)


def two_inputs():
    words = keras.Input((6,), dtype="int32", name="words")
    image = keras.Input((8, 8, 3), name="image")
    read = layers.LSTM(4)(layers.Embedding(9, 5, mask_zero=True)(words))
    seen = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(image))
    both = layers.Concatenate()([read, seen])
    outputs = {"kind": layers.Dense(3, "softmax")(both), "size": layers.Dense(1)(both)}
    return keras.Model([words, image], outputs), [RNG.integers(0, 9, (2, 6)), draw(2, 8, 8, 3)]


def shared_encoder():
    encoder = keras.Sequential([layers.Dense(4, "relu", input_shape=(5,)), layers.Dense(3)])
    left, right = keras.Input((5,)), keras.Input((5,))
    distance = torch.sqrt(torch.sum((encoder(left) - encoder(right)) ** 2, -1, keepdim=True))
    return keras.Model([left, right], distance), [draw(2, 5), draw(2, 5)]


def residual():
    inputs = keras.Input((8, 8, 3))
    x = start = layers.Conv2D(4, 3, padding="same")(inputs)
    for _ in range(2):
        y = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(x))
        x = layers.ReLU()(layers.Add()([x, y]))
    return keras.Model(inputs, [layers.Flatten()(x), start]), [draw(2, 8, 8, 3)]


def squeeze_and_excite():
    inputs = keras.Input((8, 8, 4))
    x = layers.Reshape((1, 1, 4))(layers.GlobalAveragePooling2D()(inputs))
    x = layers.Conv2D(4, 1, activation="sigmoid")(layers.Conv2D(2, 1, activation="relu")(x))
    return keras.Model(inputs, layers.Multiply()([inputs, x])), [draw(2, 8, 8, 4)]


def sequence_to_sequence():
    source, target = keras.Input((5, 3)), keras.Input((4, 2))
    _, h, c = layers.LSTM(6, return_state=True)(source)
    x, _, _ = layers.LSTM(6, return_sequences=True, return_state=True)(target, initial_state=[h, c])
    return keras.Model([source, target], layers.Dense(2)(x)), [draw(2, 5, 3), draw(2, 4, 2)]


def functions():
    inputs = keras.Input((4, 3))
    x = torch.relu(inputs)[:, 1:, ::2] * 2 - 1
    x = ops.concatenate([x, K.exp(-K.square(x))], axis=-1)
    x = ops.mean(x, axis=1) / 3.0 + torch.tensor([1.0, 2.0, 3.0, 4.0])
    return keras.Model(inputs, K.clip(x, 0.1, 2.0)), [draw(2, 4, 3)]


def plain_modules():
    inputs = keras.Input((5,))
    x = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))(inputs)
    return keras.Model(inputs, nn.Softmax(-1)(x)), [draw(2, 5)]


class Positions(layers.Layer):
    """An embedding of tokens and of their places, which looks at the length of its input."""

    def __init__(self):
        super().__init__()
        self.tokens, self.places = layers.Embedding(9, 4), layers.Embedding(6, 4)

    def call(self, x):
        return self.tokens(x) + self.places(torch.arange(x.shape[-1], device=x.device))


class Tempered(layers.Layer):
    """A layer that computes with its weight before it meets the input."""

    def build(self, input_shape):
        self.log_scale = self.add_weight("log_scale", (input_shape[-1],))
        self.built = True

    def call(self, x):
        return x * torch.exp(self.log_scale)


def layers_of_a_user():
    inputs = keras.Input((6,), dtype="int32")
    return keras.Model(inputs, Tempered()(Positions()(inputs))), [RNG.integers(0, 9, (2, 6))]


class Attentive(keras.Model):
    """A model of a user's, with blocks in a list."""

    def __init__(self):
        super().__init__()
        self.start = layers.Dense(4)
        self.blocks = [layers.MultiHeadAttention(2, 3) for _ in range(2)]
        self.end = layers.Dense(1)

    def call(self, inputs, training=None):
        x = self.start(inputs)
        for block in self.blocks:
            x = x + block(x, x, training=training)
        return self.end(torch.mean(x, 1))


def subclassed():
    model, x = Attentive(), draw(2, 5, 3)
    model(torch.from_numpy(x))
    return model, [x]


MODELS = [two_inputs, shared_encoder, residual, squeeze_and_excite, sequence_to_sequence,
          functions, plain_modules, layers_of_a_user, subclassed]  # fmt: skip


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_models(make, tmp_path):
    model, inputs = make()
    set_random_weights(model)
    check_source(model, inputs, tmp_path)


def test_all_weights_of_a_users_layers_are_trained(tmp_path):
    model, _ = layers_of_a_user()
    net = written(model, tmp_path)
    assert {name: one.shape for name, one in net.named_parameters()} == {
        "positions.tokens.weight": (9, 4),
        "positions.places.weight": (6, 4),
        "tempered.log_scale": (4,),
    }


def test_text_of_a_residual_net(tmp_path):
    model, _ = residual()
    model.to_torch_source(tmp_path / "net.py")
    text = (tmp_path / "net.py").read_text(encoding="utf-8")
    forward = text.partition("def forward")[2].partition("WEIGHTS")[0]
    assert forward.count("permute") == 3  # one in, two out
    assert "class Model(nn.Module)" in text and "re_lu = F.relu(x)" in forward


def test_a_written_model_trains(tmp_path):
    model, inputs = residual()
    net = written(model, tmp_path)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    before = [one.clone() for one in net.parameters()]
    net.train()
    sum(one.square().mean() for one in net(*map(torch.from_numpy, inputs))).backward()
    optimizer.step()
    assert all(not torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))


def test_a_base_called_in_inference_stays_in_it(tmp_path):
    base = keras.Sequential([layers.Dense(4, input_shape=(5,)), layers.Dropout(0.5)], name="base")
    base.trainable = False
    inputs = keras.Input((5,))
    model = keras.Model(inputs, layers.Dense(2)(base(inputs, training=False)))
    net, x = written(model, tmp_path), torch.randn(3, 5)
    net.train()
    assert difference(model(x), net(x)) < TOLERANCE
    assert [one.requires_grad for one in net.parameters()] == [False, False, True, True]


def test_weights_are_those_of_the_file_alone(tmp_path):
    model, inputs = shared_encoder()
    net = written(model, tmp_path)
    assert sum(one.numel() for one in net.parameters()) == model.count_params()
    assert set(net.state_dict()) == {
        f"sequential.{n}.{w}" for n in ("dense", "dense_1") for w in ("weight", "bias")
    }


@pytest.mark.parametrize(
    "layer, told",
    [
        (layers.Lambda(lambda x: x * 2 if bool(x.sum() > 0) else x), "decides by the values"),
        (layers.LSTM(2, stateful=True, batch_input_shape=(2, 4, 3)), "stateful"),
        (layers.BatchNormalization(renorm=True), "renorm"),
    ],
    ids=["values", "stateful", "renorm"],
)
def test_refusals_name_layer_and_reason(layer, told, tmp_path):
    inputs = keras.Input(batch_shape=(2, 4, 3))
    model = keras.Model(inputs, layer(inputs))
    with pytest.raises(NotImplementedError, match=f"{layer.name}.*{told}"):
        model.to_torch_source(tmp_path / "model.py")
    assert list(tmp_path.iterdir()) == []


def test_a_sampling_layer_draws(tmp_path):
    def sample(parts):
        mean, log_var = parts
        noise = K.random_normal(shape=(K.shape(mean)[0], 3))
        return mean + K.exp(0.5 * log_var) * noise

    mean, log_var = keras.Input((3,), name="mean"), keras.Input((3,), name="log_var")
    net = written(keras.Model([mean, log_var], layers.Lambda(sample)([mean, log_var])), tmp_path)
    zeros = torch.zeros(2000, 3)
    drawn = net(zeros + 5.0, zeros)
    assert abs(drawn.mean() - 5.0) < 0.1 and abs(drawn.std() - 1.0) < 0.1


def test_the_path_ends_in_py(tmp_path):
    model, _ = functions()
    with pytest.raises(ValueError, match="ends in .py"):
        model.to_torch_source(tmp_path / "model.txt")


def test_without_safetensors(tmp_path, monkeypatch):
    monkeypatch.setattr("torchkeras.source.find_spec", lambda name: None)
    model, inputs = residual()
    check_source(model, inputs, tmp_path)
    assert sorted(path.suffix for path in tmp_path.glob("*.*")) == [".pt", ".py"]


def test_a_module_of_a_user_is_imported(tmp_path, monkeypatch):
    (tmp_path / "gates_of_mine.py").write_text(
        "from torch import nn\n\n\nclass Gate(nn.Module):\n"
        "    def __init__(self, size):\n        super().__init__()\n"
        "        self.size, self.linear = size, nn.Linear(size, size)\n\n"
        "    def forward(self, x):\n        return x * self.linear(x).sigmoid()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import gates_of_mine

    try:
        inputs = keras.Input((3,))
        model = keras.Model(inputs, gates_of_mine.Gate(3)(inputs))
        check_source(model, [draw(2, 3)], tmp_path)
    finally:
        del sys.modules["gates_of_mine"]


def test_nothing_is_noted_in_the_model(tmp_path):
    model, _ = subclassed()
    nodes = [len(one._nodes) for one in model.modules() if hasattr(one, "_nodes")]
    model.to_torch_source(tmp_path / "model.py")
    assert nodes == [len(one._nodes) for one in model.modules() if hasattr(one, "_nodes")]
