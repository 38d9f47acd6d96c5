"""Models that `multi_gpu_model` of Keras 2.0 to 2.3 made, as files hold them.

Each GPU has a Lambda layer that gives it its part of the batch, and a concatenation joins what the
inner model makes of the parts. The Lambdas hold Python code; it is recognized by what it is called
and in its place stands the function below, which does the same.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from torch import Tensor

from ...registry import register_keras_serializable

_ARGUMENTS = {"i", "parts"}
_FILES = (b"multi_gpu_utils.py", b"training_utils.py")


@register_keras_serializable("torchkeras", "get_slice")
def part_of_batch(data: Tensor, i: int, parts: int) -> Tensor:
    """The part that number `i` of `parts` GPUs gets; the last one gets what is left over.

    >>> import torch
    >>> part_of_batch(torch.arange(7), 0, 2).tolist(), part_of_batch(torch.arange(7), 1, 2).tolist()
    ([0, 1, 2], [3, 4, 5, 6])
    """
    if data.is_meta:  # stands for a batch of any size, and so does its part
        return data
    step = data.shape[0] // parts
    return data[step * i :] if i == parts - 1 else data[step * i : step * (i + 1)]


def known(inner: dict[str, Any]) -> Callable | None:
    """That function, where the config of a Lambda has the code of the one in Keras."""
    return part_of_batch if _gives_a_part(inner) else None


def _gives_a_part(inner):
    arguments, function = inner.get("arguments"), inner.get("function")
    if not isinstance(arguments, dict) or set(arguments) != _ARGUMENTS:
        return False
    i, parts = arguments["i"], arguments["parts"]
    if type(i) is not int or type(parts) is not int or not 0 <= i < parts:
        return False
    code = function[0] if isinstance(function, list) and function else None
    try:
        raw = base64.b64decode(str(code).encode("ascii"))
    except (ValueError, binascii.Error):
        return False
    return b"get_slice" in raw and any(name in raw for name in _FILES)
