"""Random configurations of layers, drawn by hypothesis, beside live tf.keras.

`LAYERS` tells for each class how to draw its arguments and an input; `ARGUMENTS` what an argument
of some name may be. `check_drawn` compares outputs, gradients, weights and names.
"""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compat_tests import oracle
from compat_tests.checks.layer import check_values
from compat_tests.checks.layer_case import Case
from torchkeras import names

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


def shape(draw, rank, smallest=1, largest=5):
    return tuple(draw(st.integers(smallest, largest)) for _ in range(rank))


def _sizes(draw, rank, values):
    """One number for all axes, or one for each."""
    return draw(st.one_of(values, st.tuples(*[values] * rank))) if rank > 1 else draw(values)


def _first(config, x):
    """The shape for channels_first."""
    return (x[0], x[-1], *x[1:-1]) if config.get("data_format") == "channels_first" else x


def _widest(size):
    return max(size) if isinstance(size, tuple) else size


# --- how to draw each class: (config, input shape, options of `Case`) ---------------------------


def dense(draw):
    config = arguments(draw, _OUTPUT, units=_some)
    return config, shape(draw, draw(st.integers(2, 4))), {}


def conv(rank):
    def drawn(draw):
        config = arguments(draw, _OUTPUT + " padding data_format", filters=_some)
        config["kernel_size"] = _sizes(draw, rank, st.integers(1, 3))
        stride = draw(st.sampled_from(["plain", "strides", "dilation_rate"]))
        if stride != "plain":
            config[stride] = draw(st.integers(1, 2))
        x = (draw(st.integers(1, 3)), *shape(draw, rank, 6, 8), draw(_some))
        if draw(st.booleans()):
            groups = draw(st.integers(1, 2))
            config |= {"groups": groups, "filters": groups * config["filters"]}
            x = (*x[:-1], groups * x[-1])
        if rank == 1 and draw(st.booleans()):
            config |= {"padding": "causal"}
            config.pop("data_format", None)
        if "groups" in config:  # a CPU has them in TensorFlow for XLA alone
            config.pop("groups")
        return config, _first(config, x), {}

    return drawn


def transposed(rank):
    def drawn(draw):
        config = arguments(draw, _OUTPUT + " padding data_format", filters=_some)
        config["kernel_size"] = _sizes(draw, rank, st.integers(1, 3))
        config["strides"] = draw(st.integers(1, 2))
        if draw(st.booleans()) and config["strides"] == 2:
            config["output_padding"] = draw(st.integers(0, 1))
        x = (draw(st.integers(1, 2)), *shape(draw, rank, 3, 5), draw(_some))
        return config, _first(config, x), {}

    return drawn


def depthwise(rank):
    def drawn(draw):
        named = "activation use_bias activity_regularizer padding data_format depth_multiplier"
        config = arguments(draw, named, strides=st.integers(1, 2))
        config["kernel_size"] = draw(st.integers(1, 3))
        x = (draw(st.integers(1, 3)), *shape(draw, rank, 5, 7), draw(_some))
        return config, _first(config, x), {}

    return drawn


def separable(rank):
    def drawn(draw):
        config, x, _ = depthwise(rank)(draw)
        return config | {"filters": draw(_some)}, x, {}

    return drawn


def pool(rank):
    def drawn(draw):
        config = arguments(draw, "padding data_format")
        config["pool_size"] = _sizes(draw, rank, st.integers(1, 3))
        config["strides"] = draw(st.sampled_from([None, 1, 2]))
        x = (draw(st.integers(1, 3)), *shape(draw, rank, 4, 7), draw(_some))
        return config, _first(config, x), {}

    return drawn


def global_pool(rank):
    def drawn(draw):
        config = arguments(draw, "keepdims data_format")
        return config, shape(draw, rank + 2), {}

    return drawn


def around(rank, argument, largest):
    """Padding and cropping: a number, one for each axis, or a pair for each axis."""

    def drawn(draw):
        one = st.integers(0, largest)
        pair = st.tuples(one, one)
        amounts = [one, pair] if rank == 1 else [one, st.tuples(*[one] * rank)]
        if rank > 1:
            amounts.append(st.tuples(*[pair] * rank))
        config = {argument: draw(st.one_of(*amounts))}
        if rank > 1:
            config |= arguments(draw, "data_format")
        x = (draw(st.integers(1, 3)), *shape(draw, rank, 2 * largest + 1, 6), draw(_some))
        return config, _first(config, x), {}

    return drawn


def upsampling(rank):
    def drawn(draw):
        config = {"size": _sizes(draw, rank, st.integers(1, 3))}
        if rank > 1:
            config |= arguments(draw, "data_format")
        if rank == 2:
            config["interpolation"] = draw(st.sampled_from(["nearest", "bilinear"]))
        return config, _first(config, (*shape(draw, rank + 1, 2, 4), draw(_some))), {}

    return drawn


