"""Layers that move values, or make one tensor of several."""

from __future__ import annotations

import math
from typing import Any

from ...layers import merge, shape
from ..text import literal, together


def flatten(site: Any) -> str:
    layer, given = site.layer, site.shape
    if len(given) == 1:
        return f"{site.input()}.unsqueeze(1)"
    if layer._moves and len(given) > 2:
        order = (0, *range(2, len(given)), 1)
        return f"{site.input()}.permute{order}.flatten(1)"
    if len(given) > 2 and all(n == 1 for n in given[1:-1]):
        return f"{site.input(second=site.is_second(site.tensors[0]))}.flatten(1)"
    return f"{site.input()}.flatten(1)"


def reshape(site: Any) -> str:
    layer, given = site.layer, site.shape
    if len(given) == 2 and None not in given[1:] and len(layer.target_shape) > 1:
        target = layer._resolved((1, *given[1:]))[1:]
        if all(n == 1 for n in target[:-1]):  # the channels of a picture of one place
            site.second = True
            return f"{site.input()}[:, :{', None' * (len(target) - 1)}]"
    if None in given[1:]:
        sizes = ", ".join(map(str, layer.target_shape))
        x = site.line(site.input())
        return f"{x}.reshape({x}.shape[0], {sizes})"
    target = layer._resolved((1, *given[1:]))[1:]
    if len(target) == 1:
        return f"{site.input()}.flatten(1)" if len(given) > 2 else site.input()
    if math.prod(target) == 0:
        return f"{site.input()}.reshape({', '.join(map(str, (0, *target)))})"
    return f"{site.input()}.reshape({', '.join(map(str, (-1, *target)))})"


def permute(site: Any) -> str:
    return f"{site.input()}.permute{(0, *site.layer.dims)}"


def repeat_vector(site: Any) -> str:
    return f"{site.input()}.unsqueeze(1).repeat(1, {site.layer.n}, 1)"


def repeat_steps(site: Any) -> str:
    return f"{site.input()}.repeat_interleave({site.layer.size}, dim=1)"


def enlarge(site: Any) -> str:
    layer, x = site.layer, site.spatial()
    factor = literal(together(layer.size))
    kind = getattr(layer, "interpolation", "nearest")
    if kind in ("nearest", "area"):
        return f'F.interpolate({x}, scale_factor={factor}, mode="nearest")'
    return f'F.interpolate({x}, scale_factor={factor}, mode="bilinear")'


def zero_padding(site: Any) -> str:
    x, edges = site.spatial(), site.layer._edges
    amounts = tuple(amount for pair in reversed(edges) for amount in pair)
    return f"F.pad({x}, {amounts})"


def cropping(site: Any) -> str:
    cuts = []
    for before, after in site.layer._edges:
        cuts.append(f"{before or ''}:{-after if after else ''}")
    return f"{site.spatial()}[:, :, {', '.join(cuts)}]"


def _merged(site):
    """All inputs in one order: with channels second if one of them has them so."""
    tensors = site.tensors
    ranks = {len(tensor.shape) for tensor in tensors}
    second = len(ranks) == 1 and any(site.is_second(tensor) for tensor in tensors)
    site.second = second
    names = [site.input(tensor, second) for tensor in tensors]
    if len(ranks) == 1:
        return names
    most = max(ranks)
    return [
        name + ".unsqueeze(1)" * (most - len(tensor.shape))
        for name, tensor in zip(names, tensors, strict=True)
    ]


def _between(operator):
    return lambda site: f" {operator} ".join(_merged(site))


def average(site: Any) -> str:
    names = _merged(site)
    return f"({' + '.join(names)}) / {len(names)}"


def _pairwise(function):
    def write(site):
        first, *rest = _merged(site)
        for name in rest:
            first = f"{function}({first}, {name})"
        return first

    return write


def concatenate(site: Any) -> str:
    axis, rank = site.layer.axis, len(site.shape)
    names = _merged(site)
    axis = axis % rank
    if site.second:
        axis = 1 if axis == rank - 1 else axis + 1 if axis > 0 else 0
    elif axis == rank - 1:
        axis = -1
    return f"torch.cat([{', '.join(names)}], dim={axis})"


EMITTERS = {
    shape.Flatten: flatten,
    shape.Reshape: reshape,
    shape.Permute: permute,
    shape.RepeatVector: repeat_vector,
    shape.UpSampling1D: repeat_steps,
    shape.UpSampling3D: enlarge,
    shape.ZeroPadding1D: zero_padding,
    shape.ZeroPadding2D: zero_padding,
    shape.ZeroPadding3D: zero_padding,
    shape.Cropping1D: cropping,
    shape.Cropping2D: cropping,
    shape.Cropping3D: cropping,
    merge.Add: _between("+"),
    merge.Subtract: _between("-"),
    merge.Multiply: _between("*"),
    merge.Average: average,
    merge.Maximum: _pairwise("torch.maximum"),
    merge.Minimum: _pairwise("torch.minimum"),
    merge.Concatenate: concatenate,
}
