"""Vocabularies: given or learned from data, held in configs, used to encode indices."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..arrays import to_numpy
from ..budget import claim
from ..config import floatx
from ..precision import torch_dtype
from .hashing import TextLayer, index_dtype

_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
_ASSET = "vocabulary.txt"
_NOWHERE = -2  # the index of what an encoding leaves out


class Lookup(TextLayer):
    """What `StringLookup` and `IntegerLookup` share.

    Indices begin with 0 for the mask token, if there is one and `output_mode` is "int", then
    `num_oov_indices` for unknown tokens, chosen by hash where there are several, then the
    vocabulary. The config holds the vocabulary, also one that `adapt` found.
    """

    vocabulary_dtype = "int64"

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        sparse: bool,
        pad_to_max_tokens: bool,
        vocabulary_size: int | None = None,
        has_input_vocabulary: bool | None = None,
        **kwargs: Any,
    ):
        kwargs.pop("has_static_table", None)  # written by tf.keras 2.8
        output_mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(output_mode, output_mode)
        dtype = index_dtype(output_mode, kwargs.pop("dtype", None))
        super().__init__(dtype=dtype, **kwargs)
        self.output_mode = self._check_mode(output_mode, _MODES, sparse)
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token = mask_token, oov_token
        self.invert, self.sparse, self.pad_to_max_tokens = invert, sparse, pad_to_max_tokens
        self._check_settings(idf_weights)
        self._size_in_use = vocabulary_size
        self._given = (
            vocabulary is not None if has_input_vocabulary is None else bool(has_input_vocabulary)
        )
        self.input_vocabulary, self.input_idf_weights = None, _listed(idf_weights)
        self._tokens: list = []
        self._forget_counts()
        self._set_tokens([])
        if vocabulary is not None:
            vocabulary = self._read(vocabulary)
            self.input_vocabulary = _listed(vocabulary)
            self._size_in_use = None
            self.set_vocabulary(vocabulary, idf_weights)

    def _check_settings(self, idf_weights):
        told = f'of layer "{self.name}"'
        if self.max_tokens is not None and self.max_tokens <= 1:
            raise ValueError(f"max_tokens {told} must be above 1; received {self.max_tokens}.")
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise ValueError(f"pad_to_max_tokens=True {told} needs max_tokens.")
        if self.num_oov_indices < 0:
            raise ValueError(
                f"num_oov_indices {told} must be 0 or more; received {self.num_oov_indices}."
            )
        padded = self.max_tokens if self.pad_to_max_tokens else 0
        claim(self.num_oov_indices + padded, f"layer {self.name!r}")
        if self.invert and self.output_mode != "int":
            raise ValueError(
                f'invert=True {told} needs output_mode="int"; received {self.output_mode!r}.'
            )
        if idf_weights is not None and self.output_mode != "tf_idf":
            raise ValueError(
                f'idf_weights {told} need output_mode="tf_idf"; received {self.output_mode!r}.'
            )

    # --- the vocabulary ----------------------------------------------------------------------

    def get_vocabulary(self, include_special_tokens: bool = True) -> list:
        """The tokens in the order of their indices, after the mask and unknown tokens."""
        tokens = [self._shown(token) for token in self._tokens]
        return self._special_tokens() + tokens if include_special_tokens else tokens

    def vocabulary_size(self) -> int:
        """How many indices there are, with those of mask and unknown tokens."""
        return self._first_token + len(self._tokens)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Take the tokens of a list, with or without the special ones at its start.

        With output_mode "tf_idf", `idf_weights` gives each token's.
        """
        if (self.output_mode == "tf_idf") != (idf_weights is not None):
            raise ValueError(
                f'set_vocabulary of layer "{self.name}" takes idf_weights exactly where '
                f'output_mode is "tf_idf"; it is {self.output_mode!r}.'
            )
        tokens = _listed(self._read(vocabulary))
        if not tokens:
            raise ValueError(f'The vocabulary of layer "{self.name}" must not be empty.')
        special = [self._stored(token) for token in self._special_tokens()]
        count = len(tokens)
        tokens = [self._stored(token) for token in tokens]
        whole = tokens[: len(special)] == special
        tokens = tokens[len(special) :] if whole else tokens
        self._check_tokens(tokens)
        weights = None
        if idf_weights is not None:
            weights = np.asarray(to_numpy(idf_weights), "float64")
            if weights.shape != (count,):
                raise ValueError(
                    f'idf_weights of layer "{self.name}" must be {count} numbers, one for each '
                    f"token; received shape {weights.shape}."
                )
            front = 0 if whole else self._first_token
            weights = np.pad(weights, (front, 0), constant_values=weights.mean())
        self._set_tokens(tokens, weights)
        self._fix_size()

    def _check_tokens(self, tokens):
        repeated = [self._shown(token) for token, n in Counter(tokens).items() if n > 1]
        if repeated:
            raise ValueError(
                f'The vocabulary of layer "{self.name}" has tokens more than once: {repeated}.'
            )
        for role, token, forbidden in (
            ("mask", self.mask_token, True),
            ("out-of-vocabulary", self.oov_token, self.invert),
        ):
            if forbidden and token is not None and self._stored(token) in tokens:
                raise ValueError(
                    f'The vocabulary of layer "{self.name}" holds its {role} token {token!r} in '
                    "the wrong place. Leave out special tokens, or begin with exactly these: "
                    f"{self._special_tokens()}."
                )
        size = self._first_token + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                f'The vocabulary of layer "{self.name}" needs {size} indices, more than '
                f"max_tokens={self.max_tokens}."
            )

    def _set_tokens(self, tokens, idf_weights=None):
        self._tokens = tokens
        if idf_weights is None:
            idf_weights = np.zeros(self._first_token)
        missing = (self.max_tokens or 0) - len(idf_weights) if self.pad_to_max_tokens else 0
        idf_weights = np.pad(idf_weights, (0, max(missing, 0)))
        self._buffer("_idf", torch.tensor(idf_weights, dtype=torch_dtype(floatx())))
        self._index_tokens()

    def _fix_size(self):
        """Layers that encode keep the size with which they were first used."""
        size = self.vocabulary_size()
        fixed = self.output_mode != "int" and not self.pad_to_max_tokens
        if fixed and self._size_in_use not in (None, size):
            raise RuntimeError(
                f'Layer "{self.name}" with output_mode={self.output_mode!r} has outputs of size '
                f"{self._size_in_use}, which a vocabulary of {size} would change. Make a new "
                "layer, or use pad_to_max_tokens=True."
            )
        self._size_in_use = size

    def _read(self, vocabulary):
        """A vocabulary as it is, or the lines of the file that the caller named."""
        if not isinstance(vocabulary, str):
            return vocabulary
        if self.output_mode == "tf_idf":
            raise ValueError(
                f'Layer "{self.name}" with output_mode="tf_idf" takes its vocabulary as a list.'
            )
        with open(vocabulary, encoding=getattr(self, "encoding", "utf-8")) as lines:
            return [self._line(line.rstrip("\n")) for line in lines]

    def _special_tokens(self):
        return [self.mask_token] * self._first_oov + [self.oov_token] * self.num_oov_indices

    @property
    def _first_oov(self):
        return int(self.mask_token is not None and self.output_mode == "int")

    @property
    def _first_token(self):
        return self._first_oov + self.num_oov_indices

    def vocab_size(self) -> int:
        """The former name of `vocabulary_size`."""
        return self.vocabulary_size()

    # --- in files ----------------------------------------------------------------------------

    def save_own_variables(self, store: Any) -> None:
        """Put the inverse document frequencies into a mapping, as `.keras` files hold them."""
        if self.output_mode == "tf_idf":
            store["idf_weights"] = to_numpy(self._idf)

    def load_own_variables(self, store: Any) -> None:
        """Take them from a mapping."""
        if self.output_mode == "tf_idf":
            weights = np.asarray(store["idf_weights"], "float32")
            if weights.ndim != 1:
                raise ValueError(
                    f'idf_weights of layer "{self.name}" must be a vector; received shape '
                    f"{weights.shape}."
                )
            self._buffer("_idf", torch.tensor(weights, dtype=torch_dtype(floatx())))

    def save_assets(self, dir_path: str) -> None:
        """Write a vocabulary that `adapt` learned, a token a line, to `dir_path/vocabulary.txt`."""
        if self.input_vocabulary is None:
            with open(os.path.join(dir_path, _ASSET), "w", encoding="utf-8") as file:
                file.write("\n".join(str(token) for token in self.get_vocabulary()))

    def load_assets(self, dir_path: str) -> None:
        """Read what `save_assets` wrote; the weights of tf-idf follow by `load_own_variables`."""
        with open(os.path.join(dir_path, _ASSET), encoding="utf-8") as file:
            self.load_vocabulary(file.read())

    def load_vocabulary(self, text: str) -> None:
        """Take the content of such a file, unless the vocabulary was given to the constructor."""
        if self.input_vocabulary is not None:
            return
        tokens = [self._stored(self._line(line)) for line in text.split("\n")]
        special = [self._stored(token) for token in self._special_tokens()]
        tokens = tokens[len(special) :] if tokens[: len(special)] == special else tokens
        self._check_tokens(tokens)
        kept = self._idf
        self._set_tokens(tokens)
        if len(kept) == len(special) + len(tokens):  # weights that came first
            self._idf = kept
        self._fix_size()

    # --- learning it from data ---------------------------------------------------------------

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the vocabulary: the most frequent tokens first, equal ones in reverse order."""
        if isinstance(data, (list, tuple)):
            data = np.asarray(data)
        elif not hasattr(data, "__array__"):  # yields batches; a list among them is one batch
            data = (np.asarray(b) if isinstance(b, list) else b for b in data)
        super().adapt(data, batch_size, steps)

    def update_state(self, data: Any) -> None:
        """Count the tokens of a batch; each row is a document, or the whole of a single axis."""
        array = self._arrays(data)
        keys = self._keys(array)
        width = len(keys) if array.ndim < 2 else max(len(keys) // max(len(array), 1), 1)
        self.count_rows([keys[i : i + width] for i in range(0, len(keys), width)])

    def count_rows(self, rows: list[list]) -> None:
        """Count the tokens in lists of stored tokens, one for each document."""
        if self._given:
            raise ValueError(
                f'Layer "{self.name}" was given its vocabulary, so it cannot adapt to data.'
            )
        for row in rows:
            self._counts.update(row)
            self._documents.update(set(row))
        self._total += len(rows)

    def finalize_state(self) -> None:
        for token in (self.mask_token, self.oov_token):
            if token is not None:
                self._counts.pop(self._stored(token), None)
        if not self._counts:
            self._fix_size()
            return
        found = sorted(self._counts, key=lambda token: (self._counts[token], token), reverse=True)
        if self.max_tokens:
            found = found[: self.max_tokens - self._first_token]
        weights = None
        if self.output_mode == "tf_idf":
            seen = np.array([self._documents[token] for token in found])
            weights = np.log(1 + self._total / (1 + seen))
            weights = np.pad(weights, (self._first_token, 0), constant_values=weights.mean())
        self._set_tokens(found, weights)
        self._forget_counts()
        self._fix_size()

    def reset_state(self) -> None:
        super().reset_state()
        self._forget_counts()

    def _forget_counts(self):
        self._counts: Counter = Counter()
        self._documents: Counter = Counter()
        self._total = 0

    # --- calling -----------------------------------------------------------------------------

    def call(self, inputs: Any) -> Any:
        self._check_ready()
        if self.invert:
            return self._tokens_of(inputs)
        return self.encoded(self._indices(inputs))

    def encoded(self, indices: Tensor) -> Tensor:
        """Indices in the output mode of the layer."""
        if self.output_mode == "int":
            return indices.to(self._compute_dtype)
        depth = self.max_tokens if self.pad_to_max_tokens else self.vocabulary_size()
        result = self._encoded(indices, depth)
        if self.output_mode == "tf_idf":
            result = result * self._idf.to(result.device, result.dtype)
        return result

    def _check_ready(self):
        if not self._tokens:
            raise RuntimeError(
                f'Layer "{self.name}" has no vocabulary yet: pass one as vocabulary=, call '
                "set_vocabulary(), or let adapt() learn it from data."
            )

    def _unknown(self, tokens):
        raise ValueError(
            f'Layer "{self.name}" with num_oov_indices=0 takes tokens of its vocabulary only; '
            f"received {tokens[:5]}. Use num_oov_indices=1."
        )

    @property
    def _mask_index(self):
        return 0 if self.output_mode == "int" else _NOWHERE

    def _buffer(self, name, tensor):
        self.register_buffer(name, tensor.to(self.device), persistent=False)

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self.output_mode == "int":
            return input_shape
        depth = self.max_tokens if self.pad_to_max_tokens else self._size_in_use
        return (input_shape[0], depth)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["has_input_vocabulary"]
        return config

    def _setting(self, parameter):
        if parameter == "vocabulary_size":
            return self._size_in_use
        if parameter == "has_input_vocabulary":
            return self._given
        learned = self.input_vocabulary is None and self._tokens
        if parameter == "vocabulary":
            return self.get_vocabulary() if learned else self.input_vocabulary
        if parameter == "idf_weights":
            if learned and self.output_mode == "tf_idf":
                return self._idf[: self.vocabulary_size()].tolist()
            return self.input_idf_weights
        return super()._setting(parameter)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Lookup:
        refuse_files(cls, config)
        return cls(**config)


def refuse_files(cls: type, config: dict[str, Any]) -> None:
    """ValueError for a config whose vocabulary is the name of a file: none is opened for it."""
    if isinstance(config.get("vocabulary"), str):
        raise ValueError(
            f"The config of a {cls.__name__} names the vocabulary file {config['vocabulary']!r}. "
            "Files that a config names are not opened: make the layer yourself and pass "
            "vocabulary= a list of tokens."
        )


def _listed(values: Any) -> list | None:
    if values is None or isinstance(values, list):
        return values
    if isinstance(values, Sequence):
        return list(values)
    return to_numpy(values).tolist()
