"""Recurrent layers: on torch's kernels where those compute the same, else on loops over steps."""

from __future__ import annotations

from typing import Any

from torch import nn

from ... import activations, tree
from ...layers.cells import GatedCell, StackedRNNCells
from ...layers.conv_lstm import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
from ...layers.cudnn import CuDNNGRU, CuDNNLSTM
from ...layers.gates import GRUGates, LSTMGates
from ...layers.recurrent import GRU, LSTM, NativeRNN, SimpleRNN
from ...layers.rnn import RNN
from ...layers.spatial import pad_argument, same_padding
from ...layers.wrappers import Bidirectional
from .. import helpers
from ..natives import Unwritten, construction
from ..text import literal
from .activating import activation_name

_STEPPED = {4: helpers.SteppedLSTM, 3: helpers.SteppedGRU, 1: helpers.SteppedSimpleRNN}
_NATIVE = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn_tanh": nn.RNN, "rnn_relu": nn.RNN}


# --- modules -------------------------------------------------------------------------------------


class _Weights(nn.Module):
    """Weights under the names that the written module gives them."""

    def __init__(self, weights):
        super().__init__()
        for name, weight in weights.items():
            self.register_parameter(name, weight)


def _held(gates):
    """The native weights of a layer or cell, named as in `nn.LSTM`."""
    holder = gates.rnn if isinstance(gates, NativeRNN) else gates.cell
    named = {name.removesuffix("_l0"): one for name, one in holder.named_parameters()}
    if "bias_gates" in named:
        named["bias_ih"] = named.pop("bias_gates")
    return {f"{name}_l0": one for name, one in named.items()}


def _is_fused(layer, gates):
    apart = gates.dropout and gates.masks_apart and not getattr(layer, "_drops_each_step", False)
    return gates.fused is not None and not gates.recurrent_dropout and not apart


def _module(site, layer, gates, suffix):
    """The module that repeats the steps of `gates`, which has the interface of `nn.LSTM`."""
    weights = _held(gates)
    size, units = weights["weight_ih_l0"].shape[1], gates.units
    if _is_fused(layer, gates):
        extra = {"nonlinearity": gates.fused[4:]} if gates.fused.startswith("rnn_") else {}
        native = _NATIVE[gates.fused](size, units, bias=gates.use_bias, batch_first=True, **extra)
        return site.module(_Weights(weights), suffix, code=construction(native))
    if not getattr(gates, "hidden_bias", True) or not getattr(gates, "reset_after", True):
        weights.pop("bias_hh_l0", None)
    settings = [str(size), str(units)]
    if gates.activation is not activations.tanh:
        settings.append(f"activation={activation_name(site, gates.activation)}")
    recurrent = getattr(gates, "recurrent_activation", activations.sigmoid)
    if recurrent is not activations.sigmoid:
        settings.append(f"recurrent_activation={activation_name(site, recurrent)}")
    if isinstance(gates, GRUGates) and not gates.reset_after:
        settings.append("reset_after=False")
    if not gates.use_bias:
        settings.append("bias=False")
    for name in ("dropout", "recurrent_dropout"):
        if getattr(gates, name):
            settings.append(f"{name}={literal(getattr(gates, name))}")
    if (gates.dropout or gates.recurrent_dropout) and not gates.masks_apart:
        settings.append("shared=True")
    kind = site.helper(_STEPPED[gates.blocks])
    return site.module(_Weights(weights), suffix, code=f"{kind}({', '.join(settings)})")


def _dropped(site, layer, gates, suffix, x):
    """The inputs, through the dropout that a kernel does not know."""
    if not gates.dropout or not _is_fused(layer, gates):
        return x
    if getattr(layer, "_drops_each_step", False):
        return f"{site.module(nn.Dropout(gates.dropout), suffix + '_dropout')}({x})"
    code = f"{site.helper(helpers.SharedDropout)}({gates.dropout}, (None, 1, None))"
    return f"{site.module(nn.Identity(), suffix + '_dropout', code=code)}({x})"


