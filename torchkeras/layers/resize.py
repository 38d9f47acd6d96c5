"""Images of another size as layers: `Resizing` and `CenterCrop`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..input_spec import InputSpec
from ..layer import TABLE, Layer
from ..resizing import kernel_name, resize, smart_resize


@TABLE.add()
class Resizing(Layer):
    """Images `(..., height, width, channels)` of any dtype as floats of `height` x `width`.

    `interpolation` is a method of `resize`; `crop_to_aspect_ratio=True` keeps proportions and cuts
    away what is then too much, at both ends alike.

    >>> Resizing(4, 2)(torch.zeros(2, 8, 8, 3)).shape
    torch.Size([2, 4, 2, 3])
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.height, self.width = height, width
        self.interpolation = interpolation
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self._method = kernel_name(interpolation, f'interpolation of layer "{self.name}"')
        self.input_spec = InputSpec(min_ndim=3, max_ndim=4)

    def call(self, inputs: Tensor) -> Tensor:
        nearest = self._method == "nearest"
        inputs = inputs.to(self._compute_dtype if nearest else torch.float32)
        change = smart_resize if self.crop_to_aspect_ratio else resize
        return change(inputs, (self.height, self.width), self._method).to(self._compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return (*input_shape[:-3], self.height, self.width, input_shape[-1])

    def output_dtype(self, input_dtypes: list) -> str:
        return self.compute_dtype


@TABLE.add()
class CenterCrop(Layer):
    """The middle `height` x `width` of images `(..., height, width, channels)`.

    Images that are smaller are resized to cover it first.

    >>> CenterCrop(1, 1)(torch.arange(9.0).reshape(3, 3, 1)).flatten().tolist()
    [4.0]
    """

    def __init__(self, height: int, width: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.height, self.width = height, width
        self.input_spec = InputSpec(min_ndim=3, max_ndim=4)

    def call(self, inputs: Tensor) -> Tensor:
        inputs = inputs.to(self._compute_dtype)
        rows, columns = inputs.shape[-3] - self.height, inputs.shape[-2] - self.width
        if rows >= 0 and columns >= 0:
            inputs = inputs.narrow(-3, rows // 2, self.height)
            return inputs.narrow(-2, columns // 2, self.width)
        return smart_resize(inputs, (self.height, self.width)).to(self._compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return (*input_shape[:-3], self.height, self.width, input_shape[-1])

    def output_dtype(self, input_dtypes: list) -> str:
        return self.compute_dtype
