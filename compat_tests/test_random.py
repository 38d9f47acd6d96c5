"""torchkeras.random: with a seed the numbers of Keras 3 on torch."""

import numpy as np
import pytest
import torch

from compat_tests import oracle
from torchkeras import Input, Model, random, utils

LOGITS = np.log(np.float32([[0.2, 0.3, 0.5], [0.9, 0.05, 0.05]]))

CASES = [
    ("normal", ((3, 4),), {}),
    ("normal", ((3,), 2.0, 0.5), {"dtype": "float64"}),
    ("uniform", ((3, 4),), {}),
    ("uniform", ((3, 4), -2.0, 5.0), {"dtype": "float16"}),
    ("uniform", ((),), {}),
    ("randint", ((3, 4), -3, 9), {}),
    ("randint", ((3,), 0, 200), {"dtype": "uint8"}),
    ("truncated_normal", ((30,), 1.0, 2.0), {"dtype": "float32"}),
    ("gamma", ((5,), 2.5), {}),
    ("gamma", ((5,), np.float32([0.3, 1, 2, 3, 4])), {}),
    ("beta", ((5,), 2.5, 0.5), {}),
    ("binomial", ((5,), 10.0, 0.3), {}),
    ("categorical", (LOGITS, 7), {}),
    ("dropout", (np.ones((4, 5), "float32"), 0.4), {}),
    ("dropout", (np.ones((4, 5), "float32"), 0.4, (4, 1)), {}),
    ("shuffle", (np.arange(12.0, dtype="float32").reshape(4, 3),), {}),
    ("shuffle", (np.arange(12.0, dtype="float32").reshape(4, 3), 1), {}),
]


@pytest.mark.parametrize("name, args, kwargs", CASES)
@pytest.mark.parametrize("generator", [False, True])
def test_seeded(name, args, kwargs, generator):
    def draws(module):
        seed = module.SeedGenerator(42) if generator else 42
        arrays = [torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in args]
        return [getattr(module, name)(*arrays, seed=seed, **kwargs) for _ in range(3)]

    expected = oracle.ask_keras3(lambda keras: draws(keras.random))
    for one, other in zip(draws(random), expected, strict=True):
        assert str(one.numpy().dtype) == str(other.dtype)
        np.testing.assert_allclose(one, other, rtol=2e-6, atol=1e-7)


def test_without_a_seed_torch_s_generator_draws():
    utils.set_random_seed(3)
    one = random.normal((3,)), random.gamma((2,), 1.0), random.shuffle(np.arange(9.0))
    utils.set_random_seed(3)
    again = random.normal((3,)), random.gamma((2,), 1.0), random.shuffle(np.arange(9.0))
    assert all(map(torch.equal, one, again))


def test_seed_generator():
    seed = random.SeedGenerator(7, name="seeds")
    assert [seed.next().tolist() for _ in range(2)] == [[7, 0], [7, 1]]
    seed.next(ordered=False)
    expected = [(8 * 5387) % 933199, (3 * 5387) % 933199]
    assert seed.state.value.tolist() == expected
    again = random.SeedGenerator.from_config(seed.get_config())
    assert again.next().tolist() == [7, 0] and again.name == "seeds"


def test_dropout_of_a_symbolic_tensor():
    x = Input((50,))
    model = Model(x, random.dropout(x, 0.5, seed=1))
    assert set(model(torch.ones(2, 50)).flatten().tolist()) == {0.0, 2.0}
    assert random.dropout(np.ones(3), 1.0).tolist() == [0.0] * 3
    assert random.dropout(torch.ones(3), 0.0).tolist() == [1.0] * 3


def test_a_seed_generator_that_was_given_none_draws_anew():
    seed = random.SeedGenerator()
    assert not torch.equal(random.normal((5,), seed=seed), random.normal((5,), seed=seed))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: random.SeedGenerator("7"), ValueError, "must be an integer; received '7'"),
        (lambda: random.SeedGenerator(7, device="cpu"), TypeError, "takes no argument device"),
        (lambda: random.normal((2,), seed="x"), ValueError, "an integer or a SeedGenerator"),
        (lambda: random.dropout([1.0], 1.5), ValueError, "between 0 and 1; received 1.5"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