def recurrent(named):
    def drawn(draw):
        config = arguments(draw, named, units=_some)
        x = (draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(_some))
        mask = None
        if draw(st.booleans()):
            kept = st.lists(st.booleans(), min_size=x[1], max_size=x[1])
            mask = np.array([draw(kept) for _ in range(x[0])])
            mask[:, draw(st.integers(0, x[1] - 1))] = True
        return config, x, {"mask": mask}

    return drawn


_STEPS = (
    "activation use_bias return_sequences return_state go_backwards kernel_regularizer "
    "activity_regularizer"
)


def batch_norm(draw):
    config = arguments(draw, "epsilon center scale", momentum=st.sampled_from([0.5, 0.9]))
    x = shape(draw, draw(st.integers(2, 5)), 2, 4)
    if draw(st.booleans()):
        config["axis"] = draw(st.integers(1, len(x) - 1))
    options = {"call_kwargs": {"training": True}} if draw(st.booleans()) else {}
    return config, x, options


def layer_norm(draw):
    x = shape(draw, draw(st.integers(2, 4)), 2, 4)
    axes = draw(st.lists(st.integers(1, len(x) - 1), min_size=1, unique=True))
    config = arguments(draw, "epsilon center scale")
    return config | {"axis": draw(st.sampled_from([-1, sorted(axes)]))}, x, {}


def group_norm(draw):
    groups = draw(st.integers(1, 3))
    x = (*shape(draw, draw(st.integers(1, 3)), 2, 3), groups * draw(st.integers(1, 3)))
    return arguments(draw, "epsilon center scale", groups=groups), x, {}


def merge(count=None, **others):
    def drawn(draw):
        x = shape(draw, draw(st.integers(2, 4)))
        return arguments(draw, "", **others), [x] * (count or draw(st.integers(2, 4))), {}

    return drawn


def concatenate(draw):
    x = shape(draw, draw(st.integers(2, 4)))
    axis = draw(st.integers(1, len(x) - 1))
    shapes = [(*x[:axis], draw(_some), *x[axis + 1 :]) for _ in range(draw(st.integers(2, 3)))]
    return {"axis": draw(st.sampled_from([axis, axis - len(x)]))}, shapes, {}


def dot(draw):
    batch, common = draw(st.integers(1, 3)), draw(_some)
    shapes = [(batch, draw(_some), common), (batch, draw(_some), common)]
    return {"axes": 2, "normalize": draw(st.booleans())}, shapes, {}


def attention(named):
    def drawn(draw):
        batch, depth = draw(st.integers(1, 3)), draw(_some)
        queries, keys = (batch, draw(_some), depth), (batch, draw(_some), depth)
        shapes = [queries, keys, keys][: draw(st.integers(2, 3))]
        return arguments(draw, named), shapes, {}

    return drawn


def embedding(draw):
    config = {"input_dim": 4, "output_dim": draw(_some), "mask_zero": draw(st.booleans())}
    config |= arguments(draw, "activity_regularizer")
    return config, shape(draw, draw(st.integers(1, 3))), {"int_input": True}


def reshape(draw):
    x = shape(draw, 3)
    targets = [(-1,), (x[2], x[1]), (x[1] * x[2],), (1, -1), (x[2], -1, 1)]
    return {"target_shape": draw(st.sampled_from(targets))}, x, {}


def permute(draw):
    x = shape(draw, draw(st.integers(2, 4)))
    return {"dims": tuple(draw(st.permutations(range(1, len(x)))))}, x, {}


def plain(**others):
    def drawn(draw):
        return arguments(draw, "", **others), shape(draw, draw(st.integers(2, 4))), {}

    return drawn


def prelu(draw):
    x = shape(draw, draw(st.integers(2, 4)))
    shared = draw(st.lists(st.integers(1, len(x) - 1), unique=True))
    return {"shared_axes": sorted(shared) or None}, x, {}


def resizing(draw):
    methods = "nearest bilinear bicubic lanczos3 lanczos5 gaussian mitchellcubic".split()
    config = {"height": draw(_some), "width": draw(_some)}
    config["interpolation"] = draw(st.sampled_from(methods))
    return config, (*shape(draw, 3, 2, 5), draw(st.integers(1, 3))), {}


