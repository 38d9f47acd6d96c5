"""Layers of Keras 1 and of tf.compat.v1 that have no present spelling, over those that have one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .. import activations, constraints, initializers, layers, regularizers
from ..layer import TABLE, Layer
from .arguments import sides_as_kernel
from .warning import deprecated


def enter() -> None:
    """The long names of convolutions take their kernels side by side."""
    layers.Convolution2D, layers.Convolution3D = Convolution2D, Convolution3D


# --- convolutions whose kernel has one argument for each side ------------------------------------


class Convolution2D(layers.Conv2D):
    """`Conv2D` by its long name; three integers are filters, rows and columns, as in Keras 1.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # it tells the present spelling
    ...     Convolution2D(8, 3, 5).kernel_size
    (3, 5)
    """

    def __new__(cls, *args: Any, **kwargs: Any):
        if cls is not Convolution2D:
            return super().__new__(cls, *args, **kwargs)
        return layers.Conv2D(*sides_as_kernel("Convolution2D", args, 2), **kwargs)


class Convolution3D(layers.Conv3D):
    """`Conv3D` by its long name; four integers are filters and the three sides of a kernel."""

    def __new__(cls, *args: Any, **kwargs: Any):
        if cls is not Convolution3D:
            return super().__new__(cls, *args, **kwargs)
        return layers.Conv3D(*sides_as_kernel("Convolution3D", args, 3), **kwargs)


def Deconvolution2D(*args: Any, **kwargs: Any) -> layers.Conv2DTranspose:
    """`Conv2DTranspose` of Keras 1: `(nb_filter, nb_row, nb_col, output_shape, ...)`.

    `output_shape` says nothing new and is dropped.
    """
    deprecated("Deconvolution2D", "Conv2DTranspose")
    kwargs.pop("output_shape", None)
    if len(args) > 3 and isinstance(args[3], (tuple, list)):
        args = (*args[:3], *args[4:])
    return layers.Conv2DTranspose(*sides_as_kernel("Deconvolution2D", args, 2), **kwargs)


def AtrousConvolution1D(*args: Any, atrous_rate: Any = 1, **kwargs: Any) -> layers.Conv1D:
    """`Conv1D` with a dilation."""
    deprecated("AtrousConvolution1D", "Conv1D(..., dilation_rate=...)")
    return layers.Conv1D(*args, dilation_rate=atrous_rate, **kwargs)


def AtrousConvolution2D(*args: Any, atrous_rate: Any = (1, 1), **kwargs: Any) -> layers.Conv2D:
    """`Conv2D` with a dilation."""
    deprecated("AtrousConvolution2D", "Conv2D(..., dilation_rate=...)")
    args = sides_as_kernel("AtrousConvolution2D", args, 2)
    return layers.Conv2D(*args, dilation_rate=atrous_rate, **kwargs)


# --- merging -------------------------------------------------------------------------------------

MODES: dict[str, Callable] = {
    "sum": layers.Add,
    "mul": layers.Multiply,
    "ave": layers.Average,
    "max": layers.Maximum,
    "min": layers.Minimum,
    "concat": layers.Concatenate,
    "dot": layers.Dot,
    "cos": layers.Dot,
}


def merge(
    inputs: Sequence[Any], mode: Any = "sum", concat_axis: int = -1, dot_axes: Any = -1,
    output_shape: Any = None, output_mask: Any = None, arguments: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """Several tensors as one, by the name of what joins them or by a function of the list."""
    deprecated("merge", f"keras.layers.{_present(mode)}")
    return _merging(mode, concat_axis, dot_axes, arguments, name)(list(inputs))


def _merging(mode, concat_axis, dot_axes, arguments, name):
    """The layer that joins tensors as `mode` says."""
    if callable(mode):
        return layers.Lambda(mode, arguments=arguments, name=name)
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)} or callable; received {mode!r}.")
    if mode == "concat":
        return layers.Concatenate(concat_axis, name=name)
    if mode in ("dot", "cos"):
        axes = dot_axes
        if isinstance(axes, (list, tuple)) and axes and isinstance(axes[0], (list, tuple)):
            axes = [axis for (axis,) in axes]
        return layers.Dot(axes, normalize=mode == "cos", name=name)
    return MODES[mode](name=name)


def _present(mode):
    return "Lambda" if callable(mode) else getattr(MODES.get(mode), "__name__", "Add")


class Merge(Layer):
    """Joins the outputs of models or layers: the first layer of a `Sequential` of Keras 1.

    The model takes one input for each of `layers`; called on tensors, it only joins them.
    """

    def __init__(
        self, layers: Any = None, mode: Any = "sum", concat_axis: int = -1, dot_axes: Any = -1,
        output_shape: Any = None, output_mask: Any = None, arguments: Any = None, **kwargs: Any,
    ):  # fmt: skip
        deprecated("Merge", f"the functional model with keras.layers.{_present(mode)}")
        super().__init__(**kwargs)
        self.branches = list(layers or ())
        self.joined = _merging(mode, concat_axis, dot_axes, arguments, None)

    def many_inputs(self):
        """What stands for an `InputLayer` where this is the first layer of a `Sequential`."""
        return _ManyInputs(self.branches) if self.branches else None

    def call(self, inputs):
        parts = [branch(x) for branch, x in zip(self.branches, inputs, strict=True)]
        return self.joined(parts or inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        shapes = [
            branch.compute_output_shape(shape)
            for branch, shape in zip(self.branches, input_shape, strict=True)
        ]
        return self.joined.compute_output_shape(shapes or input_shape)

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError("A Merge layer is not written to files: use a functional Model.")


class _Merge(layers.merge.Merge):
    """Base of merging layers of one's own, which define `_merge_function(inputs)`."""

    def _merge_function(self, inputs):
        raise NotImplementedError(f"{type(self).__name__} must define _merge_function(inputs).")


