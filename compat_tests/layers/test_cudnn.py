"""CuDNNLSTM and CuDNNGRU: described as by tf.compat.v1, computed as by LSTM and GRU.

TensorFlow runs them on CUDA only, so their values are compared with those of the plain layers.
"""

import numpy as np
import pytest
import torch

from compat_tests import oracle
from compat_tests.checks.layer_case import lists
from torchkeras import layers, models, names

CASES = [
    ("CuDNNLSTM", dict(units=3)),
    ("CuDNNLSTM", dict(units=2, unit_forget_bias=False, return_sequences=True)),
    ("CuDNNGRU", dict(units=3, return_state=True, time_major=True, name="given")),
    (
        "CuDNNGRU",
        dict(units=3, go_backwards=True, bias_initializer="ones", kernel_regularizer="l2"),
    ),
]


def describe(layer):
    layer.build((None, 3, 4))
    return {
        "config": lists(layer.get_config()),
        "names": [weight.name.split("/")[-1] for weight in layer.weights],
        "shapes": [list(weight.shape) for weight in layer.weights],
        "bias": np.asarray(layer.bias),
    }


@pytest.mark.parametrize("name, config", CASES)
def test_described_beside_keras(name, config):
    def ask(keras):
        from tf_keras.src.layers.rnn import cudnn_gru, cudnn_lstm

        keras.backend.clear_session()
        module = cudnn_lstm if name == "CuDNNLSTM" else cudnn_gru
        return describe(getattr(module, name)(**config))

    expected = oracle.ask(ask)
    names.reset()
    found = describe(getattr(layers, name)(**config))
    np.testing.assert_array_equal(found.pop("bias"), expected.pop("bias"))
    assert found == expected


def of_plain(name, weights):
    """The weights of a cuDNN layer as Keras gives them to the layer that it stands for."""

    def ask(keras):
        from tf_keras.src.saving.legacy.hdf5_format import _convert_rnn_weights

        layer = getattr(keras.layers, name[5:])(3)
        layer.build((None, 5, 4))
        return _convert_rnn_weights(layer, weights)

    return oracle.ask(ask)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("name", ["CuDNNLSTM", "CuDNNGRU"])
def test_computes_what_the_plain_layer_does(name, go_backwards, masked):
    torch.manual_seed(0)
    config = dict(return_sequences=True, return_state=True, go_backwards=go_backwards)
    x = torch.randn(3, 5, 4)
    mask = torch.rand(3, 5) > 0.4 if masked else None
    layer, plain = getattr(layers, name)(3, **config), getattr(layers, name[5:])(3, **config)
    layer(x), plain(x)
    kernel, recurrent, bias = (np.random.randn(*w.shape) for w in layer.weights)
    layer.set_weights([kernel, recurrent, bias])
    plain.set_weights(of_plain(name, [kernel, recurrent, bias]))
    for one, other in zip(layer(x, mask=mask), plain(x, mask=mask), strict=True):
        torch.testing.assert_close(one, other)
    one, _ = layer.cell(x[:, 0], [torch.zeros(3, 3)] * len(layer.states))
    other, _ = plain.cell(x[:, 0], [torch.zeros(3, 3)] * len(layer.states))
    torch.testing.assert_close(one, other)


def test_both_biases_are_trained_and_kept_in_files(tmp_path):
    model = models.Sequential([layers.CuDNNLSTM(3, input_shape=(5, 4)), layers.Dense(1)])
    model.compile("sgd", "mse")
    before = model.layers[0].bias.numpy()
    model.fit(np.ones((8, 5, 4), "float32"), np.ones((8, 1), "float32"), verbose=0)
    after = model.layers[0].bias.numpy()
    np.testing.assert_allclose((after - before)[:12], (after - before)[12:], atol=1e-6)
    assert abs(after - before).max() > 0
    model.save(tmp_path / "model.h5")
    again = models.load_model(tmp_path / "model.h5")
    np.testing.assert_array_equal(again.layers[0].bias.numpy(), after)
