"""Activation functions: plain functions from tensor to tensor, over torch's native kernels."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function_unary

from . import configs, layout
from .activations_of_3 import (
    celu,
    glu,
    hard_shrink,
    hard_silu,
    hard_swish,
    hard_tanh,
    log_sigmoid,
    soft_shrink,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh_shrink,
    tensor_of,
    threshold,
)
from .registry import Table, get_registered_name

TABLE = Table("activation", "keras.activations")
# Layers that tf.keras also takes by name where an activation is asked for, as 'LeakyReLU'.
LAYERS = Table("activation", "keras.layers")

for _function in (
    celu, glu, hard_shrink, hard_silu, hard_tanh, log_sigmoid, soft_shrink, sparse_plus,
    sparse_sigmoid, sparsemax, squareplus, tanh_shrink, threshold,
):  # fmt: skip
    TABLE.add()(_function)
TABLE.add("hard_swish")(hard_swish)


@TABLE.add()
def linear(x: Tensor) -> Tensor:
    """`x` itself.

    >>> linear(torch.tensor([-1.0, 2.0])).tolist()
    [-1.0, 2.0]
    """
    return x


@TABLE.add()
def relu(x: Tensor, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0):
    """`max_value` from there on, `x` from `threshold` on, `alpha * (x - threshold)` below it.

    >>> relu(torch.tensor([-2.0, 1.0, 8.0]), max_value=6).tolist()
    [0.0, 1.0, 6.0]
    >>> relu(torch.tensor([-2.0, 1.0, 8.0]), alpha=0.5).tolist()
    [-1.0, 1.0, 8.0]
    """
    if type(x) is Tensor and alpha == 0 and threshold == 0:
        if max_value is None:
            return torch.relu(x)
        if max_value == 6:
            return F.relu6(x)
    x = tensor_of(x)
    if threshold == 0:
        if alpha == 0:
            kept = F.relu(x)
        elif max_value is None:
            return F.leaky_relu(x, alpha)
        else:
            kept = F.relu(x)
    else:
        kept = x * (x > threshold)
    if max_value is not None:
        # tf.keras has a kernel of its own for 6: its slope at 6 is 0, that of a clip is 1
        fused = max_value == 6 and threshold == 0
        kept = F.relu6(kept) if fused else torch.clamp(kept, 0.0, max_value)
    if alpha == 0:
        return kept
    return kept - alpha * F.relu(threshold - x)


def relu_in_place(x: Tensor) -> Tensor:
    """`relu(x)` in the memory of `x`, which is nobody else's.

    Autograd copies what changes under a view, so images change below it, as torch has them.
    """
    images = x._base if torch.is_grad_enabled() else None
    if images is None:
        return x.relu_()
    view = layout.channels_last(images)
    if view.shape != x.shape or view.stride() != x.stride():
        return torch.relu(x)
    return layout.channels_last(images.relu_())


@TABLE.add()
def sigmoid(x: Tensor) -> Tensor:
    """`1 / (1 + exp(-x))`; the result remembers `x` for losses that compute from logits.

    >>> sigmoid(torch.tensor([0.0])).tolist()
    [0.5]
    """
    x = tensor_of(x)
    if has_torch_function_unary(x):  # a symbolic tensor or a Variable: one call, not its parts
        return handle_torch_function(sigmoid, (x,), x)
    return _remember_logits(torch.sigmoid(x), x)


@TABLE.add()
def softmax(x: Tensor, axis: int | Sequence[int] = -1) -> Tensor:
    """`exp(x)` over its sum along `axis`; the result remembers `x`, as that of `sigmoid` does.

    ValueError for a tensor of rank 1.

    >>> softmax(torch.zeros(1, 4)).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    x = tensor_of(x)
    if has_torch_function_unary(x):
        return handle_torch_function(softmax, (x,), x, axis=axis)
    if x.ndim < 2:
        raise ValueError(
            f"softmax needs a tensor of rank 2 or more; received the shape {tuple(x.shape)}. "
            "For a single vector use torch.softmax(x, 0)."
        )
    if isinstance(axis, int):
        last = axis in (-1, x.ndim - 1)
        made = _softmax_of_columns(x) if last and are_narrow(x) else torch.softmax(x, axis)
        return _remember_logits(made, x)
    axis = tuple(axis)
    powers = torch.exp(x - torch.amax(x, axis, keepdim=True))
    return _remember_logits(powers / torch.sum(powers, axis, keepdim=True), x)


