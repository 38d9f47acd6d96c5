"""Models that only old releases of tf.keras can make, and guards that let them make the others.

Runs in Python 3.6 and later beside TensorFlow 1.4 to 2.14, and with torchkeras where a model is a
class of the user. Nothing here needs more than the module `keras` it is given, and numpy.
"""

import inspect

import numpy as np

SAMPLES = 8


class Guard:
    """A module of Keras in which names of later releases lead to what came before them."""

    def __init__(self, module, **instead):
        self._module, self._instead = module, instead

    def __getattr__(self, name):
        if name in self._instead:
            return self._instead[name]
        return getattr(self._module, name)


def guarded(keras, v1):
    """`keras` with the names that the models use; `v1` is `tf.compat.v1` or None."""
    layers, optimizers = keras.layers, keras.optimizers
    elsewhere = [getattr(getattr(layers, "experimental", None), "preprocessing", None)]
    elsewhere.append(v1 and v1.keras.layers)

    def layer(name):
        for module in [layers] + elsewhere:
            if module is not None and hasattr(module, name):
                return getattr(module, name)
        raise AttributeError("There is no layer " + name)

    class Layers(Guard):
        def __getattr__(self, name):
            return layer(name)

    version = getattr(keras, "__version__", "2.1")  # before 1.9 there is none
    kind = getattr(keras, "Sequential", None) or keras.models.Sequential

    def sequential(stack=None, name=None):
        if stack and hasattr(stack[0], "_keras_history"):
            first = stack[0]._keras_history[0]
            shape = getattr(first, "_batch_input_shape", None)
            if version < "2.3" and not hasattr(stack[1], "layers"):
                stack[1]._batch_input_shape = shape  # as `input_shape=` does; else it is lost
                stack = stack[1:]
            else:
                stack = [first] + stack[1:]
        return kind(stack, name=name)

    class Optimizers(Guard):
        def __getattr__(self, name):
            if name == "legacy" and not hasattr(optimizers, "legacy"):
                return self
            found = getattr(optimizers, name, None) or optimizers.Adam
            return lambda **settings: found(**_known(found, settings))

    seed = getattr(keras.utils, "set_random_seed", lambda seed: np.random.seed(seed))
    parts = {
        "layers": Layers(layers),
        "Sequential": sequential,
        "Model": getattr(keras, "Model", None) or keras.models.Model,
        "optimizers": Optimizers(optimizers),
        "utils": Guard(keras.utils, set_random_seed=seed),
    }
    return Guard(keras, **parts)


def _known(kind, settings):
    """The settings that an optimizer has; the rate was called `lr` before 1.14."""
    known = set()
    for one in inspect.getmro(kind):
        if "__init__" in one.__dict__:
            known |= set(inspect.signature(one.__init__).parameters)
    if "lr" in known and "learning_rate" not in known:
        settings = dict(settings)
        settings["lr"] = settings.pop("learning_rate")
    extra = {"clipnorm", "clipvalue", "decay"}
    return {key: value for key, value in settings.items() if key in known | extra}


# --- the models ------------------------------------------------------------------------------

MODELS = {}  # name -> (function of keras and tf, inputs as in models.py, arguments of compile)


def _model(inputs, **compiled):
    def mark(build):
        MODELS["old_" + build.__name__] = build, inputs, compiled
        return build

    return mark


VECTOR, SERIES, IMAGE = [((5,), 0)], [((6, 4), 0)], [((8, 8, 3), 0)]


@_model(SERIES)
def cudnn_lstm(keras, tf):
    layers = keras.layers
    return keras.Sequential(
        [layers.Input((6, 4)), layers.CuDNNLSTM(3, return_sequences=True), layers.CuDNNLSTM(2)]
    )


@_model(SERIES)
def cudnn_gru(keras, tf):
    layers = keras.layers
    return keras.Sequential(
        [layers.Input((6, 4)), layers.Bidirectional(layers.CuDNNGRU(3)), layers.Dense(2)]
    )


