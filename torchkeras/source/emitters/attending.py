"""Attention of several heads."""

from __future__ import annotations

from typing import Any

from torch import nn

from ...layers.multihead import MultiHeadAttention
from .. import helpers
from ..natives import Unwritten
from ..text import literal

_PARTS = ("query", "key", "value", "attention_output")


def multi_head(site: Any) -> Any:
    layer, kwargs = site.layer, site.kwargs
    if len(site.shape) != 3 or layer._axes != (1,):
        raise Unwritten("it attends over several axes")
    if isinstance(layer._output_sizes, (list, tuple)):
        raise Unwritten("its output_shape has several axes")
    holder = nn.Module()
    for part in _PARTS:
        setattr(holder, part, getattr(layer, part))
    sizes = [getattr(layer, part).in_features for part in _PARTS[:3]]
    sizes += [layer.num_heads, layer.key_dim, layer.value_dim, layer.attention_output.out_features]
    settings = list(map(str, sizes))
    settings += [f"dropout={literal(float(layer.dropout))}"] if layer.dropout else []
    settings += ["bias=False"] if not layer.use_bias else []
    code = f"{site.helper(helpers.MultiHeadAttention)}({', '.join(settings)})"
    module = site.module(holder, code=code)
    given = [site.input(site.args[0]), site.input(kwargs["value"])]
    if kwargs.get("key") is not None:
        given.append(site.input(kwargs["key"]))
    mask = _mask(site)
    given += [f"mask={mask}"] if mask else []
    given += ["causal=True"] if kwargs.get("use_causal_mask") else []
    if kwargs.get("return_attention_scores"):
        given.append("need_weights=True")
    return f"{module}({', '.join(given)})"


def _mask(site):
    """The masks of query, value and key, and the given one, as one expression."""
    kwargs, carried = site.kwargs, site.mask
    carried = list(carried) if isinstance(carried, (list, tuple)) else [carried, None, None]
    found = []
    for name, one, axis in zip(("query", "value", "key"), carried, (-1, -2, -2), strict=True):
        given = kwargs.get(f"{name}_mask")
        one = one if given is None else given
        if one is not None:
            found.append(f"{site.text(one)}.bool().unsqueeze({axis})")
    explicit = kwargs.get("attention_mask")
    if explicit is not None:
        text = site.text(explicit)
        found.append(f"{text}.bool()" if found else text)
    return " & ".join(found)


EMITTERS = {MultiHeadAttention: multi_head}
