"""What scripts seldom ask of a layer: names of older Keras, and hooks of its files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from torch import nn

from . import tree
from .symbols import KerasTensor


class Seldom:
    """The part of `Layer` that few scripts call."""

    _dynamic = False

    @property
    def dynamic(self) -> bool:
        """Whether the layer was made with `dynamic=True`; every layer runs eagerly here."""
        return self._dynamic

    def add_variable(self, *args: Any, **kwargs: Any) -> Any:
        """The old name of `add_weight`."""
        return self.add_weight(*args, **kwargs)

    def add_update(self, updates: Any) -> None:
        """Run updates that are functions at once; values were computed when they were made."""
        for update in tree.leaves(updates):
            if callable(update):
                update()

    @property
    def updates(self) -> list:
        """Empty: updates run as they are made."""
        return []

    @property
    def metrics(self) -> list:
        """What `add_metric` made, of this layer and of those inside."""
        found = [m.__dict__.get("_added_metrics", {}) for m in self.modules()]
        return [metric for known in found for metric in known.values()]

    @property
    def submodules(self) -> tuple[nn.Module, ...]:
        """All modules inside."""
        return tuple(module for module in self.modules() if module is not self)

    def name_scope(self) -> AbstractContextManager:
        """A context that changes nothing: names are made of those of layers."""
        return nullcontext()

    @classmethod
    def with_name_scope(cls, method: Callable) -> Callable:
        """`method` as it is."""
        return method

    def finalize_state(self) -> None:
        """Nothing, but in layers that `adapt`."""

    def compute_output_signature(self, input_signature: Any) -> Any:
        """Shapes and dtypes of outputs, for inputs of which `shape` and `dtype` are known."""

        def shape(one):
            return tuple(one.shape)

        inputs = tree.map_structure(shape, input_signature)
        shapes = self.compute_output_shape(inputs)
        several = bool(shapes) and isinstance(shapes[0], (tuple, list))
        made = [KerasTensor(one, self.compute_dtype) for one in (shapes if several else [shapes])]
        return made if several else made[0]

    def get_build_config(self) -> dict[str, Any] | None:
        """The shape that the layer was built for, None before."""
        shape = self.__dict__.get("_built_for")
        return None if shape is None else {"input_shape": shape}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build for the shape of `get_build_config`."""
        if config and not self.built:
            self._ensure_built(as_shapes(config["input_shape"]))

    def save_own_variables(self, store: Any) -> None:
        """Write the layer's own weights into a mapping: '0', '1', ..."""
        for number, weight in enumerate(self._weights):
            store[str(number)] = weight.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Read what `save_own_variables` wrote; ValueError where it does not fit."""
        if len(store.keys()) != len(self._weights):
            raise ValueError(
                f"Layer {self.name!r} has {len(self._weights)} weights of its own; received "
                f"{len(store.keys())}."
            )
        for number, weight in enumerate(self._weights):
            weight.assign(np.asarray(store[str(number)]))


def as_shapes(shape):
    if isinstance(shape, dict):
        return {key: as_shapes(one) for key, one in shape.items()}
    if any(isinstance(one, (list, tuple)) for one in shape):
        return [as_shapes(one) for one in shape]
    return tuple(shape)
