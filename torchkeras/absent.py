"""Parts of Keras that are TensorFlow's own: any of their names is an error with the way out."""

from __future__ import annotations

from types import ModuleType
from typing import Any

WAYS_OUT = {
    "dtensor": "lays tensors out over devices by TensorFlow's DTensor. Use "
    "torch.distributed.tensor, DistributedDataParallel or FSDP: a model here is an nn.Module",
    "estimator": "turns models into TensorFlow's estimators, which TensorFlow has removed. Call "
    "model.fit, evaluate and predict",
    "export": "writes SavedModels for TensorFlow's servers. Save with model.save, or export the "
    "model, an nn.Module, with torch.export or torch.onnx",
}


class AbsentModule(ModuleType):
    """A module that can be imported and has no names: what it would do needs TensorFlow.

    >>> AbsentModule("dtensor").Layout
    Traceback (most recent call last):
    ...
    AttributeError: keras.dtensor.Layout is not here: keras.dtensor lays tensors out over ...
    """

    def __init__(self, name: str):
        super().__init__(f"torchkeras.{name}", f"keras.{name} {WAYS_OUT[name]}.")
        self.__dict__["_name"] = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        name = self.__dict__["_name"]
        raise AttributeError(
            f"keras.{name}.{attribute} is not here: keras.{name} {WAYS_OUT[name]}."
        )
