"""`keras.utils.experimental`: data that each worker makes for itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class DatasetCreator:
    """A function that makes the data set, for strategies that train on several workers.

    There is one worker here, so calling the object is calling the function; it gets None where
    TensorFlow gives it an input context.

    >>> DatasetCreator(lambda context: [1, 2])(None)
    [1, 2]
    """

    def __init__(self, dataset_fn: Callable[[Any], Any], input_options: Any = None):
        if not callable(dataset_fn):
            raise TypeError(f"`dataset_fn` must be a function; received {dataset_fn!r}.")
        if input_options is not None:
            raise ValueError(
                "`input_options` are options of TensorFlow's distribution strategies; leave them "
                "out. For several GPUs use torch's DistributedDataParallel."
            )
        self.dataset_fn = dataset_fn
        self.input_options = input_options

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.dataset_fn(*args, **kwargs)
