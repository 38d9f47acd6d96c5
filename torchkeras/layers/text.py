"""Texts as sequences of token indices, or as bags of tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from ..layer import TABLE
from ..policies import Policy
from ..registry import get_registered_name, get_registered_object
from .hashing import TextLayer, as_bytes
from .lookup import StringLookup
from .vocabulary import refuse_files

_PUNCTUATION = b"!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"
_STANDARDIZE = ("lower_and_strip_punctuation", "lower", "strip_punctuation")
_SPLIT = ("whitespace", "character")
_MODES = ("int", "multi_hot", "count", "tf_idf")


@TABLE.add()
class TextVectorization(TextLayer):
    """Texts `(batch,)` or `(batch, 1)` standardized, split into tokens and looked up.

    `standardize`: 'lower_and_strip_punctuation' (of ASCII letters and signs), 'lower',
    'strip_punctuation', None, or a function from an array of `str` to another; `split`:
    'whitespace', 'character', None, or a function from an array of `str` to lists of them;
    `ngrams`: an integer for all lengths up to it, or a tuple of lengths. `output_mode` 'int'
    gives indices `(batch, output_sequence_length)`, padded with 0, or as long as the longest
    text; 'multi_hot', 'count' and 'tf_idf' give a row over the vocabulary. Index 0 is the
    padding, 1 stands for unknown tokens. The vocabulary is a list, or learned by `adapt`; the
    config holds it.

    >>> layer = TextVectorization(vocabulary=["world", "hello"])
    >>> layer(["Hello, world!", "Bye"]).tolist()
    [[3, 2], [1, 0]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: str | Callable | None = "lower_and_strip_punctuation",
        split: str | Callable | None = "whitespace",
        ngrams: int | Sequence[int] | None = None,
        output_mode: str | None = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        **kwargs: Any,
    ):
        dtype = kwargs.pop("dtype", None) or "string"
        if getattr(dtype, "name", dtype) != "string":
            raise ValueError(f"TextVectorization has dtype string; received dtype={dtype!r}.")
        inner = {
            key: kwargs.pop(key)
            for key in ("vocabulary_size", "has_input_vocabulary")
            if key in kwargs
        }
        super().__init__(dtype="int64", **kwargs)
        self._policy = Policy("string")
        output_mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(output_mode, output_mode)
        self.standardize = self._choice("standardize", standardize, _STANDARDIZE)
        self.split = self._choice("split", split, _SPLIT)
        self.output_mode = self._choice("output_mode", output_mode, _MODES, functions=False)
        self.ngrams = tuple(ngrams) if isinstance(ngrams, list) else ngrams
        self.output_sequence_length = output_sequence_length
        self.ragged, self.encoding = ragged, encoding
        self._check_lengths()
        self._lookup = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=output_mode or "int",
            sparse=sparse,
            encoding=encoding,
            **inner,
        )

    def _choice(self, argument, value, allowed, functions=True):
        if value is not None and value not in allowed and not (functions and callable(value)):
            raise ValueError(
                f'{argument} of layer "{self.name}" must be one of {", ".join(allowed)}'
                f"{', a function' if functions else ''} or None; received {value!r}."
            )
        return value

    def _check_lengths(self):
        told, ngrams, length = f'of layer "{self.name}"', self.ngrams, self.output_sequence_length
        single = isinstance(ngrams, int)
        if not single and ngrams is not None and not all(isinstance(n, int) for n in ngrams):
            raise ValueError(f"ngrams {told} must be integers or None; received {ngrams!r}.")
        self._widths = range(1, ngrams + 1) if single else ngrams
        if length is not None and (self.output_mode != "int" or not isinstance(length, int)):
            raise ValueError(
                f"output_sequence_length {told} must be an integer, and goes with "
                f'output_mode="int"; received {length!r} and {self.output_mode!r}.'
            )
        if self.ragged:
            raise ValueError(
                f"ragged=True {told}: torchkeras computes on dense tensors. Use "
                "output_sequence_length, or let shorter texts be padded with 0."
            )

    # --- the vocabulary ----------------------------------------------------------------------

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the vocabulary from texts, or from what yields batches of them."""
        if isinstance(data, (list, tuple)):
            data = np.asarray(data)
        elif not hasattr(data, "__array__"):
            data = (np.asarray(b) if isinstance(b, list) else b for b in data)
        super().adapt(data, batch_size, steps)

    def update_state(self, data: Any) -> None:
        self._lookup.count_rows(self._split_texts(self._arrays(data))[0])

    def reset_state(self) -> None:
        super().reset_state()
        self._lookup.reset_state()

    def finalize_state(self) -> None:
        self._lookup.finalize_state()

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The tokens in the order of their indices."""
        return self._lookup.get_vocabulary(include_special_tokens)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Take the tokens of a list; see `StringLookup.set_vocabulary`."""
        self._lookup.set_vocabulary(vocabulary, idf_weights)

    def vocabulary_size(self) -> int:
        """How many indices there are."""
        return self._lookup.vocabulary_size()

    # --- in files ----------------------------------------------------------------------------

    def save_own_variables(self, store: Any) -> None:
        """Put the inverse document frequencies into a mapping, as `.keras` files hold them."""
        self._lookup.save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        """Take them from a mapping."""
        self._lookup.load_own_variables(store)

    def save_assets(self, dir_path: str) -> None:
        """Write a vocabulary that `adapt` learned to `dir_path/vocabulary.txt`."""
        self._lookup.save_assets(dir_path)

    def load_assets(self, dir_path: str) -> None:
        """Read what `save_assets` wrote."""
        self._lookup.load_assets(dir_path)

    def load_vocabulary(self, text: str) -> None:
        """Take the content of such a file."""
        self._lookup.load_vocabulary(text)

    # --- calling -----------------------------------------------------------------------------

    def call(self, inputs: Any) -> Any:
        rows, leading = self._split_texts(inputs)
        if self.output_mode is None:
            shown = [[token.decode(self.encoding) for token in row] for row in rows]
            return shown if leading else shown[0]
        self._lookup._check_ready()
        longest = max(map(len, rows), default=0)
        length = longest if self.output_sequence_length is None else self.output_sequence_length
        rows = [row[:length] for row in rows]
        indices = self._lookup.indices_of([token for row in rows for token in row])
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        padding = 0 if self.output_mode == "int" else -1  # an encoding leaves -1 out
        padded = np.full((len(rows), length), padding, np.int64)
        padded[np.arange(length) < lengths[:, None]] = indices
        found = torch.from_numpy(padded.reshape(*leading, length)).to(self.device)
        return self._lookup.encoded(found)

    def _split_texts(self, inputs):
        """Lists of encoded tokens, and the shape in which the lists stand."""
        if not isinstance(inputs, np.ndarray):
            raise TypeError(
                f'Layer "{self.name}" takes texts, in numpy arrays or lists; received {inputs!r}.'
            )
        shape, texts = inputs.shape, self._standardized(inputs)
        if self.split is None:
            width = shape[-1] if shape else 1
            starts = range(0, len(texts), max(width, 1))
            rows, leading = [texts[start : start + width] for start in starts], shape[:-1]
        else:
            if len(shape) > 1 and shape[-1] != 1:
                raise ValueError(
                    f'Layer "{self.name}" splits texts of shape (batch,) or (batch, 1); received '
                    f"shape {shape}."
                )
            rows, leading = self._tokens(texts), shape[:-1] if len(shape) > 1 else shape
        if self._widths is not None:
            rows = [_ngrams(row, self._widths) for row in rows]
        return rows, leading

    def _standardized(self, inputs):
        if callable(self.standardize):
            decoded = [text.decode(self.encoding) for text in as_bytes(inputs, self.encoding)]
            inputs = np.array(decoded, dtype=object).reshape(inputs.shape)
            return as_bytes(np.asarray(self.standardize(inputs), dtype=object), self.encoding)
        texts = as_bytes(inputs, self.encoding)
        if self.standardize in ("lower", "lower_and_strip_punctuation"):
            texts = [text.lower() for text in texts]
        if self.standardize in ("strip_punctuation", "lower_and_strip_punctuation"):
            texts = [text.translate(None, _PUNCTUATION) for text in texts]
        return texts

    def _tokens(self, texts):
        if self.split == "whitespace":
            return [text.split() for text in texts]
        if self.split == "character":
            return [[c.encode() for c in text.decode("utf-8", "replace")] for text in texts]
        decoded = np.array([text.decode(self.encoding) for text in texts], dtype=object)
        rows = self.split(decoded)
        return [as_bytes(np.array(list(row), dtype=object), self.encoding) for row in rows]

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self.output_mode == "int":
            return (input_shape[0], self.output_sequence_length)
        return self._lookup.compute_output_shape(input_shape)

    def output_dtype(self, input_dtypes: list) -> str:
        return self._lookup.compute_dtype

    # --- config ------------------------------------------------------------------------------

    def _setting(self, parameter):
        inner = ("max_tokens", "pad_to_max_tokens", "sparse")
        if parameter in inner:
            return getattr(self._lookup, parameter)
        if parameter in ("vocabulary", "idf_weights"):
            return None  # told by get_config
        value = super()._setting(parameter)
        return get_registered_name(value) if callable(value) else value

    def get_config(self) -> dict[str, Any]:
        config, inner = super().get_config(), self._lookup.get_config()
        config["vocabulary"], config["idf_weights"] = inner["vocabulary"], inner["idf_weights"]
        config["vocabulary_size"] = self.vocabulary_size()
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TextVectorization:
        """The layer of a config; functions in it must be registered or in custom_objects."""
        refuse_files(cls, config)
        config = dict(config)
        for key, known in (("standardize", _STANDARDIZE), ("split", _SPLIT)):
            name = config.get(key)
            if isinstance(name, dict):
                name = name.get("registered_name") or name.get("config")
            if name is None or name in known or callable(name):
                continue
            function = get_registered_object(str(name))
            if function is None:
                raise ValueError(
                    f"The config of a TextVectorization names the function {name!r} for {key}; "
                    "register it with register_keras_serializable, or pass it in custom_objects."
                )
            config[key] = function
        return cls(**config)


def _ngrams(tokens, widths):
    """All runs of so many neighbours, joined by spaces: for the first width, then the next."""
    return [
        b" ".join(tokens[start : start + width])
        for width in widths
        for start in range(len(tokens) - width + 1)
    ]
