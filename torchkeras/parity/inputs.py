"""Inputs for both models: drawn for the shapes that one tells, handed as each takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..layer import Layer
from ..layers.core import Embedding
from ..precision import torch_dtype

_OPEN = 16  # the size of an axis that is open
_BATCH = 4


def drawn_inputs(*models: nn.Module) -> list[Tensor]:
    """Random inputs for the first model that tells their shapes; ValueError if none does."""
    for model in models:
        graph = getattr(model, "_graph", None)
        if graph is not None:
            limit = _smallest_vocabulary(model)
            return [_draw(tensor, limit) for tensor in graph.flat_inputs]
    raise ValueError(
        "Neither model tells the shapes of its inputs: give x, a tensor or a list of them."
    )


def _smallest_vocabulary(model):
    sizes = [one.input_dim for one in model.modules() if isinstance(one, Embedding)]
    return min(sizes, default=None)


def _draw(tensor, limit):
    sizes = [_OPEN if n is None else n for n in tensor.shape]
    sizes[0] = tensor.shape[0] or _BATCH
    generator = torch.Generator().manual_seed(0)
    dtype = torch_dtype(tensor.dtype)
    reads = [user() for user in tensor.node.operation.__dict__.get("_users", ())]
    embedded = any(user is not None and isinstance(user.operation, Embedding) for user in reads)
    if not dtype.is_floating_point or embedded:
        return torch.randint(0, limit or 2, sizes, generator=generator).to(dtype)
    return torch.randn(sizes, generator=generator).to(dtype)


def arguments_of(model: nn.Module, inputs: list[Tensor]) -> Callable[[], Any]:
    """The call of `model` on `inputs`; channels go second where only that suits it."""
    place = next((one.device for one in model.parameters()), None)
    given = [one if place is None else one.to(place) for one in inputs]
    if isinstance(model, Layer):
        return lambda: model(given if len(given) > 1 else given[0])
    given = [_as_indices(model, one) for one in given]
    turned = [one.movedim(-1, 1) if one.ndim > 2 else one for one in given]
    try:
        mode = model.training
        model.eval()
        with torch.no_grad():
            model(*given)
        chosen = given
    except (RuntimeError, ValueError):
        chosen = turned
    finally:
        model.train(mode)
    return lambda: model(*chosen)


def _as_indices(model, x):
    embeds = any(isinstance(one, nn.Embedding) for one in model.modules())
    whole = x.is_floating_point() and embeds and torch.equal(x, x.round())
    return x.long() if whole else x
