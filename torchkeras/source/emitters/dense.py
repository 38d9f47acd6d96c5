"""Dense products, embeddings, and activations."""

from __future__ import annotations

from typing import Any

from torch import nn

from ...layers.advanced import ELU, LeakyReLU, PReLU, ReLU, Softmax, ThresholdedReLU
from ...layers.core import Activation, Dense, Embedding
from .. import helpers
from ..natives import Unwritten
from .activating import activated, activation_text, number


def dense(site: Any) -> str:
    return activated(site, f"{site.module(site.layer.linear)}({site.input()})")


def embedding(site: Any) -> str:
    x = site.input()
    if "int" not in site.tensors[0].dtype:
        x = f"{x}.long()"
    return f"{site.module(site.layer.embedding)}({x})"


def activation(site: Any) -> str:
    return activation_text(site, site.layer.activation, site.any_order())


def leaky_relu(site: Any) -> str:
    return f"F.leaky_relu({site.any_order()}, {number(site.layer.alpha)})"


def elu(site: Any) -> str:
    return f"F.elu({site.any_order()}, {number(site.layer.alpha)})"


def relu(site: Any) -> str:
    layer, x = site.layer, site.any_order()
    slope, least, most = layer.negative_slope, layer.threshold, layer.max_value
    if least == 0:
        if most is None:
            return f"F.leaky_relu({x}, {number(slope)})" if slope else f"F.relu({x})"
        if slope == 0:
            return f"F.relu6({x})" if most == 6 else f"torch.clamp({x}, 0, {number(most)})"
    above = f"torch.where({x} >= {number(least)}, {x}, 0)"
    below = f"torch.clamp({x} - {number(least)}, max=0)"
    above = above if most is None else f"torch.clamp({above}, max={number(most)})"
    return above if slope == 0 else f"{above} + {number(slope)} * {below}"


def thresholded_relu(site: Any) -> str:
    return f"F.threshold({site.any_order()}, {number(site.layer.theta)}, 0)"


def prelu(site: Any) -> str:
    """A slope for each channel is `nn.PReLU`; others are a parameter of their own."""
    layer, shape = site.layer, tuple(site.layer.slope.shape)
    if len(site.shape) > 2 and all(n == 1 for n in shape[:-1]) or len(shape) == 1:
        site.second = len(site.shape) > 2
        native = nn.PReLU(shape[-1])
        native.weight = nn.Parameter(
            layer.slope.detach().flatten(), requires_grad=layer.slope.requires_grad
        )
        return f"{site.module(native)}({site.input(second=site.second)})"
    x, slope = site.input(), site.constant(layer.slope)
    return f"F.relu({x}) - {slope} * F.relu(-{x})"


def softmax(site: Any) -> str:
    layer = site.layer
    if site.mask is not None or site.kwargs.get("mask") is not None:
        raise Unwritten("it is called with a mask")
    if not isinstance(layer._axis, int):
        return f"{site.helper(helpers.softmax_over)}({site.input()}, {tuple(layer._axis)})"
    return f"torch.softmax({site.input()}, dim={layer._axis})"


EMITTERS = {
    Dense: dense,
    Embedding: embedding,
    Activation: activation,
    LeakyReLU: leaky_relu,
    ELU: elu,
    ReLU: relu,
    ThresholdedReLU: thresholded_relu,
    PReLU: prelu,
    Softmax: softmax,
}
