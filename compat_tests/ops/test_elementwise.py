"""torchkeras.ops.elementwise and activate beside Keras 3 on torch."""

import numpy as np
import pytest
import torch

from compat_tests.check import check_op
from compat_tests.checks.backend import Draw
from torchkeras import Variable, ops

X = Draw(3, 4)
POSITIVE = Draw(3, 4, low=0.1)
UNIT = Draw(3, 4, low=-0.9, high=0.9)
INTS = Draw(3, 4, low=1, high=9, dtype="int32")
BOOLS = Draw(3, 4, dtype="bool")
SPECIAL = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 2.5], "float32")

FLOATS = (
    "arcsinh arctan cos cosh deg2rad erf erfc exp exp2 expm1 fabs i0 rad2deg sin sinc sinh tan "
    "tanh negative absolute abs square cbrt sigmoid relu relu6 softsign softplus silu swish "
    "log_sigmoid hard_sigmoid hard_silu hard_swish hard_tanh selu tanh_shrink leaky_relu elu celu "
    "gelu hard_shrink soft_shrink squareplus sparse_plus sparse_sigmoid softmax log_softmax "
    "real angle"
).split()


@pytest.mark.parametrize("name", FLOATS)
def test_floats(name):
    check_op(name, X)


@pytest.mark.parametrize("name", "sign ceil floor trunc round isreal signbit copy conj".split())
def test_flat(name):
    check_op(name, X, gradient=False)


@pytest.mark.parametrize("name", "log log10 log1p log2 reciprocal rsqrt sqrt".split())
def test_positive(name):
    check_op(name, POSITIVE)


@pytest.mark.parametrize("name", "arccos arcsin arctanh erfinv".split())
def test_unit(name):
    check_op(name, UNIT)


def test_arccosh():
    check_op("arccosh", Draw(3, 4, low=1.1, high=4.0))


@pytest.mark.parametrize(
    "name", "exp exp2 expm1 cos sqrt log fabs ceil floor absolute square round negative".split()
)
def test_integers_become_floats_where_keras_has_it(name):
    check_op(name, INTS, gradient=False)


@pytest.mark.parametrize("name", "square absolute trunc ceil exp isnan logical_not".split())
def test_booleans(name):
    check_op(name, BOOLS, gradient=False)


@pytest.mark.parametrize(
    "name", "isfinite isinf isnan isneginf isposinf logical_not signbit nan_to_num".split()
)
def test_special_values(name):
    check_op(name, SPECIAL, gradient=False)


CASES = [
    ("clip", (X, -0.5, 0.5), {}),
    ("clip", (INTS, 2, 5), {}),
    ("clip", (X, Draw(3, 1, low=-1.0, high=0.0), Draw(3, 1, low=0.0, high=1.0)), {}),
    ("round", (X, 1), {}),
    ("round", (Draw(3, low=0, high=99, dtype="int32"), -1), {}),
    ("leaky_relu", (X, 0.3), {}),
    ("elu", (X, 0.5), {}),
    ("celu", (X, 0.5), {}),
    ("gelu", (X, False), {}),
    ("glu", (X,), {}),
    ("glu", (Draw(4, 3), 0), {}),
    ("hard_shrink", (X, 1.0), {}),
    ("soft_shrink", (X, 1.0), {}),
    ("threshold", (X, 0.5, 9.0), {}),
    ("squareplus", (X, 2), {}),
    ("softmax", (X, 0), {}),
    ("softmax", (X, None), {}),
    ("softmax", (Draw(2, 3, 4), (0, 2)), {}),
    ("log_softmax", (X, None), {}),
    ("log_softmax", (X, 0), {}),
    ("isclose", (X, Draw(3, 1)), {"rtol": 0.5, "atol": 0.3}),
    ("isclose", (SPECIAL, SPECIAL), {"equal_nan": True}),
    ("allclose", (X, Draw(3, 1)), {}),
    ("nan_to_num", (SPECIAL, 1.0, 2.0, 3.0), {}),
    ("ldexp", (X, INTS), {}),
    ("nextafter", (X, Draw(3, 4)), {}),
    ("saturate_cast", (Draw(9, low=-400.0, high=400.0), "uint8"), {}),
    ("saturate_cast", (Draw(9, low=-400, high=400, dtype="int32"), "int8"), {}),
    ("saturate_cast", (BOOLS, "float32"), {}),
    ("bitwise_invert", (INTS,), {}),
    ("bitwise_not", (BOOLS,), {}),
    ("stop_gradient", (INTS,), {}),
    ("conjugate", (INTS,), {}),
]


