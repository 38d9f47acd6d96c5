"""Losses that ask for a margin of 1 between right and wrong."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .base import TABLE, LossFunctionWrapper, loss_function, to_floats


@loss_function()
def hinge(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of `max(1 - y_true * y_pred, 0)` over the last axis.

    Labels are -1 and 1; where a batch has only 0 and 1, its zeros count as -1.

    >>> hinge([[-1., 1.]], [[-1., 0.]]).tolist()
    [0.5]
    """
    return _margins(y_true, y_pred).mean(-1)


@loss_function()
def squared_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of `max(1 - y_true * y_pred, 0) ** 2` over the last axis.

    >>> squared_hinge([[-1., 1.]], [[-1., -1.]]).tolist()
    [2.0]
    """
    return _margins(y_true, y_pred).square().mean(-1)


def _margins(y_true, y_pred):
    y_true, y_pred = to_floats(y_true, y_pred)
    zero_one = ((y_true == 0) | (y_true == 1)).all()
    y_true = torch.where(zero_one, 2.0 * y_true - 1.0, y_true)
    return _shortfall(1.0 - y_true * y_pred)


@loss_function()
def categorical_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """How far the score of the true class fails to beat every other score by 1.

    >>> categorical_hinge([[0., 1.]], [[0., 0.]]).tolist()
    [1.0]
    """
    y_true, y_pred = to_floats(y_true, y_pred)
    truth = (y_true * y_pred).sum(-1)
    others = ((1.0 - y_true) * y_pred).amax(-1)
    return _shortfall(others - truth + 1.0)


def _shortfall(margin):
    """`max(margin, 0)` with the slope 1 at 0, as in tf.keras; that of torch's clamp varies."""
    return F.threshold(margin, -torch.finfo(margin.dtype).tiny, 0.0)


@TABLE.add()
class Hinge(LossFunctionWrapper):
    """The mean shortfall from a margin of 1; labels are -1 and 1, or 0 and 1.

    >>> float(Hinge()([[-1., 1.]], [[-1., 0.]]))
    0.5
    """

    def __init__(self, reduction: str = "auto", name: str | None = "hinge"):
        super().__init__(hinge, reduction, name)


@TABLE.add()
class SquaredHinge(LossFunctionWrapper):
    """The mean squared shortfall from a margin of 1.

    >>> float(SquaredHinge()([[-1., 1.]], [[-1., -1.]]))
    2.0
    """

    def __init__(self, reduction: str = "auto", name: str | None = "squared_hinge"):
        super().__init__(squared_hinge, reduction, name)


@TABLE.add()
class CategoricalHinge(LossFunctionWrapper):
    """How far the true class's score fails to beat the others by 1.

    >>> float(CategoricalHinge()([[0., 1.]], [[0., 0.]]))
    1.0
    """

    def __init__(self, reduction: str = "auto", name: str | None = "categorical_hinge"):
        super().__init__(categorical_hinge, reduction, name)
