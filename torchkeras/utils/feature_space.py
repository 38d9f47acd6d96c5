"""`FeatureSpace`: columns of a table, each prepared in its way, as one vector or a dictionary."""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from .. import configs, layers
from ..data import Dataset
from ..data.elements import Strings
from ..layer import TABLE, Layer
from ..names import unique_name
from ..precision import dtype_name
from ..saving.api import save_layer

_HOME = "keras.src.utils.feature_space"  # where files say that features and crosses come from
_OUTPUTS = {"feature": ("int", "one_hot", "float"), "cross": ("int", "one_hot")}


class Cross:
    """Features that are hashed together into one of `crossing_dim` numbers."""

    def __init__(
        self, feature_names: Iterable[str], crossing_dim: int, output_mode: str = "one_hot"
    ):
        self.feature_names = tuple(feature_names)
        self.crossing_dim = crossing_dim
        self.output_mode = _chosen(output_mode, _OUTPUTS["cross"])

    @property
    def name(self) -> str:
        return "_X_".join(self.feature_names)

    def get_config(self) -> dict[str, Any]:
        return {
            "feature_names": self.feature_names,
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }


class Feature:
    """A column: its dtype, the layer that prepares it, and how the result is encoded."""

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str):
        self.dtype = dtype
        if isinstance(preprocessor, dict):
            preprocessor = TABLE.deserialize(preprocessor)
        self.preprocessor = preprocessor
        self.output_mode = _chosen(output_mode, _OUTPUTS["feature"])

    def get_config(self) -> dict[str, Any]:
        return {
            "dtype": self.dtype,
            "preprocessor": configs.serialize(TABLE, self.preprocessor),
            "output_mode": self.output_mode,
        }


