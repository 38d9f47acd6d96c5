"""Initializers against tf.keras: values for a seed, distributions, configs, names, errors."""

import math
import random

import numpy as np
import pytest
import torch

from compat_tests import oracle
from compat_tests.checks.initializer import check_distribution, check_initializer
from torchkeras import arrays, config, initializers, seeds
from torchkeras.variable import Variable

DRAWN = (
    "GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform Orthogonal "
    "RandomNormal RandomUniform TruncatedNormal VarianceScaling"
).split()
FIXED = [
    ("Zeros", {}, (2, 3)),
    ("Ones", {}, (2, 3)),
    ("Zeros", {}, ()),
    ("Constant", {}, (2,)),
    ("Constant", {"value": 2.5}, (2, 3)),
    ("Constant", {"value": True}, (2,)),
    ("Constant", {"value": [1, 2]}, (1, 2)),
    ("Constant", {"value": [[1, 2, 3, 4]]}, (2, 2)),
    ("Constant", {"value": np.array([0.1, 0.2])}, (2,)),
    ("Identity", {}, (3, 3)),
    ("Identity", {"gain": 2.0}, (2, 4)),
    ("zeros", {}, (2,)),
    ("constant", {"value": -1}, (2,)),
    ("identity", {}, (2, 2)),
]
ARGUMENTS = [
    ("RandomUniform", {"minval": 1.0, "maxval": 3.0, "seed": 7}, (3, 5)),
    ("RandomUniform", {"minval": 0, "maxval": None, "seed": 5}, (9,)),
    ("RandomUniform", {"seed": -1}, (9,)),
    ("RandomUniform", {"seed": 2**40 + 3}, (9,)),
    ("RandomNormal", {"mean": 2.0, "stddev": 0.5, "seed": 7}, (3, 5)),
    ("TruncatedNormal", {"mean": -1.0, "stddev": 2.0, "seed": 7}, (30, 5)),
    ("VarianceScaling", {"scale": 3, "mode": "fan_out", "seed": 1}, (3, 3, 2, 5)),
    ("VarianceScaling", {"mode": "fan_avg", "distribution": "UNIFORM", "seed": 1}, (3, 2, 5)),
    ("VarianceScaling", {"distribution": "untruncated_normal", "seed": 1}, (4, 5)),
    ("VarianceScaling", {"distribution": "normal", "seed": 1}, (4, 5)),
    ("Orthogonal", {"gain": 0.5, "seed": 3}, (3, 7)),
    ("Orthogonal", {"seed": 3}, (7, 3)),
    ("Orthogonal", {"seed": 3}, (3, 2, 4)),
    ("glorot_uniform", {"seed": 5}, (3, 4)),
    ("he_normal", {"seed": 5}, (3, 4)),
    ("orthogonal", {"seed": 5}, (4, 4)),
]
SHAPES = [(), (1,), (5,), (3, 4), (2, 3, 4), (3, 3, 2, 4), (2, 2, 2, 3, 2), (0, 3)]
INVALID = [
    ("VarianceScaling", {"scale": 0}),
    ("VarianceScaling", {"mode": "fan"}),
    ("VarianceScaling", {"distribution": "x"}),
]
# Names beyond those of the classes that 2.15 reads.
ALIASES = (
    "zero zeros one ones normal uniform random_normal random_uniform truncated_normal identity "
    "orthogonal constant variance_scaling glorot_normal glorot_uniform he_normal he_uniform "
    "lecun_normal lecun_uniform ZerosV2 RandomUniformV2 glorot_normalV2 lecun_uniformV2 he_normalV2"
).split()


@pytest.mark.parametrize(("name", "arguments", "shape"), FIXED)
@pytest.mark.parametrize("dtype", [None, "float64", "float16"])
def test_known_values(name, arguments, shape, dtype):
    check_initializer(name, arguments, shape, dtype)


@pytest.mark.parametrize(
    ("name", "arguments", "dtype"),
    [("Zeros", {}, "int32"), ("Ones", {}, "bool"), ("Constant", {"value": 3}, "int64")],
)
def test_known_integers(name, arguments, dtype):
    check_initializer(name, arguments, (2, 3), dtype)


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("shape", SHAPES)
def test_values_for_a_seed(name, shape):
    if name == "Orthogonal" and (len(shape) < 2 or 0 in shape):
        return
    check_initializer(name, {"seed": 11}, shape)


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_values_of_other_dtypes(name, dtype):
    if name == "Orthogonal" and dtype != "float64":  # TensorFlow decomposes in half precision
        q = initializers.Orthogonal(seed=11)((5, 3), dtype=dtype).float()
        np.testing.assert_allclose(q.T @ q, np.eye(3), atol=0.02)
        return
    check_initializer(name, {"seed": 11}, (5, 3), dtype)


