"""Texts and integers put into bins by their hashes, those of TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import graph
from ..arrays import to_numpy
from ..config import floatx
from ..layer import TABLE
from ..precision import dtype_name
from .fingerprints import fingerprint64, join_fingerprints, siphash64
from .numeric import _Encoding

CROSSING_KEY = np.uint64(0xDECAFCAFFE)


class TextLayer(_Encoding):
    """Takes texts as numpy arrays or lists of `str` (or UTF-8 `bytes`), which stay on the host,
    and numbers as any layer does; lists are arrays, not several inputs."""

    def __call__(self, inputs, *args, **kwargs):
        if not graph.is_symbolic(inputs):
            inputs = self._arrays(inputs)
        return super().__call__(inputs, *args, **kwargs)

    def _arrays(self, inputs):
        """What came as a list, a text or a number as an array."""
        if isinstance(inputs, Tensor):
            return inputs
        try:
            return np.asarray(inputs)
        except ValueError as error:
            raise ValueError(
                f'The inputs of layer "{self.name}" have rows of different lengths; pad them.'
            ) from error

    def _ready(self, leaf):
        return leaf if is_text(leaf) else super()._ready(leaf)

    def _encoded(self, indices: Tensor, depth: int) -> Tensor:
        """Indices as they are, or how often (if at all) each below `depth` occurs in a row."""
        if self.output_mode == "int":
            return indices.to(self._compute_dtype)
        shape = self._encoded_shape(indices.shape, depth + 1)
        rows = indices.reshape(*shape[:-1], -1)
        rows = torch.where((rows >= 0) & (rows < depth), rows, depth)  # the last column is dropped
        result = torch.zeros(shape, dtype=self._compute_dtype, device=rows.device)
        if self.output_mode in ("one_hot", "multi_hot"):
            result.scatter_(-1, rows, 1.0)
        else:
            result.scatter_add_(-1, rows, torch.ones_like(rows, dtype=result.dtype))
        return result[..., :depth]


def index_dtype(output_mode: str, dtype: Any) -> Any:
    """int64 for indices, `floatx` for what encodes them, where no dtype is given."""
    if dtype is None:
        return "int64" if output_mode == "int" else floatx()
    if output_mode == "int" and "int" not in dtype_name(dtype):
        raise ValueError(
            f'A layer with output_mode="int" has an integer dtype; received dtype={dtype!r}.'
        )
    return dtype


def is_text(value: Any) -> bool:
    """Whether `value` is an array of texts."""
    return isinstance(value, np.ndarray) and value.dtype.kind in "USO"


def as_bytes(texts: np.ndarray, encoding: str = "utf-8") -> list[bytes]:
    """The texts of an array in one list, encoded; TypeError where one is not a text."""
    flat = texts.ravel().tolist()
    if texts.dtype.kind == "U":
        return [text.encode(encoding) for text in flat]
    for text in flat:
        if not isinstance(text, (str, bytes)):
            raise TypeError(f"Expected texts; received {text!r} among them.")
    return [text.encode(encoding) if isinstance(text, str) else text for text in flat]


@TABLE.add()
class Hashing(TextLayer):
    """The bin of each text or integer, of `num_bins`, by its hash.

    `mask_value` has bin 0 for itself. `salt`, one integer or two, is the key of a stronger hash.
    `output_mode` may be "int", or encode the bins: "one_hot", "multi_hot", "count".

    >>> Hashing(3)([["A"], ["B"], ["C"], ["D"], ["E"]]).flatten().tolist()
    [1, 0, 1, 1, 2]
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: int | Sequence[int] | None = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ):
        dtype = kwargs.pop("dtype", None)
        if dtype is not None and output_mode == "int" and "int" not in dtype_name(dtype):
            dtype = None
        super().__init__(dtype=index_dtype(output_mode, dtype), **kwargs)
        if num_bins is None or num_bins <= 0:
            raise ValueError(
                f'num_bins of layer "{self.name}" must be a positive integer; received '
                f"{num_bins!r}."
            )
        modes = ("int", "one_hot", "multi_hot", "count")
        self.output_mode = self._check_mode(output_mode, modes, sparse)
        self.num_bins, self.mask_value, self.sparse = num_bins, mask_value, sparse
        self.salt = [salt, salt] if isinstance(salt, int) else salt
        if self.salt is not None and (
            not isinstance(self.salt, (tuple, list)) or len(self.salt) != 2
        ):
            raise ValueError(
                f'salt of layer "{self.name}" must be an integer or two; received {salt!r}.'
            )

    def call(self, inputs: Any) -> Tensor:
        texts, device = _printed(self, inputs)
        masked = self.mask_value is not None and self.num_bins > 1
        bins = np.uint64(self.num_bins - masked)
        hashes = fingerprint64(texts) if self.salt is None else siphash64(texts, self.salt)
        found = (hashes % bins).astype(np.int64)
        if masked:
            mask = self.mask_value
            mask = mask.encode() if isinstance(mask, str) else mask
            mask = mask if isinstance(mask, bytes) else b"%d" % mask
            found = np.where([text == mask for text in texts], 0, found + 1)
        found = torch.from_numpy(found.reshape(inputs.shape)).to(device)
        return self._encoded(found, self.num_bins)

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self.output_mode == "int":
            return input_shape
        return self._encoded_shape(input_shape, self.num_bins)