def bidirectional(draw):
    kind = draw(st.sampled_from(["SimpleRNN", "GRU", "LSTM"]))
    inner = arguments(draw, "activation use_bias return_sequences", units=_some)
    merge_mode = draw(st.sampled_from(["concat", "sum", "mul", "ave"]))

    def make(layers):
        def wrapped(**kwargs):
            return layers.Bidirectional(getattr(layers, kind)(**inner), **kwargs)

        return wrapped

    x = shape(draw, 3)
    return {"merge_mode": merge_mode}, x, {"make": make, "key": (kind, inner)}


LAYERS = {
    "Dense": dense,
    "Conv1D": conv(1),
    "Conv2D": conv(2),
    "Conv3D": conv(3),
    "Conv1DTranspose": transposed(1),
    "Conv2DTranspose": transposed(2),
    "Conv3DTranspose": transposed(3),
    "DepthwiseConv1D": depthwise(1),
    "DepthwiseConv2D": depthwise(2),
    "SeparableConv1D": separable(1),
    "SeparableConv2D": separable(2),
    **{f"{kind}Pooling{n}D": pool(n) for kind in ("Max", "Average") for n in (1, 2, 3)},
    **{
        f"Global{kind}Pooling{n}D": global_pool(n) for kind in ("Max", "Average") for n in (1, 2, 3)
    },
    **{f"ZeroPadding{n}D": around(n, "padding", 2) for n in (1, 2, 3)},
    **{f"Cropping{n}D": around(n, "cropping", 1) for n in (1, 2, 3)},
    **{f"UpSampling{n}D": upsampling(n) for n in (1, 2, 3)},
    "SimpleRNN": recurrent(_STEPS),
    "GRU": recurrent(_STEPS + " recurrent_activation reset_after implementation"),
    "LSTM": recurrent(_STEPS + " recurrent_activation unit_forget_bias implementation"),
    "Bidirectional": bidirectional,
    "BatchNormalization": batch_norm,
    "LayerNormalization": layer_norm,
    "GroupNormalization": group_norm,
    "UnitNormalization": plain(),
    **{name: merge() for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")},
    "Subtract": merge(2),
    "Concatenate": concatenate,
    "Dot": dot,
    "Attention": attention("use_scale"),
    "AdditiveAttention": attention("use_scale"),
    "Embedding": embedding,
    "Reshape": reshape,
    "Permute": permute,
    "Flatten": plain(data_format=ARGUMENTS["data_format"]),
    "RepeatVector": lambda draw: ({"n": draw(_some)}, shape(draw, 2), {}),
    "Activation": plain(activation=st.sampled_from(ACTIVATIONS)),
    "Masking": lambda draw: ({"mask_value": 0.0}, shape(draw, 3), {}),
    "ActivityRegularization": plain(l1=st.floats(0, 1), l2=st.floats(0, 1)),
    "ReLU": plain(
        max_value=st.sampled_from([None, 0.5, 6.0]),
        negative_slope=st.sampled_from([0.0, 0.1]),
        threshold=st.sampled_from([0.0, 0.2]),
    ),
    "LeakyReLU": plain(alpha=st.sampled_from([0.0, 0.1, 0.5])),
    "ELU": plain(alpha=st.sampled_from([0.1, 1.0])),
    "ThresholdedReLU": plain(theta=st.sampled_from([0.0, 0.5])),
    "PReLU": prelu,
    "Softmax": plain(axis=st.sampled_from([-1, 1])),
    "Rescaling": plain(scale=st.sampled_from([0.5, 2.0]), offset=st.sampled_from([0.0, -1.0])),
    "Resizing": resizing,
    "Normalization": lambda draw: (
        {"mean": 0.5, "variance": draw(st.sampled_from([0.25, 2.0])), "axis": None},
        shape(draw, 3),
        {},
    ),
}


def check_drawn(name: str, examples: int, derandomize: bool = True) -> int:
    """Compare `examples` random configurations of a layer; how many tf.keras took."""
    seen = []

    @settings(
        max_examples=examples,
        derandomize=derandomize,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def compare(data):
        config, x, options = LAYERS[name](data.draw)
        if _compare(name, config, x, **options):
            seen.append(config)

    compare()
    return len(seen)


def _compare(name, config, x, mask=None, int_input=False, call_kwargs=None, make=None, key=()):
    case = Case(name, config, x, mask, int_input, call_kwargs or {}, make)
    keras = oracle.tf_keras()
    try:
        expected = oracle.plain(case.ask(keras))
    except Exception as error:
        if _refused_by_tensorflow(error):
            return False
        raise
    names.reset()
    check_values(case, case.make(), expected, 1e-5)
    return True


def _refused_by_tensorflow(error):
    """Whether tf.keras itself does not take a configuration, or a CPU has no kernel for it."""
    kinds = "InvalidArgumentError UnimplementedError AbortedError ValueError NotImplementedError"
    return type(error).__name__ in kinds.split()
