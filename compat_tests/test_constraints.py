"""Constraints against tf.keras: values, configs, names."""

import zlib

import numpy as np
import pytest
import torch

from compat_tests import oracle
from torchkeras import constraints

CASES = [
    ("MaxNorm", {}, (4, 3)),
    ("MaxNorm", {"max_value": 0.5}, (4, 3)),
    ("MaxNorm", {"max_value": 1.5, "axis": 1}, (4, 3)),
    ("MaxNorm", {"axis": [0, 1, 2]}, (3, 3, 2, 4)),
    ("MaxNorm", {"axis": (0, 1)}, (3, 2, 4)),
    ("MaxNorm", {"axis": None}, (3, 4)),
    ("MaxNorm", {"axis": []}, (3, 4)),
    ("MaxNorm", {"max_value": -1}, (3, 4)),
    ("MaxNorm", {"max_value": None}, (3, 4)),
    ("NonNeg", {}, (4, 3)),
    ("UnitNorm", {}, (4, 3)),
    ("UnitNorm", {"axis": (0, 1, 2)}, (3, 3, 2, 4)),
    ("MinMaxNorm", {}, (4, 3)),
    ("MinMaxNorm", {"min_value": 1.5, "max_value": 1.7}, (4, 3)),
    ("MinMaxNorm", {"min_value": 1.0, "max_value": 1.5, "rate": 0.25, "axis": 1}, (4, 3)),
    ("MinMaxNorm", {"min_value": 2.0, "max_value": 1.0}, (4, 3)),
    ("RadialConstraint", {}, (2, 2, 3, 2)),
    ("RadialConstraint", {}, (3, 3, 2, 1)),
    ("RadialConstraint", {}, (4, 4, 1, 3)),
    ("RadialConstraint", {}, (5, 5, 2, 3)),
    ("RadialConstraint", {}, (6, 6, 1, 1)),
]
NAMES = (
    "Constraint MaxNorm MinMaxNorm NonNeg RadialConstraint UnitNorm max_norm maxnorm min_max_norm "
    "non_neg nonneg radial_constraint unit_norm unitnorm"
).split()


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES)
@pytest.mark.parametrize("zeros", [False, True])
def test_values_and_config(name, arguments, shape, zeros):
    generator = np.random.default_rng(zlib.crc32(f"{name}{arguments}{shape}".encode()))
    w = generator.normal(0, 1, shape).astype("float32")
    if zeros:
        w[0] = 0
    expected, written = oracle.ask(
        lambda keras: [
            getattr(keras.constraints, name)(**arguments)(keras.backend.constant(w)),
            keras.constraints.serialize(getattr(keras.constraints, name)(**arguments)),
        ]
    )
    constraint = getattr(constraints, name)(**arguments)
    np.testing.assert_allclose(constraint(torch.tensor(w)).numpy(), expected, 1e-6, 1e-6)
    config = constraints.serialize(constraint)
    assert _comparable(config) == _comparable(written)
    again = constraints.deserialize(config)
    assert type(again) is type(constraint) and again.get_config() == constraint.get_config()


def _comparable(config):
    """Stored answers hold lists for tuples; tf_keras calls its module `keras` or `tf_keras`."""
    inner = {k: list(v) if isinstance(v, tuple) else v for k, v in config["config"].items()}
    return {**config, "config": inner, "module": config["module"].removeprefix("tf_")}


@pytest.mark.parametrize("name", NAMES)
def test_names(name):
    expected = oracle.ask(
        lambda keras: keras.constraints.serialize(
            keras.constraints.get(name), use_legacy_format=True
        )
    )
    assert constraints.serialize(constraints.get(name), use_legacy_format=True) == expected
    assert constraints.get(expected).get_config() == expected["config"]
    if "_" in name:
        assert isinstance(constraints.get(name), getattr(constraints, name))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(("name", "arguments", "shape"), CASES[::4])
def test_dtype_is_kept(name, arguments, shape, dtype):
    w = torch.randn(shape).to(dtype)
    assert getattr(constraints, name)(**arguments)(w).dtype is dtype


def test_non_finite_weights():
    values = [-1.0, -0.0, np.nan, -np.inf, np.inf]
    expected = oracle.ask(lambda keras: keras.constraints.NonNeg()(keras.backend.constant(values)))
    np.testing.assert_array_equal(constraints.NonNeg()(torch.tensor(values)).numpy(), expected)


@pytest.mark.parametrize("shape", [(2, 2), (3, 5, 1, 1), (1, 1, 2, 2)])
def test_radial_needs_a_square_kernel(shape):
    with pytest.raises(ValueError, match=r"\(n, n, in, out\)"):
        constraints.RadialConstraint()(torch.ones(shape))


class Halved(constraints.Constraint):
    def __call__(self, w):
        return w / 2


def test_get():
    assert constraints.get(None) is None
    assert isinstance(constraints.get(constraints.MaxNorm), constraints.MaxNorm)
    assert constraints.get(torch.abs) is torch.abs
    config = constraints.serialize(Halved())
    assert config["registered_name"] == "Halved" and config["config"] == {}
    assert isinstance(constraints.deserialize(config, {"Halved": Halved}), Halved)
    for wrong in (3, "max_nrom"):
        with pytest.raises(ValueError):
            constraints.get(wrong)
    config = constraints.serialize(constraints.MaxNorm(np.float32(2.0)))
    assert type(config["config"]["max_value"]) is float
