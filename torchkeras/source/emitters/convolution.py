"""Convolutions, on the modules that the layers hold."""

from __future__ import annotations

from typing import Any

from ...layers.conv import Conv1D, Conv2D, Conv3D
from ...layers.separable import DepthwiseConv1D, DepthwiseConv2D, SeparableConv1D, SeparableConv2D
from ...layers.spatial import pad_argument, same_padding
from ...layers.transpose import Conv1DTranspose, Conv2DTranspose, Conv3DTranspose
from .. import helpers
from ..natives import Unwritten
from ..text import literal
from .activating import activated


def convolved(site: Any, native: Any, suffix: str = "") -> str:
    """The convolution of the input by `native`, padded as the layer pads."""
    layer, x = site.layer, site.spatial()
    if len(site.shape) != layer.rank + 2:
        raise Unwritten("its inputs have several batch axes; put a reshape around it")
    if layer._edges is not None:
        x = site.line(f"F.pad({x}, {literal(tuple(layer._edges))})")
    elif layer._sized:
        return _by_size(site, native, suffix, x)
    return f"{site.module(native, suffix)}({x})"


def _by_size(site, native, suffix, x):
    """Padding for 'same' with strides depends on the size of the input."""
    layer, sizes = site.layer, site.layer.sizes(site.shape)
    bare = {"padding": (0,) * layer.rank}
    if None in sizes:
        pad = site.helper(helpers.pad_same)
        x = site.line(f"{pad}({x}, {literal(layer.kernel_size)}, {literal(layer.strides)})")
        return f"{site.module(native, suffix, **bare)}({x})"
    windows = zip(sizes, layer.kernel_size, layer.strides, strict=True)
    edges = [same_padding(*window) for window in windows]
    if all(before == after for before, after in edges):
        inside = tuple(before for before, _ in edges)
        return f"{site.module(native, suffix, padding=inside)}({x})"
    x = site.line(f"F.pad({x}, {literal(tuple(pad_argument(edges)))})")
    return f"{site.module(native, suffix, **bare)}({x})"


def conv(site: Any) -> str:
    return activated(site, convolved(site, site.layer.conv))


def separable(site: Any) -> str:
    x = site.line(convolved(site, site.layer.depthwise, "_depthwise"))
    return activated(site, f"{site.module(site.layer.pointwise, '_pointwise')}({x})")


def transposed(site: Any) -> str:
    layer = site.layer
    x = f"{site.module(layer.conv)}({site.spatial()})"
    if any(layer._surplus):
        cuts = ", ".join(f":-{cut}" if cut else ":" for cut in layer._surplus)
        x = f"{site.line(x)}[:, :, {cuts}]"
    return activated(site, x)


EMITTERS = {
    Conv1D: conv,
    Conv2D: conv,
    Conv3D: conv,
    DepthwiseConv1D: conv,
    DepthwiseConv2D: conv,
    SeparableConv1D: separable,
    SeparableConv2D: separable,
    Conv1DTranspose: transposed,
    Conv2DTranspose: transposed,
    Conv3DTranspose: transposed,
}
