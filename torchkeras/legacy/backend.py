"""What `keras.backend` had for sessions and axis orders of TensorFlow 1 and Theano."""

from __future__ import annotations

import builtins
from contextlib import nullcontext
from typing import Any

import torch

from .. import backend as K
from .. import tree
from ..variable import Variable
from .warning import deprecated


class Session:
    """Stands for a session of TensorFlow 1: there is none, calls run at once."""

    graph = None

    def run(self, fetches: Any, feed_dict: Any = None, **kwargs: Any) -> Any:
        """Initializers run without effect; anything else that is asked for raises."""
        if fetches is None or (isinstance(fetches, (list, tuple)) and not any(fetches)):
            return fetches
        if feed_dict:
            raise RuntimeError("There is no session: call the model, or K.function, on the data.")
        many = isinstance(fetches, (list, tuple))
        values = [K.get_value(x) for x in (fetches if many else [fetches])]
        return values if many else values[0]

    def close(self) -> None:
        """Without effect."""

    def as_default(self):
        return nullcontext(self)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False


_session = Session()


def get_session(op_input_list: Any = ()) -> Session:
    """An object that stands for a session; there is none."""
    deprecated("K.get_session", "nothing: calls run at once, there is no session")
    return _session


def set_session(session: Any) -> None:
    """Without effect: there is no session."""
    deprecated("K.set_session", "nothing: calls run at once, there is no session")


def image_dim_ordering() -> str:
    """'tf' for channels_last, 'th' for channels_first."""
    deprecated("K.image_dim_ordering()", "K.image_data_format()")
    return {"channels_last": "tf", "channels_first": "th"}[K.image_data_format()]


def set_image_dim_ordering(dim_ordering: str) -> None:
    """`set_image_data_format` by the names of Keras 1: 'tf' or 'th'."""
    deprecated("K.set_image_dim_ordering", "K.set_image_data_format")
    formats = {"tf": "channels_last", "th": "channels_first"}
    if dim_ordering not in formats:
        raise ValueError(f"dim_ordering must be 'tf' or 'th'; received {dim_ordering!r}.")
    K.set_image_data_format(formats[dim_ordering])


def is_placeholder(x: Any) -> bool:
    """Whether `x` is symbolic."""
    deprecated("K.is_placeholder", "K.is_keras_tensor")
    return K.is_keras_tensor(x)


def identity(x: Any, name: str | None = None) -> Any:
    """`x` as it is."""
    deprecated("K.identity", "x itself")
    return x.value if isinstance(x, Variable) else x


def is_tensor(x: Any) -> bool:
    """Whether `x` is a tensor, symbolic or not."""
    deprecated("K.is_tensor", "torch.is_tensor")
    return K.is_keras_tensor(x) or isinstance(x, (torch.Tensor, Variable))


def is_variable(x: Any) -> bool:
    """Whether `x` is a `Variable`."""
    deprecated("K.is_variable", "isinstance(x, keras.Variable)")
    return isinstance(x, Variable)


def slice(x: Any, start: Any, size: Any) -> Any:
    """The part of `x` that begins at `start` and has the sizes `size`; -1 means all of the rest."""
    deprecated("K.slice", "x[start : start + size]")
    sizes = (None if n == -1 else begin + n for begin, n in zip(start, size, strict=True))
    index = tuple(builtins.slice(begin, end) for begin, end in zip(start, sizes, strict=True))
    return (x.value if isinstance(x, Variable) else x)[index]


def size(x: Any, name: str | None = None) -> Any:
    """How many elements `x` has."""
    deprecated("K.size", "K.prod(K.shape(x))")
    return K.prod(K.shape(x))


def control_dependencies(inputs: Any):
    """Without effect: calls run in the order they are written."""
    deprecated("K.control_dependencies", "nothing: calls run in their order")
    return nullcontext()


def matthews_correlation(y_true: Any, y_pred: Any) -> Any:
    """Matthews' correlation of rounded predictions with labels of 0 and 1, a metric of Keras 1."""
    deprecated("metrics.matthews_correlation", "a function of your own")
    y_true, y_pred = K.round(K.clip(y_true, 0, 1)), K.round(K.clip(y_pred, 0, 1))
    hits, quiet = K.sum(y_true * y_pred), K.sum((1 - y_true) * (1 - y_pred))
    false, missed = K.sum((1 - y_true) * y_pred), K.sum(y_true * (1 - y_pred))
    spread = (hits + false) * (hits + missed) * (quiet + false) * (quiet + missed)
    return (hits * quiet - false * missed) / (K.sqrt(spread) + K.epsilon())


def categorical_accuracy_of_labels(p: Any, y: Any) -> float:
    """`np_utils.accuracy` of Keras 0.3: the share of equal labels."""
    deprecated("utils.accuracy", "keras.metrics.Accuracy")
    return float((K.get_value(p) == K.get_value(y)).mean())


EPSILON = 1e-7  # what `K.common._EPSILON` is at first


def to_tensor(x: Any, dtype: Any) -> Any:
    """`x` as a tensor of that dtype, which losses of one's own took from the backend."""
    deprecated("_to_tensor(x, dtype)", "K.constant(x, dtype) or K.cast(x, dtype)")
    return K.cast(x, K.dtype(dtype) if hasattr(dtype, "dtype") else dtype)


def available_gpus() -> list[str]:
    """The names of the GPUs that torch sees."""
    deprecated("_get_available_gpus()", "torch.cuda.device_count()")
    return [f"/device:GPU:{number}" for number in range(torch.cuda.device_count())]


def categories_of(p: Any) -> Any:
    """The class number of each row of probabilities."""
    deprecated("categorical_probas_to_classes(p)", "p.argmax(-1)")
    return K.get_value(p).argmax(1) if isinstance(p, torch.Tensor) else p.argmax(1)


def expand_1d(data: Any) -> Any:
    """Arrays and tensors of one axis as columns, as steps of one's own take batches."""

    def column(x):
        return x[:, None] if getattr(x, "ndim", None) == 1 else x

    return tree.map_structure(column, data)
