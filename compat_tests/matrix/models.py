"""Small models that together use every layer, wrapper and optimizer.

This file is read by every side of the matrix, in Python environments without torchkeras: it knows
nothing but the module `keras` it is given, and numpy.
"""

from __future__ import annotations

import numpy as np

SAMPLES = 8


def _stack(shape, *layers, whole=False, integers=0):
    """A Sequential of layers given as `(name, arguments)`; a Dense(2) ends it unless `whole`."""

    def build(keras):
        stack = [keras.layers.Input(shape, dtype="int32" if integers else "float32")]
        for name, settings in layers:
            stack.append(_make(keras, name, settings))
        if not whole:
            stack += [keras.layers.Flatten(), keras.layers.Dense(2)]
        return keras.Sequential(stack)

    return build, [(shape, integers)]


def _make(keras, name, settings):
    settings = {key: _made(keras, value) for key, value in settings.items()}
    inside = settings.pop("inside", None)
    kind = keras.layers
    for part in name.split("."):
        kind = getattr(kind, part)
    return kind(**settings) if inside is None else kind(inside, **settings)


def _made(keras, value):
    if isinstance(value, Inner):
        return _make(keras, *value)
    if isinstance(value, list) and value and isinstance(value[0], Inner):
        return [_make(keras, *item) for item in value]
    return value


class Inner(tuple):
    """A layer inside of another: `(name, arguments)`."""


def _in(name, **settings):
    return Inner((name, settings))


def _l(name, **settings):
    return name, settings


IMAGE, SERIES, VECTOR, VOLUME = (8, 8, 3), (6, 4), (5,), (5, 5, 5, 2)


def _graph(inputs):
    """Marks a builder of a functional model; `inputs` are (shape, number of integers or 0)."""

    def mark(build):
        GRAPHS[build.__name__] = build, inputs
        return build

    return mark


GRAPHS: dict = {}
WORDS = ("a", "b", "zz", "a b", "B c", "", "c", "d a")  # in the place of a number of integers


@_graph([((4,), 0), ((4,), 0)])
def merges(keras):
    layers = keras.layers
    a, b = layers.Input((4,)), layers.Input((4,))
    parts = [
        getattr(layers, name)()([a, b])
        for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
    ]
    parts.append(layers.Dot(axes=1)([a, b]))
    return keras.Model([a, b], layers.Dense(2)(layers.Concatenate()(parts)))


@_graph([((6, 4), 0)])
def attention(keras):
    x = keras.layers.Input((6, 4))
    y = keras.layers.Dense(4)(x)
    y = keras.layers.Attention(use_scale=True)([y, x])
    y = keras.layers.AdditiveAttention()([y, x])
    return keras.Model(x, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling1D()(y)))


@_graph([((6, 4), 0)])
def multi_head(keras):
    x = keras.layers.Input((6, 4))
    y = keras.layers.MultiHeadAttention(2, 3, dropout=0.0)(x, x)
    y = keras.layers.LayerNormalization()(keras.layers.Add()([x, y]))
    return keras.Model(x, keras.layers.Dense(2)(keras.layers.Flatten()(y)))


@_graph([((5,), 7)])
def masked(keras):
    x = keras.layers.Input((5,), dtype="int32")
    y = keras.layers.Embedding(7, 4, mask_zero=True)(x)
    y = keras.layers.LSTM(3, return_sequences=True)(y)
    y = keras.layers.TimeDistributed(keras.layers.Dense(3))(y)
    return keras.Model(x, keras.layers.Dense(2)(keras.layers.GRU(3)(y)))


@_graph([((4,), 0), ((5,), 7)])
def two_in_two_out(keras):
    layers = keras.layers
    a, b = layers.Input((4,), name="a"), layers.Input((5,), dtype="int32", name="b")
    inner = keras.Sequential([layers.Input((4,)), layers.Dense(4), layers.Dense(4)], name="inner")
    words = layers.GlobalMaxPooling1D()(layers.Embedding(7, 4)(b))
    joined = layers.Concatenate()([inner(a), words])
    shared = layers.Dense(8, activation="tanh", name="shared")
    added = layers.Add()([shared(joined), shared(shared(joined))])
    return keras.Model([a, b], [layers.Dense(1, name="one")(added), layers.Dense(2)(added)])


