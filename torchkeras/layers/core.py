"""The layers that every model has: inputs, dense products, embeddings, activations, masks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .. import activations, constraints, graph, initializers, names, regularizers, rows
from ..casting import as_floats
from ..config import floatx
from ..graph import KerasTensor
from ..input_spec import InputSpec
from ..layer import TABLE, Layer, Weight
from ..losses import labels as numbers

_LARGER = "Make input_dim larger than the largest value."


@TABLE.add()
class InputLayer(Layer):
    """The start of a model; `Input` makes one and returns its symbolic output.

    `input_shape` is the shape of a sample, `batch_input_shape` that of a batch.
    """

    def __init__(
        self,
        input_shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        input_tensor: Any = None,
        sparse: bool | None = None,
        name: str | None = None,
        ragged: bool | None = None,
        type_spec: Any = None,
        batch_input_shape: Any = None,
        optional: bool = False,
    ):
        for argument, value in (("sparse", sparse), ("ragged", ragged), ("type_spec", type_spec)):
            if value:
                raise ValueError(
                    f"Input does not take {argument}={value!r}: torchkeras computes on dense "
                    "tensors. Give dense arrays, padded where samples differ in length."
                )
        if batch_input_shape is None:
            if input_shape is None and input_tensor is None:
                raise ValueError("Input needs a shape, as in Input(shape=(28, 28)).")
            shape = (input_shape,) if isinstance(input_shape, int) else input_shape
            batch_input_shape = (batch_size, *shape) if shape is not None else input_tensor.shape
        name = name or names.unique_name("input", zero_based=False)
        super().__init__(name=name, dtype=dtype or floatx())
        self._batch_input_shape = tuple(batch_input_shape)
        self.sparse, self.ragged, self.optional = False, False, bool(optional)
        self.built = True
        self._start(input_tensor)

    def _start(self, tensor=None):
        """Note the node that every path from this input leads back to."""
        if tensor is None:
            tensor = KerasTensor(self._batch_input_shape, self.compute_dtype, self.name)
        node = graph.Node(self, (), {})
        node.set_outputs(tensor)
        self._nodes = [node]

    def __setstate__(self, state):
        super().__setstate__(state)
        self._start()

    def call(self, inputs):
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_input_shape": self._batch_input_shape,
            "dtype": self.dtype,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "name": self.name,
            "optional": self.optional,
        }


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    name: str | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    tensor: Any = None,
    ragged: bool | None = None,
    type_spec: Any = None,
    batch_shape: Any = None,
    **kwargs: Any,
) -> KerasTensor:
    """A symbolic batch of samples of `shape`, the start of a functional model.

    `batch_size` (None: open), `dtype` (`floatx`), `name` (made up). `batch_shape` gives shape and
    batch size at once. Sparse and ragged inputs are refused.

    >>> Input((28, 28, 1)).shape
    (None, 28, 28, 1)
    """
    whole = kwargs.pop("batch_input_shape", batch_shape)
    if kwargs:
        raise TypeError(f"Input got an unexpected keyword argument {', '.join(map(repr, kwargs))}.")
    layer = InputLayer(
        shape, batch_size, dtype, tensor, sparse, name, ragged, type_spec, batch_input_shape=whole
    )
    return layer.output


@TABLE.add()
class Dense(Layer):
    """`activation(inputs @ kernel + bias)` over the last axis, on `nn.Linear`.

    Inputs `(batch, ..., n)` become `(batch, ..., units)`.

    >>> Dense(3)(torch.zeros(2, 4)).tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """

    supports_masking = True
    weight_map = (
        Weight("kernel", "linear.weight", "o i -> i o"),
        Weight("bias", "linear.bias"),
    )

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = _positive(self, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: Any) -> None:
        size = input_shape[-1]
        if size is None:
            raise ValueError(
                f'The last axis of the inputs of layer "{self.name}" must be known; received '
                f"shape {tuple(input_shape)}."
            )
        self.linear = self.make(nn.Linear, int(size), self.units, bias=self.use_bias)
        self.input_spec = InputSpec(min_ndim=2, axes={-1: int(size)})
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        inputs = as_floats(inputs, self._compute_dtype)
        outputs = self._modules["linear"](inputs)  # a look-up in Python less than self.linear
        if self.activation is not activations.linear:
            outputs = self.activation(outputs)
        return outputs

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return (*input_shape[:-1], self.units)


@TABLE.add()
class Embedding(Layer):
    """Rows of a table for integers, on `nn.Embedding`.

    Shapes: `(batch, ...)` to `(batch, ..., output_dim)`.
    `mask_zero=True` masks the positions that hold 0; row 0 is a row like any other and is
    trained. `input_length` is the length of each sequence, where it is fixed.
    """

    weight_map = (Weight("embeddings", "embedding.weight"),)
    by_rows = False  # optimizers set it where a gradient by rows is of use to them
    _accepts_integers = True

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        activity_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        input_length: Any = None,
        sparse: bool = False,
        **kwargs: Any,
    ):
        if "input_shape" not in kwargs and "batch_input_shape" not in kwargs:
            lengths = input_length if isinstance(input_length, (list, tuple)) else (input_length,)
            kwargs["batch_input_shape"] = (kwargs.pop("batch_size", None), *lengths)
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.input_dim = _positive(self, "input_dim", input_dim)
        self.output_dim = _positive(self, "output_dim", output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = self._makes_mask = bool(mask_zero)
        self.input_length = input_length
        self.sparse = sparse

    def build(self, input_shape: Any = None) -> None:
        sizes = self.input_dim, self.output_dim
        # A table that is given is not drawn: torch needs its compiler to draw without memory.
        table = torch.empty(sizes, dtype=self._variable_dtype, device="meta")
        self.embedding = self.make(nn.Embedding, *sizes, sparse=self.sparse, _weight=table)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        if inputs.dtype not in (torch.int64, torch.int32):
            inputs = inputs.long()
        by_rows = self.by_rows and not torch.compiler.is_compiling()
        if not numbers.looked_at(inputs):
            told = f"{self._wrong()} received others{{where}}. {_LARGER}"
            look_up = rows.look_up if by_rows else lambda table, indices: self.embedding(indices)
            return numbers.rows_of(look_up, self.embedding.weight, inputs, told)
        try:
            return (
                rows.look_up(self.embedding.weight, inputs) if by_rows else self.embedding(inputs)
            )
        except IndexError as error:
            raise ValueError(
                f"{self._wrong()} received values from {int(inputs.min())} to "
                f"{int(inputs.max())}. {_LARGER}"
            ) from error

    def _wrong(self):
        return f'The inputs of layer "{self.name}" must be integers from 0 to {self.input_dim - 1};'

    def compute_mask(self, inputs, mask=None):
        return torch.ne(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Any) -> tuple:
        if self.input_length is None:
            return (*input_shape, self.output_dim)
        lengths = self.input_length
        lengths = list(lengths) if isinstance(lengths, (list, tuple)) else [lengths]
        if len(lengths) != len(input_shape) - 1 or any(
            None not in (a, b) and a != b for a, b in zip(lengths, input_shape[1:], strict=True)
        ):
            raise ValueError(
                f'"input_length" of layer "{self.name}" is {self.input_length}, but it received '
                f"input of shape {tuple(input_shape)}"
            )
        known = [b if a is None else a for a, b in zip(lengths, input_shape[1:], strict=True)]
        return (input_shape[0], *known, self.output_dim)

    def output_dtype(self, input_dtypes: list) -> str:
        return self.compute_dtype

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["sparse"]
        return config


@TABLE.add()
class Activation(Layer):
    """An activation, by name or function, as a layer.

    >>> Activation("relu")(torch.tensor([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    supports_masking = True

    def __init__(self, activation: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Tensor) -> Tensor:
        return self.activation(inputs)

    @property
    def works_in_place(self) -> bool:
        """Whether `in_place` does what a call does; so a plan need not make another tensor."""
        return self.activation is activations.relu and type(self) is Activation

    def in_place(self, inputs: Tensor) -> Tensor:
        """The layer's outputs in the memory of its inputs."""
        return activations.relu_in_place(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@TABLE.add()
class Masking(Layer):
    """Masks the time steps whose features all equal `mask_value`, and sets them to zero."""

    def __init__(self, mask_value: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.mask_value = mask_value

    def call(self, inputs: Tensor) -> Tensor:
        valid = torch.any(torch.ne(inputs, self.mask_value), dim=-1, keepdim=True)
        return inputs * valid.to(inputs.dtype)

    def compute_mask(self, inputs, mask=None):
        return torch.any(torch.ne(inputs, self.mask_value), dim=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def _positive(layer, argument, value):
    """`value` as an integer above zero, or an error that names layer and argument."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number != value or number <= 0 or isinstance(value, bool):
        raise ValueError(
            f'{argument} of layer "{layer.name}" must be a positive integer; received {value!r}.'
        )
    return number