def are_narrow(rows: Tensor) -> bool:
    """Whether these are many rows, each too short to fill a vector of the CPU.

    Torch's kernels along the last axis then go number by number, and take up to eight times as
    long as those along another axis.

    >>> are_narrow(torch.zeros(4096, 3)), are_narrow(torch.zeros(4096, 100))
    (True, False)
    """
    return (
        not torch.compiler.is_compiling()
        and rows.device.type == "cpu"
        and rows.shape[-1] < _VECTOR
        and rows.numel() >= 4096
        and rows.dtype is torch.float32
    )


_VECTOR = 16 if torch.backends.cpu.get_cpu_capability() == "AVX512" else 8


def _softmax_of_columns(x):
    columns = x.reshape(-1, x.shape[-1]).t()
    return torch.softmax(columns, 0).t().contiguous().view(x.shape)


@TABLE.add()
def log_softmax(x: Tensor, axis: int = -1) -> Tensor:
    """The logarithm of `softmax`, found without it.

    >>> [round(v, 4) for v in log_softmax(torch.zeros(2)).tolist()]
    [-0.6931, -0.6931]
    """
    return F.log_softmax(tensor_of(x), axis)


@TABLE.add()
def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent.

    >>> tanh(torch.tensor([0.0])).tolist()
    [0.0]
    """
    return torch.tanh(tensor_of(x))


@TABLE.add()
def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """`x` above zero, `alpha * (exp(x) - 1)` below.

    >>> [round(v, 4) for v in elu(torch.tensor([-1.0, 1.0])).tolist()]
    [-0.6321, 1.0]
    """
    return F.elu(tensor_of(x), alpha)


@TABLE.add()
def selu(x: Tensor) -> Tensor:
    """The scaled `elu` of self-normalising networks (Klambauer et al., 2017).

    >>> [round(v, 4) for v in selu(torch.tensor([-1.0, 1.0])).tolist()]
    [-1.1113, 1.0507]
    """
    x = tensor_of(x)
    if has_torch_function_unary(x):
        return handle_torch_function(selu, (x,), x)
    return _Selu.apply(x) if torch.is_grad_enabled() and x.requires_grad else F.selu(x)


@TABLE.add()
def gelu(x: Tensor, approximate: bool = False) -> Tensor:
    """`x` times the normal distribution function of `x`; `approximate` takes the tanh formula.

    >>> [round(v, 4) for v in gelu(torch.tensor([-1.0, 1.0])).tolist()]
    [-0.1587, 0.8413]
    """
    return F.gelu(tensor_of(x), approximate="tanh" if approximate else "none")


@TABLE.add("silu")
def swish(x: Tensor) -> Tensor:
    """`x * sigmoid(x)`, also called silu.

    >>> [round(v, 4) for v in swish(torch.tensor([-1.0, 1.0])).tolist()]
    [-0.2689, 0.7311]
    """
    return F.silu(tensor_of(x))


@TABLE.add()
def mish(x: Tensor) -> Tensor:
    """`x * tanh(softplus(x))`.

    >>> [round(v, 4) for v in mish(torch.tensor([-1.0, 1.0])).tolist()]
    [-0.3034, 0.8651]
    """
    return F.mish(tensor_of(x))


@TABLE.add()
def softplus(x: Tensor) -> Tensor:
    """`log(exp(x) + 1)`.

    >>> [round(v, 4) for v in softplus(torch.tensor([0.0])).tolist()]
    [0.6931]
    """
    return F.softplus(tensor_of(x))


@TABLE.add()
def softsign(x: Tensor) -> Tensor:
    """`x / (abs(x) + 1)`.

    >>> softsign(torch.tensor([-1.0, 3.0])).tolist()
    [-0.5, 0.75]
    """
    return F.softsign(tensor_of(x))


@TABLE.add()
def exponential(x: Tensor) -> Tensor:
    """`exp(x)`.

    >>> exponential(torch.tensor([0.0])).tolist()
    [1.0]
    """
    return torch.exp(tensor_of(x))


@TABLE.add()
def hard_sigmoid(x: Tensor) -> Tensor:
    """`0.2 * x + 0.5` clipped to [0, 1]; torch's and Keras 3's has the slope 1/6.

    >>> hard_sigmoid(torch.tensor([-3.0, 0.0, 3.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return torch.clamp(tensor_of(x) * 0.2 + 0.5, 0.0, 1.0)


@TABLE.add()
def leaky_relu(x: Tensor, alpha: float = 0.2) -> Tensor:
    """`x` above zero, `alpha * x` below; torch's default slope is 0.01.

    >>> leaky_relu(torch.tensor([-2.0, 1.0]), alpha=0.5).tolist()
    [-1.0, 1.0]
    """
    return F.leaky_relu(tensor_of(x), alpha)


@TABLE.add()
def relu6(x: Tensor) -> Tensor:
    """`x` clipped to [0, 6].

    >>> relu6(torch.tensor([-2.0, 8.0])).tolist()
    [0.0, 6.0]
    """
    return F.relu6(tensor_of(x))


silu = swish
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def get(identifier: Any) -> Callable:
    """The activation that a name, a config, a callable or None (`linear`) denotes.

    >>> get("relu") is relu, get(None) is linear, get(torch.sin) is torch.sin
    (True, True, True)
    """
    if identifier is None:
        return linear
    if isinstance(identifier, (str, dict)):
        return deserialize(identifier)
    if not callable(identifier):
        raise TypeError(
            f"Expected an activation as a name, a config, a callable or None; "
            f"received {identifier!r}."
        )
    return TABLE.get(identifier)


def serialize(activation: Callable | None, use_legacy_format: bool = False) -> Any:
    """The name of a function of this module, else the config of the user's function or object.

    A torch function that equals one of this module is written under that name; any other must
    be wrapped in a function of the user's.

    >>> serialize(relu), serialize(torch.tanh)
    ('relu', 'tanh')
    """
    if activation is None:
        return None
    if isinstance(activation, str):
        raise ValueError(
            f"Expected an activation function; received the name {activation!r}. "
            "Pass activations.get(name)."
        )
    known = _TORCH_FUNCTIONS.get(activation) if _hashable(activation) else None
    if known is not None:
        return known.__name__
    if hasattr(activation, "get_config"):
        table = LAYERS if type(activation) in LAYERS.objects.values() else TABLE
        return configs.serialize(table, activation, use_legacy_format)
    _refuse_torch(activation)
    name = get_registered_name(activation)
    if isinstance(activation, types.FunctionType) and name in TABLE.objects:
        return name
    return configs.serialize(TABLE, activation, use_legacy_format)


def deserialize(
    name: str | dict[str, Any],
    custom_objects: dict[str, Any] | None = None,
    use_legacy_format: bool = False,
) -> Callable:
    """The activation that a name or a config of either format denotes; ValueError for others.

    >>> deserialize("tanh") is tanh
    True
    """
    key = name.get("class_name") if isinstance(name, dict) else name
    table = LAYERS if key in LAYERS.objects and key not in (custom_objects or {}) else TABLE
    return table.get(name, custom_objects)


class _Selu(torch.autograd.Function):
    """torch's slope at 0 is that of the left side (1.76), tf.keras' that of the right.

    Outputs of exactly 0 are common: black pixels under biases that start at 0.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return F.selu(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        tiny = 6e-8 if y.dtype is torch.float16 else 1e-30  # moves zeros alone to the right
        return torch.ops.aten.elu_backward(slope, _SELU_ALPHA, _SELU_SCALE, 1.0, True, y + tiny)


def _remember_logits(output, logits):
    if not torch.compiler.is_compiling() or (_TRACED and not torch.compiler.is_exporting()):
        output._keras_logits = logits
    return output


_TRACED = torch.__version__ >= (2, 13)  # whether torch.compile is known to trace attributes


def _hashable(activation):
    return getattr(type(activation), "__hash__", None) is not None


def _refuse_torch(activation):
    """Another torch function of a known name would come back as another function."""
    module = getattr(activation, "__module__", None) or ""
    if module.split(".")[0] == "torch" or isinstance(activation, torch.nn.Module):
        raise ValueError(
            f"{activation!r} cannot be written to a config: a file holds names of Keras "
            "activations and of registered functions only. Wrap it in a function of your own "
            "and decorate that with register_keras_serializable()."
        )


# These mean the same with their default arguments.
_TORCH_FUNCTIONS: dict[Any, Callable] = {
    function: activation
    for activation, functions in {
        relu: (F.relu, torch.relu),
        relu6: (F.relu6,),
        sigmoid: (torch.sigmoid, F.sigmoid, torch.special.expit),
        tanh: (torch.tanh, F.tanh),
        elu: (F.elu,),
        selu: (F.selu, torch.selu),
        gelu: (F.gelu,),
        swish: (F.silu,),
        mish: (F.mish,),
        softplus: (F.softplus,),
        softsign: (F.softsign,),
        exponential: (torch.exp,),
    }.items()
    for function in functions
}
