"""Functions as layers: values, masks, shapes and configs beside tf.keras, and what is refused."""

import copy
import json

import numpy as np
import pytest
import torch

import torchkeras
from compat_tests import oracle
from compat_tests.checks.layer import check_layer
from torchkeras import Model, Sequential, layers


def test_identity_beside_keras():
    check_layer("Identity", {}, (2, 3, 4))


def test_identity_of_several_inputs():
    a, b = torch.ones(2, 3), torch.zeros(2, 3)
    assert layers.Identity()([a, b])[1] is b


def scaled(x, factor=2.0):
    return x * factor


def masked_sum(x, mask=None):
    return x.sum(1) if mask is None else (x * mask.unsqueeze(-1)).sum(1)


def noisy(x, training=None):
    return x + 1 if training else x


def test_config_beside_keras():
    """All but the function, of which tf.keras writes the bytecode."""

    def ask(keras):
        layer = keras.layers.Lambda(lambda x: x, arguments={"k": 3}, output_shape=(4,), name="a")
        config = layer.get_config()
        shape = layer.compute_output_shape((None, 7))
        return [json.dumps({k: v for k, v in config.items() if "function" not in k}), shape]

    text, shape = oracle.ask(ask)
    layer = layers.Lambda(lambda x: x, arguments={"k": 3}, output_shape=(4,), name="a")
    config = {k: v for k, v in layer.get_config().items() if "function" not in k}
    expected = json.loads(text)
    assert config.pop("module") and expected.pop("module")
    assert json.loads(json.dumps(config)) == expected
    assert list(layer.compute_output_shape((None, 7))) == shape


def test_tf_keras_reads_a_named_function():
    config = layers.Lambda(scaled, arguments={"factor": 3.0}).get_config()
    assert config["function"] == "scaled" and config["function_type"] == "function"
    x = np.ones((2, 3), "float32")

    def ask(keras):
        layer = keras.layers.Lambda.from_config(config, custom_objects={"scaled": scaled})
        return layer(x)

    np.testing.assert_array_equal(
        layers.Lambda(scaled, arguments={"factor": 3.0})(x), oracle.ask(ask)
    )


def test_named_functions_are_found_again():
    model = Sequential(
        [layers.Input((3,)), layers.Lambda(scaled), layers.Lambda(torchkeras.activations.relu)]
    )
    text, x = model.to_json(), torch.randn(2, 3)
    with pytest.raises(ValueError, match="'scaled'.*custom_objects"):
        torchkeras.models.model_from_json(text)
    again = torchkeras.models.model_from_json(text, custom_objects={"scaled": scaled})
    torch.testing.assert_close(again(x), model(x))


def test_functions_are_cloned_without_their_names():
    given = layers.Lambda(scaled, arguments={"factor": np.float32(3)}, mask=lambda x, mask: None)
    model = Sequential([layers.Input((3,)), given, layers.Lambda(lambda x: x + 1)])
    clone, x = torchkeras.models.clone_model(model), torch.randn(2, 3)
    torch.testing.assert_close(clone(x), model(x))
    assert clone.layers[0].name == given.name and clone.layers[0] is not given


def test_code_is_not_loaded():
    model = Sequential([layers.Input((3,)), layers.Lambda(lambda x: x + 1), layers.Dense(2)])
    with pytest.raises(ValueError, match="Python code"):
        torchkeras.models.model_from_json(model.to_json())
    with pytest.raises(ValueError, match="Python code"):
        layers.Lambda.from_config({"function": ["4wEAAAA", None, None], "function_type": "lambda"})


def test_lambdas_within_the_process(tmp_path):
    inputs = layers.Input((3,))
    model = Model(inputs, layers.Dense(2)(layers.Lambda(lambda x: x + 1)(inputs)))
    x = torch.randn(2, 3)
    again = type(model).from_config(model.get_config())
    again.set_weights(model.get_weights())
    for other in (again, copy.deepcopy(model)):
        torch.testing.assert_close(other(x), model(x))
    model.save_weights(str(tmp_path / "w.h5"))
    again.load_weights(str(tmp_path / "w.h5"))


def test_training_and_mask_reach_the_function():
    layer = layers.Lambda(noisy)
    assert layer(torch.zeros(2), training=True).tolist() == [1.0, 1.0]
    assert layer(torch.zeros(2)).tolist() == [0.0, 0.0]
    inputs = layers.Input((3,))
    hidden = layers.Embedding(4, 2, mask_zero=True, embeddings_initializer="ones")(inputs)
    model = Model(inputs, layers.Lambda(masked_sum)(hidden))
    assert model.output_shape == (None, 2)
    assert model(torch.tensor([[1, 0, 2]])).tolist() == [[2.0, 2.0]]


def test_masks_of_the_output():
    layer = layers.Lambda(scaled, mask=lambda x, mask: x[..., 0] > 0)
    assert layer(torch.tensor([[[1.0], [-1.0]]]))._keras_mask.tolist() == [[True, False]]
    assert layer.supports_masking and not layers.Lambda(scaled).supports_masking


def test_several_tensors():
    a, b = layers.Input((3,)), layers.Input((3,))
    model = Model([a, b], layers.Lambda(lambda pair: pair[0] - pair[1])([a, b]))
    assert model([torch.ones(2, 3), torch.ones(2, 3)]).tolist() == [[0.0] * 3] * 2
    both = layers.Lambda(lambda x: [x, x[:, :1]])(a)
    assert [t.shape for t in both] == [(None, 3), (None, 1)]


def test_arrays_among_the_arguments():
    layer = layers.Lambda(scaled, arguments={"factor": np.array([1.0, 2.0], "float32")})
    config = json.loads(json.dumps(layer.get_config()))
    again = layers.Lambda.from_config(config, custom_objects={"scaled": scaled})
    assert again.arguments["factor"].tolist() == [1.0, 2.0]


def test_not_a_function():
    with pytest.raises(TypeError, match="function"):
        layers.Lambda("relu")