@_graph([((4,), 0)])
def nested_twice(keras):
    layers = keras.layers
    x = layers.Input((4,))
    inner = keras.Model(x, layers.Dense(4, activation="relu")(x), name="inner")
    y = layers.Input((4,))
    outer = keras.Model(y, layers.Add()([inner(y), inner(inner(y))]), name="outer")
    z = layers.Input((4,))
    return keras.Model(z, layers.Dense(2)(outer(z)))


@_graph([((8, 8, 3), 0)])
def residual(keras):
    layers = keras.layers
    x = layers.Input((8, 8, 3))
    y = layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
    y = layers.ReLU(max_value=6.0)(layers.BatchNormalization()(y))
    z = layers.Conv2D(4, 1)(x)
    y = layers.GlobalAveragePooling2D()(layers.Add()([y, z]))
    return keras.Model(x, layers.Dense(2, kernel_regularizer="l2")(y))


@_graph([((6, 4), 0)])
def states(keras):
    layers = keras.layers
    x = layers.Input((6, 4))
    y, h, c = layers.LSTM(3, return_sequences=True, return_state=True)(x)
    y = layers.LSTM(3)(y, initial_state=[h, c])
    return keras.Model(x, layers.Dense(2)(y))


@_graph([((6, 4), 0)])
def operators(keras):
    """Arithmetic and slices between layers, each of which Keras notes as a layer of its own."""
    x = keras.layers.Input((6, 4))
    y = (keras.layers.Dense(4)(x) * 2.0 + 1.0 - x / 3.0)[:, 1:, ::2]
    return keras.Model(x, keras.layers.Dense(2)(keras.layers.Flatten()(-y)))


@_graph([((1,), 7), ((1,), 7)])
def hashed_crossing(keras):
    layers = keras.layers
    a, b = (layers.Input((1,), dtype="int32") for _ in range(2))
    y = layers.Embedding(5, 2)(layers.HashedCrossing(num_bins=5)([a, b]))
    return keras.Model([a, b], layers.Dense(2)(layers.Flatten()(y)))


@_graph([((1,), WORDS)])
def string_lookup(keras):
    x = keras.layers.Input((1,), dtype="string")
    y = keras.layers.StringLookup(vocabulary=["a", "b"], output_mode="multi_hot")(x)
    return keras.Model(x, keras.layers.Dense(2)(y))


@_graph([((1,), WORDS)])
def string_lookup_adapted(keras):
    x = keras.layers.Input((1,), dtype="string")
    lookup = keras.layers.StringLookup()
    lookup.adapt(np.array(["b", "a", "b"]))
    y = keras.layers.Embedding(4, 3)(lookup(x))
    return keras.Model(x, keras.layers.Dense(2)(keras.layers.Flatten()(y)))


@_graph([((1,), WORDS)])
def text(keras):
    x = keras.layers.Input((1,), dtype="string")
    words = keras.layers.TextVectorization(max_tokens=9, output_sequence_length=3)
    words.adapt(np.array(["a b c", "A b", "zz"]))
    y = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(9, 3)(words(x)))
    return keras.Model(x, keras.layers.Dense(2)(y))


@_graph([((1,), WORDS)])
def text_tf_idf(keras):
    x = keras.layers.Input((1,), dtype="string")
    words = keras.layers.TextVectorization(output_mode="tf_idf", ngrams=2)
    words.adapt(np.array(["a b c", "A b", "zz"]))
    return keras.Model(x, keras.layers.Dense(2)(words(x)))


@_graph([((5,), 9)])
def integer_lookup_adapted(keras):
    x = keras.layers.Input((5,), dtype="int64")
    lookup = keras.layers.IntegerLookup(output_mode="count")
    lookup.adapt(np.array([3, 1, 3, 2]))
    return keras.Model(x, keras.layers.Dense(2)(lookup(x)))


