"""`predict` folds what follows a convolution into it, where nobody can tell but by the clock."""

import copy
import threading

import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import Input, Model, Sequential, layers
from torchkeras.callbacks import Callback
from torchkeras.training import folding

X = np.random.default_rng(0).normal(size=(24, 12, 12, 3)).astype("float32")

pytestmark = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN"
)


@pytest.fixture(autouse=True)
def small_inputs_too(monkeypatch):
    monkeypatch.setattr(folding, "_FEW", 0)
    monkeypatch.setattr(folding, "_SMALL", 1)


def conv(x, filters=4, *args, **kwargs):
    kwargs = {"padding": "same", "bias_initializer": "normal"} | kwargs
    return layers.Conv2D(filters, 3, *args, **kwargs)(x)


def normed(x, *args, **kwargs):
    return layers.BatchNormalization()(conv(x, *args, **kwargs))


def alone(x):
    return conv(x, activation="relu")


def linear(x):
    return layers.LeakyReLU(0.2)(conv(x, padding="valid", dilation_rate=2))


def with_norm(x):
    return layers.ReLU()(normed(x, use_bias=False))


def strided(x):  # 12 -> 6 with one edge, 6 -> 3 with another kernel
    return normed(layers.Conv2D(4, 4, 2, padding="same")(x), 5, 2)


def norm_without_gamma(x):
    return layers.BatchNormalization(center=False, scale=False, epsilon=0.1)(conv(x))


def grouped(x):
    return normed(conv(x, 6), 9, groups=3)


def depthwise(x):
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(x)
    return layers.ReLU(max_value=6)(layers.BatchNormalization()(x))


def residual(x):  # the second block may work in the memory of the first one's result
    for _ in range(2):
        x = conv(x, activation="relu") if x.shape[-1] == 3 else x
        y = normed(layers.ReLU()(normed(x)))
        x = layers.ReLU()(layers.Add()([x, y]))
    return x


def two_sides(x):
    return layers.Add()([normed(x), normed(x)])


def read_later(x):
    x = with_norm(x)
    y = layers.Add()([normed(x), x])
    return layers.Concatenate()([y, x])


def read_through_a_view(x):
    x = with_norm(x)
    view = layers.Reshape((-1,))(x)
    return [layers.Add()([normed(x), x]), layers.Activation("tanh")(view)]


def read_while_written(x):
    x = with_norm(x)
    return layers.Add()([x, conv(x)])


def read_by_a_later_chain(x):
    x = with_norm(x)
    first = layers.Add()([normed(conv(x)), x])
    return layers.Add()([conv(x), layers.ReLU()(first)])


def an_input(x):
    return layers.Add()([normed(conv(x, 3), 3), x])


def an_output(x):
    x = with_norm(x)
    return [x, layers.Add()([normed(conv(x)), x])]


def used_twice(x):
    x = conv(x)
    return layers.Add()([layers.BatchNormalization()(x), x])


def broadcast(x):
    x = conv(x)
    return layers.Add()([layers.GlobalAveragePooling2D(keepdims=True)(x), normed(x)])


def nested(x):
    inner = Input((12, 12, 3))
    body = Model(inner, residual(inner))
    return normed(layers.Add()([body(x), body(-x, training=False)]))


def in_sequence(x):
    body = Sequential([layers.Conv2D(3, 3), layers.BatchNormalization(), layers.ReLU()])
    return layers.Add()([body(x), body(x)])


# How many chains, how many of them work in the memory of a summand.
CASES = {
    alone: (1, 0), linear: (1, 0), with_norm: (1, 0), strided: (2, 0), norm_without_gamma: (1, 0),
    grouped: (2, 0), depthwise: (1, 0), residual: (5, 2), two_sides: (2, 1), read_later: (2, 0),
    read_through_a_view: (2, 0), read_while_written: (2, 0), read_by_a_later_chain: (4, 1),
    an_input: (2, 0), an_output: (3, 0), used_twice: (1, 0), broadcast: (2, 0), nested: (6, 2),
    in_sequence: (1, 0),
}  # fmt: skip


def made(case, size=12):
    """A model with weights as after some training."""
    torchkeras.utils.set_random_seed(1)
    inputs = Input((size, size, 3))
    model = Model(inputs, case(inputs))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            if module.weight.requires_grad:
                torch.nn.init.normal_(module.weight)
                torch.nn.init.normal_(module.bias)
    return model


def plain(model, x=X):
    found = model(torch.tensor(x))
    return [one.detach().numpy() for one in (found if isinstance(found, list) else [found])]


def predicted(model, x=X, **given):
    found = model.predict(x, batch_size=8, verbose=0, **given)
    return found if isinstance(found, list) else [found]


def assert_alike(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * abs(b).max())


def all_chains(calls):
    yield from calls.chains
    for inner in calls.inner.values():
        yield from all_chains(inner)


