"""What hypothesis draws for layers: arguments by their names, shapes, masks."""

from __future__ import annotations

import inspect

import numpy as np
from hypothesis import strategies as st

ACTIVATIONS = (
    "relu tanh sigmoid softmax elu selu softplus softsign gelu swish exponential linear "
    "hard_sigmoid mish relu6 leaky_relu"
).split()
_activation = st.sampled_from([None, *ACTIVATIONS])
_regularizer = st.sampled_from([None, "l1", "l2", "l1_l2"])
_constraint = st.sampled_from([None, "max_norm", "non_neg", "unit_norm"])
_some = st.integers(1, 4)

ARGUMENTS = {
    "units": _some,
    "filters": _some,
    "activation": _activation,
    "use_bias": st.booleans(),
    "padding": st.sampled_from(["valid", "same"]),
    "data_format": st.sampled_from(["channels_last", "channels_first", None]),
    "depth_multiplier": st.integers(1, 3),
    "keepdims": st.booleans(),
    "epsilon": st.sampled_from([1e-3, 1e-2, 0.1]),
    "center": st.booleans(),
    "scale": st.booleans(),
    "return_sequences": st.booleans(),
    "return_state": st.booleans(),
    "go_backwards": st.booleans(),
    "unroll": st.booleans(),
    "stateful": st.booleans(),
    "reset_after": st.booleans(),
    "unit_forget_bias": st.booleans(),
    "implementation": st.sampled_from([1, 2]),
    "recurrent_activation": st.sampled_from(["sigmoid", "hard_sigmoid", "tanh"]),
    "use_scale": st.booleans(),
    "kernel_regularizer": _regularizer,
    "bias_regularizer": _regularizer,
    "activity_regularizer": _regularizer,
    "kernel_constraint": _constraint,
    "bias_constraint": _constraint,
}
_WEIGHTS = "kernel_regularizer bias_regularizer kernel_constraint bias_constraint"
_OUTPUT = "activation use_bias activity_regularizer " + _WEIGHTS


def arguments(draw, named, **others):
    """The arguments of `named`, each left at its default now and then, and `others`."""
    drawn = {}
    for name in named.split():
        if draw(st.booleans()):
            drawn[name] = draw(ARGUMENTS[name])
    return drawn | {
        k: draw(v) if isinstance(v, st.SearchStrategy) else v for k, v in others.items()
    }


_BY_SUFFIX = {
    "_initializer": st.sampled_from(["zeros", "ones", "random_uniform", "glorot_normal"]),
    "_regularizer": _regularizer,
    "_constraint": _constraint,
    "dropout": st.sampled_from([0.0, 0.3]),  # inference does not see it
    "seed": st.integers(0, 99),
}


def others(draw, constructor, config, often=False):
    """Arguments that a layer has like many others and `config` leaves out: few of them."""
    drawn = {}
    for name in inspect.signature(constructor).parameters:
        kinds = [kind for suffix, kind in _BY_SUFFIX.items() if name.endswith(suffix)]
        if kinds and name not in config and draw(st.integers(0, 1 if often else 3)) == 0:
            drawn[name] = draw(kinds[0])
    if draw(st.integers(0, 7)) == 0:
        drawn |= {"name": "given", "trainable": False}
    return config | drawn


def mask_of(draw, batch, steps):
    """None, or a mask with at least one step of all samples."""
    if draw(st.booleans()):
        return None
    kept = st.lists(st.booleans(), min_size=steps, max_size=steps)
    mask = np.array([draw(kept) for _ in range(batch)])
    mask[:, draw(st.integers(0, steps - 1))] = True
    return mask


def shape(draw, rank, smallest=1, largest=5):
    return tuple(draw(st.integers(smallest, largest)) for _ in range(rank))


def _sizes(draw, rank, values):
    """One number for all axes, or one for each."""
    return draw(st.one_of(values, st.tuples(*[values] * rank))) if rank > 1 else draw(values)


def _first(config, x):
    """The shape for channels_first."""
    return (x[0], x[-1], *x[1:-1]) if config.get("data_format") == "channels_first" else x