@TABLE.add()
class FeatureSpace(Layer):
    """Columns of a table, prepared and encoded, each as its feature says.

    `features` maps the name of each column to a feature: 'float', 'float_normalized',
    'float_rescaled', 'float_discretized', 'integer_categorical', 'string_categorical',
    'integer_hashed', 'string_hashed', or what the methods of these names make. `crosses` are tuples
    of names, or results of `cross`. `output_mode` is 'concat', one float vector a row, features in
    the order of their names and then crosses; or 'dict'. `adapt` learns vocabularies, means and
    bins from a data set of dictionaries. The space is called with a dictionary of rows, or of the
    values of one row; in a model `get_inputs` and `get_encoded_features` are its two ends.

    >>> space = FeatureSpace({"age": "float", "kind": FeatureSpace.string_hashed(3)})
    >>> space({"age": [1.5, 2.0], "kind": ["cat", "dog"]}).shape
    torch.Size([2, 4])
    """

    serialized_as = "keras.utils", None

    def __init__(
        self,
        features: dict[str, Any],
        output_mode: str = "concat",
        crosses: Any = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
    ):
        if not features:
            raise ValueError("`features` of a FeatureSpace must name at least one column.")
        super().__init__()
        self.crossing_dim = crossing_dim
        self.hashing_dim = hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.output_mode = _chosen(output_mode, ("concat", "dict"))
        self.features = {name: self._feature(name, told) for name, told in features.items()}
        self.crosses = [self._cross(told) for told in crosses or ()]
        self.inputs = {
            name: layers.Input((1,), dtype=feature.dtype, name=name)
            for name, feature in self.features.items()
        }
        self.preprocessors = {name: one.preprocessor for name, one in self.features.items()}
        self.crossers = {
            cross.name: layers.HashedCrossing(cross.crossing_dim, name=cross.name)
            for cross in self.crosses
        }
        self.one_hot_encoders: dict[str, Any] = {}
        self.concat = None
        self.encoded_features = None
        self._is_adapted = not self._to_adapt()

    def _feature(self, name, told):
        if isinstance(told, dict):
            told = Feature(**told["config"])
        if isinstance(told, Feature):
            return told
        if told == "float_discretized":
            return self.float_discretized(self.num_discretization_bins, name=name)
        if told in ("integer_hashed", "string_hashed"):
            return getattr(self, told)(self.hashing_dim, name=name)
        if told not in _PLAIN:
            raise ValueError(
                f"Feature {name!r} must be a feature or one of {', '.join(_PLAIN)}, "
                f"float_discretized, integer_hashed, string_hashed; received {told!r}."
            )
        return getattr(self, told)(name=name)

    def _cross(self, told):
        if isinstance(told, dict):
            told = Cross(**told["config"])
        cross = told if isinstance(told, Cross) else Cross(told, self.crossing_dim)
        unknown = [name for name in cross.feature_names if name not in self.features]
        if unknown:
            raise ValueError(
                f"The cross {cross.feature_names} names {unknown}, which `features` lacks."
            )
        if not cross.crossing_dim:
            raise ValueError(f"The cross {cross.feature_names} needs a `crossing_dim`.")
        return cross

    # --- features --------------------------------------------------------------------------------

    @classmethod
    def cross(cls, feature_names: Any, crossing_dim: int, output_mode: str = "one_hot") -> Cross:
        """Features hashed together into one of `crossing_dim` numbers, 'int' or 'one_hot'."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """A column of `dtype` through a layer of your own; 'int', 'one_hot' or 'float'."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """Numbers as they are."""
        layer = layers.Identity(dtype="float32", name=_layer_name("float", name))
        return Feature("float32", layer, "float")

    @classmethod
    def float_rescaled(
        cls, scale: builtins.float = 1.0, offset: builtins.float = 0.0, name: str | None = None
    ) -> Feature:
        """Numbers times `scale` plus `offset`."""
        layer = layers.Rescaling(scale, offset, name=_layer_name("float_rescaled", name))
        return Feature("float32", layer, "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """Numbers less their mean, by their standard deviation."""
        layer = layers.Normalization(axis=-1, name=_layer_name("float_normalized", name))
        return Feature("float32", layer, "float")

    @classmethod
    def float_discretized(
        cls,
        num_bins: int,
        bin_boundaries: Any = None,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """The bin of each number, of `num_bins` alike filled ones or between `bin_boundaries`."""
        name = _layer_name("float_discretized", name)
        if bin_boundaries is None:
            layer = layers.Discretization(num_bins=num_bins, name=name)
        else:
            layer = layers.Discretization(bin_boundaries=bin_boundaries, name=name)
        return Feature("float32", layer, output_mode)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """The place of each integer in a vocabulary of at most `max_tokens`."""
        layer = layers.IntegerLookup(
            max_tokens, num_oov_indices, name=_layer_name("integer_categorical", name)
        )
        return Feature("int64", layer, output_mode)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """The place of each text in a vocabulary of at most `max_tokens`."""
        layer = layers.StringLookup(
            max_tokens, num_oov_indices, name=_layer_name("string_categorical", name)
        )
        return Feature("string", layer, output_mode)

    @classmethod
    def string_hashed(
        cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Texts hashed into `num_bins` numbers."""
        layer = layers.Hashing(num_bins, name=_layer_name("string_hashed", name))
        return Feature("string", layer, output_mode)

    @classmethod
    def integer_hashed(
        cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Integers hashed into `num_bins` numbers."""
        layer = layers.Hashing(num_bins, name=_layer_name("integer_hashed", name))
        return Feature("int64", layer, output_mode)

    # --- learning --------------------------------------------------------------------------------

    def adapt(self, dataset: Dataset) -> None:
        """Learn from a `data.Dataset` of dictionaries, batched or not, without labels."""
        if not isinstance(dataset, Dataset):
            raise ValueError(
                "`adapt` of a FeatureSpace takes a tf.data.Dataset of dictionaries, such as "
                f"Dataset.from_tensor_slices(columns); received {type(dataset).__name__}."
            )
        for name in self._to_adapt():
            column = dataset.map(lambda row, name=name: row[name])
            rank = len(next(iter(column.take(1))).shape)
            if rank == 0:
                column = column.batch(32)
            if rank < 2:
                column = column.map(lambda values: values[..., None])
            self.preprocessors[name].adapt(column)
        self._is_adapted = True
        self.encoded_features = self.concat = None
        self.one_hot_encoders = {}
        self._finish()

    def _to_adapt(self):
        """The names of the features whose layers learn and are not given what they would learn."""
        kinds = (
            (layers.Normalization, "input_mean"),
            (layers.Discretization, "input_bin_boundaries"),
        )
        settled = {
            name
            for name, layer in self.preprocessors.items()
            for kind, setting in kinds
            if isinstance(layer, kind) and getattr(layer, setting, None) is not None
        }
        return [
            name
            for name, layer in self.preprocessors.items()
            if hasattr(layer, "adapt") and name not in settled and type(layer) not in _UNTAUGHT
        ]

    # --- encoding --------------------------------------------------------------------------------

    def get_inputs(self) -> dict[str, Any]:
        """The symbolic columns, by name, for the inputs of a model."""
        self._finish()
        return self.inputs

    def get_encoded_features(self) -> Any:
        """What the space makes of its symbolic columns."""
        self._finish()
        return self.encoded_features

    def _finish(self):
        """Make the layers that encode, which needs what `adapt` learned."""
        if self.encoded_features is not None:
            return
        if not self._is_adapted:
            raise ValueError(
                "This FeatureSpace has vocabularies, means or bins to learn: call its "
                f"adapt(dataset) first. Its features {self._to_adapt()} need that."
            )
        prepared = self._prepared(self.inputs)
        for name, value in prepared.items():
            self._check(name, value)
        if self.output_mode == "concat":
            self.concat = layers.Concatenate(axis=-1)
        self.encoded_features = self._merged(prepared)
        self.built = True

    def _prepared(self, columns):
        """Features and then crosses, in the order of their names, not encoded yet."""
        found = {name: self.preprocessors[name](columns[name]) for name in sorted(self.features)}
        crosses = {cross.name: cross for cross in self.crosses}
        for name in sorted(crosses):
            parts = [found[part] for part in crosses[name].feature_names]
            found[name] = self.crossers[name](parts)
        return found

    def _check(self, name, value):
        """Make the encoder of a feature, if it has one; ValueError where that cannot be done."""
        modes = {cross.name: cross.output_mode for cross in self.crosses}
        modes |= {feature: told.output_mode for feature, told in self.features.items()}
        dtype = str(getattr(value, "dtype", "string"))
        dtype = dtype if dtype == "string" else dtype_name(value.dtype)
        if modes[name] == "one_hot":
            if not dtype.startswith("int"):
                raise ValueError(
                    f"Feature {name!r} is to be one-hot, so its layer must give integers; it gives "
                    f"{dtype}."
                )
            size = _cardinality(name, self.preprocessors.get(name) or self.crossers.get(name))
            self.one_hot_encoders[name] = layers.CategoryEncoding(size, output_mode="multi_hot")
        elif self.output_mode == "concat" and (dtype.startswith("int") or dtype == "string"):
            raise ValueError(
                f"Feature {name!r} is {dtype} and not encoded, so it cannot be part of one vector. "
                'Use output_mode="dict" for the space, or "one_hot" for the feature.'
            )

    def _merged(self, prepared):
        encoders = self.one_hot_encoders
        merged = {
            name: encoders[name](value) if name in encoders else value
            for name, value in prepared.items()
        }
        return merged if self.output_mode == "dict" else self.concat(list(merged.values()))

    def __call__(self, data: dict[str, Any]) -> Any:
        """The encoded rows of a dictionary of columns, or one row of a dictionary of values."""
        self._finish()
        if not isinstance(data, dict):
            raise ValueError(
                "A FeatureSpace is called with a dictionary of columns; received "
                f"{type(data).__name__}."
            )
        missing = sorted(set(self.features) - set(data))
        if missing:
            raise ValueError(f"The FeatureSpace lacks the columns {missing}; it has {list(data)}.")
        columns = {name: _column(data[name]) for name in self.features}
        alone = any(len(column.shape) == 0 for column in columns.values())
        shaped = {
            name: column.reshape(1, 1) if len(column.shape) == 0 else _upright(column)
            for name, column in columns.items()
        }
        merged = self._merged(self._prepared(shaped))
        if not alone:
            return merged
        if isinstance(merged, dict):
            return {
                name: value[0] if len(value.shape) == 2 and value.shape[0] == 1 else value
                for name, value in merged.items()
            }
        return merged[0]

    # --- config and files ------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        return {
            "features": {name: _entry(one) for name, one in self.features.items()},
            "output_mode": self.output_mode,
            "crosses": [_entry(cross) for cross in self.crosses],
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FeatureSpace:
        """The space of a config; what it has learned is in its layers' configs and weights."""
        return cls(**config)

    def get_build_config(self) -> dict[str, Any]:
        """The shape that each feature's layer was built for."""
        told = {name: one.preprocessor.get_build_config() for name, one in self.features.items()}
        return {name: shape or {"input_shape": (None, 1)} for name, shape in told.items()}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build the features' layers; the space counts as adapted."""
        for name, told in config.items():
            if told:
                self.features[name].preprocessor.build_from_config(told)
        self._is_adapted = True

    def save(self, filepath: Any, overwrite: bool = True) -> None:
        """Write a `.keras` file, which `keras.models.load_model` reads."""
        self._finish()
        save_layer(self, filepath, overwrite)


_UNTAUGHT = layers.Hashing, layers.HashedCrossing, layers.CategoryEncoding, layers.Rescaling
_PLAIN = "float float_normalized float_rescaled integer_categorical string_categorical".split()


def _chosen(mode, allowed):
    if mode not in allowed:
        raise ValueError(f"`output_mode` must be one of {', '.join(allowed)}; received {mode!r}.")
    return mode


def _layer_name(kind, name):
    return f"{name or unique_name(kind)}_preprocessor"


def _entry(described):
    name = type(described).__name__
    config = configs.plain(described.get_config())
    return {"module": _HOME, "class_name": name, "config": config, "registered_name": name}


def _cardinality(name, layer):
    """How many different integers a layer gives."""
    if isinstance(layer, (layers.IntegerLookup, layers.StringLookup)):
        return layer.vocabulary_size()
    if isinstance(layer, layers.Discretization) and layer.input_bin_boundaries is not None:
        return len(layer.input_bin_boundaries) + 1
    for attribute in ("num_tokens", "num_bins"):
        if isinstance(getattr(layer, attribute, None), int):
            return getattr(layer, attribute)
    raise ValueError(
        f"Feature {name!r} is to be one-hot, but how many integers {type(layer).__name__} gives is "
        'not known; use output_mode="int".'
    )


def _column(values):
    """Numbers as a tensor, texts as an array."""
    if hasattr(values, "shape") and not isinstance(values, (np.ndarray, np.generic)):
        return values
    array = np.asarray(values)
    if array.dtype.kind in "OSU":
        return Strings.of(array)
    return torch.as_tensor(array.astype("float32") if array.dtype == np.float64 else array)


def _upright(column):
    return column[..., None] if len(column.shape) == 1 else column