@_model(SERIES)
def rnn_of_v1(keras, tf):
    layers, old = keras.layers, tf.compat.v1.keras.layers
    return keras.Sequential(
        [
            layers.Input((6, 4)), old.LSTM(3, return_sequences=True, implementation=2),
            old.GRU(3, recurrent_activation="sigmoid", reset_after=True), layers.Dense(2),
        ]
    )  # fmt: skip


@_model(IMAGE)
def batch_norm_of_v1(keras, tf):
    layers, old = keras.layers, tf.compat.v1.keras.layers
    return keras.Sequential(
        [
            layers.Input((8, 8, 3)), layers.Conv2D(4, 3, use_bias=False),
            old.BatchNormalization(momentum=0.9, fused=True), layers.Flatten(),
            layers.Dense(4), old.BatchNormalization(scale=False, fused=False), layers.Dense(2),
        ]
    )  # fmt: skip


@_model(VECTOR)
def renorm(keras, tf):
    layers, old = keras.layers, tf.compat.v1.keras.layers
    return keras.Sequential(
        [layers.Input((5,)), layers.Dense(4), old.BatchNormalization(renorm=True), layers.Dense(2)]
    )


@_model(VECTOR)
def batch_norm_trainable(keras, tf):
    layers = keras.layers
    frozen = layers.BatchNormalization(trainable=False)
    return keras.Sequential(
        [layers.Input((5,)), layers.Dense(4, name="a"), frozen, layers.Dense(2, name="b")]
    )


@_model([((5,), 0), ((5,), 0)])
def tf_arithmetic(keras, tf):
    a, b = keras.layers.Input((5,), name="a"), keras.layers.Input((5,), name="b")
    c = keras.layers.Dense(5)(a)
    d = (c * 2.0 + 1.0 - b / 3.0) ** 2.0
    d = tf.nn.relu(d - 0.5) + tf.sqrt(tf.abs(b)) - tf.exp(-tf.square(a)) * tf.maximum(a, b)
    d = tf.concat([d, a, 1.0 - b], axis=-1)
    return keras.Model([a, b], keras.layers.Dense(2)(d))


@_model(SERIES)
def tf_shapes(keras, tf):
    x = keras.layers.Input((6, 4))
    y = tf.transpose(x, [0, 2, 1])
    y = tf.reshape(y, [-1, 6, 4])
    z = tf.reduce_mean(x, axis=1) + tf.reduce_sum(y, axis=[1]) + tf.reduce_max(x, axis=1)
    z = tf.expand_dims(z, 1)
    z = tf.squeeze(tf.tile(z, [1, 2, 1])[:, 1:, :], axis=1)
    return keras.Model(x, keras.layers.Dense(2)(z))


@_model(SERIES)
def tf_slices(keras, tf):
    x = keras.layers.Input((6, 4))
    y = keras.layers.Dense(4)(x)
    parts = tf.split(y, 2, axis=-1)
    z = tf.concat([parts[0][:, 0], parts[1][:, -1], y[:, 2, ::2], y[..., 0]], axis=-1)
    return keras.Model(x, keras.layers.Dense(2)(z))


@_model([((4,), 0), ((4,), 0)])
def tf_products(keras, tf):
    a, b = keras.layers.Input((4,)), keras.layers.Input((4,))
    c = tf.stack([a, b], axis=1)
    d = tf.matmul(c, c, transpose_b=True)
    d = tf.nn.softmax(d) + tf.math.l2_normalize(d, axis=-1)
    d = tf.where(tf.greater(d, 0.5), d, tf.zeros_like(d)) + tf.cast(d > 0.2, "float32")
    return keras.Model([a, b], keras.layers.Dense(2)(keras.layers.Flatten()(d)))


@_model([((5,), 7)])
def tf_integers(keras, tf):
    x = keras.layers.Input((5,), dtype="int32")
    y = tf.one_hot(x, 7)
    z = tf.cast(x, "float32") / 7.0 + tf.cast(tf.not_equal(x, 2), "float32")
    y = tf.concat([tf.reduce_sum(y, axis=1), z], -1)
    return keras.Model(x, keras.layers.Dense(2)(y))


