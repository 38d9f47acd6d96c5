"""The rules by which ports go wrong. Each is tried: it is named only if the difference vanishes."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import tree
from ..layers.gates import GRUGates
from ..source.helpers import SteppedGRU
from .events import Event
from .pairs import Step, weights_of

_ACTIVATIONS: dict[str, Callable] = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda x: torch.softmax(x, -1),
    "log_softmax": lambda x: torch.log_softmax(x, -1),
    "gelu": F.gelu,
    "silu (swish)": F.silu,
    "elu": F.elu,
    "selu": F.selu,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "leaky_relu (0.3)": lambda x: F.leaky_relu(x, 0.3),
    "leaky_relu (0.2)": lambda x: F.leaky_relu(x, 0.2),
    "leaky_relu (0.01)": lambda x: F.leaky_relu(x, 0.01),
    "hard_sigmoid (slope 0.2)": lambda x: torch.clamp(0.2 * x + 0.5, 0, 1),
    "hard_sigmoid (slope 1/6)": F.hardsigmoid,
    "relu6": F.relu6,
}
_SETTINGS = {
    "eps": "epsilon: {a} in A, {b} in B (tf.keras 1e-3, torch 1e-5)",
    "count_include_pad": "padding counts in the average of one: count_include_pad {a} and {b}",
    "ceil_mode": "windows over the end: ceil_mode {a} and {b}",
    "padding": "padding {a} in A, {b} in B",
    "stride": "stride {a} in A, {b} in B",
    "kernel_size": "window {a} in A, {b} in B",
    "dilation": "dilation {a} in A, {b} in B",
    "output_padding": "output_padding {a} in A, {b} in B",
    "groups": "groups {a} in A, {b} in B",
    "num_groups": "number of groups {a} in A, {b} in B",
    "nonlinearity": "nonlinearity {a} in A, {b} in B",
    "align_corners": "resize: half-pixel centres; align_corners {a} and {b}",
    "mode": "resize: mode {a} and {b}",
}


def apart(one: Tensor | None, other: Tensor | None) -> float:
    """The largest difference relative to the scale of `one`; infinite where shapes differ."""
    if one is None or other is None or one.shape != other.shape:
        return float("inf")
    if one.numel() == 0:
        return 0.0
    one, other = one.double(), other.double()
    if not torch.equal(one.isnan(), other.isnan()):
        return float("inf")
    one, other = one.nan_to_num(), other.nan_to_num()
    return ((one - other).abs().max() / max(1.0, one.abs().max().item())).item()


def in_one_order(one: Tensor, other: Tensor) -> Tensor:
    """`other`, with its channels where `one` has them, if only that differs."""
    if one.ndim == other.ndim > 2 and one.shape != other.shape:
        for moved in (other.movedim(-1, 1), other.movedim(1, -1)):
            if moved.shape == one.shape:
                return moved
    return other


class Trial:
    """Tells whether a change makes a difference vanish."""

    def __init__(self, tolerance: float):
        self.tolerance = tolerance

    def equal(self, one: Any, other: Any) -> bool:
        return apart(one, other) <= self.tolerance

    # --- between two steps -----------------------------------------------------------------

    def between(self, a: Tensor, b: Tensor, last: Tensor | None, doing: list[Event]) -> str | None:
        """Why `a` and `b`, which go into the same step, differ; `last` went out of the step before.

        `doing` are the events of A since then.
        """
        for rule in (self._order_of_axes, self._flatten_order, self._activation, self._scale):
            found = rule(a, b, last, doing)
            if found:
                return found
        return None

    def _activation(self, a, b, last, doing):
        b = in_one_order(a, b)
        known = {event.name for event in doing if event.kind == "activation"}
        for name, function in _ACTIVATIONS.items():
            if self.equal(a, function(b)):
                return f"activation {name} is missing in B"
        for name, function in _ACTIVATIONS.items():
            if self.equal(function(a), b):
                applied = last is not None and self.equal(a, function(last))
                if applied or name.split()[0] in known:
                    return f"activation {name} is applied twice in B"
                return f"activation {name} is missing in A"
        if last is None:
            return None
        start = in_one_order(a, last)
        firsts = [n for n, f in _ACTIVATIONS.items() if self.equal(a, f(start))]
        seconds = [n for n, f in _ACTIVATIONS.items() if self.equal(b, f(start))]
        if firsts and seconds:
            return f"activation {firsts[0]} in A, {seconds[0]} in B"
        return None

    def _flatten_order(self, a, b, last, doing):
        if a.ndim != 2 or a.shape != b.shape or last is None or last.ndim < 4:
            return None
        channels, *sizes = last.shape[1:]
        if a.shape[1] != channels * torch.Size(sizes).numel():
            return None
        back = b.reshape(-1, channels, *sizes).movedim(1, -1).flatten(1)
        if self.equal(a, back):
            return "flatten order: A flattens with channels last, B with channels first"
        back = b.reshape(-1, *sizes, channels).movedim(-1, 1).flatten(1)
        if self.equal(a, back):
            return "flatten order: A flattens with channels first, B with channels last"
        return None

    def _order_of_axes(self, a, b, last, doing):
        if a.ndim != b.ndim or a.ndim < 3:
            return None
        for order in itertools.permutations(range(1, b.ndim)):
            if order != tuple(range(1, b.ndim)) and self.equal(a, b.permute(0, *order)):
                if apart(a, in_one_order(a, b)) <= self.tolerance and a.shape != b.shape:
                    continue
                return f"data_format: axes of B are those of A in the order {(0, *order)}"
        return None

    def _scale(self, a, b, last, doing):
        b = in_one_order(a, b)
        if a.shape != b.shape or not a.is_floating_point() or a.numel() < 3:
            return None
        if a.ndim > 2 and self.equal(a, b.flip(1)):
            return "preprocessing: the channels are in reverse order (RGB and BGR)"
        if a.ndim > 2 and self.equal(a, b.flip(-1)):
            return "preprocessing: the channels are in reverse order (RGB and BGR)"
        x, y = b.double().flatten(), a.double().flatten()
        spread = (x - x.mean()).square().sum()
        if spread == 0:
            return None
        factor = ((x - x.mean()) * (y - y.mean())).sum() / spread
        offset = y.mean() - factor * x.mean()
        if self.equal(a, (factor * b.double() + offset)):
            return f"scaling: A takes {factor:.6g} * x + {offset:.6g} of what B takes"
        return None

    # --- inside a step ---------------------------------------------------------------------

    def inside(self, a: Step, b: Step, x: Tensor, last: Tensor | None) -> str | None:
        """Why step `b`, given what step `a` was given, does not give what `a` gave."""
        for rule in (
            self._padding, self._settings, self._reset_after, self._weights, self._several,
        ):  # fmt: skip
            found = rule(a, b, x, last)
            if found:
                return found
        return None

    def _several(self, a, b, x, last):
        """Settings and weights together."""
        changes = {
            n: v for n in _SETTINGS if (v := _setting(a.event, n)) is not None
            and v != _setting(b.event, n)
        }  # fmt: skip
        ours, theirs = weights_of(a), weights_of(b)
        fitting = {n: w for n, w in _fitting(ours, theirs).items() if apart(w, theirs[n]) > 0}
        if not self.gives(a, b, x, changes=changes, weights=fitting, pad=a.pad or False):
            return None
        return "several things differ: " + ", ".join([*changes, *fitting])

    def _run(self, b, x, changes=None, weights=None, pad=None):
        """What `b` gives for `x`, with other settings, weights and padding."""
        operation = b.event.operation
        if isinstance(operation, nn.Module):
            operation = copy.deepcopy(operation)
            for name, value in (changes or {}).items():
                setattr(operation, name, value)
            if weights:
                own = weights_of(Step(_with(b.event, operation), [], None))
                for name, value in weights.items():
                    if name in own:
                        own[name].copy_(value)
            operation.eval()
            kwargs = b.event.kwargs
        else:
            kwargs = {**b.event.kwargs, **(changes or {})}
        pads = b.pad if pad is None else pad
        if pads not in (None, False):
            x = _pad(pads, x)
        args = tree.map_structure(lambda leaf: x if leaf is b.event.x else leaf, b.event.args)
        kwargs = tree.map_structure(lambda leaf: x if leaf is b.event.x else leaf, kwargs)
        with torch.no_grad():
            result = operation(*args, **kwargs)
        return next(t for t in tree.leaves(result) if isinstance(t, Tensor))

    def gives(self, a: Step, b: Step, x: Tensor, **how: Any) -> bool:
        """Whether `b`, changed, gives what `a` gave."""
        try:
            found = self._run(b, x, **how)
        except Exception:  # a change that does not fit this step explains nothing
            return False
        return self.equal(a.y, as_output(a, found))

    def _padding(self, a, b, x, last):
        if a.kind not in ("conv", "pool"):
            return None
        names = ("padding", "ceil_mode", "count_include_pad")
        changes = {n: v for n in names if (v := _setting(a.event, n)) is not None}
        theirs = _setting(b.event, "padding")
        if a.pad is None and b.pad is None and changes.get("padding") == theirs:
            return None
        bare = {"padding": changes.get("padding", 0)}
        if not self.gives(a, b, x, changes=bare, pad=a.pad or False):
            return None
        edges = _edges(a.pad)
        if edges and any(edges[i] != edges[i + 1] for i in range(0, len(edges), 2)):
            return f"padding 'same' is not the same on both sides in A: {edges} for F.pad"
        return f"padding: {edges or changes.get('padding')} in A, {_edges(b.pad) or theirs} in B"

    def _settings(self, a, b, x, last):
        changes = {}
        for name in _SETTINGS:
            one, other = _setting(a.event, name), _setting(b.event, name)
            if one is not None and one != other:
                changes[name] = (one, other)
        for name, (one, other) in changes.items():
            if self.gives(a, b, x, changes={name: one}):
                return _SETTINGS[name].format(a=_short(one), b=_short(other))
        if len(changes) > 1 and self.gives(a, b, x, changes={n: v[0] for n, v in changes.items()}):
            return "settings differ: " + ", ".join(
                f"{n} {_short(v[0])} in A, {_short(v[1])} in B" for n, v in changes.items()
            )
        return None

    def _reset_after(self, a, b, x, last):
        """A GRU that resets the state before or after the product."""
        gates = [step.event.operation for step in (a, b)]
        after = [getattr(one, "reset_after", isinstance(one, nn.GRU)) for one in gates]
        gru = [isinstance(one, (nn.GRU, GRUGates, SteppedGRU)) for one in gates]
        if not all(gru) or after[0] == after[1]:
            return None
        stepped = _stepped(weights_of(b), after[0])
        outputs, _ = stepped(x)
        if self.equal(a.y, as_output(a, outputs)):
            return f"GRU reset_after: {after[0]} in A, {after[1]} in B"
        return None

    def _weights(self, a, b, x, last):
        ours, theirs = weights_of(a), weights_of(b)
        if not self.gives(a, b, x, weights=_fitting(ours, theirs)):
            lacking = self._bias_missing(a, b, x, ours, theirs)
            return lacking
        different = [n for n in ours if n in theirs and not self.equal(ours[n], theirs[n])]
        if not different:
            return None
        for name in different:
            told = self._reordered(a, ours[name], theirs[name], last)
            if told and self.gives(a, b, x, weights=_fitting(ours, theirs)):
                return told
        if different == ["bias"] and not theirs["bias"].any():
            return "the bias is missing in B: it is zero there"
        if different == ["bias"] and not ours["bias"].any():
            return "the bias is missing in A: it is zero there"
        far = max(apart(ours[n], theirs[n]) for n in different)
        return f"weights differ: {', '.join(different)}, by {far:.1e}"

    def _bias_missing(self, a, b, x, ours, theirs):
        bias, other = ours.get("bias"), theirs.get("bias")
        try:
            found = as_output(a, self._run(b, x))
        except Exception:
            return None
        shape = (-1, *[1] * (found.ndim - 2)) if a.kind == "conv" else (-1,)
        if bias is not None and other is None and self.equal(a.y, found + bias.view(shape)):
            return "the bias is missing in B"
        if bias is None and other is not None and self.equal(a.y, found - other.view(shape)):
            return "the bias is missing in A"
        return None

    def _reordered(self, step, a, b, last):
        """How the numbers of weight `b` must be moved to be `a`."""
        if step.kind == "recurrent":
            found = self._gate_order(step, a, b)
            if found:
                return found
        if a.ndim == 2 and a.shape[0] == a.shape[1] and self.equal(a, b.T):
            return "kernel layout: the kernel of B is transposed"
        if step.kind == "linear" and a.ndim == 2 and last is not None and last.ndim >= 4:
            channels, *sizes = last.shape[1:]
            if a.shape[1] == channels * torch.Size(sizes).numel():
                moved = b.reshape(-1, channels, *sizes).movedim(1, -1).flatten(1)
                back = b.reshape(-1, *sizes, channels).movedim(-1, 1).flatten(1)
                if self.equal(a, moved) or self.equal(a, back):
                    return "flatten order: the kernel of B takes the features in another order"
        if a.ndim > 2:
            spatial = tuple(range(2, a.ndim))
            if self.equal(a, b.flip(spatial)):
                return "kernel layout: the kernel of B is flipped"
            for order in itertools.permutations(range(a.ndim)):
                if order != tuple(range(a.ndim)) and self.equal(a, b.permute(order)):
                    return f"kernel layout: axes of the kernel of B in the order {order}"
        return None

    def _gate_order(self, step, a, b):
        for count in (4, 3):
            if a.shape != b.shape or a.shape[0] % count:
                continue
            blocks = b.chunk(count)
            for order in itertools.permutations(range(count)):
                moved = torch.cat([blocks[i] for i in order])
                if order != tuple(range(count)) and self.equal(a, moved):
                    names = "ifgo" if count == 4 else "rzn"
                    theirs = "".join(names[order.index(i)] for i in range(count))
                    return f"gate order: A has the gates {names}, B has {theirs}"
        return None

    # --- in training -----------------------------------------------------------------------

    def in_training(self, a: Step, b: Step, x: Tensor) -> str | None:
        """What moves otherwise in training, where inference is the same."""
        one, other = a.event.operation, b.event.operation
        if not all(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in (one, other)):
            return None
        moved = [_trained(module, x) for module in (one, other)]
        if self.equal(*moved):
            return None
        if one.momentum != other.momentum:
            changed = copy.deepcopy(other)
            changed.momentum = one.momentum
            if self.equal(moved[0], _trained(changed, x)):
                return (
                    f"in training: momentum {one.momentum:.4g} in A, {other.momentum:.4g} in B "
                    "(torch's is 1 less that of Keras)"
                )
        return None


def _trained(module, x):
    """The moving mean after one batch."""
    module = copy.deepcopy(module).train()
    with torch.no_grad():
        module(x)
    return module.running_mean


def _with(event, operation):
    made = copy.copy(event)
    made.operation = operation
    return made


def as_output(step: Step, found: Tensor) -> Tensor:
    """`found` in the shape that `step` gave: the last output of all, or another order of axes."""
    if step.kind == "recurrent" and found.ndim == step.y.ndim + 1:
        return found[:, -1]
    return in_one_order(step.y, found)


def _fitting(ours, theirs):
    return {n: w for n, w in ours.items() if n in theirs and theirs[n].shape == w.shape}


def _setting(event, name):
    if isinstance(event.operation, nn.Module):
        value = getattr(event.operation, name, None)
    else:
        value = event.kwargs.get(name)
        if name == "align_corners" and value is None and event.kind == "resize":
            return False if event.kwargs.get("mode") in ("bilinear", "bicubic") else None
    if name == "align_corners" and value is None and event.kind == "resize":
        return False if getattr(event.operation, "mode", "") in ("bilinear", "bicubic") else None
    return value if not isinstance(value, nn.Module) else None


def _edges(pad):
    if pad is None:
        return None
    if isinstance(pad.operation, nn.Module):
        return list(pad.operation.padding)
    return list(pad.args[1] if len(pad.args) > 1 else pad.kwargs["pad"])


def _pad(pad, x):
    if isinstance(pad.operation, nn.Module):
        return pad.operation(x)
    return pad.operation(x, *pad.args[1:], **pad.kwargs)


def _short(value):
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple) and len(set(value)) == 1:
        return str(value[0])
    return str(value)


def _stepped(weights, reset_after):
    kernel = weights["weight_ih_l0"]
    module = SteppedGRU(kernel.shape[1], kernel.shape[0] // 3, reset_after=reset_after)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name in weights:
                parameter.copy_(weights[name])
    return module.eval()


__all__ = ["Trial", "apart", "as_output", "in_one_order"]