@_graph([((5,), 0)])
def adapted_numbers(keras):
    x = keras.layers.Input((5,))
    draw = np.random.default_rng(3).normal(size=(50, 5)).astype("float32")
    scaled, bins = keras.layers.Normalization(), keras.layers.Discretization(num_bins=4)
    scaled.adapt(draw)
    bins.adapt(draw)
    y = keras.layers.Flatten()(keras.layers.Embedding(4, 2)(bins(x)))
    return keras.Model(x, keras.layers.Dense(2)(keras.layers.Concatenate()([scaled(x), y])))


@_graph([((3, 6, 6, 2), 0)])
def model_over_time(keras):
    layers = keras.layers
    x = layers.Input((6, 6, 2))
    y = layers.GlobalMaxPooling2D()(layers.BatchNormalization()(layers.Conv2D(4, 3)(x)))
    inner = keras.Model(x, y, name="inner")
    x = layers.Input((3, 6, 6, 2))
    return keras.Model(x, layers.Dense(2)(layers.LSTM(3)(layers.TimeDistributed(inner)(x))))


@_graph([((4,), 0)])
def open_sequentials(keras):
    """Sequentials without an input shape, one inside of the other, and a frozen layer."""
    layers = keras.layers
    inner = keras.Sequential([layers.Dense(4, activation="relu"), layers.BatchNormalization()])
    frozen = layers.Dense(3, trainable=False)
    return keras.Sequential([layers.Input((4,)), inner, frozen, layers.Dense(2)])


def _pools(count, shape):
    layers = [_l(f"{kind}Pooling{count}D", pool_size=2) for kind in ("Max", "Average")]
    return [
        (f"pool_{count}d", _stack(shape, _l(f"ZeroPadding{count}D"), *layers)),
        (f"global_max_{count}d", _stack(shape, _l(f"GlobalMaxPooling{count}D"))),
        (f"global_average_{count}d", _stack(shape, _l(f"GlobalAveragePooling{count}D"))),
        (f"up_{count}d", _stack(shape, _l(f"UpSampling{count}D"), _l(f"Cropping{count}D"))),
    ]


