"""`RandomFourierFeatures`: inputs in a space where a linear model computes with a kernel."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from .. import initializers
from ..input_spec import InputSpec
from ..layer import TABLE, Layer

_KERNELS = ("gaussian", "laplacian")


@TABLE.add()
class RandomFourierFeatures(Layer):
    """`cos(inputs @ kernel / scale + bias)` with a kernel and a bias drawn once (Rahimi and Recht,
    2007), `(batch, features)` to `(batch, output_dim)`.

    `kernel_initializer` 'gaussian' or 'laplacian' names the kernel that products of outputs
    approximate; an initializer draws from another distribution. `scale` is the kernel's width,
    by default `sqrt(features / 2)` for 'gaussian', else 1; `trainable=True` trains it.

    >>> RandomFourierFeatures(8, scale=2.0)(torch.zeros(2, 3)).shape
    torch.Size([2, 8])
    """

    def __init__(
        self,
        output_dim: int,
        kernel_initializer: Any = "gaussian",
        scale: float | None = None,
        trainable: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(trainable=trainable, name=name, **kwargs)
        if output_dim <= 0:
            raise ValueError(
                f'output_dim of layer "{self.name}" must be a positive integer; received '
                f"{output_dim!r}."
            )
        if isinstance(kernel_initializer, str) and kernel_initializer.lower() not in _KERNELS:
            raise ValueError(
                f'kernel_initializer of layer "{self.name}" must be one of {_KERNELS} or an '
                f"initializer; received {kernel_initializer!r}."
            )
        if scale is not None and scale <= 0:
            raise ValueError(f'scale of layer "{self.name}" must be above 0; received {scale!r}.')
        self.output_dim = output_dim
        self.kernel_initializer = kernel_initializer
        if not isinstance(kernel_initializer, str):
            self.kernel_initializer = initializers.get(kernel_initializer)
        self.scale = scale

    def build(self, input_shape: Any) -> None:
        if len(input_shape) != 2 or input_shape[1] is None:
            raise ValueError(
                f'Layer "{self.name}" needs inputs (batch, features) with a known number of '
                f"features; received shape {tuple(input_shape)}."
            )
        features = int(input_shape[1])
        gaussian = self._is("gaussian")
        if self.scale is None:
            self.scale = math.sqrt(features / 2) if gaussian else 1.0
        draw = self.kernel_initializer
        if gaussian:
            draw = initializers.RandomNormal(stddev=1.0)
        elif self._is("laplacian"):
            draw = _cauchy
        shape, bias = (features, self.output_dim), initializers.RandomUniform(0.0, 2 * math.pi)
        # In float32 whatever the layer's dtype, as in tf.keras.
        fixed = {"dtype": "float32", "trainable": False}
        self.unscaled_kernel = self.add_weight("unscaled_kernel", shape, initializer=draw, **fixed)
        self.bias = self.add_weight("bias", (self.output_dim,), initializer=bias, **fixed)
        self.kernel_scale = self.add_weight(
            "kernel_scale",
            (1,),
            dtype="float32",
            initializer=initializers.Constant(self.scale),
            constraint="NonNeg",
        )
        self.input_spec = InputSpec(ndim=2, axes={1: features})
        self.built = True

    def _is(self, kernel):
        given = self.kernel_initializer
        return isinstance(given, str) and given.lower() == kernel

    def call(self, inputs: Tensor) -> Tensor:
        kernel = self.unscaled_kernel.value / self.kernel_scale.value
        outputs = inputs.to(kernel.dtype) @ kernel + self.bias.value
        return torch.cos(outputs).to(self._compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return (*input_shape[:-1], self.output_dim)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if isinstance(self.kernel_initializer, str):
            config["kernel_initializer"] = self.kernel_initializer
        return config


def _cauchy(shape, dtype=None):
    return torch.empty(shape).cauchy_()