@_model(IMAGE)
def tf_images(keras, tf):
    x = keras.layers.Input((8, 8, 3))
    y = tf.image.resize(x, (4, 4))
    y = tf.nn.relu6(y + 3.0) * (1.0 / 6.0)
    y = tf.pad(y, [[0, 0], [1, 1], [1, 1], [0, 0]])
    y = tf.clip_by_value(y, 0.0, 0.8)
    return keras.Model(x, keras.layers.Dense(2)(keras.layers.Flatten()(y)))


@_model(SERIES)
def backend_functions(keras, tf):
    K, x = keras.backend, keras.layers.Input((6, 4))
    y = K.relu(K.sum(x, axis=1) + K.mean(x, axis=-1, keepdims=False)[:, :4])
    y = K.concatenate([y, K.sigmoid(y), K.clip(y, 0.0, 1.0)])
    return keras.Model(x, keras.layers.Dense(2)(y))


@_model(SERIES)
def added(keras, tf):
    """Losses and metrics that a model adds to itself."""
    x = keras.layers.Input((6, 4))
    y = keras.layers.Dense(3)(keras.layers.Flatten()(x))
    model = keras.Model(x, keras.layers.Dense(2)(y))
    model.add_loss(0.01 * tf.reduce_mean(tf.square(y)))
    model.add_metric(tf.reduce_mean(y), name="mean_of_y", aggregation="mean")
    return model


@_model(VECTOR)
def experimental_numbers(keras, tf):
    layers = keras.layers
    x = layers.Input((5,))
    draw = np.random.RandomState(3).normal(size=(50, 5)).astype("float32")
    scaled = layers.Normalization()
    scaled.adapt(draw)
    return keras.Model(x, layers.Dense(2)(layers.Rescaling(0.5)(scaled(x))))


@_model(VECTOR)
def experimental_bins(keras, tf):
    layers = keras.layers
    x = layers.Input((5,))
    bins = tf.keras.layers.experimental.preprocessing.Discretization([-0.5, 0.0, 0.5])
    y = layers.Embedding(4, 2)(bins(x))
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(y)))


@_model([((1,), "words")])
def experimental_text(keras, tf):
    layers = keras.layers
    x = layers.Input((1,), dtype="string")
    words = layers.TextVectorization(max_tokens=9, output_mode="int", output_sequence_length=4)
    words.adapt(np.array([["a b c"], ["A b"], ["zz"]]))
    y = layers.GlobalAveragePooling1D()(layers.Embedding(9, 3)(words(x)))
    return keras.Model(x, layers.Dense(2)(y))


@_model([((1,), "words")])
def experimental_binary(keras, tf):
    layers = keras.layers
    x = layers.Input((1,), dtype="string")
    words = layers.TextVectorization(max_tokens=6, output_mode="binary")
    words.adapt(np.array([["a b c"], ["A b"], ["zz"]]))
    return keras.Model(x, layers.Dense(2)(words(x)))


@_model([((1,), "words")])
def experimental_lookup(keras, tf):
    layers = keras.layers
    x = layers.Input((1,), dtype="string")
    lookup = layers.StringLookup()
    lookup.adapt(np.array([["a"], ["b"], ["b"]]))
    y = layers.Embedding(4, 3)(lookup(x))
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(y)))


@_model([((1,), "words")])
def experimental_hashing(keras, tf):
    layers = keras.layers
    x = layers.Input((1,), dtype="string")
    y = layers.Embedding(5, 3)(layers.Hashing(num_bins=5)(x))
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(y)))


@_model([((3,), 4)])
def experimental_categories(keras, tf):
    layers = keras.layers
    x = layers.Input((3,), dtype="int32")
    kind = tf.keras.layers.experimental.preprocessing.CategoryEncoding
    names = inspect.signature(kind.__init__).parameters
    settings = {"max_tokens" if "max_tokens" in names else "num_tokens": 4}
    settings["output_mode"] = "binary" if "max_tokens" in names else "multi_hot"
    return keras.Model(x, layers.Dense(2)(kind(**settings)(x)))


@_model([((1,), "words"), ((1,), 3)])
def experimental_crossing(keras, tf):
    layers, kind = keras.layers, tf.keras.layers.experimental.preprocessing
    a, b = layers.Input((1,), dtype="string"), layers.Input((1,), dtype="int32")
    y = kind.Hashing(num_bins=5)(kind.CategoryCrossing()([a, b]))
    return keras.Model([a, b], layers.Dense(2)(layers.Flatten()(layers.Embedding(5, 2)(y))))


