"""torchkeras.ops.control beside Keras 3 on torch."""

import numpy as np
import pytest
import torch

from compat_tests.check import check_op
from compat_tests.checks.backend import Draw
from torchkeras import Input, Model, ops

X = Draw(5, 3)


def step(total, x):
    return total + x, total * x


CASES = [
    ("map", (lambda x: x * 2, X), {}),
    ("map", (lambda pair: pair[0] - pair[1], [X, Draw(5, 3)]), {"batches": 2}),
    ("scan", (step, np.zeros(3, "float32"), X), {"batches": 0}),
    ("scan", (step, np.zeros(3, "float32"), X, None, True), {"batches": 0}),
    ("scan", (lambda c, _: (c * 2, c), np.ones(3, "float32"), None, 4), {"batches": 0}),
    ("associative_scan", (lambda a, b: a + b, X), {}),
    ("associative_scan", (lambda a, b: a * b, Draw(3, 6)), {"axis": 1}),
    ("associative_scan", (lambda a, b: a * b, X, True), {}),
    ("vectorized_map", (lambda x: x.sum() * x, X), {}),
    ("fori_loop", (0, 4, lambda i, v: v + i, X), {"batches": 0, "symbolic": False}),
    ("while_loop", (lambda v: v.sum() < 99.0, lambda v: v + 1.0, Draw(3)), {"symbolic": False}),
    ("while_loop", (lambda i, v: i < 3, lambda i, v: (i + 1, v * 2), (0, Draw(3))),
     {"symbolic": False}),
    ("while_loop", (lambda v: True, lambda v: v + 1, Draw(3), 5), {"symbolic": False}),
    ("cond", (True, lambda: torch.ones(2), lambda: torch.zeros(2)), {"symbolic": False}),
    ("switch", (1, [lambda x: x + 1, lambda x: x * 2], Draw(3)), {"symbolic": False}),
    ("switch", (-9, [lambda x: x + 1, lambda x: x * 2], Draw(3)), {"symbolic": False}),
]  # fmt: skip


@pytest.mark.parametrize("name, args, how", CASES)
def test_control(name, args, how):
    check_op(name, *args, gradient=False, **how)


def test_cond_of_a_symbolic_tensor():
    x = Input((3,))
    outputs = ops.cond(ops.sum(x) > 0, lambda: x, lambda: -x)
    model = Model(x, outputs)
    assert model(-torch.ones(2, 3)).tolist() == [[1.0] * 3] * 2


def test_associative_scan_of_pairs():
    """Linear recurrences `h = a h + b`, the use of state space models."""
    rng = np.random.default_rng(0)
    a, b = (torch.from_numpy(rng.normal(size=(7, 2))) for _ in range(2))

    def meet(one, other):
        return one[0] * other[0], one[1] * other[0] + other[1]

    _, found = ops.associative_scan(meet, (a, b))
    state, expected = torch.zeros(2, dtype=torch.float64), []
    for factor, term in zip(a, b, strict=True):
        state = factor * state + term
        expected.append(state)
    torch.testing.assert_close(found, torch.stack(expected))


def test_vectorize():
    add = ops.vectorize(lambda x, y: x + y)
    assert add(np.arange(3.0), np.ones((2, 1))).shape == (2, 3)
    dot = ops.vectorize(lambda x, y: (x * y).sum(), signature="(n),(n)->()")
    x, y = np.ones((4, 1, 3)), np.ones((5, 3))
    assert dot(x, y).tolist() == [[3.0] * 5] * 4
    power = ops.vectorize(lambda x, n: x**n, excluded={1})
    assert power(np.array([2.0, 3.0]), 2).tolist() == [4.0, 9.0]


def test_custom_gradient():
    @ops.custom_gradient
    def log1pexp(x):
        e = ops.exp(x)

        def grad(*args, upstream=None):
            return upstream * (1 - 1 / (1 + ops.exp(args[0])))

        return ops.log(1 + e), grad

    x = torch.tensor(100.0, requires_grad=True)
    log1pexp(x).backward()
    assert x.grad.item() == 1.0


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: ops.scan(step, 0.0), ValueError, "scan needs xs"),
        (lambda: ops.associative_scan(1, [1.0]), TypeError, "must be a function"),
        (lambda: ops.associative_scan(step, (np.ones(2), np.ones(3))), ValueError, "the same size"),
        (lambda: ops.vectorize(step, signature="(n)->()")(1, 2), ValueError, "does not fit 2"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