def _conv_module(site, layer, suffix):
    holder = nn.Module()
    holder.conv, holder.recurrent = layer.conv, layer.recurrent
    if layer._sized and None in layer.sizes(site.shape[1:]):
        raise Unwritten("its padding depends on sizes that are open; give the inputs fixed ones")
    edges = layer._edges
    if layer._sized and edges is None and not any(layer.conv.padding):
        sizes = layer.sizes((site.shape[0], *site.shape[2:]))
        windows = zip(sizes, layer.kernel_size, layer.strides, strict=True)
        edges = pad_argument([same_padding(*window) for window in windows])
    if layer.dropout or layer.recurrent_dropout:
        raise Unwritten("its dropout differs between gates")
    settings = [construction(layer.conv), construction(layer.recurrent)]
    if layer.activation is not activations.tanh:
        settings.append(f"activation={activation_name(site, layer.activation)}")
    if layer.recurrent_activation is not activations.sigmoid:
        settings.append(f"recurrent_activation={activation_name(site, layer.recurrent_activation)}")
    if edges is not None and any(edges):
        settings.append(f"pad={literal(tuple(edges))}")
    if layer._state_edges is not None:
        settings.append(f"state_pad={literal(tuple(layer._state_edges))}")
    code = f"{site.helper(helpers.ConvLSTM)}({', '.join(settings)})"
    return site.module(holder, suffix, code=code)


# --- calls ---------------------------------------------------------------------------------------


def _check(layer):
    if layer.stateful:
        raise Unwritten("it is stateful; pass states around instead")
    if getattr(layer, "time_major", False):
        raise Unwritten("it is time_major")


def _gates_of(layer):
    """What has the weights of the steps, one for each of stacked cells."""
    if isinstance(layer, NativeRNN):
        return [layer]
    cell = layer.cell
    cells = list(cell.cells) if isinstance(cell, StackedRNNCells) else [cell]
    for one in cells:
        if not isinstance(one, GatedCell) or type(one).call is not GatedCell.call:
            raise Unwritten(f"its cell {type(one).__name__} is none of torch's")
    if getattr(cell, "reverse_state_order", False):
        raise Unwritten("its cells have their states in reverse order")
    return cells


def _run(site, layer, suffix, x, mask, states):
    """The expression of outputs and final states, and whether it is torch's own call."""
    _check(layer)
    if hasattr(layer, "conv"):
        module = _conv_module(site, layer, suffix)
    else:
        *before, gates = _gates_of(layer)
        if before and (states or layer.return_state or layer.go_backwards):
            raise Unwritten("it has several cells, and states or go_backwards")
        for number, one in enumerate(before):
            inner = _module(site, layer, one, f"{suffix}_{number}")
            x = _dropped(site, layer, one, f"{suffix}_{number}", x)
            x = site.line(_call(site, inner, x, mask, None, False)[0] + "[0]")
        suffix = f"{suffix}_{len(before)}" if before else suffix
        module = _module(site, layer, gates, suffix)
        x = _dropped(site, layer, gates, suffix, x)
    return _call(site, module, x, mask, states, layer.go_backwards)


def _call(site, module, x, mask, states, backwards):
    if mask is None and not states and not backwards:
        return f"{module}({x})", True
    given = [module, x]
    if mask is not None:
        given.append(mask)
    if states:
        inner = f"{', '.join(states)}{',' if len(states) == 1 else ''}"
        given.append(f"states=({inner})")
    if backwards:
        given.append("backwards=True")
    return f"{site.helper(helpers.run_rnn)}({', '.join(given)})", False


def _parts(site):
    """Input, mask and initial states as expressions."""
    layer = site.layer
    inputs, states, constants = layer._split(
        site.args[0], site.kwargs.get("initial_state"), site.kwargs.get("constants")
    )
    if constants:
        raise Unwritten("it takes constants")
    if tree.is_nested(inputs):
        raise Unwritten("its steps have several inputs")
    mask = next(tree.leaves(site.mask), None)
    mask = next(tree.leaves(site.kwargs.get("mask")), None) if mask is None else mask
    states = [site.text(state) for state in tree.leaves(states)] if states is not None else []
    return inputs, None if mask is None else site.text(mask), states


def _channels(site, layer, tensor):
    """Films as torch has them: (batch, steps, channels, ...)."""
    x = site.input(tensor)
    return f"{x}.movedim(-1, 2)" if hasattr(layer, "conv") and not layer.channels_first else x


def _back(layer, expression, sequence):
    if not hasattr(layer, "conv") or layer.channels_first:
        return expression
    return f"{expression}.movedim({2 if sequence else 1}, -1)"


def recurrent(site: Any) -> Any:
    layer = site.layer
    inputs, mask, states = _parts(site)
    if hasattr(layer, "conv") and not layer.channels_first:
        states = [f"{state}.movedim(-1, 1)" for state in states]
    expression, native = _run(site, layer, "", _channels(site, layer, inputs), mask, states)
    if not layer.return_state:
        if native:
            return _output(layer, f"{expression}[0]", mask)
        target = site.line_target()
        site.statement(f"{target}, _ = {expression}")
        return _output(layer, target, mask)
    first, *names = [site.writer.values[id(tensor)].name for tensor in site.call.outputs]
    first = "outputs" if first == "_" else first
    if native:
        expression = f"{site.helper(helpers.run_rnn)}({expression.replace('(', ', ', 1)}"
    inner = f"{', '.join(names)}{',' if len(names) == 1 else ''}"
    site.statement(f"{first}, ({inner}) = {expression}")
    rest = [_back(layer, name, False) for name in names]
    return [_output(layer, first, mask), *rest]