@_model(IMAGE)
def experimental_images(keras, tf):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((8, 8, 3)), layers.Rescaling(0.5, offset=0.1), layers.RandomFlip(),
            layers.RandomRotation(0.1), layers.RandomZoom(0.1), layers.RandomContrast(0.1),
            layers.RandomTranslation(0.1, 0.1), layers.Resizing(6, 6, interpolation="nearest"),
            layers.CenterCrop(4, 4), layers.Flatten(), layers.Dense(2),
        ]
    )  # fmt: skip


def _policies(tf):
    module = getattr(tf.keras, "mixed_precision", None)
    if hasattr(module, "set_global_policy"):
        return module.set_global_policy, module.Policy, module
    module = module.experimental
    return module.set_policy, module.Policy, module


def _mixed(keras, tf, name):
    layers = keras.layers
    change, _, _ = _policies(tf)
    change(name)
    try:
        x = layers.Input((5,))
        y = layers.BatchNormalization()(layers.Dense(4, activation="relu")(x))
        return keras.Model(x, layers.Dense(2, dtype="float32")(y))
    finally:
        change("float32")


@_model(VECTOR)
def mixed_float16(keras, tf):
    return _mixed(keras, tf, "mixed_float16")


@_model(VECTOR)
def mixed_bfloat16(keras, tf):
    return _mixed(keras, tf, "mixed_bfloat16")


@_model(VECTOR, optimizer="loss_scale")
def loss_scale(keras, tf):
    return _mixed(keras, tf, "mixed_float16")


@_model(VECTOR, optimizer="loss_scale_fixed")
def loss_scale_fixed(keras, tf):
    return _mixed(keras, tf, "mixed_float16")


def optimizer_of(tf, what):
    """An optimizer of the models above, by the word that stands for it."""
    Adam = tf.keras.optimizers.Adam
    if what.startswith("loss_scale"):
        _, _, module = _policies(tf)
        kind = module.LossScaleOptimizer
        names = inspect.signature(kind.__init__).parameters
        if "loss_scale" in names:  # before 2.4
            return kind(Adam(0.01), loss_scale=128.0 if "fixed" in what else "dynamic")
        if "fixed" in what:
            return kind(Adam(0.01), dynamic=False, initial_scale=128)
        return kind(Adam(0.01))
    schedules = tf.keras.optimizers.schedules
    made = {
        "exponential": lambda: tf.keras.optimizers.SGD(
            schedules.ExponentialDecay(0.1, 2, 0.5, staircase=True), momentum=0.5
        ),
        "piecewise": lambda: Adam(schedules.PiecewiseConstantDecay([2, 4], [0.1, 0.01, 0.001])),
        "polynomial": lambda: Adam(schedules.PolynomialDecay(0.1, 5, 0.01)),
        "inverse": lambda: Adam(schedules.InverseTimeDecay(0.1, 2, 0.5)),
        "clipped": lambda: tf.keras.optimizers.SGD(0.1, clipvalue=0.05),
        "decayed": lambda: tf.keras.optimizers.RMSprop(0.01, decay=0.1),
        "tf_adam": lambda: _tf_train(tf).AdamOptimizer(0.01),
        "tf_momentum": lambda: _tf_train(tf).MomentumOptimizer(0.05, 0.9),
    }
    return made[what]()


def _tf_train(tf):
    return tf.compat.v1.train if hasattr(tf, "compat") and hasattr(tf.compat, "v1") else tf.train


def _mlp(keras):
    layers = keras.layers
    x = layers.Input((5,))
    return keras.Model(x, layers.Dense(2)(layers.Dense(4, activation="relu")(x)))


for _word in ("exponential", "piecewise", "polynomial", "inverse", "clipped", "decayed",
              "tf_adam", "tf_momentum"):  # fmt: skip
    MODELS["old_rate_" + _word if "tf" not in _word else "old_" + _word] = (
        lambda keras, tf: _mlp(keras), VECTOR, {"optimizer": _word},
    )  # fmt: skip


