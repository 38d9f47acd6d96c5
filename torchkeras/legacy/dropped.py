"""Layers of Keras 1 that Keras 2 dropped and that no layer of today stands for.

Files of Keras 1 hold them too; the last two have no name of their own there, they are modes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import initializers, layers
from ..layer import TABLE, Layer
from .warning import deprecated


class _Shaped(Layer):
    """An activation with trained numbers of the shape of a sample, 1 at `shared_axes`."""

    def __init__(self, shared_axes=None, weights=None, **kwargs):
        super().__init__(**({} if weights is None else {"weights": weights}), **kwargs)
        many = isinstance(shared_axes, (list, tuple)) or shared_axes is None
        self.shared_axes = shared_axes if many else [shared_axes]

    def _add(self, input_shape, **made):
        shared = self.shared_axes or ()
        shape = [1 if axis in shared else size for axis, size in enumerate(input_shape)][1:]
        for name, initializer in made.items():
            setattr(self, name, self.add_weight(name, shape, initializer=initializer))
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return tuple(input_shape)


@TABLE.add()
class ParametricSoftplus(_Shaped):
    """`alpha * log(1 + exp(beta * x))` with trained `alpha` and `beta`.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # it tells the way out
    ...     layer = ParametricSoftplus(alpha_init=1.0, beta_init=2.0)
    >>> round(layer(torch.tensor([[0.0]])).item(), 4)  # the logarithm of 2
    0.6931
    """

    def __init__(self, alpha_init=0.2, beta_init=5.0, weights=None, shared_axes=None, **kwargs):
        deprecated("ParametricSoftplus", "a layer of your own with softplus")
        super().__init__(shared_axes, weights, **kwargs)
        self.alpha_init, self.beta_init = alpha_init, beta_init

    def build(self, input_shape: Any) -> None:
        made = map(initializers.Constant, (self.alpha_init, self.beta_init))
        self._add(input_shape, **dict(zip(("alpha", "beta"), made, strict=True)))

    def call(self, inputs: Tensor) -> Tensor:
        return F.softplus(self.beta * inputs) * self.alpha


@TABLE.add()
class SReLU(_Shaped):
    """`x` between two trained points, lines with trained slopes on both sides of them.

    The points are `t_left` and `t_left + |t_right|`, the slopes `a_left` and `a_right`.
    """

    def __init__(
        self, t_left_init="zero", a_left_init="glorot_uniform", t_right_init="glorot_uniform",
        a_right_init="one", shared_axes=None, **kwargs,
    ):  # fmt: skip
        deprecated("SReLU", "a layer of your own")
        super().__init__(shared_axes, **kwargs)
        self.t_left_init, self.a_left_init = t_left_init, a_left_init
        self.t_right_init, self.a_right_init = t_right_init, a_right_init

    def build(self, input_shape: Any) -> None:
        names = ("t_left", "a_left", "t_right", "a_right")
        self._add(input_shape, **{n: initializers.get(getattr(self, f"{n}_init")) for n in names})

    def call(self, inputs: Tensor) -> Tensor:
        left = torch.as_tensor(self.t_left.value)
        width = torch.abs(self.t_right.value)
        inside = torch.minimum(F.relu(inputs - left), width)
        below = self.a_left * F.relu(left - inputs)
        return left + inside - below + self.a_right * F.relu(inputs - left - width)


@TABLE.add()
class NormalizationOfKeras1(layers.BatchNormalization):
    """`BatchNormalization` with the mode 1 or 2 of Keras 1, which keeps moving statistics unused.

    1 gives each vector along the last axis mean 0 and standard deviation 1; 2 takes the statistics
    of the batch in inference too.

    >>> layer = NormalizationOfKeras1(mode=1, epsilon=0.0)
    >>> [round(v, 3) for v in layer(torch.tensor([[1.0, 3.0]])).flatten().tolist()]
    [-1.0, 1.0]
    """

    def __init__(self, mode: int, axis: int = -1, **kwargs: Any):
        super().__init__(axis=axis, **kwargs)
        if mode not in (1, 2):
            raise ValueError(f"mode must be 1 or 2; received {mode!r}.")
        self.mode = mode

    def call(self, inputs: Tensor) -> Tensor:
        if self.mode == 1:
            centred = inputs - inputs.mean(-1, keepdim=True)
            # epsilon stands twice, as it stood there
            deviation = torch.sqrt(centred.square().mean(-1, keepdim=True) + self.epsilon)
            return self._scaled(centred / (deviation + self.epsilon))
        axes = [axis for axis in range(inputs.ndim) if axis != self._axis]
        variance, mean = torch.var_mean(inputs, axes, correction=0, keepdim=True)
        return self._scaled((inputs - mean) * torch.rsqrt(variance + self.epsilon))

    def _scaled(self, normed):
        shape = [1] * normed.ndim
        shape[self._axis] = -1
        gamma, beta = (torch.as_tensor(w.value).reshape(shape) for w in (self.gamma, self.beta))
        return normed * gamma + beta

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mode": self.mode}


@TABLE.add()
class CosinesOfKeras1(layers.Dot):
    """What `Merge` of Keras 1 called 'cos': products over roots of products, with one axis more.

    For two vectors that is their cosine, of shape `(1, 1)`.

    >>> CosinesOfKeras1(1)([torch.tensor([[3.0, 4.0]]), torch.tensor([[3.0, 4.0]])]).tolist()
    [[[1.0]]]
    """

    def __init__(self, axes: int | Sequence[int], **kwargs: Any):
        kwargs.pop("normalize", None)
        super().__init__(axes, **kwargs)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        one, other = inputs
        products = [super(CosinesOfKeras1, self).call(pair) for pair in (
            (one, other), (one, one), (other, other))]  # fmt: skip
        root = torch.sqrt((products[1] * products[2]).clamp(min=0.0)).clamp(min=1e-7)
        return (products[0] / root).unsqueeze(1)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        batch, *sizes = super().compute_output_shape(input_shape)
        return (batch, 1, *sizes)
