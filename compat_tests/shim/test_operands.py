"""Numbers, arrays and lists beside tensors, symbols and variables: as in TensorFlow."""

import operator

import numpy as np
import pytest
import torch

import torchkeras
from compat_tests import oracle
from torchkeras.arrays import to_numpy
from torchkeras.shim import tensors
from torchkeras.variable import Variable

OPERATORS = "add sub mul truediv floordiv mod pow lt le gt ge eq ne".split()
OTHERS = {
    "array": np.array([1.0, 2.0]),
    "whole array": np.array([1, 2]),
    "numpy number": np.float64(2.0),
    "list": [1.0, 2.0],
    "number": 2.0,
}
DATA = np.array([[3.0, -4.0]], "float32")
CASES = [
    (name, other, turned)
    for name in OPERATORS
    for other in OTHERS
    for turned in (False, True)
    if not (other == "list" and name in ("eq", "ne"))  # a list is no number: it compares as a whole
]


def result(name, one, other, turned):
    compute = getattr(operator, name)
    return compute(other, one) if turned else compute(one, other)


@pytest.fixture(scope="module")
def wanted():
    def real(keras):
        import tensorflow as tf

        return [np.asarray(result(n, tf.constant(DATA), OTHERS[o], t)) for n, o, t in CASES]

    return oracle.ask(real)


@pytest.fixture(scope="module", autouse=True)
def as_in_a_script():
    tensors.install()
    yield
    tensors.uninstall()


def symbolic(keras, name, other, turned):
    inputs = keras.Input((2,))
    return keras.Model(inputs, result(name, inputs, other, turned))(DATA)


MAKERS = {
    "tensor": lambda name, *rest: result(name, torch.tensor(DATA), *rest),
    "variable": lambda name, *rest: result(name, Variable(DATA), *rest),
    "symbol": lambda name, *rest: symbolic(torchkeras, name, *rest),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_operators(kind, wanted):
    for (name, other, turned), right in zip(CASES, wanted, strict=True):
        found = MAKERS[kind](name, OTHERS[other], turned)
        assert isinstance(found, torch.Tensor), (name, other, turned)
        found = to_numpy(found)
        assert found.dtype == right.dtype, (name, other, turned, found.dtype)
        np.testing.assert_allclose(found, right, rtol=1e-6, err_msg=f"{name} {other} {turned}")


def test_symbols_and_variables_are_found_in_lists():
    symbol, variable = torchkeras.Input((2,)), Variable(DATA)
    assert symbol in [torchkeras.Input((2,)), symbol] and variable in [Variable(DATA), variable]
    assert symbol not in [torchkeras.Input((2,))] and {symbol: 1}[symbol] == 1


def test_slices_go_backwards():
    array = np.arange(60.0).reshape(3, 4, 5)
    backwards = [
        np.s_[::-1], np.s_[..., ::-1], np.s_[:, None, ::-2], np.s_[1, 3:0:-1],
        np.s_[-1:0:-1, ..., 9::-3], np.s_[:, 0:2:-1], np.s_[::-1, 1:, ..., :-3:-1],
    ]  # fmt: skip
    for index in backwards:
        assert (torch.tensor(array)[index].numpy() == array[index]).all(), index
        inputs = torchkeras.Input(batch_shape=(3, 4, 5))
        model = torchkeras.Model(inputs, inputs[index])
        assert (model(array).numpy() == array[index]).all(), index
