"""Functions as layers: `Lambda` for any of Python's, `Identity` for none."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from .. import activations, tree
from ..layer import TABLE, Layer
from ..registry import get_registered_name, get_registered_object


@TABLE.add()
class Identity(Layer):
    """The inputs as they are.

    >>> Identity()(torch.tensor([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """

    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@TABLE.add()
class Lambda(Layer):
    """A function of tensors, without weights, as a layer.

    `arguments` are passed to it by name, `mask` and `training` too where it takes them.
    `output_shape`, without the batch, or a function of the input's shape, is found by running
    the function on stand-ins where it is left out. `mask` is the output's mask, or a function
    `(inputs, mask)` that gives it.

    A config has the function's name: register it with `register_keras_serializable`, or pass it
    in `custom_objects`, to load it. A lambda has no name, so a file holds its code, which is
    computed when it is loaded, if it only computes tensors.

    >>> Lambda(lambda x: x**2)(torch.tensor([1.0, 3.0])).tolist()
    [1.0, 9.0]
    """

    def __init__(
        self,
        function: Callable,
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ):
        if not callable(function):
            raise TypeError(f"Lambda needs a function; received {function!r}.")
        super().__init__(**kwargs)
        self.function, self.arguments = function, dict(arguments or {})
        self.mask, self._given_shape = mask, output_shape
        self.supports_masking = self._makes_mask = mask is not None
        taken = _parameters(function)
        self._passes_training = "training" in taken
        self._passes_mask = "mask" in taken

    def call(self, inputs, mask=None, training=None):
        kwargs = dict(self.arguments)
        if self._passes_mask:
            kwargs["mask"] = mask
        if self._passes_training:
            kwargs["training"] = self.training if training is None else training
        return self.function(inputs, **kwargs)

    def compute_mask(self, inputs, mask=None):
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def _symbolic_outputs(self, args, kwargs):
        return self._infer(args, kwargs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        given = self._given_shape
        if given is None:
            return super().compute_output_shape(input_shape)
        if callable(given):
            return given(input_shape)
        batch = next(tree.leaves(input_shape), None)
        if any(isinstance(item, (list, tuple)) for item in given):
            return [(batch, *shape) for shape in given]
        return (batch, *given)

    # --- config ----------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        written = {}
        for key, module in (
            ("function", "module"),
            ("output_shape", "output_shape_module"),
            ("mask", "mask_module"),
        ):
            value = config.pop(key)
            if key == "mask" and value is None:
                continue
            written |= {key: _name(value), f"{key}_type": _kind(value)}
            written[module] = getattr(value, "__module__", None) if callable(value) else None
        arguments = {key: _plain(value) for key, value in config.pop("arguments").items()}
        return {**config, **written, "arguments": arguments}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Lambda:
        """The layer of a config whose functions have names that are known here.

        ValueError for a function that is not registered, and for the code of one.
        """
        config = dict(config)
        for key, module in (
            ("function", "module"),
            ("output_shape", "output_shape_module"),
            ("mask", "mask_module"),
        ):
            kind, place = config.pop(f"{key}_type", "raw"), config.pop(module, None)
            if kind != "raw" or _is_function(config.get(key)):
                config[key] = _find(config[key], place, config.get("name"), custom_objects)
        arguments = config.get("arguments") or {}
        config["arguments"] = {key: _from_plain(value) for key, value in arguments.items()}
        return cls(**config)

    def _again(self):
        """A new layer of the same functions, whose names need not be known."""
        if getattr(self.get_config, "__func__", None) is Lambda.get_config:
            return type(self).from_config(super().get_config())
        return super()._again()

    def _setting(self, parameter):
        if parameter == "output_shape":  # the attribute of that name is the symbolic output's
            return self._given_shape
        return getattr(self, parameter)


def _parameters(function):
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # written in C
        return {}


def _kind(value):
    if not callable(value):
        return "raw"
    return "function" if _has_name(value) else "lambda"


def _has_name(function):
    """Whether a name says which function it is: not so for lambdas and partial functions."""
    return not getattr(function, "__name__", "<none>").startswith("<")


def _name(value):
    """The name of a function, or itself: within the process, a config may hold it."""
    return get_registered_name(value) if callable(value) and _has_name(value) else value


def _is_function(value):
    """Whether a setting is a function as Keras 3 describes one, or the name of what has no code."""
    if isinstance(value, dict):
        return value.get("class_name") == "function"
    return isinstance(value, str) and value.startswith("<")


def _find(function, module, layer, custom_objects):
    if callable(function):
        return function
    if isinstance(function, dict):  # {"class_name": "function", "config": name}
        function = function.get("config")
    if not isinstance(function, str) or function.startswith("<"):
        raise ValueError(
            f"Lambda layer {layer!r} holds Python code, which is not run. Give the function a "
            "name, register it or pass it in custom_objects, and save the model again."
        )
    found = get_registered_object(function, custom_objects)
    found = found or get_registered_object(f"Custom>{function}")
    if found is None and str(module).rpartition(".")[2] == "activations":
        found = activations.TABLE.objects.get(function)
    if found is None:
        raise ValueError(
            f"The function {function!r} of Lambda layer {layer!r} is not known. Pass it in "
            f"custom_objects={{{function!r}: ...}} or register it with "
            "register_keras_serializable."
        )
    return found


def _plain(value):
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        return {"type": "ndarray", "value": value.tolist()}
    return value


def _from_plain(value):
    if isinstance(value, dict) and value.get("type") == "ndarray":
        return np.array(value["value"])
    return value