_RNN = {"return_sequences": True}
STACKS = [
    ("mlp", _stack(VECTOR, _l("Dense", units=4, activation="relu"), _l("Dropout", rate=0.0))),
    ("constrained", _stack(VECTOR, _l(
        "Dense", units=4, kernel_regularizer="l1", kernel_constraint="max_norm",
        bias_constraint="non_neg", kernel_initializer="he_normal"))),
    ("activations", _stack(VECTOR, *(
        _l("Dense", units=4, activation=name)
        for name in "elu selu gelu softplus softsign tanh sigmoid exponential swish relu".split()
    ))),
    ("activation", _stack(VECTOR, _l("Dense", units=4), _l("Activation", activation="softmax"))),
    ("advanced", _stack(
        VECTOR, _l("Dense", units=6), _l("PReLU"), _l("ELU", alpha=0.5), _l("LeakyReLU"),
        _l("Softmax"), _l("ReLU", negative_slope=0.1))),
    ("thresholded", _stack(VECTOR, _l("Dense", units=6), _l("ThresholdedReLU", theta=0.1))),
    ("embedding", _stack((5,), _l("Embedding", input_dim=7, output_dim=4), integers=7)),
    ("conv1d", _stack(
        SERIES, _l("Conv1D", filters=4, kernel_size=3, padding="causal", dilation_rate=2))),
    ("conv2d", _stack(IMAGE, _l("Conv2D", filters=4, kernel_size=3, strides=2, padding="same"))),
    ("conv2d_groups", _stack((8, 8, 4), _l("Conv2D", filters=4, kernel_size=3, groups=2))),
    ("conv3d", _stack(VOLUME, _l("Conv3D", filters=3, kernel_size=3))),
    ("transpose1d", _stack(SERIES, _l("Conv1DTranspose", filters=3, kernel_size=3, strides=2))),
    ("transpose2d", _stack(
        IMAGE, _l("Conv2DTranspose", filters=3, kernel_size=3, strides=2, padding="same"))),
    ("transpose3d", _stack(VOLUME, _l("Conv3DTranspose", filters=2, kernel_size=2, strides=2))),
    ("depthwise1d", _stack(SERIES, _l("DepthwiseConv1D", kernel_size=3, depth_multiplier=2))),
    ("depthwise2d", _stack(IMAGE, _l("DepthwiseConv2D", kernel_size=3, depth_multiplier=2))),
    ("separable1d", _stack(SERIES, _l("SeparableConv1D", filters=4, kernel_size=3))),
    ("separable2d", _stack(
        IMAGE, _l("SeparableConv2D", filters=4, kernel_size=3, depth_multiplier=2))),
    ("local1d", _stack(SERIES, _l("LocallyConnected1D", filters=3, kernel_size=2))),
    ("local2d", _stack((5, 5, 2), _l("LocallyConnected2D", filters=3, kernel_size=2))),
    *_pools(1, (8, 4)), *_pools(2, IMAGE), *_pools(3, VOLUME),
    ("batch_norm", _stack(VECTOR, _l("Dense", units=4), _l("BatchNormalization", momentum=0.9))),
    ("layer_norm", _stack(SERIES, _l("LayerNormalization", axis=-1, epsilon=1e-5))),
    ("group_norm", _stack(IMAGE, _l("Conv2D", filters=4, kernel_size=1),
                          _l("GroupNormalization", groups=2))),
    ("unit_norm", _stack(VECTOR, _l("UnitNormalization"))),
    ("spectral_norm", _stack(VECTOR, _l("SpectralNormalization", inside=_in("Dense", units=4)))),
    ("simple_rnn", _stack(SERIES, _l("SimpleRNN", units=3, **_RNN), _l("SimpleRNN", units=2))),
    ("lstm", _stack(SERIES, _l("LSTM", units=3, **_RNN), _l("LSTM", units=2, go_backwards=True))),
    ("gru", _stack(SERIES, _l("GRU", units=3, **_RNN), _l("GRU", units=2))),
    ("gru_v1", _stack(SERIES, _l("GRU", units=3, reset_after=False))),
    ("lstm_no_bias", _stack(SERIES, _l("LSTM", units=3, use_bias=False, unit_forget_bias=False))),
    ("rnn_cell", _stack(SERIES, _l("RNN", inside=_in("LSTMCell", units=3)))),
    ("rnn_cells", _stack(SERIES, _l("RNN", inside=[
        _in("GRUCell", units=3), _in("SimpleRNNCell", units=2)]))),
    ("stacked_cells", _stack(SERIES, _l("RNN", inside=_in("StackedRNNCells", cells=[
        _in("LSTMCell", units=3), _in("LSTMCell", units=2)])))),
    ("bidirectional", _stack(SERIES, _l("Bidirectional", inside=_in("LSTM", units=3)))),
    ("bidirectional_sum", _stack(SERIES, _l(
        "Bidirectional", inside=_in("GRU", units=3, **_RNN), merge_mode="sum"))),
    ("bidirectional_two", _stack(SERIES, _l(
        "Bidirectional", inside=_in("LSTM", units=3),
        backward_layer=_in("GRU", units=3, go_backwards=True)))),
    ("time_distributed", _stack(
        SERIES, _l("TimeDistributed", inside=_in("Dense", units=3, activation="relu")))),
    ("time_distributed_conv", _stack((3, 8, 8, 2), _l(
        "TimeDistributed", inside=_in("Conv2D", filters=2, kernel_size=3)))),
    ("conv_lstm1d", _stack((3, 6, 2), _l("ConvLSTM1D", filters=2, kernel_size=3))),
    ("conv_lstm2d", _stack((3, 6, 6, 2), _l("ConvLSTM2D", filters=2, kernel_size=3))),
    ("conv_lstm3d", _stack((2, 4, 4, 4, 1), _l("ConvLSTM3D", filters=2, kernel_size=2))),
    ("masking", _stack(SERIES, _l("Masking", mask_value=0.0), _l("LSTM", units=3))),
    ("shape", _stack(
        SERIES, _l("Permute", dims=(2, 1)), _l("Reshape", target_shape=(3, 8)), _l("Flatten"),
        _l("RepeatVector", n=2))),
    ("dropouts", _stack(
        SERIES, _l("SpatialDropout1D", rate=0.0), _l("GaussianDropout", rate=0.0),
        _l("GaussianNoise", stddev=0.0), _l("AlphaDropout", rate=0.0), _l("Dense", units=3))),
    ("dropouts2d", _stack(IMAGE, _l("SpatialDropout2D", rate=0.0))),
    ("dropouts3d", _stack(VOLUME, _l("SpatialDropout3D", rate=0.0))),
    ("activity", _stack(VECTOR, _l("Dense", units=4), _l("ActivityRegularization", l2=0.01))),
    ("einsum", _stack(SERIES, _l(
        "EinsumDense", equation="abc,cd->abd", output_shape=(6, 3), bias_axes="d"))),
    ("identity", _stack(VECTOR, _l("Identity"))),
    ("rescaling", _stack(IMAGE, _l("Rescaling", scale=0.5, offset=0.1), _l(
        "Resizing", height=4, width=4), _l("CenterCrop", height=3, width=3))),
    ("normalization", _stack(VECTOR, _l("Normalization", mean=0.5, variance=2.0))),
    ("discretization", _stack(VECTOR, _l("Discretization", bin_boundaries=[-0.5, 0.0, 0.5]),
                              _l("CategoryEncoding", num_tokens=4, output_mode="multi_hot"))),
    ("integer_lookup", _stack((5,), _l("IntegerLookup", vocabulary=[1, 2, 3]),
                              _l("Embedding", input_dim=5, output_dim=2), integers=7)),
    ("hashing", _stack((5,), _l("Hashing", num_bins=5), _l(
        "Embedding", input_dim=5, output_dim=2), integers=7)),
    ("augment", _stack(IMAGE, _l("RandomFlip"), _l("RandomRotation", factor=0.1),
                       _l("RandomZoom", height_factor=0.1), _l("RandomContrast", factor=0.1),
                       _l("RandomTranslation", height_factor=0.1, width_factor=0.1))),
    ("augment_sizes", _stack(
        IMAGE, _l("RandomBrightness", factor=0.1), _l("RandomCrop", height=6, width=6),
        _l("RandomHeight", factor=0.1), _l("RandomWidth", factor=0.1),
        _l("GlobalAveragePooling2D"), _l("Dense", units=2), whole=True)),
    ("lambda", _stack(VECTOR, _l("Dense", units=4), _l("Lambda", function=lambda x: x * 2.0))),
    ("fourier", _stack(VECTOR, _l("experimental.RandomFourierFeatures", output_dim=4))),
    ("bidirectional_cells", _stack(SERIES, _l("Bidirectional", inside=_in(
        "RNN", cell=_in("GRUCell", units=3))))),
    ("rms_norm", _stack(SERIES, _l("RMSNormalization"))),
    *((f"adaptive_{count}d", _stack(shape, _l(f"Adaptive{kind}Pooling{count}D", output_size=size)))
      for kind, count, shape, size in (
          ("Average", 1, (8, 4), 4), ("Max", 2, IMAGE, (4, 2)), ("Average", 3, VOLUME, 1))),
    ("augment_colors", _stack(
        IMAGE, _l("RandomGrayscale"), _l("RandomHue", factor=0.1),
        _l("RandomSaturation", factor=0.1), _l("RandomColorDegeneration", factor=0.1),
        _l("RandomInvert", factor=0.5), _l("RandomPosterization", factor=4),
        _l("RandomSharpness", factor=0.1), _l("AutoContrast"), _l("Solarization"))),
    ("pipeline", _stack(IMAGE, _l("Pipeline", layers=[
        _in("RandomFlip"), _in("Rescaling", scale=0.5)]))),
    ("vgg_like", _stack(
        IMAGE, _l("Conv2D", filters=4, kernel_size=3, activation="relu"), _l("MaxPooling2D"),
        _l("Flatten"), _l("Dense", units=8, activation="relu"), _l("Dropout", rate=0.0))),
    ("hard_sigmoid", _stack(SERIES, _l("LSTM", units=3, recurrent_activation="hard_sigmoid"))),
]  # fmt: skip
LEGACY = {  # models of their own, as Keras 3 does not have these optimizers
    "SGD": {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True, "decay": 0.01},
    "RMSprop": {"learning_rate": 0.01, "momentum": 0.5, "centered": True},
    "Adam": {"learning_rate": 0.01, "amsgrad": True, "clipnorm": 1.0},
    "Adamax": {"learning_rate": 0.01},
    "Nadam": {"learning_rate": 0.01},
    "Adagrad": {"learning_rate": 0.05},
    "Adadelta": {"learning_rate": 0.5},
    "Ftrl": {"learning_rate": 0.05},
}
MODELS = {
    **dict(STACKS),
    **GRAPHS,
    **{
        f"legacy_{name}": _stack(VECTOR, _l("Dense", units=4), _l("BatchNormalization"))
        for name in LEGACY
    },
}
RANDOM = {"augment", "augment_sizes", "augment_colors", "pipeline"}  # trained, they draw
UNSAFE = {"lambda"}  # files that hold code, which safe_mode=False must allow

