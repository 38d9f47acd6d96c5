"""Layers that saved models of tf.keras hold for bare TensorFlow functions between layers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .. import graph, names, tree
from ..graph import KerasTensor
from ..layer import TABLE, Layer
from ..precision import dtype_name, torch_dtype
from ..symbols import reshaped
from . import (  # noqa: F401 - they fill the table
    tf_functions,
    tf_images,
    tf_keras,
    tf_linear,
    tf_made,
    tf_shapes,
    tf_signal,
    tf_windows,
)
from .tf_table import FUNCTIONS, known_name


class Operation(Layer):
    """A function as a layer: no weights, any arguments, shapes found by running it."""

    def __init__(self, name: str | None = None, trainable: bool = True, dtype: Any = None):
        super().__init__(trainable=trainable, name=name, dtype=dtype)
        self.built = True
        self._constants = 0
        self._place: Any = None  # where inputs are, while shapes are found

    def _ready(self, leaf):
        return leaf

    def _record(self, args, kwargs):
        """Note the call, with lists of numbers as buffers: they move along with the model."""
        like = next(t for t in tree.leaves((args, kwargs)) if isinstance(t, KerasTensor))
        if args:
            args = (self._kept(args[0], like), *args[1:])
        kwargs = {k: self._kept(v, like) if k in _DATA else v for k, v in kwargs.items()}
        return super()._record(args, kwargs)

    def _kept(self, value, like):
        leaves = tree.flatten(value)
        if isinstance(value, list) and any(isinstance(leaf, KerasTensor) for leaf in leaves):
            return [self._kept(one, like) for one in value]
        numbers = leaves and all(isinstance(leaf, (int, float)) for leaf in leaves)
        if not isinstance(value, list) or not numbers:
            return value
        floats = any(isinstance(leaf, float) for leaf in leaves)
        dtype = torch_dtype(like.dtype) if floats and "float" in like.dtype else None
        return self._buffered(value, dtype)

    def _buffered(self, value, dtype):
        name = f"constant_{self._constants}"
        self._constants += 1
        tensor = torch.tensor(value, dtype=dtype, device=self.device)
        self.register_buffer(name, tensor, persistent=False)
        return Constant(name, value)

    def _given(self, leaf):
        if not isinstance(leaf, Constant):
            return leaf
        tensor = getattr(self, leaf.name)
        return tensor if self._place is None else tensor.to(self._place)

    def _symbolic_outputs(self, args, kwargs):
        open_shape = self._open_shape(args, kwargs)
        if open_shape is not None:
            return KerasTensor(open_shape, self._open_dtype(args, kwargs))
        return graph.infer(self._on_stand_ins, args, kwargs, settings=self._sizes())

    def _sizes(self):
        """Settings beside the arguments that may say how large the result is."""
        return ()

    def _on_stand_ins(self, *args, **kwargs):
        """The function where inputs are only shapes: constants go where they are."""
        tensors = [t for t in tree.leaves((args, kwargs)) if isinstance(t, Tensor)]
        self._place = tensors[0].device
        try:
            return self.call(*args, **kwargs)
        finally:
            self._place = None

    def _open_shape(self, args, kwargs):
        """The shape of a result whose sizes the graph computes as it runs, else None."""
        return None

    def _open_dtype(self, args, kwargs):
        """The dtype of a result of open shape."""
        return args[0].dtype

    def call(self, *args, **kwargs):
        if self._constants:
            args = tree.map_structure(self._given, args)
            kwargs = tree.map_structure(self._given, kwargs)
        return self.compute(*args, **kwargs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        raise NotImplementedError(
            f'The output shape of layer "{self.name}" depends on the arguments of its call.'
        )


Operation._takes_training = False  # its **kwargs are the function's


class Constant:
    """Stands in a recorded call for numbers that the layer holds as a buffer."""

    def __init__(self, name: str, value: list):
        self.name, self.value = name, value


_DATA = (
    "x", "y", "a", "b", "bias", "value", "tensor", "t", "indices", "condition", "filters", "filter",
)  # fmt: skip


@TABLE.add()
class TFOpLambda(Operation):
    """A call of a TensorFlow function, by its name in TensorFlow: `"math.reduce_mean"`.

    Files of tf.keras 2.4 and later have one for each function called on symbolic tensors. Known
    are the names in `tf_table`; any other is a ValueError.

    >>> TFOpLambda("math.multiply")(torch.tensor([1.0, 2.0]), 3.0).tolist()
    [3.0, 6.0]
    """

    serialized_as = ("keras.src.layers.core.tf_op_layer", "TFOpLambda")

    def __init__(
        self, function: str, name: str | None = None, trainable: bool = True, dtype: Any = None
    ):
        self._key = known_name(function)
        super().__init__(name or names.unique_name(f"tf.{function}"), trainable, dtype)
        self.function = function

    def compute(self, *args, **kwargs):
        if self._key in tf_made.MADE:  # its arguments are sizes, which do not tell the device
            with torch.device(self.device if self._place is None else self._place):
                return FUNCTIONS[self._key](*args, **kwargs)
        return FUNCTIONS[self._key](*args, **kwargs)

    def _open_dtype(self, args, kwargs):
        if self._key in tf_made.MADE:
            return dtype_name(tf_made.dtype_of(self._key, args, kwargs))
        return args[0].dtype

    def _open_shape(self, args, kwargs):
        if self._key in tf_made.MADE:
            return tf_made.shape_of(self._key, args, kwargs)
        bare = self.function.rsplit(".", 1)[-1]
        argument = {"reshape": "shape", "broadcast_to": "shape", "resize": "size"}.get(bare)
        sizes = kwargs.get(argument)
        if bare == "reshape" and not graph.is_symbolic(sizes):
            return reshaped(args[0], sizes) if args else None
        if not graph.is_symbolic(sizes) and bare != "broadcast_to":
            return None
        told = tf_made.known_sizes(sizes)
        return (args[0].shape[0], *told, args[0].shape[-1]) if bare == "resize" else told


@TABLE.add()
class SlicingOpLambda(TFOpLambda):
    """`TFOpLambda` for indexing; its slices are dictionaries.

    >>> every_other = {"start": None, "stop": None, "step": 2}
    >>> layer = SlicingOpLambda("__operators__.getitem")
    >>> layer(torch.tensor([1.0, 2.0, 3.0]), slice_spec=every_other).tolist()
    [1.0, 3.0]
    """

    serialized_as = ("keras.src.layers.core.tf_op_layer", "SlicingOpLambda")