@pytest.fixture
def ran(monkeypatch):
    """The chains that ran folded."""
    found, fold = [], folding.Chain._fold

    def noted(self, *args):
        found.append(self)
        fold(self, *args)

    monkeypatch.setattr(folding.Chain, "_fold", noted)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_same_predictions(case, ran):
    model = made(case)
    given, state = X.copy(), copy.deepcopy(model.state_dict())
    assert_alike(predicted(model), plain(model))
    assert (X == given).all()
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key]), key
    chains = list(all_chains(model._graph.spare[0]))
    assert (len(chains), sum(chain.lends for chain in chains)) == CASES[case]
    assert len(set(ran)) == len(chains) and all(chain.kernel is None for chain in chains)


def test_new_weights_count_at_the_next_call():
    model = made(residual)
    predicted(model)
    for weight in model.parameters():
        weight.data.mul_(1.1)
    assert_alike(predicted(model), plain(model))
    model.layers[1].conv.bias.data.fill_(float("nan"))
    assert np.isnan(predicted(model)[0]).all()


def test_what_is_no_number_stays_none():
    model, x = made(alone), X.copy()
    x[0, 5, 5] = np.nan
    assert np.isnan(predicted(model, x)[0]).sum() == 9 * 4


def test_small_inputs_run_apart(monkeypatch, ran):
    monkeypatch.setattr(folding, "_FEW", 2**12)
    monkeypatch.setattr(folding, "_SMALL", 2**9)
    model = made(residual)
    assert_alike(predicted(model, X[:1]), plain(model, X[:1]))
    assert not model._graph.spare
    assert_alike(predicted(model, X[:2]), plain(model, X[:2]))
    assert not ran
    assert_alike(predicted(model), plain(model))
    assert len(ran) == 5


def test_large_kernels_wait_for_a_second_batch(ran):
    model = made(lambda x: layers.Conv2D(64, 9)(layers.Conv2D(1024, 1)(x)))
    assert_alike(predicted(model, X[:8]), plain(model, X[:8]))
    assert len(ran) == 1
    assert_alike(predicted(model), plain(model))
    assert len(ran) == 3


class Watch(Callback):
    def on_predict_batch_end(self, batch, logs=None):
        self.seen = logs["outputs"]


class Own(Model):
    def predict_step(self, data):
        return super().predict_step(data)


def hooked(model):
    model.layers[2].register_forward_hook(lambda *args: None)


def hooked_inside(model):
    model.layers[1].conv.register_forward_pre_hook(lambda *args: None)


def replaced(model):
    model.layers[1].conv = torch.nn.Sequential(model.layers[1].conv)


def in_training(model):
    model.layers[2].norm.train()


def halved(model):
    model.to(torch.float64)


@pytest.mark.parametrize("change", [hooked, hooked_inside, replaced, in_training, halved])
def test_what_somebody_has_changed_runs_apart(change, ran):
    model = made(with_norm)
    predicted(model)
    ran.clear()
    change(model)
    assert_alike(predicted(model), plain(model, X.astype(model.dtype)))
    assert not ran


def test_who_looks_gets_what_layers_make(ran):
    x = Input((12, 12, 3))
    own = Own(x, with_norm(x))
    assert_alike(predicted(own), plain(own))
    predicted(made(with_norm), callbacks=[Watch()])
    assert not ran


def test_sizes_that_change(ran):
    model = Sequential([layers.Conv2D(4, 3, 2, padding="same"), layers.BatchNormalization()])
    for size in (12, 11, 12):
        x = X[:, :size, :size]
        assert_alike(predicted(model, x), plain(model, x))
    with pytest.raises(Exception) as expected:
        plain(model, X[..., :2])
    with pytest.raises(type(expected.value), match="channels"):
        predicted(model, X[..., :2])
    assert ran


def test_threads_and_copies_have_their_own():
    model = made(residual)
    expected, found = plain(model), {}
    others = [copy.deepcopy(model) for _ in range(2)]

    def work(number):
        found[number] = [predicted(model) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for results in found.values():
        for result in results:
            assert_alike(result, expected)
    assert len(found) == 4
    others[0].layers[1].conv.weight.data.zero_()
    assert_alike(predicted(others[0]), plain(others[0]))
    assert_alike(predicted(others[1]), expected)


@pytest.mark.parametrize("name", ["ResNet50", "MobileNetV2", "EfficientNetB0", "DenseNet121"])
def test_applications(name):
    model = getattr(torchkeras.applications, name)(weights=None, input_shape=(64, 64, 3))
    x = np.random.default_rng(0).normal(size=(4, 64, 64, 3)).astype("float32")
    with torch.no_grad():
        model.train()
        for _ in range(3):
            model(torch.tensor(x))  # statistics of batches that it sees
        model.eval()
    assert_alike(predicted(model, x), plain(model, x))
