"""Numbers made ready for a network: rescaled, normalized by data, put into bins, encoded."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..arrays import as_tensor, to_numpy
from ..budget import claim
from ..config import epsilon as keras_epsilon
from ..config import floatx
from ..layer import TABLE, Layer, Weight
from ..precision import dtype_name
from ..variable import LayerWeight


class Preprocessing(Layer):
    """What layers that look at data share: any dtype comes in, `adapt` fits the state."""

    _accepts_integers = True

    def _ready(self, leaf):
        if leaf is None or isinstance(leaf, Tensor):
            return leaf
        return as_tensor(leaf, device=self.device)

    def output_dtype(self, input_dtypes: list) -> str:
        return self.compute_dtype

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Fit the state to an array, or to what yields batches, from scratch.

        Arrays are read in batches of `batch_size` (32); `steps` limits the number of batches.
        """
        self.reset_state()
        for batch in itertools.islice(_batches(data, batch_size or 32), steps):
            if not self.built:
                if self._batch_input_shape is None:
                    self._batch_input_shape = (None,) * batch.ndim
                self.build(tuple(batch.shape))
                for weight in self._weights:  # built outside a call, as in tf.keras
                    weight._name = weight._name.rpartition("/")[2]
            self.update_state(batch)
        self.finalize_state()
        self.is_adapted = True

    is_adapted = False

    def update_state(self, data: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__} has nothing to adapt.")

    def reset_state(self) -> None:
        """Forget what `adapt` found."""
        self.is_adapted = False

    def finalize_state(self) -> None:
        """Called when all data were seen."""

    def make_adapt_function(self) -> Any:
        """What `adapt` does with each batch: a function of an iterator over batches.

        >>> layer = Normalization(axis=None)
        >>> layer.build((None, 1))
        >>> layer.make_adapt_function()(iter([np.ones((4, 1), "float32")]))
        >>> float(layer.mean)
        1.0
        """
        return lambda iterator: self.update_state(next(iterator))


def _batches(data: Any, batch_size: int) -> Iterator[np.ndarray]:
    if isinstance(data, (np.ndarray, Tensor, list, tuple)) or hasattr(data, "__array__"):
        array = to_numpy(data)
        for start in range(0, len(array), batch_size):
            yield array[start : start + batch_size]
    else:
        for batch in data:
            yield to_numpy(batch[0] if isinstance(batch, (tuple, list)) else batch)


