"""Layers that are made of TensorFlow itself: their names, and errors that tell the way out."""

from __future__ import annotations

from typing import Any

from ..layer import TABLE, Layer


@TABLE.add()
class TFSMLayer(Layer):
    """A SavedModel of TensorFlow as a layer: not possible without TensorFlow.

    >>> TFSMLayer("folder")
    Traceback (most recent call last):
    ...
    NotImplementedError: TFSMLayer runs the graph of a SavedModel, ...
    """

    def __init__(
        self,
        filepath: Any,
        call_endpoint: str = "serve",
        call_training_endpoint: str | None = None,
        trainable: bool = True,
        name: str | None = None,
        dtype: Any = None,
    ):
        raise NotImplementedError(
            f"TFSMLayer runs the graph of a SavedModel, which needs TensorFlow; it was asked for "
            f"{filepath!r}. Save the model in Keras with model.save('model.keras') or "
            "model.save('model.h5') and load that."
        )