def _two(keras):
    layers = keras.layers
    x = layers.Input((5,), name="x")
    y = layers.Dense(4, activation="relu")(x)
    one = layers.Dense(1, activation="sigmoid", name="one")(y)
    return keras.Model(x, [one, layers.Dense(3, activation="softmax", name="two")(y)])


@_model(VECTOR, loss={"one": "binary_crossentropy", "two": "categorical_crossentropy"},
        loss_weights={"one": 1.0, "two": 0.5},
        metrics={"one": ["accuracy", "mae"], "two": "accuracy"}, labels=(("binary", 1),
        ("classes", 3)))  # fmt: skip
def compiled_dicts(keras, tf):
    return _two(keras)


@_model(VECTOR, loss=("BinaryCrossentropy", "CategoryCrossentropy"), classes=True,
        labels=(("binary", 1), ("classes", 3)))  # fmt: skip
def compiled_classes(keras, tf):
    return _two(keras)


@_model(VECTOR, loss=["mse", "mae"], metrics=[["mse"], ["mae", "mape"]], loss_weights=[0.5, 2.0],
        labels=(("numbers", 1), ("numbers", 3)))  # fmt: skip
def compiled_lists(keras, tf):
    return _two(keras)


@_model(VECTOR, loss="sparse_categorical_crossentropy", metrics=["accuracy", "acc"],
        weighted_metrics=["accuracy"], labels=(("sparse", 3),))  # fmt: skip
def compiled_sparse(keras, tf):
    layers = keras.layers
    return keras.Sequential([layers.Input((5,)), layers.Dense(3, activation="softmax")])


def settings_of(tf, given):
    """The arguments of `compile` that a model has; classes are made here."""
    given = {key: value for key, value in given.items() if key not in ("labels", "optimizer")}
    if given.pop("classes", False):
        losses, metrics = tf.keras.losses, tf.keras.metrics
        given["loss"] = [
            losses.BinaryCrossentropy(label_smoothing=0.1),
            losses.CategoricalCrossentropy(from_logits=False, label_smoothing=0.1, name="cc"),
        ]
        given["metrics"] = [
            [metrics.AUC(num_thresholds=20), metrics.Precision(0.4), metrics.BinaryAccuracy("ba")],
            [metrics.CategoricalAccuracy(), metrics.TopKCategoricalAccuracy(2), metrics.Recall()],
        ]
    return given


def labels_of(given, count=1):
    """Labels for three kinds of losses, the same on every side."""
    draw, found = np.random.RandomState(7), []
    for kind, size in given.get("labels", (("numbers", 2),)):
        if kind == "numbers":
            found.append(draw.normal(size=(SAMPLES, size)).astype("float32"))
        elif kind == "binary":
            found.append(draw.randint(0, 2, (SAMPLES, size)).astype("float32"))
        elif kind == "sparse":
            found.append(draw.randint(0, size, (SAMPLES, 1)).astype("float32"))
        else:
            found.append(np.eye(size, dtype="float32")[draw.randint(0, size, SAMPLES)])
    return found if len(found) > 1 else found[0]


@_model(SERIES)
def stateful(keras, tf):
    layers = keras.layers
    x = layers.Input(batch_shape=(4, 6, 4))
    y = layers.LSTM(3, stateful=True, return_sequences=True, implementation=1)(x)
    return keras.Model(x, layers.Dense(2)(layers.GRU(3, stateful=True)(y)))


@_model(SERIES)
def recurrent_settings(keras, tf):
    layers = keras.layers
    x = layers.Input((6, 4))
    y = layers.Masking(0.5)(x)
    y = layers.SimpleRNN(3, activation="relu", return_sequences=True, kernel_regularizer="l2")(y)
    y = layers.LSTM(3, recurrent_activation="hard_sigmoid", recurrent_regularizer="l1",
                    bias_regularizer="l2", kernel_constraint="max_norm", return_sequences=True,
                    implementation=2)(y)  # fmt: skip
    y = layers.Bidirectional(layers.GRU(3, return_sequences=True, go_backwards=True),
                             merge_mode="ave")(y)  # fmt: skip
    return keras.Model(x, layers.Dense(2)(layers.GRU(2, activation="sigmoid")(y)))


