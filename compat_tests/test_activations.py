"""Activation functions against tf.keras: values, gradients, names and configs."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from compat_tests import oracle
from compat_tests.checks.activation import check_activation
from torchkeras import activations, registry
from torchkeras.graph import KerasTensor
from torchkeras.variable import Variable

EDGES = [[-30.0, -6.0, -2.5, -1.0, -1e-3, 0.0], [1e-3, 1.0, 2.0, 2.5, 6.0, 30.0]]
NAMES = (
    "elu exponential gelu hard_sigmoid leaky_relu linear log_softmax mish relu relu6 selu sigmoid "
    "silu softmax softplus softsign swish tanh"
).split()
ARGUMENTS = [
    ("elu", {"alpha": 0.5}),
    ("gelu", {"approximate": True}),
    ("relu", {"alpha": 0.1}),
    ("relu", {"max_value": 2.0}),
    ("relu", {"max_value": 6}),
    ("relu", {"threshold": 1.0}),
    ("relu", {"threshold": -1.0}),
    ("relu", {"threshold": 1.0, "max_value": 6}),
    ("relu", {"alpha": 0.1, "max_value": 2.0}),
    ("relu", {"alpha": 0.1, "threshold": 1.0}),
    ("relu", {"alpha": 0.3, "max_value": 6, "threshold": -0.5}),
    ("softmax", {"axis": 0}),
    ("softmax", {"axis": (0, 1)}),
    ("softmax", {"axis": [1, 2]}),
    ("softmax", {"axis": 1}),
    ("log_softmax", {"axis": 0}),
]


@pytest.mark.parametrize("name", NAMES)
def test_values_and_gradients(name):
    check_activation(name)


@pytest.mark.parametrize("name", NAMES)
def test_edges(name):
    check_activation(name, values=EDGES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_dtypes(name, dtype):
    values = np.linspace(-3, 3, 12).reshape(3, 4)
    check_activation(name, dtype=dtype, values=values)


@pytest.mark.parametrize(("name", "arguments"), ARGUMENTS)
def test_arguments(name, arguments):
    # TensorFlow's tanh formula of gelu loses digits in its gradient where that is near 0
    tolerance = 3e-6 if name == "gelu" else None
    check_activation(name, shape=(3, 2, 4), tolerance=tolerance, **arguments)
    if name == "relu":
        check_activation(name, values=EDGES, **arguments)


@pytest.mark.parametrize("name", NAMES)
def test_lists_and_arrays(name):
    data = [[1.0, -2.0, 0.5]]
    expected = activations.get(name)(torch.tensor(data))
    for given in [data, np.array(data)] if name != "linear" else []:
        assert torch.equal(activations.get(name)(given), expected)


@pytest.mark.parametrize("name", NAMES)
def test_one_graph_under_compile(name):
    function = torch.compile(activations.get(name), fullgraph=True, backend="eager")
    x = torch.randn(3, 4)
    assert torch.equal(function(x), activations.get(name)(x))


def test_relu_variants_are_one_graph():
    x = torch.randn(3, 4)
    for name, arguments in ARGUMENTS[:11]:
        function = activations.get(name)
        torch._dynamo.reset()
        compiled = torch.compile(function, fullgraph=True, backend="eager")
        assert torch.equal(compiled(x, **arguments), function(x, **arguments))


@pytest.mark.parametrize("shape", [(2048, 2), (4, 400, 3), (410, 10), (256, 16)])
def test_softmax_of_many_rows(shape):
    check_activation("softmax", shape=shape)
    made = activations.softmax(torch.zeros(shape))
    assert made.is_contiguous() and made._keras_logits.shape == made.shape == shape


@pytest.mark.parametrize("name", ["softmax", "sigmoid"])
def test_logits_are_remembered(name):
    x = torch.randn(2, 3)
    assert activations.get(name)(x)._keras_logits is x
    assert oracle.ask(
        lambda keras: hasattr(
            keras.activations.get(name)(keras.backend.ones((2, 3))), "_keras_logits"
        )
    )


def test_softmax_needs_rank_2():
    with pytest.raises(ValueError, match="rank 2"):
        activations.softmax(torch.ones(3))


@pytest.mark.parametrize("name", [*NAMES, None, "softmax"])
def test_get_and_serialize(name):
    expected = oracle.ask(lambda keras: keras.activations.serialize(keras.activations.get(name)))
    if name in ("leaky_relu", "log_softmax", "relu6"):
        # tf.keras 2.15 writes the plain name, as it does for all it can read back
        assert expected == name
    assert activations.serialize(activations.get(name)) == expected
    assert activations.get(expected) is activations.get(name)


def test_get():
    for function in (torch.sin, F.relu, torch.nn.Tanh(), abs):
        assert activations.get(function) is function
    config = registry_config("relu")
    assert activations.get(config) is activations.relu
    assert activations.get({"class_name": "function", "config": "tanh"}) is activations.tanh
    with pytest.raises(ValueError, match="Did you mean 'softplus'"):
        activations.get("softpluss")
    with pytest.raises(TypeError, match="received 3"):
        activations.get(3)
    with pytest.raises(ValueError, match="received the name 'relu'"):
        activations.serialize("relu")


def registry_config(name):
    return {
        "module": "builtins",
        "class_name": "function",
        "config": name,
        "registered_name": "function",
    }


def test_a_users_function():
    def doubled(x):
        return 2 * x

    expected = oracle.ask(lambda keras: keras.activations.serialize(doubled))
    config = activations.serialize(doubled)
    assert config == expected == registry_config("doubled")
    assert activations.deserialize(config, {"doubled": doubled}) is doubled
    assert activations.serialize(doubled, use_legacy_format=True) == "doubled"
    with pytest.raises(ValueError, match="custom_objects"):
        activations.get(config)
    with registry.custom_object_scope({"doubled": doubled}):
        assert activations.get("doubled") is activations.get(config) is doubled


def test_a_registered_function(monkeypatch):
    monkeypatch.setattr(registry, "_CUSTOM", {})
    monkeypatch.setattr(registry, "_CUSTOM_NAMES", {})

    def register(keras):
        return keras.utils.register_keras_serializable(package="acts")

    def tripled(x):
        return 3 * x

    expected = oracle.ask(lambda keras: keras.activations.serialize(register(keras)(tripled)))
    registry.register_keras_serializable(package="acts")(tripled)
    config = activations.serialize(tripled)
    assert config == expected == registry_config("acts>tripled")
    assert activations.get(config) is activations.get("acts>tripled") is tripled


class Scaled:
    def __init__(self, factor=1.0):
        self.factor = factor

    def __call__(self, x):
        return self.factor * x

    def get_config(self):
        return {"factor": self.factor}


@pytest.mark.parametrize("legacy", [False, True])
def test_a_users_object(legacy):
    expected = oracle.ask(
        lambda keras: keras.activations.serialize(Scaled(2.0), use_legacy_format=legacy)
    )
    config = activations.serialize(Scaled(2.0), use_legacy_format=legacy)
    assert config == expected
    assert activations.deserialize(config, {"Scaled": Scaled}).factor == 2.0


def test_torch_functions_are_written_by_keras_names_or_not_at_all():
    assert activations.serialize(F.gelu) == "gelu"
    assert activations.serialize(torch.sigmoid) == "sigmoid"
    for function in (F.leaky_relu, F.hardsigmoid, torch.sin, torch.nn.GELU()):
        with pytest.raises(ValueError, match="Wrap it in a function of your own"):
            activations.serialize(function)


def test_layers_by_name(monkeypatch):
    class Leaky(Scaled):
        pass

    monkeypatch.setattr(activations.LAYERS, "objects", {})
    activations.LAYERS.add()(Leaky)
    config = activations.serialize(Leaky(0.5))
    assert config["module"] == "keras.layers"
    assert activations.get("Leaky").factor == 1.0
    assert activations.get(config).factor == 0.5


@pytest.mark.parametrize(("name", "arguments"), [*((name, {}) for name in NAMES), *ARGUMENTS[:11]])
def test_symbolic_tensors_and_variables(name, arguments):
    function = activations.get(name)
    assert function(KerasTensor((None, 3)), **arguments).shape == (None, 3)
    x = torch.randn(2, 3)
    if name != "linear":
        assert torch.equal(function(Variable(x), **arguments), function(x, **arguments))


OF_KERAS_3 = {
    "celu": {"alpha": 0.5},
    "glu": {},
    "hard_silu": {},
    "hard_swish": {},
    "hard_tanh": {},
    "hard_shrink": {"threshold": 0.3},
    "soft_shrink": {},
    "tanh_shrink": {},
    "threshold": {"threshold": 0.5, "default_value": 2.0},
    "log_sigmoid": {},
    "squareplus": {"b": 3},
    "sparse_plus": {},
    "sparse_sigmoid": {},
}


@pytest.mark.parametrize("name", OF_KERAS_3)
def test_those_of_keras_3(name):
    """By name too, as a file has it."""
    x = np.linspace(-4, 4, 24, dtype="float32").reshape(2, 3, 4)
    given = OF_KERAS_3[name]

    def computed(keras):
        return np.asarray(getattr(keras.activations, name)(keras.ops.convert_to_tensor(x), **given))

    found = getattr(activations, name)(torch.tensor(x), **given)
    np.testing.assert_allclose(found, oracle.ask_keras3(computed), rtol=1e-6, atol=1e-6)
    if name != "threshold":
        assert activations.get(name) is getattr(activations, name)