@pytest.mark.parametrize("name, args, kwargs", CASES)
def test_arguments(name, args, kwargs):
    smooth = name in ("glu", "softmax", "log_softmax", "elu", "celu", "gelu", "squareplus")
    check_op(name, *args, gradient=smooth, batches=3, **kwargs)


PAIRS = "add subtract multiply divide true_divide maximum minimum fmax fmin arctan2 hypot logaddexp"


@pytest.mark.parametrize("name", (PAIRS + " logaddexp2 divide_no_nan").split())
def test_pairs(name):
    check_op(name, X, Draw(4))


@pytest.mark.parametrize(
    "name",
    (
        "equal greater greater_equal less less_equal not_equal logical_and logical_or logical_xor "
        "mod fmod floor_divide heaviside"
    ).split(),
)
def test_pairs_without_gradient(name):
    check_op(name, X, Draw(4), gradient=False)


@pytest.mark.parametrize(
    "name",
    (
        "add multiply divide maximum mod fmod floor_divide gcd lcm bitwise_and bitwise_or "
        "bitwise_xor bitwise_left_shift bitwise_right_shift left_shift right_shift hypot heaviside"
    ).split(),
)
def test_pairs_of_integers(name):
    check_op(name, INTS, Draw(4, low=1, high=5, dtype="int32"), gradient=False)


def test_power():
    check_op("power", POSITIVE, Draw(4))


@pytest.mark.parametrize(
    "name", "add divide maximum minimum power floor_divide greater mod".split()
)
@pytest.mark.parametrize("number", [2, 2.5])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int32"])
def test_numbers(name, number, dtype):
    check_op(name, Draw(5, low=1, high=9, dtype=dtype), number, gradient=False)


@pytest.mark.parametrize("dtypes", [("int32", "float32"), ("bool", "int32"), ("uint8", "int8")])
@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "equal"])
def test_dtypes_meet(name, dtypes):
    check_op(name, *(Draw(4, low=0, high=3, dtype=d) for d in dtypes), gradient=False, batches=2)


COMPLEX = np.array([1 + 2j, -3.5j, 0.5], "complex64")


@pytest.mark.parametrize("name", "real imag conj conjugate angle isreal view_as_real".split())
def test_complex(name):
    check_op(name, COMPLEX, gradient=False, symbolic=False)


def test_made_complex():
    check_op("polar", POSITIVE, X, symbolic=False)
    check_op("view_as_complex", Draw(3, 2), symbolic=False)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_sparsemax(axis):
    """Probabilities, and no others are nearer; Keras 3 on torch gives rows that do not sum to 1."""
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    found = ops.sparsemax(x, axis)
    torch.testing.assert_close(found.sum(axis), torch.ones_like(found.sum(axis)))
    assert (found >= 0).all() and (found == 0).any()
    away = (x - found).movedim(axis, -1)  # one number where the result is not 0, less elsewhere
    level = away.amax(-1, keepdim=True)
    kept = found.movedim(axis, -1) > 0
    torch.testing.assert_close(torch.where(kept, away, level), level.expand_as(away))


def test_saturate_cast_to_an_edge_that_floats_do_not_have():
    assert ops.saturate_cast([4e9, -4e9], "int32").tolist() == [2147483520, -(2**31)]


def test_no_gradient_flows_through_stop_gradient():
    x = torch.tensor(2.0, requires_grad=True)
    (ops.stop_gradient(x) * x).backward()
    assert x.grad.item() == 2.0


def test_operands():
    """Numbers, lists, arrays and variables; Python floats are float32, arrays keep their dtype."""
    assert ops.add(1, 2).dtype is torch.int32
    assert ops.add([1.0], np.array(2.0)).dtype is torch.float64
    assert ops.exp(Variable([0.0, 1.0])).tolist() == pytest.approx([1.0, 2.7182817])
    assert ops.multiply(np.ones(2), 2).dtype is torch.float64
    assert ops.add([torch.ones(2), torch.zeros(2)], 1).tolist() == [[2.0, 2.0], [1.0, 1.0]]


def test_errors():
    with pytest.raises(TypeError, match="x2 of ldexp must hold integers"):
        ops.ldexp(1.0, 2.0)
