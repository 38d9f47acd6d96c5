"""How to draw layers around layers and cells, attention of many heads, and preprocessing."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from compat_tests.checks.draw_arguments import (
    _OUTPUT,
    _first,
    _sizes,
    _some,
    arguments,
    mask_of,
    others,
    shape,
)
from torchkeras import layers

_STEPS = "return_sequences return_state go_backwards unroll stateful"
_CELLS = {
    "SimpleRNNCell": "activation use_bias",
    "LSTMCell": "activation use_bias recurrent_activation unit_forget_bias implementation",
    "GRUCell": "activation use_bias recurrent_activation reset_after implementation",
}
_MODES = st.sampled_from(["multi_hot", "count", "one_hot"])


# --- around layers and cells ---------------------------------------------------------------------


def _cell(draw):
    name = draw(st.sampled_from(sorted(_CELLS)))
    config = arguments(draw, _CELLS[name], units=_some)
    return name, others(draw, getattr(layers, name), config, often=True)


def rnn(draw):
    """`RNN` over a cell, a list of cells, or cells stacked by hand."""
    cells = [_cell(draw) for _ in range(draw(st.integers(1, 2)))]
    how = draw(st.sampled_from(["plain", "stacked"])) if len(cells) > 1 else "one"

    def make(keras_layers):
        def made(**config):
            inner = [getattr(keras_layers, name)(**given) for name, given in cells]
            if how == "stacked":
                inner = keras_layers.StackedRNNCells(inner)
            return keras_layers.RNN(inner[0] if how == "one" else inner, **config)

        return made

    x = shape(draw, 3)
    mask = mask_of(draw, *x[:2])
    return arguments(draw, _STEPS), x, {"make": make, "key": (cells, how), "mask": mask}


def bidirectional(draw):
    kind = draw(st.sampled_from(["SimpleRNN", "GRU", "LSTM"]))
    inner = arguments(draw, "activation use_bias return_sequences return_state", units=_some)
    config = {"merge_mode": draw(st.sampled_from(["concat", "sum", "mul", "ave", None]))}
    own = draw(st.booleans())
    steps = {key: inner[key] for key in ("return_sequences", "return_state") if key in inner}

    def make(keras_layers):
        def made(**given):
            if own:
                cell = getattr(keras_layers, kind)
                given["backward_layer"] = cell(inner["units"], go_backwards=True, **steps)
            return keras_layers.Bidirectional(getattr(keras_layers, kind)(**inner), **given)

        return made

    x = shape(draw, 3)
    mask = mask_of(draw, *x[:2])
    return config, x, {"make": make, "key": (kind, inner, own), "mask": mask}


def time_distributed(draw):
    inner = draw(
        st.sampled_from(
            [
                ("Dense", {"units": 2, "activation": "tanh"}, 3),
                ("Conv1D", {"filters": 2, "kernel_size": 2, "padding": "same"}, 4),
                ("BatchNormalization", {}, 3),
                ("Flatten", {}, 4),
                ("LSTM", {"units": 2}, 4),
                ("GlobalMaxPooling2D", {}, 5),
            ]
        )
    )
    name, given, rank = inner

    def make(keras_layers):
        def made(**config):
            return keras_layers.TimeDistributed(getattr(keras_layers, name)(**given), **config)

        return made

    x = shape(draw, rank, 2, 4)
    mask = mask_of(draw, *x[:2]) if name in ("Dense", "BatchNormalization") else None
    return {}, x, {"make": make, "key": inner, "mask": mask}


def conv_lstm(rank):
    named = _OUTPUT + " padding data_format recurrent_activation unit_forget_bias "
    named += "return_sequences return_state go_backwards stateful"

    def drawn(draw):
        config = arguments(draw, named, filters=st.integers(1, 2))
        config["kernel_size"] = _sizes(draw, rank, st.integers(1, 2))
        spread = draw(st.sampled_from(["plain", "strides", "dilation_rate"]))
        if spread != "plain":
            config[spread] = draw(st.integers(1, 2))
        batch, steps, channels = draw(_some), draw(st.integers(1, 3)), draw(st.integers(1, 2))
        sizes = shape(draw, rank, 3, 4)
        x = (batch, steps, *sizes, channels)
        if config.get("data_format") == "channels_first":
            x = (batch, steps, channels, *sizes)
        return config, x, {"mask": mask_of(draw, batch, steps)}

    return drawn


def locally_connected(rank):
    def drawn(draw):
        config = arguments(draw, _OUTPUT + " padding data_format", filters=_some)
        config["kernel_size"] = _sizes(draw, rank, st.integers(1, 2))
        config["strides"] = draw(st.integers(1, 2))
        config["implementation"] = draw(st.integers(1, 3))
        x = (draw(_some), *shape(draw, rank, 3, 5), draw(_some))
        return config, _first(config, x), {}

    return drawn


# --- attention and products ----------------------------------------------------------------------


def _listed(keras_layers):
    """MultiHeadAttention of a list: what `Case` calls a layer with."""

    class Listed(keras_layers.MultiHeadAttention):
        def __call__(self, inputs, **kwargs):
            return super().__call__(*inputs, **kwargs)

        def compute_output_shape(self, shapes):
            return super().compute_output_shape(*shapes)

    return Listed


def multi_head(draw):
    config = arguments(draw, _OUTPUT.replace("activation ", "", 1), num_heads=st.integers(1, 3))
    config["key_dim"] = draw(_some)
    if draw(st.booleans()):
        config["value_dim"] = draw(_some)
    if draw(st.booleans()):
        config["output_shape"] = draw(st.one_of(_some, st.tuples(_some, _some)))
    batch, queries, keys = draw(st.integers(1, 3)), draw(_some), draw(_some)
    if draw(st.integers(0, 2)) == 0:
        config["attention_axes"] = draw(st.sampled_from([1, 2, (1, 2)]))
        x = [(batch, queries, keys, draw(_some))] * 2
        return config, x, {"make": _listed, "key": "axes"}
    x = [(batch, queries, draw(_some)), (batch, keys, draw(_some))]
    if draw(st.booleans()):
        x.append((batch, keys, draw(_some)))
    call = {}
    if draw(st.booleans()):
        seen = np.random.default_rng(draw(st.integers(0, 99))).random((batch, queries, keys)) < 0.6
        seen[:, :, 0] = True  # a query that may look nowhere has rows of its own
        call["attention_mask"] = seen
    if draw(st.booleans()):
        call["use_causal_mask"] = True
    if draw(st.booleans()):
        call["return_attention_scores"] = True
    return config, x, {"make": _listed, "key": "lists", "call_kwargs": call}


def einsum(draw):
    equation, output, axes, x = draw(
        st.sampled_from(
            [
                ("ab,bc->ac", (3,), "c", (2, 4)),
                ("abc,cd->abd", (None, 3), "d", (2, 3, 4)),
                ("abc,cd->abd", (3, 2), "bd", (2, 3, 4)),
                ("...x,xy->...y", (3,), "y", (2, 3, 2, 4)),
                ("abc,cde->abde", (None, 2, 3), "de", (2, 3, 4)),
                ("abc,bd->adc", (2, 4), None, (2, 3, 4)),
                ("abcd,cde->abe", (None, 3), "e", (2, 3, 2, 2)),
            ]
        )
    )
    config = arguments(draw, "activation kernel_regularizer kernel_constraint")
    config |= {"equation": equation, "output_shape": output}
    config["activity_regularizer"] = None  # tf.keras ignores it, here it is an error
    if axes and draw(st.booleans()):
        config |= {"bias_axes": axes} | arguments(draw, "bias_regularizer bias_constraint")
    return config, x, {"make": _unshaped, "key": "einsum"}


def _unshaped(keras_layers):
    """EinsumDense, which in tf.keras knows no shapes before it is built."""

    class Unshaped(keras_layers.EinsumDense):
        def compute_output_shape(self, shape):
            return (None,)

    return Unshaped


# --- regularisation: inference, as the draws are torch's ---------------------------------------


def dropping(rank=None, **given):
    def drawn(draw):
        config = arguments(draw, "", **given)
        if rank in (2, 3):
            config |= arguments(draw, "data_format")
        x = shape(draw, rank + 2 if rank else draw(st.integers(2, 4)))
        if "rate" in config and rank is None and draw(st.booleans()):
            config["noise_shape"] = (x[0], *[1] * (len(x) - 1))
        return config, x, {"call_kwargs": {"training": False}}

    return drawn


# --- preprocessing -------------------------------------------------------------------------------


def normalization(draw):
    x = shape(draw, 3)
    axis = draw(st.sampled_from([-1, None, 1]))
    config = {"axis": axis, "invert": draw(st.booleans())}
    number = axis is None or draw(st.booleans())
    for name in ("mean", "variance"):
        one = st.integers(1, 8).map(lambda n: n / 4)
        config[name] = draw(one) if number else [draw(one) for _ in range(x[axis])]
    return config, x, {}


def category(draw):
    config = arguments(draw, "", num_tokens=st.integers(4, 6), output_mode=_MODES)
    x = (draw(_some), 1 if config["output_mode"] == "one_hot" else draw(_some))
    return config, x, {"int_input": True}


def center_crop(draw):
    config = {"height": draw(_some), "width": draw(_some)}
    return config, (draw(_some), *shape(draw, 2, 2, 6), draw(_some)), {}


_FILLS = {
    "fill_mode": st.sampled_from(["reflect", "wrap", "constant", "nearest"]),
    "interpolation": st.sampled_from(["nearest", "bilinear"]),
    "fill_value": st.sampled_from([0.0, 0.5]),
}


def forced(*factors, low=-0.5, high=0.5, call=True, **given):
    """A random layer whose `factors` are ranges without width, on integers: no gradients."""

    def drawn(draw):
        numbers = st.integers(round(low * 16), round(high * 16)).map(lambda n: n / 16)
        config = {name: (n, n) for name in factors for n in [draw(numbers)]}
        config |= arguments(draw, "", **given)
        x = (draw(st.integers(1, 3)), *shape(draw, 2, 3, 8), draw(st.integers(1, 3)))
        options = {"int_input": 256, "call_kwargs": {"training": call}}
        return config, x, options

    return drawn


LAYERS = {
    "RNN": rnn,
    "Bidirectional": bidirectional,
    "TimeDistributed": time_distributed,
    **{f"ConvLSTM{n}D": conv_lstm(n) for n in (1, 2, 3)},
    **{f"LocallyConnected{n}D": locally_connected(n) for n in (1, 2)},
    "MultiHeadAttention": multi_head,
    "EinsumDense": einsum,
    "Identity": lambda draw: ({}, shape(draw, 3), {}),
    "Dropout": dropping(rate=st.sampled_from([0.0, 0.3])),
    "GaussianDropout": dropping(0, rate=st.sampled_from([0.0, 0.3])),
    "AlphaDropout": dropping(rate=st.sampled_from([0.0, 0.3])),
    "GaussianNoise": dropping(stddev=st.sampled_from([0.1, 2.0])),
    **{f"SpatialDropout{n}D": dropping(n, rate=st.sampled_from([0.2, 0.5])) for n in (1, 2, 3)},
    "Normalization": normalization,
    "CategoryEncoding": category,
    "CenterCrop": center_crop,
    "RandomFlip": forced(call=False, mode=st.sampled_from(["horizontal", "vertical"])),
    "RandomCrop": forced(call=False, height=_some, width=_some),
    "RandomRotation": forced("factor", **_FILLS),
    "RandomTranslation": forced("height_factor", "width_factor", **_FILLS),
    "RandomZoom": forced("height_factor", "width_factor", **_FILLS),
    "RandomBrightness": forced("factor", value_range=st.sampled_from([(0, 255), (0, 1)])),
    "RandomContrast": forced(call=False, factor=st.sampled_from([0.2, (0.0, 0.5)])),
    "RandomHeight": forced("factor", interpolation=st.sampled_from(["nearest", "bilinear"])),
    "RandomWidth": forced("factor", interpolation=st.sampled_from(["bicubic", "bilinear"])),
}
