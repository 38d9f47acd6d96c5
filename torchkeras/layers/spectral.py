"""`SpectralNormalization`: a layer whose kernel is kept at a spectral norm of 1."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from .. import initializers
from ..input_spec import InputSpec
from ..layer import TABLE, Layer
from .wrappers import Wrapper


@TABLE.add()
class SpectralNormalization(Wrapper):
    """`layer` with its kernel (or embeddings) divided by its spectral norm at each training call.

    The norm is found by `power_iterations` steps of the power method, which go on from where the
    call before stopped (Miyato et al., 2018). As in Keras, the divided kernel is kept.

    >>> from .core import Dense
    >>> layer = SpectralNormalization(Dense(2, kernel_initializer="ones"))
    >>> _ = layer(torch.randn(4, 3), training=True)
    >>> round(torch.linalg.matrix_norm(layer.layer.kernel.value, 2).item(), 3)
    1.0
    """

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Any):
        super().__init__(layer, **kwargs)
        if power_iterations <= 0:
            raise ValueError(
                f'power_iterations of layer "{self.name}" must be above 0; received '
                f"{power_iterations!r}."
            )
        self.power_iterations = power_iterations

    def build(self, input_shape: Any = None) -> None:
        self._build_inner(input_shape)
        kernel = self._kernel()
        self.vector_u = self.add_weight(
            "vector_u",
            (1, kernel.shape[-1]),
            dtype=kernel.dtype,
            initializer=initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
        )
        self.input_spec = InputSpec(shape=(None, *input_shape[1:]))
        self.built = True

    def _kernel(self):
        for name in ("kernel", "embeddings"):
            weight = getattr(self.layer, name, None)
            if weight is not None:
                return weight
        raise ValueError(
            f'Layer "{self.name}" normalizes a kernel or embeddings, which '
            f"{type(self.layer).__name__} does not have."
        )

    def call(self, inputs: Tensor, training: Any = None) -> Tensor:
        training = self.training if training is None else training
        if not training:
            return self.layer(inputs)
        self.normalize_weights()
        # A copy, so that several calls, each with its own division, may share one backward pass.
        paths = self._kernel().weight.paths
        copies = {path: self.layer.get_parameter(path).clone() for path in paths}
        return functional_call(self.layer, copies, (inputs,))

    @torch.no_grad()
    def normalize_weights(self) -> None:
        """Divide the kernel by its spectral norm; a kernel of zeros stays."""
        kernel, u = self._kernel(), self.vector_u.value
        matrix = kernel.value.reshape(-1, kernel.shape[-1])
        for _ in range(self.power_iterations):
            v = _unit(u @ matrix.mT)
            u = _unit(v @ matrix)
        sigma = v @ matrix @ u.mT
        exists = matrix.any()
        self.vector_u.native[0].copy_(torch.where(exists, u, self.vector_u.value))
        scale = torch.where(exists, sigma, 1.0)
        for native in kernel.native:
            native.div_(scale.squeeze())

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.layer.compute_output_shape(input_shape)


def _unit(vector):
    return vector * torch.rsqrt(vector.square().sum().clamp(min=1e-12))