@pytest.mark.parametrize(("name", "arguments", "shape"), ARGUMENTS)
def test_arguments(name, arguments, shape):
    check_initializer(name, arguments, shape)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_uniform_integers(dtype):
    check_initializer("RandomUniform", {"minval": -3, "maxval": 9, "seed": 2}, (41,), dtype)


@pytest.mark.parametrize("name", DRAWN)
def test_unseeded_after_set_random_seed(name):
    """Every initializer of a script gets the seed that it has in tf.keras."""

    def reference(keras):
        keras.utils.set_random_seed(42)
        return [getattr(keras.initializers, name)()((3, 4)) for _ in range(3)]

    expected = oracle.ask(reference)
    seeds.set_random_seed(42)
    for values in expected:
        ours = getattr(initializers, name)()((3, 4))
        np.testing.assert_allclose(ours.numpy(), values, 1e-6, 1e-6)


@pytest.mark.parametrize("name", DRAWN)
def test_unseeded(name, monkeypatch):
    monkeypatch.setattr(seeds._state, "generator", None)
    cls = getattr(initializers, name)
    torch.manual_seed(3)
    first, second = cls()((4, 3)), cls()((4, 3))
    torch.manual_seed(3)
    random.seed(9)
    assert torch.equal(cls()((4, 3)), first)
    assert not torch.equal(first, second)


def test_an_unseeded_instance_used_twice_warns_and_repeats():
    initializer = initializers.GlorotUniform()
    first = initializer((3, 4))
    with pytest.warns(UserWarning, match="GlorotUniform has no seed"):
        assert torch.equal(initializer((3, 4)), first)
    assert initializer.get_config() == {"seed": None}


@pytest.mark.parametrize(
    ("name", "uniform", "mode", "scale"),
    [
        ("GlorotUniform", True, "avg", 1),
        ("GlorotNormal", False, "avg", 1),
        ("HeUniform", True, "in", 2),
        ("HeNormal", False, "in", 2),
        ("LecunUniform", True, "in", 1),
        ("LecunNormal", False, "in", 1),
    ],
)
@pytest.mark.parametrize("shape", [(60, 300), (3, 3, 30, 50)])
def test_scaled_distributions(name, uniform, mode, scale, shape):
    fan_in, fan_out = initializers.fans(shape)
    stddev = math.sqrt(scale / (fan_in if mode == "in" else (fan_in + fan_out) / 2))
    limit = stddev * (math.sqrt(3) if uniform else 2 / 0.8796)
    check_distribution(getattr(initializers, name)(seed=4), shape, limit + 1e-6, stddev)


def test_other_distributions():
    shape = (100, 200)
    check_distribution(initializers.RandomUniform(1, 2, seed=1), shape, 0.5, 12**-0.5, mean=1.5)
    check_distribution(initializers.RandomNormal(3.0, 0.1, seed=1), shape, 0.6, 0.1, mean=3.0)
    truncated = initializers.TruncatedNormal(3.0, 0.1, seed=1)
    check_distribution(truncated, shape, 0.2, 0.08796, mean=3.0)


def test_a_draw_of_many_chunks_continues_them():
    values = initializers.RandomUniform(seed=1)((300_001,))
    expected = oracle.ask(lambda keras: keras.initializers.RandomUniform(seed=1)((300_001,))[-9:])
    np.testing.assert_array_equal(values[-9:].numpy(), expected)
    values = initializers.TruncatedNormal(seed=1)((300_001,))
    expected = oracle.ask(lambda keras: keras.initializers.TruncatedNormal(seed=1)((300_001,))[-9:])
    np.testing.assert_allclose(values[-9:].numpy(), expected, 1e-6, 1e-6)


@pytest.mark.parametrize("shape", [(6, 6), (3, 3, 2, 5), (4, 9)])
def test_orthogonal(shape):
    q = initializers.Orthogonal(gain=2.0)(shape).reshape(-1, shape[-1])
    product = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    np.testing.assert_allclose(product.numpy(), 4 * np.eye(len(product)), atol=1e-5)


@pytest.mark.parametrize(("name", "arguments"), INVALID)
def test_wrong_arguments(name, arguments):
    with pytest.raises(ValueError, match="must be"):
        getattr(initializers, name)(**arguments)


@pytest.mark.parametrize("seed", [1.5, "a", True])
def test_wrong_seeds(seed):
    with pytest.raises(ValueError, match="seed must be an integer or None"):
        initializers.RandomNormal(seed=seed)


