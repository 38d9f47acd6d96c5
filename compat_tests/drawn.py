"""What hypothesis draws for losses, metrics, optimizers and initializers.

`DRAWN_EXAMPLES=2000 python -m pytest compat_tests/test_drawn.py` is the long run; by default there
are few examples, always the same.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("DRAWN_EXAMPLES", "0"))


def examples(few: int):
    """Settings of a test: `few` examples that never change, or those of a long run."""
    return settings(
        max_examples=EXAMPLES or few,
        derandomize=not EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # what fails is small enough
        suppress_health_check=list(HealthCheck),
    )


# --- arguments -------------------------------------------------------------------------------


def fractions(low: float = 0.0, high: float = 1.0):
    """Numbers with few digits, so that a float32 has them nearly."""
    return st.integers(round(low * 64), round(high * 64)).map(lambda n: n / 64)


def some(**arguments: Any):
    """A config: each argument left out or drawn from its strategy."""
    return st.fixed_dictionaries({}, optional=arguments)


# --- data ------------------------------------------------------------------------------------


@st.composite
def shapes(draw, least: int = 2, most: int = 4, widest: int = 4):
    """A shape whose last axis holds at least 2 classes."""
    rank = draw(st.integers(least, most))
    return (*(draw(st.integers(1, widest)) for _ in range(rank - 1)), draw(st.integers(2, 5)))


def array(seed: int, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of a kind: real, positive, binary, signed, probability, one_hot, distribution."""
    rng = np.random.default_rng(seed)
    if kind == "binary":
        return rng.integers(0, 2, shape).astype("float32")
    if kind == "signed":
        return rng.choice([-1.0, 1.0], shape).astype("float32")
    if kind == "one_hot":
        return np.eye(shape[-1], dtype="float32")[rng.integers(0, shape[-1], shape[:-1])]
    if kind == "classes":
        return rng.integers(0, shape[-1], shape[:-1]).astype("int32")
    if kind == "distribution":
        made = rng.uniform(0.05, 1.0, shape).astype("float32")
        return made / made.sum(-1, keepdims=True)
    low, high = {"real": (-2, 2), "positive": (0.1, 3), "probability": (0.02, 0.98)}[kind]
    return rng.uniform(low, high, shape).astype("float32")


@st.composite
def weights(draw, shape: tuple[int, ...]):
    """Sample weights for values of a shape: none, a number, or of any rank that fits."""
    seed = draw(st.integers(0, 99))
    kinds = ["none", "number", "whole", "column"]
    kind = draw(st.sampled_from(kinds if len(shape) > 1 else kinds[:3]))
    if kind == "none":
        return None
    if kind == "number":
        return np.float32(draw(fractions(0.25, 3.0)))
    rng = np.random.default_rng(seed)
    wanted = shape if kind == "whole" else (shape[0], *[1] * (len(shape) - 1))
    made = rng.uniform(0.1, 2.0, wanted).astype("float32")
    return made * rng.integers(0, 2, wanted).astype("float32") if draw(st.booleans()) else made


@st.composite
def masks(draw, shape: tuple[int, ...]):
    """None, or a mask of a shape with at least one value that counts."""
    if draw(st.booleans()):
        return None
    mask = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 2, shape).astype(bool)
    mask[(0,) * len(shape)] = True
    return mask
