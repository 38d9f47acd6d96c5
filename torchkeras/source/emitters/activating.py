"""Activations as text."""

from __future__ import annotations

from typing import Any

from ... import activations
from .. import helpers
from ..functions import place_of
from ..natives import Unwritten
from ..text import literal

_FUNCTIONS = {
    activations.relu: "F.relu({})",
    activations.sigmoid: "torch.sigmoid({})",
    activations.tanh: "torch.tanh({})",
    activations.elu: "F.elu({})",
    activations.selu: "F.selu({})",
    activations.gelu: "F.gelu({})",
    activations.swish: "F.silu({})",
    activations.mish: "F.mish({})",
    activations.softplus: "F.softplus({})",
    activations.softsign: "F.softsign({})",
    activations.exponential: "torch.exp({})",
    activations.leaky_relu: "F.leaky_relu({}, 0.2)",
    activations.relu6: "F.relu6({})",
}
_ALONG_AN_AXIS = {activations.softmax: "torch.softmax", activations.log_softmax: "F.log_softmax"}


def activated(site: Any, expression: str) -> str:
    """`expression`, the output of a layer, through the activation of the layer."""
    activation = site.layer.activation
    if activation is activations.linear or not site.with_activation:
        return expression
    return activation_text(site, activation, expression)


def activation_text(site: Any, activation: Any, expression: str) -> str:
    """`expression` through `activation`, whose last axis may stand second."""
    if activation in _ALONG_AN_AXIS:
        return f"{_ALONG_AN_AXIS[activation]}({expression}, dim={1 if site.second else -1})"
    if activation is activations.hard_sigmoid:
        return f"{site.helper(helpers.hard_sigmoid)}({expression})"
    if activation in _FUNCTIONS:
        return _FUNCTIONS[activation].format(expression)
    place = place_of(activation)
    if place is None:
        raise Unwritten(f"its activation {activation!r} is none of torch")
    return f"{place}({expression})"


def activation_name(site: Any, activation: Any) -> str:
    """A function that may be passed on: `'torch.tanh'`."""
    if activation is activations.linear:
        return "nn.Identity()"
    if activation is activations.hard_sigmoid:
        return site.helper(helpers.hard_sigmoid)
    text = _FUNCTIONS.get(activation, "")
    if text.endswith("({})"):
        return text[:-4]
    if text or activation in _ALONG_AN_AXIS:
        kind = {activations.leaky_relu: "nn.LeakyReLU(0.2)", activations.softmax: "nn.Softmax(-1)",
                activations.log_softmax: "nn.LogSoftmax(-1)"}  # fmt: skip
        return kind[activation]
    place = place_of(activation)
    if place is None:
        raise Unwritten(f"its activation {activation!r} is none of torch")
    return place


def number(value: float) -> str:
    return literal(float(value))
