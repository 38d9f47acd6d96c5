"""Normalization, on the modules that the layers hold."""

from __future__ import annotations

from typing import Any

from torch import nn

from ...layers.batch_norm import BatchNormalization, SyncBatchNormalization
from ...layers.norm import GroupNormalization, LayerNormalization, RMSNormalization
from .. import helpers
from ..natives import Unwritten, arguments


def batch_norm(site: Any) -> str:
    layer, rank = site.layer, len(site.shape)
    if layer._by_hand:
        raise Unwritten("it has several axes, renorm, virtual batches or an adjustment")
    if site.mask is not None and not layer._unbiased:
        raise Unwritten("it has a mask, which its statistics leave out in training")
    if not layer.trainable:
        code = f"{site.helper(helpers.FrozenBatchNorm)}({arguments(layer.norm)})"
    elif not layer._unbiased and not isinstance(layer.norm, nn.SyncBatchNorm):
        code = f"{site.helper(helpers.BiasedBatchNorm)}({arguments(layer.norm)})"
    else:
        code = None
    module = site.module(layer.norm, code=code)
    return _with_axis_second(site, module, layer._axis, rank)


def _with_axis_second(site, module, axis, rank):
    if axis == 1 and rank > 1:
        site.second = False
        return f"{module}({site.input()})"
    if axis == rank - 1:
        site.second = True
        return f"{module}({site.input(second=True)})"
    return f"{module}({site.input()}.movedim({axis}, 1)).movedim(1, {axis})"


def last_axes(site: Any) -> str:
    layer, module = site.layer, site.module(site.layer.norm)
    if not layer._moves:
        return f"{module}({site.input()})"
    axes, last = tuple(getattr(layer, "_axes", layer.axis)), tuple(layer._last)
    return f"{module}({site.input()}.movedim({axes}, {last})).movedim({last}, {axes})"


def group_norm(site: Any) -> str:
    if site.mask is not None:
        raise Unwritten("it has a mask, which its statistics leave out")
    module = site.module(site.layer.norm)
    rank = len(site.shape)
    if rank == 2:
        return f"{module}({site.input()})"
    return _with_axis_second(site, module, site.layer._axis, rank)


EMITTERS = {
    BatchNormalization: batch_norm,
    SyncBatchNormalization: batch_norm,
    LayerNormalization: last_axes,
    RMSNormalization: last_axes,
    GroupNormalization: group_norm,
}