@pytest.mark.parametrize(
    ("initializer", "shape", "dtype", "error", "message"),
    [
        (initializers.Orthogonal(), (3,), None, ValueError, "rank 2"),
        (initializers.Identity(), (3, 3, 1), None, ValueError, "rank 2"),
        (initializers.Identity(), (3, 3), "int32", ValueError, "floating-point"),
        (initializers.RandomNormal(), (3,), "int32", ValueError, "floating-point"),
        (initializers.RandomUniform(), (3,), "int32", TypeError, "bounds must be integers"),
        (initializers.RandomUniform(0, None), (3,), "int32", TypeError, "bounds must be integers"),
        (initializers.RandomUniform(0, 9), (3,), "bool", ValueError, "floating-point"),
        (initializers.Constant(2.5), (3,), "int32", TypeError, "int32"),
        (initializers.Constant([1, 2]), (3,), None, ValueError, "2 values"),
        (initializers.Constant("a"), (3,), None, TypeError, "<U1"),
        (initializers.Initializer(), (3,), None, NotImplementedError, "__call__"),
    ],
)
def test_what_cannot_be_filled(initializer, shape, dtype, error, message):
    with pytest.raises(error, match=message):
        initializer(shape, dtype=dtype)


@pytest.mark.parametrize("name", [*DRAWN, *ALIASES, "Initializer"])
def test_names(name):
    expected = oracle.ask(
        lambda keras: keras.initializers.serialize(
            keras.initializers.get(name), use_legacy_format=True
        )
    )
    found = initializers.get(name)
    assert initializers.serialize(found, use_legacy_format=True) == expected
    assert initializers.get(expected).get_config() == expected["config"]
    assert isinstance(found, getattr(initializers, expected["class_name"]))


def test_get():
    assert initializers.get(None) is None
    assert isinstance(initializers.get(initializers.Ones), initializers.Ones)
    assert initializers.get(torch.zeros) is torch.zeros
    old = {"class_name": "RandomNormal", "config": {"mean": 1.0, "dtype": "float32"}}
    assert initializers.get(old).get_config() == {"mean": 1.0, "stddev": 0.05, "seed": None}
    for wrong in (3, "glorotuniform"):
        with pytest.raises(ValueError):
            initializers.get(wrong)


class Counting(initializers.Initializer):
    def __init__(self, start=0):
        self.start = start

    def __call__(self, shape, dtype=None, **kwargs):
        return np.arange(self.start, self.start + math.prod(shape), dtype=dtype).reshape(shape)

    def get_config(self):
        return {"start": self.start}


def test_a_users_class():
    values = initializers.initialize(Counting(2), (2, 2))
    assert values.tolist() == [[2, 3], [4, 5]] and values.dtype is torch.float32
    written = initializers.serialize(Counting(2))
    assert written["registered_name"] == "Counting"
    assert initializers.deserialize(written, {"Counting": Counting}).start == 2


@pytest.mark.parametrize(
    "function",
    [
        lambda shape: [1.0, 1.0],
        lambda shape, dtype=None: np.ones(shape, dtype),
        lambda shape, dtype: torch.ones(shape, dtype=dtype),
        lambda shape, dtype=None: Variable(np.ones(shape)),
        lambda shape, dtype=None, device=None: torch.ones(shape, dtype=dtype, device=device),
        lambda shape, **kwargs: torch.ones(shape, requires_grad=True),
        torch.ones,
        np.ones,
        initializers.Ones(),
    ],
)
@pytest.mark.parametrize("dtype", [None, "float64"])
def test_a_users_function(function, dtype):
    values = initializers.initialize(function, (2,), dtype)
    assert values.tolist() == [1, 1] and not values.requires_grad
    assert values.dtype is (torch.float64 if dtype else torch.float32)


def test_a_users_function_of_another_shape():
    with pytest.raises(ValueError, match=r"\(3,\)"):
        initializers.initialize(lambda shape: np.ones(3), (2,))


def test_a_users_type_error_is_shown():
    def failing(shape, dtype=None):
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        initializers.initialize(failing, (2,))


@pytest.mark.parametrize("name", [*DRAWN, "Zeros", "Ones", "Constant", "Identity"])
def test_devices(name):
    initializer = getattr(initializers, name)()
    assert initializer((3, 3), device="meta").device.type == "meta"
    with torch.device("meta"):
        assert getattr(initializers, name)()((3, 3)).device == arrays.default_device()


def test_floatx():
    config.set_floatx("float64")
    for name in (*DRAWN, "Zeros", "Ones", "Constant", "Identity"):
        assert getattr(initializers, name)()((2, 2)).dtype is torch.float64
