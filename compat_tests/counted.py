"""Optimizers whose steps count from one later on.

The graphs of TensorFlow 1 read the step counter before or after it is raised, as it happens; what
depends on it, a decaying rate or the momenta of Nadam, then goes as if one step more were done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def one_step_later(optimizer: Any) -> None:
    """Raise the step counter, and with it the product of momenta that follows from it."""
    optimizer.iterations.assign(optimizer.iterations.numpy() + 1)


def product_as_it_was(optimizer: Any) -> None:
    """Raise only the steps that Nadam counts, not the momenta that it multiplied."""
    product = optimizer.variables[1].numpy() if _is_nadam(optimizer) else None
    one_step_later(optimizer)
    if product is not None:
        optimizer.variables[1].assign(product)


def product_one_step_later(optimizer: Any) -> None:
    """Multiply one more of Nadam's momenta."""
    if _is_nadam(optimizer):
        step = int(optimizer.iterations.numpy())
        optimizer.variables[1].assign(optimizer.momentum_product(step + 1))


def _is_nadam(optimizer):
    return type(optimizer).__name__ == "Nadam"


WAYS: tuple[Callable[[Any], None], ...] = (
    one_step_later, product_as_it_was, product_one_step_later
)  # fmt: skip
