"""How to draw a layer of each class that computes from numbers: config, input shape, options."""

from __future__ import annotations

from hypothesis import strategies as st

from compat_tests.checks.draw_arguments import (
    _OUTPUT,
    ACTIVATIONS,
    ARGUMENTS,
    _first,
    _sizes,
    _some,
    arguments,
    mask_of,
    shape,
)


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
        spread = ["strides", "dilation_rate"] if rank < 3 else ["strides"]  # ignored in tf.keras
        config[draw(st.sampled_from(spread))] = draw(st.integers(1, 2))
        if config.get("strides") == 2:
            config |= arguments(draw, "", output_padding=st.sampled_from([None, 0, 1]))
        x = (draw(st.integers(1, 2)), *shape(draw, rank, 3, 5), draw(_some))
        return config, _first(config, x), {}

    return drawn


def depthwise(rank):
    def drawn(draw):
        named = "activation use_bias activity_regularizer padding data_format depth_multiplier"
        config = arguments(draw, named)
        config[draw(st.sampled_from(["strides", "dilation_rate"]))] = draw(st.integers(1, 2))
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
        return config, x, {"mask": mask_of(draw, *x[:2])}

    return drawn


_STEPS = (
    "activation use_bias return_sequences return_state go_backwards unroll stateful "
    "kernel_regularizer activity_regularizer"
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
    axis = draw(st.sampled_from([-1, len(x) - 1]))
    return arguments(draw, "epsilon center scale", groups=groups, axis=axis), x, {}


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
        config = arguments(draw, "use_scale")
        if named == "use_scale score_mode" and draw(st.booleans()):
            config["score_mode"] = draw(st.sampled_from(["dot", "concat"]))
        return config, shapes, {}

    return drawn


def embedding(draw):
    config = {"input_dim": 4, "output_dim": draw(_some), "mask_zero": draw(st.booleans())}
    config |= arguments(draw, "activity_regularizer")
    x = shape(draw, draw(st.integers(1, 3)))
    if len(x) == 2 and draw(st.booleans()):
        config["input_length"] = x[1]
    return config, x, {"int_input": True}


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
    config["crop_to_aspect_ratio"] = draw(st.booleans())
    return config, (*shape(draw, 3, 2, 5), draw(st.integers(1, 3))), {}


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
    "BatchNormalization": batch_norm,
    "LayerNormalization": layer_norm,
    "GroupNormalization": group_norm,
    "UnitNormalization": plain(axis=st.sampled_from([-1, 1, [1]])),
    **{name: merge() for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")},
    "Subtract": merge(2),
    "Concatenate": concatenate,
    "Dot": dot,
    "Attention": attention("use_scale score_mode"),
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