@TABLE.add()
class HashedCrossing(TextLayer):
    """The bin, of `num_bins`, of what several features hold together.

    Called on a list of arrays of texts or integers, `(batch,)` or `(batch, 1)`. `output_mode` is
    "int" or "one_hot".

    >>> layer = HashedCrossing(5)
    >>> layer([np.array(["A", "B", "A", "B", "A"]), np.array([101, 101, 101, 102, 102])]).tolist()
    [1, 4, 1, 1, 3]
    """

    def __init__(
        self, num_bins: int, output_mode: str = "int", sparse: bool = False, **kwargs: Any
    ):
        dtype = index_dtype(output_mode, kwargs.pop("dtype", None))
        super().__init__(dtype=dtype, **kwargs)
        self.output_mode = self._check_mode(output_mode, ("int", "one_hot"), sparse)
        self.num_bins, self.sparse = num_bins, sparse

    def _arrays(self, inputs):
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ValueError(
                f'Layer "{self.name}" takes a list of at least two features; received {inputs!r}.'
            )
        return [super(HashedCrossing, self)._arrays(feature) for feature in inputs]

    def call(self, inputs: Any) -> Tensor:
        shape = tuple(inputs[0].shape)
        self._check_shapes([tuple(feature.shape) for feature in inputs])
        result = np.full(int(np.prod(shape)), CROSSING_KEY)
        for feature in inputs:
            if is_text(feature):
                hashes = fingerprint64(as_bytes(feature))
            else:
                hashes = _integers(self, feature).astype(np.int64).astype(np.uint64)
            result = join_fingerprints(result, hashes)
        found = (result % np.uint64(self.num_bins)).astype(np.int64).reshape(shape)
        tensors = [feature for feature in inputs if isinstance(feature, Tensor)]
        device = tensors[0].device if tensors else self.device
        return self._encoded(torch.from_numpy(found).to(device), self.num_bins)

    def _check_shapes(self, shapes):
        first = tuple(shapes[0])
        if len(first) > 2 or (len(first) == 2 and first[1] != 1) or len(set(shapes)) > 1:
            raise ValueError(
                f'The features of layer "{self.name}" must all have shape (), (batch,) or '
                f"(batch, 1); received shapes {shapes}."
            )

    def compute_output_shape(self, input_shape: Any) -> Any:
        first = tuple(input_shape[0])
        return first if self.output_mode == "int" else self._encoded_shape(first, self.num_bins)


def _printed(layer, inputs):
    """Texts as bytes, integers in decimal digits; and the device for the result."""
    if is_text(inputs):
        return as_bytes(inputs), layer.device
    return [b"%d" % number for number in _integers(layer, inputs).tolist()], inputs.device


def _integers(layer, inputs):
    array = to_numpy(inputs).ravel()
    if array.dtype.kind not in "iu":
        raise TypeError(
            f'Layer "{layer.name}" hashes texts and integers; received dtype {array.dtype}.'
        )
    return array