@TABLE.add()
class Rescaling(Preprocessing):
    """`inputs * scale + offset`, as floats; both may be lists, one number for each channel.

    >>> Rescaling(1 / 255)(torch.tensor([0, 255])).tolist()
    [0.0, 1.0]
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset
        for name, value in (("_scale", scale), ("_offset", offset)):
            if np.ndim(value):
                value = as_tensor(value, self._compute_dtype, self.device)
                self.register_buffer(name, value, persistent=False)
            else:
                setattr(self, name, float(value))

    def call(self, inputs: Tensor) -> Tensor:
        return inputs.to(self._compute_dtype) * self._scale + self._offset

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@TABLE.add()
class Normalization(Preprocessing):
    """`(inputs - mean) / sqrt(variance)`, with the two given or found by `adapt`.

    They are kept for each index along `axis` (one, several, or None for a single pair); `invert`
    goes the way back.

    >>> layer = Normalization(axis=None)
    >>> layer.adapt(np.array([[0.0], [2.0]]))
    >>> layer(torch.tensor([[4.0]])).tolist()
    [[3.0]]
    """

    def __init__(
        self,
        axis: Any = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if (mean is None) != (variance is None):
            raise ValueError(
                f'Layer "{self.name}" needs both mean and variance, or neither; received '
                f"mean={mean} and variance={variance}."
            )
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.input_mean, self.input_variance = mean, variance
        self.invert = invert

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        if not all(isinstance(size, (int, type(None))) for size in input_shape):
            raise ValueError(f'Layer "{self.name}" takes one input; received {input_shape}.')
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(
                f'axis={self.axis} of layer "{self.name}" does not fit inputs of rank {rank}.'
            )
        kept = sorted(axis % rank for axis in self.axis)
        shape = [input_shape[axis] for axis in kept]
        if None in shape:
            raise ValueError(
                f'The axes {self.axis} of layer "{self.name}" must have known sizes; received '
                f"shape {tuple(input_shape)}."
            )
        self._reduced = tuple(axis for axis in range(rank) if axis not in kept)
        self._broadcast = [input_shape[axis] if axis in kept else 1 for axis in range(rank)]
        claim(2 * math.prod(shape), f"layer {self.name!r}")
        given = self.input_mean is not None
        for name, start in (("mean", self.input_mean), ("variance", self.input_variance)):
            value = np.broadcast_to(start if given else float(name == "variance"), shape)
            value = as_tensor(np.array(value), self._compute_dtype, self.device)
            self.register_buffer(f"adapt_{name}", value, persistent=not given)
        if not given:
            count = torch.zeros((), dtype=torch.int64, device=self.device)
            self.register_buffer("count", count)
            rows = (("mean", "adapt_mean"), ("variance", "adapt_variance"), ("count", "count"))
            self.weight_map = tuple(Weight(*row, trainable=False) for row in rows)
        self.built = True

    @property
    def mean(self) -> Tensor:
        """The mean, with as many axes as the inputs."""
        return self.adapt_mean.reshape(self._broadcast)

    @property
    def variance(self) -> Tensor:
        """The variance, with as many axes as the inputs."""
        return self.adapt_variance.reshape(self._broadcast)

    def update_state(self, data: Any) -> None:
        """Take a batch into account."""
        if self.input_mean is not None:
            raise ValueError(
                f'Layer "{self.name}" was given mean and variance, so it cannot adapt to data.'
            )
        batch = as_tensor(data, torch.float64, self.device)
        size = math.prod(batch.shape[axis] for axis in self._reduced)
        mean = batch.mean(self._reduced) if self._reduced else batch
        variance = batch.var(self._reduced, correction=0) if self._reduced else 0 * batch
        total = size + int(self.count)
        share = size / total
        merged = self.adapt_mean.double() * (1 - share) + mean * share
        before = self.adapt_variance.double() + (self.adapt_mean.double() - merged) ** 2
        spread = before * (1 - share) + (variance + (mean - merged) ** 2) * share
        self.adapt_mean.copy_(merged)
        self.adapt_variance.copy_(spread)
        self.count.fill_(total)

    def reset_state(self) -> None:
        super().reset_state()
        if self.built and self.input_mean is None:
            self.adapt_mean.zero_()
            self.adapt_variance.fill_(1)
            self.count.zero_()

    def call(self, inputs: Tensor) -> Tensor:
        inputs = inputs.to(self._compute_dtype)
        spread = self.variance.sqrt().clamp(min=keras_epsilon())
        if self.invert:
            return self.mean + inputs * spread
        return (inputs - self.mean) / spread

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def _setting(self, parameter):
        if parameter in ("mean", "variance"):
            value = getattr(self, f"input_{parameter}")
            return to_numpy(value).tolist() if hasattr(value, "shape") else value
        return super()._setting(parameter)


class _Encoding(Preprocessing):
    """Integers below `depth` as they are, one-hot, multi-hot or counted."""

    def _check_mode(self, output_mode, modes, sparse):
        if output_mode not in modes:
            raise ValueError(
                f'output_mode of layer "{self.name}" must be one of {", ".join(modes)}; received '
                f"{output_mode!r}."
            )
        if sparse:
            raise ValueError(
                f'Layer "{self.name}" cannot give sparse tensors: torchkeras computes on dense '
                "ones. Leave out sparse=True."
            )
        return output_mode

    def _encode(self, indices, depth, weights=None):
        shape = self._encoded_shape(indices.shape, depth)
        rows = indices.reshape(*shape[:-1], -1).long()
        result = torch.zeros(shape, dtype=self._compute_dtype, device=indices.device)
        try:
            if self.output_mode != "count":
                return result.scatter_(-1, rows, 1.0)
            added = torch.ones_like(rows) if weights is None else weights.reshape(rows.shape)
            return result.scatter_add_(-1, rows, added.to(result.dtype))
        except RuntimeError as error:
            raise ValueError(
                f'The inputs of layer "{self.name}" must be integers from 0 to {depth - 1}.'
            ) from error

    def _encoded_shape(self, shape, depth):
        shape = tuple(shape)
        whole = self.output_mode == "one_hot" and (not shape or shape[-1] != 1)
        found = (*(shape if whole and shape else shape[:-1]), depth)
        if len(found) > 2:
            raise ValueError(
                f'Layer "{self.name}" with output_mode={self.output_mode!r} gives outputs of rank '
                f"2 at most; received inputs of shape {shape}."
            )
        return found


@TABLE.add()
class CategoryEncoding(_Encoding):
    """Integers below `num_tokens` as vectors: "one_hot", "multi_hot" or "count".

    Shapes: `(batch, n)` to `(batch, num_tokens)`. A call in mode "count" takes `count_weights`.

    >>> CategoryEncoding(3)(torch.tensor([[0, 2]])).tolist()
    [[1.0, 0.0, 1.0]]
    """

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Any,
    ):
        num_tokens = kwargs.pop("max_tokens", num_tokens)
        super().__init__(**kwargs)
        if num_tokens is None or num_tokens < 1:
            raise ValueError(
                f'num_tokens of layer "{self.name}" must be a positive integer; received '
                f"{num_tokens!r}."
            )
        output_mode = "multi_hot" if output_mode == "binary" else output_mode
        self.output_mode = self._check_mode(output_mode, ("count", "one_hot", "multi_hot"), sparse)
        self.num_tokens, self.sparse = num_tokens, sparse

    def call(self, inputs: Tensor, count_weights: Any = None) -> Tensor:
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                f'Layer "{self.name}" uses count_weights only with output_mode="count"; it has '
                f"{self.output_mode!r}."
            )
        if count_weights is not None:
            count_weights = as_tensor(count_weights, device=inputs.device)
        return self._encode(inputs, self.num_tokens, count_weights)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return self._encoded_shape(input_shape, self.num_tokens)


@TABLE.add()
class Discretization(_Encoding):
    """The number of the bin that each value falls into.

    Boundaries are given, or `num_bins` of them found by `adapt` as quantiles to within
    `epsilon`. A boundary belongs to the bin above it. `output_mode` may be "int", or encode the
    numbers as `CategoryEncoding` does.

    >>> Discretization([0.0, 1.0])(torch.tensor([-1.0, 0.0, 5.0])).tolist()
    [0, 1, 2]
    """

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ):
        bins = kwargs.pop("bins", None)
        if isinstance(bins, int):
            num_bins = bins if num_bins is None else num_bins
        elif bins is not None and bin_boundaries is None:
            bin_boundaries = bins
        dtype = kwargs.get("dtype")
        if output_mode == "int" and (dtype is None or "int" not in dtype_name(dtype)):
            kwargs["dtype"] = "int64"
        elif dtype is None:
            kwargs["dtype"] = floatx()
        super().__init__(**kwargs)
        self.output_mode = self._check_mode(
            output_mode, ("int", "one_hot", "multi_hot", "count"), sparse
        )
        if num_bins is not None and (num_bins < 0 or bin_boundaries is not None):
            raise ValueError(
                f'Layer "{self.name}" needs bin_boundaries or a num_bins of 0 or more, not both; '
                f"received bin_boundaries={bin_boundaries} and num_bins={num_bins}."
            )
        self.input_bin_boundaries = None if bin_boundaries is None else _list(bin_boundaries)
        self.num_bins, self.epsilon, self.sparse = num_bins, epsilon, sparse
        self._set_boundaries(self.input_bin_boundaries or [])

    def _set_boundaries(self, boundaries):
        self.bin_boundaries = boundaries
        value = torch.tensor(boundaries, dtype=torch.float32, device=self.device)
        self.register_buffer("boundaries", value, persistent=False)

    def update_state(self, data: Any) -> None:
        """Take a batch into account."""
        if self.input_bin_boundaries is not None:
            raise ValueError(
                f'Layer "{self.name}" was given bin_boundaries, so it cannot adapt to data. Pass '
                "num_bins instead."
            )
        values, summary = np.sort(np.asarray(data, "float32").ravel()), to_numpy(self.summary_held)
        step = int(np.float32(len(values)) / np.float32(1.0 / self.epsilon))
        found = values[step :: max(step, 1)]
        batch = np.stack([found, np.full_like(found, max(step, 1))])
        merged = np.concatenate([batch, summary], 1)
        merged = merged[:, np.argsort(merged[0], kind="stable")]
        self._hold(_compressed(merged, self.epsilon))

    def reset_state(self) -> None:
        super().reset_state()
        if self.built and self.input_bin_boundaries is None:
            self._hold(np.zeros((2, 0)))

    def finalize_state(self) -> None:
        """Find the boundaries in what is known of the data."""
        if self.input_bin_boundaries is None and self.built:
            summary = to_numpy(self.summary_held)
            found = _compressed(summary, 1.0 / self.num_bins)[0, :-1] if summary.size else summary
            self._set_boundaries(found.tolist() if summary.size else [])

    def build(self, input_shape: Any) -> None:
        if self.input_bin_boundaries is None:
            if self.num_bins is None:
                raise ValueError(f'Layer "{self.name}" needs bin_boundaries or num_bins.')
            self._hold(np.zeros((2, 0)))
            self.weight_map = (Weight("summary", "summary_held", trainable=False),)
        self.built = True

    def _hold(self, summary):
        """Keep values of the data and how many each stands for, `(2, n)`."""
        tensor = as_tensor(summary, torch.float32, self.device)
        self.register_buffer("summary_held", tensor)

    def _enter(self, row):
        weight = _Summary(self, row, self._path(row.name), (2, 0))
        return weight

    def _load_from_state_dict(self, state_dict, prefix, *args):
        held = state_dict.get(f"{prefix}summary_held")
        if held is not None and "summary_held" in self._buffers:
            self._hold(held)  # of any length
        super()._load_from_state_dict(state_dict, prefix, *args)
        self.finalize_state()

    def call(self, inputs: Tensor) -> Tensor:
        if self.num_bins is not None and not self.summary_held.numel():
            raise ValueError(f'Layer "{self.name}" has not seen data: call adapt() first.')
        bins = torch.bucketize(inputs.float().contiguous(), self.boundaries, right=True)
        if self.output_mode == "int":
            return bins.to(self._compute_dtype)
        return self._encode(bins, len(self.bin_boundaries) + 1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self.output_mode == "int":
            return input_shape
        return self._encoded_shape(input_shape, len(self.bin_boundaries) + 1)

    def _setting(self, parameter):
        if parameter == "bin_boundaries":
            return self.input_bin_boundaries
        return super()._setting(parameter)


class _Summary(LayerWeight):
    """The weight of an adapted `Discretization`: `(2, n)`, for any n."""

    @property
    def shape(self) -> torch.Size:
        return self.native[0].shape

    def fits(self, shape: Any) -> bool:
        return len(shape) == 2 and shape[0] == 2

    def _write(self, tensor):
        self._layer._hold(tensor)
        self._layer.finalize_state()


def _list(values):
    return to_numpy(values).tolist() if hasattr(values, "shape") else list(values)


def _compressed(summary, epsilon):
    """`1 / epsilon` values and their weights, between those of a longer summary."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    weights = summary[1].cumsum()
    reached = weights / weights[-1]
    values = np.interp(shares, reached, summary[0])
    weights = np.interp(shares, reached, weights)
    return np.stack([values, np.diff(weights, prepend=0)]).astype("float32")
