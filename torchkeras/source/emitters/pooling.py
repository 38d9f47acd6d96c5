"""Maxima and averages of windows, and of everything."""

from __future__ import annotations

from typing import Any

from ...layers import adaptive, pool
from .. import helpers
from ..natives import Unwritten


def pooling(site: Any) -> str:
    layer, x = site.layer, site.spatial()
    sizes, changes = layer.sizes(site.shape), {}
    if layer._sized:
        if None in sizes:
            raise Unwritten(
                "its padding depends on sizes that are open; give the inputs fixed ones"
            )
        changes["padding"] = layer._before(sizes)
    expression = f"{site.module(layer.pool, **changes)}({x})"
    if any(layer._late):
        cuts = ", ".join("1:" if late else ":" for late in layer._late)
        expression = f"{site.line(expression)}[:, :, {cuts}]"
    return expression


def adaptive_pooling(site: Any) -> str:
    return f"{site.module(site.layer.pool)}({site.spatial()})"


def _global(site, function, argument):
    layer = site.layer
    first = layer.channels_first or not site.is_second(site.tensors[0])
    if first:
        x, axes = site.input(), layer._axes
    else:
        x, axes = site.input(second=True), tuple(range(2, 2 + layer.rank))
    site.second = layer.keepdims and not first
    kept = f", {argument}=True" if layer.keepdims else ""
    return f"{x}.{function}({axes if len(axes) > 1 else axes[0]}{kept})"


def global_max(site: Any) -> str:
    return _global(site, "amax", "keepdim")


def global_average(site: Any) -> str:
    if site.mask is not None:
        if site.layer.keepdims or site.layer.channels_first:
            raise Unwritten("it has a mask together with keepdims or channels first")
        mean = site.helper(helpers.masked_mean)
        return f"{mean}({site.input()}, {site.text(site.mask)})"
    return _global(site, "mean", "keepdim")


EMITTERS = {
    **{
        kind: pooling
        for kind in (
            pool.MaxPooling1D, pool.MaxPooling2D, pool.MaxPooling3D,
            pool.AveragePooling1D, pool.AveragePooling2D, pool.AveragePooling3D,
        )
    },
    **{
        kind: adaptive_pooling
        for kind in (
            adaptive.AdaptiveAveragePooling1D, adaptive.AdaptiveAveragePooling2D,
            adaptive.AdaptiveAveragePooling3D, adaptive.AdaptiveMaxPooling1D,
            adaptive.AdaptiveMaxPooling2D, adaptive.AdaptiveMaxPooling3D,
        )
    },
    pool.GlobalMaxPooling1D: global_max,
    pool.GlobalMaxPooling2D: global_max,
    pool.GlobalMaxPooling3D: global_max,
    pool.GlobalAveragePooling1D: global_average,
    pool.GlobalAveragePooling2D: global_average,
    pool.GlobalAveragePooling3D: global_average,
}  # fmt: skip