OPTIMIZERS = [
    ("SGD", {"learning_rate": 0.05}),
    ("SGD", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}),
    ("RMSprop", {"learning_rate": 0.01, "momentum": 0.5, "centered": True}),
    ("Adam", {"learning_rate": 0.01}),
    ("Adam", {"learning_rate": 0.01, "amsgrad": True, "clipnorm": 1.0}),
    ("AdamW", {"learning_rate": 0.01}),
    ("Adamax", {"learning_rate": 0.01}),
    ("Nadam", {"learning_rate": 0.01}),
    ("Adagrad", {"learning_rate": 0.05}),
    ("Adadelta", {"learning_rate": 0.5}),
    ("Ftrl", {"learning_rate": 0.05}),
    ("Lion", {"learning_rate": 0.001}),
    ("Adafactor", {"learning_rate": 0.01}),
    ("SGD", {"learning_rate": 0.05, "use_ema": True}),
]


def arrays(name):
    """Inputs of a model, the same on every side."""
    draw = np.random.default_rng(sum(map(ord, name)))
    found = []
    for shape, integers in MODELS[name][1]:
        if integers is WORDS:
            found.append(np.array(WORDS).reshape(SAMPLES, *shape))
        elif integers:
            found.append(draw.integers(0, integers, (SAMPLES, *shape)).astype("int32"))
        else:
            found.append(draw.normal(size=(SAMPLES, *shape)).astype("float32"))
    return found if len(found) > 1 else found[0]


