"""A model written as a file of PyTorch that needs no torchkeras: how a port ends.

`writer` turns the calls of a model into statements, `emitters` knows the text of each layer,
`helpers` holds what torch lacks and files get pasted where they need it.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from ..graph import Graph
from ..layers.core import Input
from ..precision import torch_dtype
from ..saving import tensors
from ..saving.files import replacing
from .file import SourceFile
from .natives import Unwritten
from .trace import functions_of, refusal, title, unnoticed


def to_torch_source(model: nn.Module, path: Any) -> None:
    """Write `path`, a file of Python, and its weights beside it; see `Model.to_torch_source`."""
    path = os.fspath(path)
    if not path.endswith(".py"):
        raise ValueError(
            f"to_torch_source writes a file whose name ends in .py; received {path!r}."
        )
    ending = "safetensors" if find_spec("safetensors") else "pt"
    with unnoticed(model):
        file = SourceFile(model, _graph_of(model), ending)
        text = file.text()
    whole = torch.contiguous_format
    state = {
        name: one.detach().cpu().clone(memory_format=whole) for name, one in file.state.items()
    }
    with replacing(f"{path[:-3]}.{ending}") as partial:
        tensors.write(partial, ending, state)
    with replacing(path) as partial, open(partial, "x", encoding="utf-8") as target:
        target.write(text)


def _graph_of(model):
    """The graph of a model; that of a subclass is what its `call` does."""
    for weight in model.parameters():
        if weight.is_floating_point() and weight.dtype is not torch_dtype("float32"):
            raise NotImplementedError(
                f"to_torch_source writes models whose weights are float32; those of {model.name!r} "
                f"are {weight.dtype}. Call model.float() first."
            )
    if getattr(model, "_graph", None) is not None:
        return model._graph
    shape = getattr(model, "_built_for", None)
    if not model.built or shape is None:
        raise ValueError(
            f"Model {model.name!r} has not seen inputs: call it on a batch before to_torch_source."
        )
    several = isinstance(shape, list) or (shape and isinstance(shape[0], (list, tuple)))
    shapes = shape if several else [shape]
    if isinstance(shape, dict):
        raise NotImplementedError(f"{title(model)} takes a dictionary; write a functional model.")
    names = ["inputs"] if not several else [f"inputs_{n + 1}" for n in range(len(shapes))]
    inputs = [
        Input(batch_shape=(None, *one[1:]), name=name)
        for one, name in zip(shapes, names, strict=True)
    ]
    try:
        outputs = functions_of(model, (inputs if several else inputs[0],), {})
        return Graph(inputs if several else inputs[0], outputs)
    except Unwritten as error:
        raise refusal(title(model), error) from None
