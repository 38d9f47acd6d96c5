"""Modules of torch as layers."""

from __future__ import annotations

from typing import Any

from torch import nn

from ..layer import TABLE, Layer
from ..symbols import KerasTensor, infer_module


@TABLE.add()
class TorchModuleWrapper(Layer):
    """Any `nn.Module` as a layer, whatever its `forward` does.

    Modules may stand among layers as they are, but called on a symbolic tensor their `forward`
    must get along with open sizes; here it runs on stand-ins instead. `output_shape` spares the
    run. A module is code, so there is no config: build the model in Python and load weights.

    >>> import torchkeras as keras
    >>> x = keras.Input((5, 3))
    >>> sequences, state = TorchModuleWrapper(nn.GRU(3, 4, batch_first=True))(x)
    >>> sequences.shape
    (None, 5, 4)
    """

    def __init__(
        self, module: nn.Module, name: str | None = None, output_shape: Any = None, **kwargs: Any
    ):
        super().__init__(name=name, **kwargs)
        if not isinstance(module, nn.Module):
            raise TypeError(f"TorchModuleWrapper wraps an nn.Module; received {module!r}.")
        self.module = module
        self._given_shape = output_shape
        self.to(self.device)

    def call(self, *args, **kwargs):
        return self.module(*args, **kwargs)

    def _symbolic_outputs(self, args, kwargs):
        if self._given_shape is not None:
            return KerasTensor(self._given_shape, self.compute_dtype)
        return infer_module(self.module, args, kwargs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self._given_shape is not None:
            return tuple(self._given_shape)
        return super().compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(
            f"Layer {self.name!r} holds the module {type(self.module).__name__}, which has no "
            "config. Save the weights with save_weights()."
        )


TorchModuleWrapper._takes_training = False  # its keywords are the module's