@_model(SERIES)
def bidirectional_states(keras, tf):
    layers = keras.layers
    x = layers.Input((6, 4))
    found = layers.Bidirectional(layers.LSTM(3, return_sequences=True, return_state=True))(x)
    y = layers.Bidirectional(layers.LSTM(3))(found[0], initial_state=found[1:])
    return keras.Model(x, layers.Dense(2)(y))


@_model(VECTOR)
def initial_values(keras, tf):
    layers, kinds = keras.layers, keras.initializers
    stack = [layers.Input((5,))]
    for name in ("zeros", "ones", "lecun_normal", "he_uniform", "glorot_normal", "orthogonal"):
        stack.append(layers.Dense(5, kernel_initializer=name))
    for one in (kinds.Constant(0.1), kinds.RandomNormal(0.0, 0.2, seed=1),
                kinds.TruncatedNormal(stddev=0.3), kinds.RandomUniform(-0.1, 0.1),
                kinds.VarianceScaling(2.0, mode="fan_out", distribution="uniform")):  # fmt: skip
        stack.append(layers.Dense(5, bias_initializer=one, activation="tanh"))
    return keras.Sequential(stack + [layers.Dense(2, kernel_initializer=kinds.Identity(0.5))])


# A function of that name would hide a module of TensorFlow 1.13, whose Lambda.from_config puts the
# names of this module among those of its own.
MODELS["old_initializers"] = MODELS.pop("old_initial_values")


@_model(VECTOR)
def regularized(keras, tf):
    layers, kinds, limits = keras.layers, keras.regularizers, keras.constraints
    return keras.Sequential(
        [
            layers.Input((5,)),
            layers.Dense(4, kernel_regularizer=kinds.l1_l2(0.01, 0.02), bias_regularizer="l2",
                         kernel_constraint=limits.MinMaxNorm(0.1, 1.0, 0.5, axis=0)),
            layers.Dense(4, activity_regularizer=kinds.l2(0.01),
                         kernel_constraint=limits.UnitNorm(axis=1)),
            layers.Dense(2, kernel_regularizer=kinds.l1(0.001), bias_constraint=limits.NonNeg()),
        ]
    )  # fmt: skip


@_model(VECTOR)
def advanced(keras, tf):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((5,)), layers.Dense(6), layers.PReLU(alpha_initializer="ones"),
            layers.ELU(0.5), layers.LeakyReLU(0.2), layers.ThresholdedReLU(0.1),
            layers.Softmax(axis=-1), layers.Activation("elu"), layers.Dense(4, activation="selu"),
            layers.ActivityRegularization(l1=0.01), layers.Dense(2, activation="softsign"),
        ]
    )  # fmt: skip


@_model(IMAGE)
def convolutions(keras, tf):
    layers = keras.layers
    x = layers.Input((8, 8, 3))
    y = layers.ZeroPadding2D(((1, 0), (2, 1)))(x)
    y = layers.Conv2D(4, (3, 2), dilation_rate=(1, 2), padding="same", activation="relu")(y)
    z = layers.SeparableConv2D(4, 3, depth_multiplier=2, pointwise_regularizer="l2",
                               padding="same")(y)  # fmt: skip
    y = layers.Add()([y, layers.DepthwiseConv2D(3, padding="same", use_bias=False)(z)])
    y = layers.Cropping2D(((1, 0), (2, 1)))(y)
    y = layers.Conv2DTranspose(3, 3, strides=2, padding="same")(y)
    y = layers.UpSampling2D(2, interpolation="bilinear")(layers.AveragePooling2D(4)(y))
    y = layers.MaxPooling2D(3, strides=2, padding="same")(y)
    return keras.Model(x, layers.Dense(2)(layers.GlobalMaxPooling2D()(y)))


@_model([((3, 8, 8), 0)])
def channels_first(keras, tf):
    layers = keras.layers
    x = layers.Input((3, 8, 8))
    y = layers.Permute((2, 3, 1))(x)
    y = layers.Conv2D(4, 3)(y)
    y = layers.Permute((3, 1, 2))(y)
    y = layers.BatchNormalization(axis=1)(y)
    return keras.Model(x, layers.Dense(2)(layers.Flatten("channels_first")(y)))