def optimizer_name(name):
    """The class of the optimizer of a model."""
    if name.startswith("legacy_"):
        return name.split("legacy_")[1]
    return OPTIMIZERS[list(MODELS).index(name) % len(OPTIMIZERS)][0]


def optimizer_of(keras, name):
    """The optimizer that a model has by its place in the table."""
    if name.startswith("legacy_"):
        kind = name.split("legacy_")[1]
        return getattr(keras.optimizers.legacy, kind)(**LEGACY[kind])
    kind, settings = OPTIMIZERS[list(MODELS).index(name) % len(OPTIMIZERS)]
    return getattr(keras.optimizers, kind)(**settings)


def compiled(keras, name):
    """A model with its optimizer, which depends on the place in the table."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(list(MODELS).index(name))
    model = MODELS[name][0](keras)
    losses = ["mse", "mae"] if name == "two_in_two_out" else "mse"
    # Nothing is traced: that takes longer than a few steps, and TensorFlow's Nadam keeps the
    # product of momenta of the step in which it was traced.
    model.compile(optimizer_of(keras, name), loss=losses, run_eagerly=True)
    return model


def predicted(model, name):
    found = model.predict(arrays(name), verbose=0)
    return [np.asarray(one) for one in (found if isinstance(found, list) else [found])]


def train(model, name, epochs):
    """Some epochs on labels that are the same on every side; the losses of each."""
    draw = np.random.default_rng(7)
    shapes = [(SAMPLES, 1), (SAMPLES, 2)] if name == "two_in_two_out" else [(SAMPLES, 2)]
    labels = [draw.normal(size=shape).astype("float32") for shape in shapes]
    y = labels if len(labels) > 1 else labels[0]
    return model.fit(
        arrays(name), y, batch_size=4, epochs=epochs, shuffle=False, verbose=0
    ).history["loss"]