def _output(layer, outputs, mask):
    if not layer.return_sequences:
        return _back(layer, f"{outputs}[:, -1]", False)
    if mask is not None and layer.zero_output_for_mask:
        flipped = f"{mask}.flip(1)" if layer.go_backwards else mask
        axes = ".unsqueeze(-1)" * (1 if not hasattr(layer, "conv") else layer.rank + 1)
        outputs = f"{outputs} * {flipped}{axes}"
        return outputs if not hasattr(layer, "conv") else _back(layer, f"({outputs})", True)
    return _back(layer, outputs, True)


# --- both directions -----------------------------------------------------------------------------


def _as_one_module(site, mask, states):
    """Whether `nn.LSTM(bidirectional=True)` and its like compute the same."""
    forward, backward = site.layer.forward_layer, site.layer.backward_layer
    if mask is not None or states or site.layer.return_state:
        return False
    both = (forward, backward)
    if not all(isinstance(one, NativeRNN) and _is_fused(one, one) for one in both):
        return False
    same = ("fused", "units", "use_bias", "dropout")
    return (
        all(getattr(forward, name) == getattr(backward, name) for name in same)
        and not forward.dropout
        and not (forward.go_backwards or forward.stateful or forward.time_major)
    )


def bidirectional(site: Any) -> Any:
    layer = site.layer
    inputs, mask, states = _parts(site)
    if _as_one_module(site, mask, states):
        return _merged_halves(site, inputs)
    forward, backward = layer.forward_layer, layer.backward_layer
    if layer.return_state:
        raise Unwritten("it gives back states; run the two directions as layers of their own")
    x = _channels(site, forward, inputs)
    half = len(states) // 2
    results = []
    target = site.writer.values[id(site.output)].name
    for name, one, given in (
        ("forward", forward, states[:half]),
        ("backward", backward, states[half:]),
    ):
        expression, _ = _run(site, one, f"_{name}", x, mask, given)
        local = f"{target if target not in ('x', '_') else 'y'}_{name}"
        site.statement(f"{local}, _ = {expression}")
        result = _output(one, local, mask)
        if name == "backward" and layer.return_sequences:
            result = f"({result}).flip(1)" if " * " in result else f"{result}.flip(1)"
        if result != local:
            site.statement(f"{local} = {result}")
        results.append(local)
    return _merge(layer.merge_mode, *results)


def _merged_halves(site, inputs):
    layer, forward = site.layer, site.layer.forward_layer
    weights = _held(forward)
    weights |= {f"{name}_reverse": one for name, one in _held(layer.backward_layer).items()}
    extra = {"nonlinearity": forward.fused[4:]} if forward.fused.startswith("rnn_") else {}
    size = weights["weight_ih_l0"].shape[1]
    native = _NATIVE[forward.fused](
        size, forward.units, bias=forward.use_bias, batch_first=True, bidirectional=True, **extra
    )
    module = site.module(_Weights(weights), code=construction(native))
    expression = f"{module}({site.input(inputs)})"
    if layer.return_sequences:
        if layer.merge_mode == "concat":
            return f"{expression}[0]"
        x = site.line(f"{expression}[0].chunk(2, -1)")
    else:
        name = site.line_target()
        final = f"({name}, _)" if isinstance(forward, LSTMGates) else name
        site.statement(f"_, {final} = {expression}")
        x = name
    return _merge(layer.merge_mode, f"{x}[0]", f"{x}[1]")


def _merge(mode, one, other):
    if mode is None:
        return [one, other]
    if mode == "concat":
        return f"torch.cat([{one}, {other}], dim=-1)"
    sign = {"mul": "*", "sum": "+", "ave": "+"}[mode]
    return f"({one} + {other}) / 2" if mode == "ave" else f"{one} {sign} {other}"


EMITTERS = {
    RNN: recurrent,
    SimpleRNN: recurrent,
    LSTM: recurrent,
    GRU: recurrent,
    CuDNNLSTM: recurrent,
    CuDNNGRU: recurrent,
    ConvLSTM1D: recurrent,
    ConvLSTM2D: recurrent,
    ConvLSTM3D: recurrent,
    Bidirectional: bidirectional,
}
