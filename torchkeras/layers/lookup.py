"""Tokens and their indices in a vocabulary."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..arrays import to_numpy
from ..layer import TABLE
from ..precision import dtype_name, torch_dtype
from .fingerprints import fingerprint64
from .hashing import as_bytes, is_text
from .vocabulary import Lookup


@TABLE.add()
class StringLookup(Lookup):
    """The index of each text in a vocabulary, or with `invert` the text of each index.

    `vocabulary` is a list, or the name of a file with a token on each line; without one, call
    `adapt`. Unknown texts have `num_oov_indices` indices. `output_mode` "int" gives int64 tensors
    of the shape of the inputs; "one_hot", "multi_hot", "count" and "tf_idf" (with a weight for
    each token in `idf_weights`) encode rows. Inverted results are numpy arrays of `str`.

    >>> StringLookup(vocabulary=["a", "b"])([["b", "z"]]).tolist()
    [[2, 0]]
    """

    vocabulary_dtype = "string"

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        encoding: str = "utf-8",
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        **kwargs: Any,
    ):
        self.encoding = encoding
        if kwargs.get("dtype") == "string":
            del kwargs["dtype"]
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            **kwargs,
        )

    def _stored(self, token):
        return token if isinstance(token, bytes) else str(token).encode(self.encoding)

    def _shown(self, token):
        return token.decode(self.encoding)

    def _line(self, line):
        return line

    def _keys(self, inputs):
        return as_bytes(inputs if is_text(inputs) else to_numpy(inputs), self.encoding)

    def _index_tokens(self):
        start = self._first_token
        self._index = {token: start + place for place, token in enumerate(self._tokens)}
        if self.mask_token is not None:
            self._index[self._stored(self.mask_token)] = self._mask_index

    def _indices(self, inputs):
        indices = self.indices_of(self._keys(inputs)).reshape(inputs.shape)
        return torch.from_numpy(indices).to(self.device)

    def indices_of(self, keys: list[bytes]) -> np.ndarray:
        """The index of each stored token, int64."""
        default = self._first_oov if self.num_oov_indices == 1 else -1
        found = self._index.get
        indices = np.fromiter((found(key, default) for key in keys), np.int64, len(keys))
        if self.num_oov_indices != 1:
            unknown = np.flatnonzero(indices == -1)
            tokens = [keys[place] for place in unknown]
            if len(unknown) and self.num_oov_indices == 0:
                self._unknown([self._shown(token) for token in tokens])
            if len(unknown):
                bins = fingerprint64(tokens) % np.uint64(self.num_oov_indices)
                indices[unknown] = bins.astype(np.int64) + self._first_oov
        return indices

    def _tokens_of(self, inputs):
        numbers = to_numpy(inputs)
        table = np.array([*self.get_vocabulary(), self.oov_token], dtype=object)
        known = (numbers >= 0) & (numbers < len(table) - 1)
        return table[np.where(known, numbers, len(table) - 1)]


@TABLE.add()
class IntegerLookup(Lookup):
    """The index of each integer in a vocabulary, or with `invert` the integer of each index.

    The arguments are those of `StringLookup`; the mask and unknown tokens are integers. Runs on
    the device of its inputs.

    >>> IntegerLookup(vocabulary=[12, 36])(torch.tensor([[36, 5]])).tolist()
    [[2, 0]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        **kwargs: Any,
    ):
        if output_mode != "int" and kwargs.get("dtype") == "int64":
            del kwargs["dtype"]
        max_tokens = kwargs.pop("max_values", max_tokens)
        mask_token = kwargs.pop("mask_value", mask_token)
        oov_token = kwargs.pop("oov_value", oov_token)
        if "int" not in dtype_name(vocabulary_dtype):
            raise ValueError(f"vocabulary_dtype must be an integer dtype; got {vocabulary_dtype}.")
        self.vocabulary_dtype = dtype_name(vocabulary_dtype)
        super().__init__(
            max_tokens,
            num_oov_indices,
            None if mask_token is None else int(mask_token),
            None if oov_token is None else int(oov_token),
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            **kwargs,
        )

    def _stored(self, token):
        return int(token)

    _shown = _line = _stored

    def _keys(self, inputs):
        return to_numpy(inputs).astype(np.int64).ravel().tolist()

    def _index_tokens(self):
        table = {token: self._first_token + i for i, token in enumerate(self._tokens)}
        if self.mask_token is not None:
            table[self.mask_token] = self._mask_index
        keys = sorted(table)
        self._buffer("_sorted", torch.tensor(keys or [0], dtype=torch.int64))
        places = [table[key] for key in keys] or [self._first_oov]
        self._buffer("_places", torch.tensor(places, dtype=torch.int64))
        self._empty = not keys
        tokens = [*self.get_vocabulary(), self.oov_token]
        known = [0 if token is None else token for token in tokens]
        self._buffer("_table", torch.tensor(known, dtype=torch.int64))

    def _indices(self, inputs):
        inputs = inputs.long().contiguous()
        place = torch.searchsorted(self._sorted, inputs).clamp_(max=len(self._sorted) - 1)
        found = self._sorted[place] == inputs
        if self._empty:
            found = torch.zeros_like(found)
        if self.num_oov_indices == 0:
            if not bool(found.all()):
                self._unknown(inputs[~found].tolist())
            return self._places[place]
        unknown = self._first_oov
        if self.num_oov_indices > 1:
            unknown = torch.remainder(inputs, self.num_oov_indices) + self._first_oov
        return torch.where(found, self._places[place], unknown)

    def _tokens_of(self, inputs):
        inputs, last = inputs.long(), len(self._table) - 1
        known = (inputs >= 0) & (inputs < last)
        found = self._table[torch.where(known, inputs, last)]
        return found.to(torch_dtype(self.vocabulary_dtype))