@_model([((3, 6, 6, 2), 0)])
def conv_lstm(keras, tf):
    layers = keras.layers
    x = layers.Input((3, 6, 6, 2))
    y = layers.ConvLSTM2D(2, 3, return_sequences=True, recurrent_activation="sigmoid")(x)
    y = layers.TimeDistributed(layers.GlobalAveragePooling2D())(y)
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(y)))


@_model([((4,), 0), ((5,), 7)])
def named_inputs(keras, tf):
    layers = keras.layers
    a, b = layers.Input((4,), name="a"), layers.Input((5,), dtype="int32", name="b")
    y = layers.Flatten()(layers.Embedding(7, 2, embeddings_regularizer="l2", input_length=5)(b))
    return keras.Model(inputs={"a": a, "b": b}, outputs=layers.Dense(2)(layers.concatenate([a, y])))


@_model(VECTOR)
def calls_with_arguments(keras, tf):
    layers = keras.layers
    x = layers.Input((5,))
    y = layers.Dropout(0.5)(layers.Dense(4)(x), training=False)
    y = layers.BatchNormalization(name="norm")(y, training=False)
    return keras.Model(x, layers.Dense(2)(layers.GaussianNoise(0.0)(y)))


@_model([((6, 4), 0), ((5, 4), 0)])
def attention(keras, tf):
    layers = keras.layers
    q, v = layers.Input((6, 4)), layers.Input((5, 4))
    y = layers.Attention(use_scale=True)([q, v])
    y = layers.AdditiveAttention()([y, v])
    return keras.Model([q, v], layers.Dense(2)(layers.GlobalAveragePooling1D()(y)))


@_model(VECTOR)
def lambdas(keras, tf):
    layers = keras.layers
    x = layers.Input((5,))
    y = layers.Lambda(doubled, arguments={"by": 2.0}, output_shape=(5,))(x)
    return keras.Model(x, layers.Dense(2)(y))


def doubled(x, by):
    """A function that files know by its name."""
    return x * by


@_model(VECTOR)
def code(keras, tf):
    layers = keras.layers
    x = layers.Input((5,))
    return keras.Model(x, layers.Dense(2)(layers.Lambda(lambda x: x * 2.0)(x)))


@_model(VECTOR)
def own_layer(keras, tf):
    layers = keras.layers
    kind = classes(keras)["Scaled"]
    return keras.Sequential([layers.Input((5,)), kind(3, name="scaled"), layers.Dense(2)])


@_model(VECTOR)
def own_model(keras, tf):
    model = classes(keras)["Tower"](3)
    model(np.zeros((1, 5), "float32")) if hasattr(tf, "executing_eagerly") and (
        tf.executing_eagerly()
    ) else model.build((None, 5))
    return model


@_model(VECTOR, optimizer="clipped")
def own_model_in_parts(keras, tf):
    return own_model(keras, tf)


_CLASSES = {}


def classes(keras):
    """Classes of a user: a layer and a model."""
    key = getattr(keras, "_module", keras)
    if key not in _CLASSES:
        Layer, Model = keras.layers.Layer, keras.Model

        class Scaled(Layer):
            def __init__(self, units, **kwargs):
                super().__init__(**kwargs)
                self.units = units

            def build(self, shape):
                size = shape[-1]
                self.kernel = self.add_weight(
                    name="kernel", shape=(int(size), self.units), initializer="glorot_uniform"
                )
                self.scale = self.add_weight(
                    name="scale", shape=(self.units,), initializer="ones", trainable=False
                )
                self.built = True

            def call(self, x):
                return keras.backend.dot(x, self.kernel) * self.scale

            def compute_output_shape(self, shape):
                return (shape[0], self.units)

            def get_config(self):
                return dict(super().get_config(), units=self.units)

        class Tower(Model):
            def __init__(self, units=3, **kwargs):
                super().__init__(**kwargs)
                self.units = units
                self.scaled = Scaled(units)
                self.blocks = [keras.layers.Dense(4, activation="relu") for _ in range(2)]
                self.norm = keras.layers.BatchNormalization()
                self.head = keras.layers.Dense(2)

            def call(self, x):
                x = self.scaled(x)
                for block in self.blocks:
                    x = block(x)
                return self.head(self.norm(x))

            def get_config(self):
                return {"units": self.units}

            @classmethod
            def from_config(cls, config):
                return cls(**config)

        _CLASSES[key] = {"Scaled": Scaled, "Tower": Tower, "doubled": doubled}
    return _CLASSES[key]