def TimeDistributedDense(*args: Any, **kwargs: Any) -> layers.Dense:
    """`Dense`, which takes sequences as they are."""
    deprecated("TimeDistributedDense", "Dense")
    kwargs.pop("input_length", None)
    return layers.Dense(*args, **kwargs)


class _ManyInputs:
    """The inputs of several branches, each with a placeholder of its own."""

    def __init__(self, branches):
        self.output = []
        for branch in branches:
            shape = branch.input_shape
            if isinstance(branch, Layer) and branch._nodes and not hasattr(branch, "layers"):
                shape = branch.output_shape
            self.output.append(layers.Input(batch_shape=shape))


# --- layers that Keras 2 dropped -----------------------------------------------------------------


class _Projecting(Layer):
    """What Highway and MaxoutDense share: names and settings of Keras 1."""

    def __init__(self, init, weights, regularizer, constraint, activation, bias, kwargs):
        kwargs.setdefault("weights", weights)
        super().__init__(**kwargs)
        self.kernel_initializer = initializers.get(init)
        self.activation = activations.get(activation)
        self.kernel_regularizer, self.bias_regularizer = map(regularizers.get, regularizer)
        self.kernel_constraint, self.bias_constraint = map(constraints.get, constraint)
        self.use_bias = bias

    def _pair(self, suffix, shape, bias_initializer="zeros"):
        made = self.kernel_initializer
        if suffix and hasattr(made, "get_config"):  # one without a seed draws the same again
            made = type(made).from_config(made.get_config())
        kernel = self.add_weight(
            f"W{suffix}", shape, None, made, self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )  # fmt: skip
        if not self.use_bias:
            return kernel, 0.0
        bias = self.add_weight(
            f"b{suffix}", (*shape[:-2], shape[-1]), None, bias_initializer, self.bias_regularizer,
            constraint=self.bias_constraint,
        )  # fmt: skip
        return kernel, bias


@TABLE.add()
class Highway(_Projecting):
    """`t * activation(x W + b) + (1 - t) * x` with `t = sigmoid(x W_carry + b_carry)`."""

    def __init__(
        self, init="glorot_uniform", activation=None, weights=None, W_regularizer=None,
        b_regularizer=None, activity_regularizer=None, W_constraint=None, b_constraint=None,
        bias=True, input_dim=None, **kwargs,
    ):  # fmt: skip
        deprecated("Highway", "a layer of your own with two Dense layers")
        if input_dim:
            kwargs["input_dim"] = input_dim
        kwargs["activity_regularizer"] = activity_regularizer
        kwargs.pop("transform_bias", None)
        super().__init__(
            init, weights, (W_regularizer, b_regularizer), (W_constraint, b_constraint),
            activation, bias, kwargs,
        )  # fmt: skip

    def build(self, input_shape: Any) -> None:
        size = input_shape[-1]
        self.W, self.b = self._pair("", (size, size))
        self.W_carry, self.b_carry = self._pair("_carry", (size, size), "ones")
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        transform = torch.sigmoid(inputs @ self.W_carry + self.b_carry)
        return transform * self.activation(inputs @ self.W + self.b) + (1 - transform) * inputs

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return _config(self, {})


@TABLE.add()
class MaxoutDense(_Projecting):
    """The largest of `nb_feature` linear functions: `max over k of x W[k] + b[k]`."""

    def __init__(
        self, output_dim, nb_feature=4, init="glorot_uniform", weights=None, W_regularizer=None,
        b_regularizer=None, activity_regularizer=None, W_constraint=None, b_constraint=None,
        bias=True, input_dim=None, **kwargs,
    ):  # fmt: skip
        deprecated("MaxoutDense", "Dense, Reshape and a maximum over an axis")
        if input_dim:
            kwargs["input_dim"] = input_dim
        kwargs["activity_regularizer"] = activity_regularizer
        super().__init__(
            init, weights, (W_regularizer, b_regularizer), (W_constraint, b_constraint),
            None, bias, kwargs,
        )  # fmt: skip
        self.output_dim, self.nb_feature = output_dim, nb_feature

    def build(self, input_shape: Any) -> None:
        self.W, self.b = self._pair("", (self.nb_feature, input_shape[-1], self.output_dim))
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        each = torch.einsum("bi,kio->bko", inputs, torch.as_tensor(self.W.value))
        return (each + (self.b.value if self.use_bias else 0.0)).amax(1)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return (input_shape[0], self.output_dim)

    def get_config(self) -> dict[str, Any]:
        return _config(self, {"output_dim": self.output_dim, "nb_feature": self.nb_feature})


def _config(layer, own):
    """The settings by the names of the constructor."""
    return {
        "name": layer.name,
        "trainable": layer.trainable,
        "dtype": layer.dtype,
        **own,
        "init": initializers.serialize(layer.kernel_initializer),
        "W_regularizer": regularizers.serialize(layer.kernel_regularizer),
        "b_regularizer": regularizers.serialize(layer.bias_regularizer),
        "W_constraint": constraints.serialize(layer.kernel_constraint),
        "b_constraint": constraints.serialize(layer.bias_constraint),
        "bias": layer.use_bias,
        **({"activation": activations.serialize(layer.activation)} if not own else {}),
    }