@_model([((32, 32, 3), 0)])
def mobilenet(keras, tf):
    kind = tf.keras.applications.MobileNet
    return kind(input_shape=(32, 32, 3), alpha=0.25, weights=None, classes=2)


@_model([((32, 32, 3), 0)])
def mobilenet_v2(keras, tf):
    kind = tf.keras.applications.MobileNetV2
    return kind(input_shape=(32, 32, 3), alpha=0.35, weights=None, classes=2)


@_model([((32, 32, 3), 0)])
def mobilenet_v3(keras, tf):
    kind = tf.keras.applications.MobileNetV3Small
    return kind(input_shape=(32, 32, 3), weights=None, classes=2, minimalistic=True)


@_model([((32, 32, 3), 0)])
def efficientnet(keras, tf):
    return tf.keras.applications.EfficientNetB0(input_shape=(32, 32, 3), weights=None, classes=2)


@_model(VECTOR)
def feature_columns(keras, tf):
    column = tf.feature_column.numeric_column("x", shape=(5,))
    x = keras.layers.Input((5,), name="x")
    y = keras.layers.DenseFeatures([column])({"x": x})
    return keras.Model({"x": x}, keras.layers.Dense(2)(y))


@_model([((1,), "words"), ((1,), 5), ((3,), 0)])
def feature_columns_of_kinds(keras, tf):
    """Numbers, bins, and what stands for words and integers, encoded and embedded."""
    fc = tf.feature_column
    a = keras.layers.Input((1,), dtype="string", name="a")
    b = keras.layers.Input((1,), dtype="int32", name="b")
    c = keras.layers.Input((3,), name="c")
    number = fc.numeric_column("c", shape=(3,))
    bins = fc.bucketized_column(number, [-0.5, 0.0, 0.5])
    words = fc.categorical_column_with_vocabulary_list("a", ["b", "a", "zz"], num_oov_buckets=2)
    known = fc.categorical_column_with_vocabulary_list("a", ["c", "a b", "b"])
    hashed = fc.categorical_column_with_hash_bucket("a", 7)
    number_of = fc.categorical_column_with_identity("b", 4, default_value=0)
    crossed = fc.crossed_column(["a", number_of], 6)
    encoded = keras.layers.DenseFeatures(
        [number, bins, fc.indicator_column(words), fc.indicator_column(number_of),
         fc.indicator_column(crossed)]
    )({"a": a, "b": b, "c": c})  # fmt: skip
    embedded = keras.layers.DenseFeatures(
        [fc.embedding_column(known, 2), fc.embedding_column(number_of, 3, combiner="sum"),
         fc.embedding_column(bins, 2, combiner="sqrtn")]
    )({"a": a, "b": b, "c": c})  # fmt: skip
    hashes = keras.layers.DenseFeatures([fc.embedding_column(hashed, 2)])({"a": a})
    y = keras.layers.Concatenate()([encoded, embedded, hashes])
    return keras.Model({"a": a, "b": b, "c": c}, keras.layers.Dense(2)(y))


def arrays(name):
    """Inputs of a model, the same on every side."""
    draw, found = np.random.RandomState(sum(map(ord, name))), []
    for shape, kind in MODELS[name][1]:
        if kind == "words":
            words = np.array(["a", "b", "zz", "a b", "B c", "", "c", "d a"], dtype=object)
            found.append(words.reshape((SAMPLES,) + shape))
        elif kind:
            found.append(draw.randint(0, kind, (SAMPLES,) + shape).astype("int32"))
        else:
            found.append(draw.normal(size=(SAMPLES,) + shape).astype("float32"))
    return found if len(found) > 1 else found[0]
