"""Models in the words of Keras 2.0 to 2.3, which together use every layer of theirs."""

from tables import IMAGE, MOVIE, SERIES, VECTOR, VOLUME, Case, later, put, stack
from words import LOSSES, RULES, SAME, branch, graph_in, l2, with_losses, with_rules

MODELS = dict(SAME)
graph = graph_in(MODELS)


@later
def l1_l2(keras):
    return keras.regularizers.l1_l2(0.01, 0.02)


@later
def max_norm(keras):
    return keras.constraints.max_norm(0.7)


@later
def min_max_norm(keras):
    return keras.constraints.min_max_norm(0.3, 0.9, 0.5, axis=0)


# --- layers in a row --------------------------------------------------------------------------

_PUNISHED = {"kernel_regularizer": l2, "bias_regularizer": l1_l2, "kernel_constraint": max_norm}
_ACTIVATIONS = (
    "softmax elu selu softplus softsign relu tanh sigmoid hard_sigmoid exponential linear"
).split()
MODELS.update({"activation_" + a: stack(VECTOR, ("Dense", {"units": 4}),
               ("Activation", {"activation": a})) for a in _ACTIVATIONS})  # fmt: skip
MODELS.update(
    dense=stack(VECTOR, ("Dense", dict(_PUNISHED, units=4, activation="tanh"))),
    dense_without_bias=stack(VECTOR, ("Dense", {"units": 4, "use_bias": False})),
    dense_limits=stack(
        VECTOR,
        ("Dense", {"units": 4, "kernel_constraint": "non_neg", "bias_constraint": "unit_norm"}),
        ("Dense", {"units": 4, "kernel_constraint": min_max_norm}),
    ),
    dense_series=stack(SERIES, ("Dense", {"units": 3, "activation": "tanh"})),
    dense_over_time=stack(SERIES, ("TimeDistributed", {"layer": ("Dense", {"units": 3})})),
    conv_over_time=stack(
        MOVIE,
        ("TimeDistributed", {"layer": ("Conv2D", {"filters": 3, "kernel_size": (3, 2)})}),
        ("TimeDistributed", {"layer": ("MaxPooling2D", {"pool_size": 2})}),
        ("TimeDistributed", {"layer": ("Flatten", {})}),
        ("LSTM", {"units": 3}),
    ),
    activity=stack(VECTOR, ("ActivityRegularization", {"l1": 0.01, "l2": 0.02})),
    noise=stack(VECTOR, ("GaussianNoise", {"stddev": 0.1}), ("GaussianDropout", {"rate": 0.2}),
                ("Dropout", {"rate": 0.3, "noise_shape": (8, 1), "seed": 3}), random=True),
    alpha_dropout=stack(VECTOR, ("AlphaDropout", {"rate": 0.2}), random=True),
    reshape=stack((12,), ("Reshape", {"target_shape": (3, -1)}), ("Permute", {"dims": (2, 1)})),
    repeat=stack(VECTOR, ("RepeatVector", {"n": 3}), ("Masking", {"mask_value": 0.5}),
                 ("GRU", {"units": 3})),
    leaky=stack(VECTOR, ("LeakyReLU", {"alpha": 0.2}), ("ELU", {"alpha": 0.7}),
                ("ThresholdedReLU", {"theta": 0.3})),
    relu=stack(VECTOR, ("ReLU", {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.1}),
               ("ReLU", {"max_value": 6.0})),
    relu_plain=stack(VECTOR, ("ReLU", {"max_value": 6.0})),
    softmax=stack(SERIES, ("Softmax", {"axis": 1})),
    prelu=stack(VECTOR, ("PReLU", {"alpha_initializer": "ones", "alpha_regularizer": l2})),
    prelu_shared=stack(IMAGE, ("PReLU", {"shared_axes": [1, 2]})),
    batch_norm=stack(VECTOR, ("BatchNormalization", {"momentum": 0.8, "epsilon": 1e-4})),
    batch_norm_axis=stack(IMAGE, ("BatchNormalization", {"axis": 1, "scale": False})),
    batch_norm_plain=stack(IMAGE, ("BatchNormalization", {"center": False, "gamma_regularizer": l2,
                           "moving_mean_initializer": "ones"})),
    own_weights=stack(VECTOR, ("Dense", {"units": 2, "weights": [[[0.1, 0.2]] * 5, [1, 2]]})),
    initial=stack(VECTOR, ("Dense", {"units": 5, "kernel_initializer": "orthogonal"}),
                  ("Dense", {"units": 5, "kernel_initializer": "identity"}),
                  ("Dense", {"units": 4, "kernel_initializer": "lecun_normal"}),
                  ("Dense", {"units": 4, "kernel_initializer": "he_uniform"}),
                  ("Dense", {"units": 4, "kernel_initializer": "truncated_normal",
                             "bias_initializer": "random_uniform"})),
)  # fmt: skip

_SERIES = {
    "conv1d": ("Conv1D", dict(_PUNISHED, filters=4, kernel_size=3, padding="causal")),
    "conv1d_strided": ("Conv1D", {"filters": 4, "kernel_size": 2, "use_bias": False, "strides": 2,
                       "activation": "relu"}),
    "conv1d_wide": ("Conv1D", {"filters": 4, "kernel_size": 2, "dilation_rate": 2}),
    "conv1d_first": ("Conv1D", {"filters": 4, "kernel_size": 2, "data_format": "channels_first"}),
    "separable1d": ("SeparableConv1D", {"filters": 4, "kernel_size": 3, "depth_multiplier": 2}),
    "local1d": ("LocallyConnected1D", {"filters": 4, "kernel_size": 3}),
    "local1d_2": ("LocallyConnected1D", {"filters": 4, "kernel_size": 3, "implementation": 2}),
    "pool1d": ("MaxPooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}),
    "average1d": ("AveragePooling1D", {"pool_size": 2, "strides": 1}),
    "pool1d_first": ("MaxPooling1D", {"pool_size": 2, "data_format": "channels_first"}),
    "global_max_1d": ("GlobalMaxPooling1D", {}), "global_1d": ("GlobalAveragePooling1D", {}),
    "up1d": ("UpSampling1D", {"size": 3}), "pad1d": ("ZeroPadding1D", {"padding": (1, 2)}),
    "crop1d": ("Cropping1D", {"cropping": (1, 2)}),
}  # fmt: skip
MODELS.update({name: stack(SERIES, entry) for name, entry in _SERIES.items()})
MODELS["drop1d"] = stack(SERIES, ("SpatialDropout1D", {"rate": 0.3}), random=True)

_GATED = {
    "plain": {}, "implementation_0": {"implementation": 0}, "implementation_2": {
        "implementation": 2},
    "sequences": {"return_sequences": True, "go_backwards": True, "unroll": True},
    "punished": {"kernel_regularizer": l2, "recurrent_regularizer": l2, "bias_regularizer": l2,
                 "activation": "relu", "recurrent_initializer": "glorot_uniform",
                 "recurrent_constraint": max_norm},
    "dropped": {"dropout": 0.2, "recurrent_dropout": 0.3}, "without_bias": {"use_bias": False},
}  # fmt: skip
for _kind in ("SimpleRNN", "GRU", "LSTM"):
    for _how, _more in _GATED.items():
        MODELS[_kind + "_" + _how] = stack(
            SERIES, (_kind, dict(_more, units=3)), random=_how == "dropped"
        )
    MODELS[_kind + "_stateful"] = stack(SERIES, (_kind, {"units": 3, "stateful": True}), batch=8)
    for _mode in ("sum", "mul", "concat", "ave"):
        MODELS[_kind + "_both_" + _mode] = stack(SERIES, ("Bidirectional", {
            "layer": (_kind, {"units": 3, "return_sequences": _mode == "mul"}),
            "merge_mode": _mode}))  # fmt: skip
    MODELS[_kind + "_masked"] = stack(
        (6,), ("Embedding", {"input_dim": 9, "output_dim": 4, "mask_zero": True}),
        (_kind, {"units": 3, "return_sequences": True}), (_kind, {"units": 3}), words=9,
    )  # fmt: skip
    MODELS[_kind + "_cell"] = stack(SERIES, ("RNN", {"cell": (_kind + "Cell", {"units": 3})}))
MODELS["LSTM_gates"] = stack(SERIES, ("LSTM", {
    "units": 3, "recurrent_activation": "sigmoid", "unit_forget_bias": False}))  # fmt: skip
MODELS["GRU_after"] = stack(SERIES, ("GRU", {"units": 3, "reset_after": True}))
MODELS["GRU_after_both"] = stack(SERIES, ("Bidirectional", {
    "layer": ("GRU", {"units": 3, "reset_after": True, "use_bias": False})}))  # fmt: skip
MODELS["deep_LSTM"] = stack(
    SERIES, ("LSTM", {"units": 4, "return_sequences": True}),
    ("Bidirectional", {"layer": ("LSTM", {"units": 4, "return_sequences": True})}),
    ("TimeDistributed", {"layer": ("Dense", {"units": 3})}), ("LSTM", {"units": 3}),
    ("BatchNormalization", {}),
)  # fmt: skip
MODELS["seq2seq"] = stack(
    SERIES, ("LSTM", {"units": 4}), ("RepeatVector", {"n": 3}),
    ("GRU", {"units": 4, "return_sequences": True}),
    ("TimeDistributed", {"layer": ("Dense", {"units": 2, "activation": "softmax"})}),
    whole=True, loss="categorical_crossentropy",
)  # fmt: skip
MODELS["embedding"] = stack(
    (6,), ("Embedding", {"input_dim": 9, "output_dim": 4, "input_length": 6,
                         "embeddings_regularizer": l2, "embeddings_constraint": max_norm}),
    ("Conv1D", {"filters": 3, "kernel_size": 2}), words=9)  # fmt: skip
MODELS["old_maxout"] = stack(VECTOR, ("legacy.layers.MaxoutDense", {"output_dim": 3}))
MODELS["old_highway"] = stack(VECTOR, ("legacy.layers.Highway", {"activation": "tanh"}))
MODELS["old_words"] = stack(
    VECTOR, ("Dense", {"output_dim": 4, "init": "uniform", "W_regularizer": l2}),
    ("Dropout", {"p": 0.0}))  # fmt: skip

# --- images -----------------------------------------------------------------------------------

_IMAGES = {
    "conv": ("Conv2D", dict(_PUNISHED, filters=4, kernel_size=(3, 2), activation="relu")),
    "conv_same": ("Conv2D", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same",
                  "use_bias": False, "kernel_initializer": "he_normal"}),
    "conv_wide": ("Conv2D", {"filters": 4, "kernel_size": (2, 3), "dilation_rate": 2}),
    "separable": ("SeparableConv2D", {"filters": 4, "kernel_size": (2, 3), "depth_multiplier": 2,
                  "padding": "same", "depthwise_regularizer": l2,
                  "pointwise_constraint": max_norm}),
    "depthwise": ("DepthwiseConv2D", {"kernel_size": (2, 3), "depth_multiplier": 2}),
    "depthwise_strided": ("DepthwiseConv2D", {"kernel_size": 3, "strides": 2, "padding": "same"}),
    "deconv": ("Conv2DTranspose", {"filters": 4, "kernel_size": (3, 2), "padding": "same",
               "strides": 2, "kernel_regularizer": l2}),
    "deconv_valid": ("Conv2DTranspose", {"filters": 4, "kernel_size": 3, "use_bias": False}),
    "local": ("LocallyConnected2D", {"filters": 2, "kernel_size": (3, 2), "strides": 2}),
    "local_2": ("LocallyConnected2D", {"filters": 2, "kernel_size": 2, "implementation": 2}),
    "pool": ("MaxPooling2D", {"pool_size": (2, 3), "strides": (1, 2), "padding": "same"}),
    "average": ("AveragePooling2D", {"pool_size": (2, 2)}), "flatten": ("Flatten", {}),
    "global_max": ("GlobalMaxPooling2D", {}), "global": ("GlobalAveragePooling2D", {}),
    "up": ("UpSampling2D", {"size": (2, 3)}),
    "up_smooth": ("UpSampling2D", {"size": (2, 3), "interpolation": "bilinear"}),
    "pad": ("ZeroPadding2D", {"padding": ((1, 0), (2, 1))}),
    "crop": ("Cropping2D", {"cropping": ((1, 2), (0, 1))}),
}  # fmt: skip
_VOLUMES = {
    "conv3d": ("Conv3D", {"filters": 3, "kernel_size": (2, 3, 1), "kernel_regularizer": l2}),
    "deconv3d": ("Conv3DTranspose", {"filters": 3, "kernel_size": 2, "strides": 2}),
    "pool3d": ("MaxPooling3D", {"pool_size": (2, 1, 2), "strides": (1, 1, 2)}),
    "average3d": ("AveragePooling3D", {"pool_size": 2}),
    "global_max_3d": ("GlobalMaxPooling3D", {}), "global_3d": ("GlobalAveragePooling3D", {}),
    "up3d": ("UpSampling3D", {"size": (1, 2, 1)}), "pad3d": ("ZeroPadding3D", {
        "padding": ((1, 0), (0, 0), (2, 1))}),
    "crop3d": ("Cropping3D", {"cropping": ((1, 0), (0, 1), (1, 1))}),
}  # fmt: skip
_MOVIES = {
    "conv_lstm": ("ConvLSTM2D", {"filters": 3, "kernel_size": (3, 2), "padding": "same"}),
    "conv_lstm_valid": ("ConvLSTM2D", {"filters": 3, "kernel_size": 3, "return_sequences": True,
                        "recurrent_activation": "sigmoid", "unit_forget_bias": False}),
}  # fmt: skip
for _order, _word in (("tf", "channels_last"), ("th", "channels_first")):
    for _shape, _entries in ((IMAGE, _IMAGES), (VOLUME, _VOLUMES)):
        for _name, (_kind, _more) in _entries.items():
            _entry = (_kind, dict(_more, data_format=_word))
            MODELS[_name + "_" + _order] = stack(put(_shape, _order), _entry)
    for _name, (_kind, _more) in _MOVIES.items():
        _shape = MOVIE[:1] + put(MOVIE[1:], _order)
        MODELS[_name + "_" + _order] = stack(_shape, (_kind, dict(_more, data_format=_word)))
    MODELS["drop_" + _order] = stack(
        put(IMAGE, _order), ("SpatialDropout2D", {"rate": 0.3, "data_format": _word}), random=True
    )
    MODELS["drop3d_" + _order] = stack(
        put(VOLUME, _order), ("SpatialDropout3D", {"rate": 0.3, "data_format": _word}), random=True
    )
    MODELS["vgg_" + _order] = stack(
        put((12, 12, 3), _order),
        ("Conv2D", {"filters": 4, "kernel_size": 3, "activation": "relu", "data_format": _word}),
        ("BatchNormalization", {"axis": -1 if _order == "tf" else 1}),
        ("Conv2D", {"filters": 5, "kernel_size": 3, "data_format": _word}),
        ("Activation", {"activation": "relu"}),
        ("MaxPooling2D", {"pool_size": (2, 2), "data_format": _word}),
        ("Flatten", {}), ("Dense", {"units": 6, "activation": "relu"}),
        ("Dense", {"units": 3, "activation": "softmax"}), whole=True,
        loss="categorical_crossentropy", metrics=["accuracy"],
    )  # fmt: skip
MODELS["conv_lstm_both"] = stack(MOVIE, ("Bidirectional", {
    "layer": ("ConvLSTM2D", {"filters": 3, "kernel_size": 3})}))  # fmt: skip

# --- rules and losses ---------------------------------------------------------------------------

_RULES = dict(
    RULES,
    adadelta=("Adadelta", {"lr": 0.7, "rho": 0.9, "decay": 0.1}),
    amsgrad=("Adam", {"lr": 0.01, "amsgrad": True}),
    adamax=("Adamax", {"lr": 0.01, "decay": 0.2}),
)
_LOSSES = LOSSES + ["logcosh", "categorical_hinge"]
MODELS.update(with_rules("units", _RULES))
MODELS.update(with_losses("units", _LOSSES, {"hinge": {"weighted_metrics": ["mae"]}}))
MODELS["loss_sparse"] = stack(
    VECTOR, ("Dense", {"units": 3, "activation": "softmax"}), whole=True,
    loss="sparse_categorical_crossentropy",
    metrics=["acc", "sparse_top_k_categorical_accuracy"])  # fmt: skip
MODELS["loss_over_time"] = stack(
    SERIES, ("TimeDistributed", {"layer": ("Dense", {"units": 2})}), whole=True,
    sample_weight_mode="temporal")  # fmt: skip


@later
def huber(keras):
    return keras.losses.Huber(delta=0.5)


@later
def area(keras):
    return keras.metrics.AUC(num_thresholds=20)


MODELS["loss_object"] = stack(VECTOR, ("Dense", {"units": 3, "activation": "sigmoid"}), whole=True,
                              loss=huber, metrics=[area, "Precision"])  # fmt: skip

# --- graphs -------------------------------------------------------------------------------------


def _joined(kind, shape=VECTOR, **more):
    def build(keras):
        inputs = [keras.layers.Input(shape=shape) for _ in range(2)]
        x = getattr(keras.layers, kind)(**more)(inputs)
        x = keras.layers.Flatten()(x) if len(x.shape) > 2 else x
        return keras.models.Model(inputs=inputs, outputs=keras.layers.Dense(2)(x))

    return Case(build, [shape, shape])


def _merged(mode, **more):
    """Keras 2.0 to 2.2 still had the Merge layer of Keras 1."""

    def build(keras):
        model = keras.models.Sequential()
        branches = [branch(keras), branch(keras, activation="tanh")]
        model.add(keras.legacy.layers.Merge(branches, mode=mode, **more))
        model.add(keras.layers.Dense(2))
        return model

    return Case(build, [VECTOR, VECTOR])


for _kind in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"):
    MODELS[_kind] = _joined(_kind)
for _mode in ("sum", "mul", "ave", "max", "concat"):
    MODELS["Merge_" + _mode] = _merged(_mode)
for _mode in ("dot", "cos"):
    MODELS["Merge_" + _mode] = _merged(_mode, dot_axes=1)
MODELS["Concatenate_series"] = _joined("Concatenate", SERIES, axis=1)
MODELS["Dot"] = _joined("Dot", axes=1)
MODELS["Dot_cosine"] = _joined("Dot", axes=-1, normalize=True)
MODELS["Dot_series"] = _joined("Dot", SERIES, axes=(2, 2))
MODELS["Dot_times"] = _joined("Dot", SERIES, axes=1, normalize=True)


@graph(VECTOR)
def nested_frozen(keras):
    """Trainable and fixed weights of nested models mix their order in files."""
    inner = branch(keras, 4)
    inner.add(keras.layers.BatchNormalization())
    inner.add(keras.layers.Dense(3, trainable=False))
    inner.add(keras.layers.BatchNormalization())
    inner.add(keras.layers.Dense(3))
    inner.layers[0].trainable = False
    model = keras.models.Sequential()
    model.add(inner)
    model.add(keras.layers.Dense(2))
    return model


@graph(VECTOR)
def model_in_sequential(keras):
    x = keras.layers.Input(shape=(5,), name="first")
    inner = keras.models.Model(inputs=x, outputs=keras.layers.Dense(4)(x))
    model = keras.models.Sequential()
    model.add(inner)
    model.add(keras.layers.Dense(2))
    return model


@graph(VECTOR)
def named_input(keras):
    model = keras.models.Sequential(name="mine")
    model.add(keras.layers.InputLayer(input_shape=(5,), name="start"))
    model.add(keras.layers.Dense(2, name="a/b"))
    return model


@graph(VECTOR, VECTOR)
def shared(keras):
    a, b = keras.layers.Input(shape=(5,)), keras.layers.Input(shape=(5,))
    layer, model = keras.layers.Dense(4, name="twice"), branch(keras, 3, 4)
    x = keras.layers.concatenate([model(layer(a)), model(layer(b))])
    return keras.models.Model(inputs=[a, b], outputs=keras.layers.Dense(2)(x))


@graph(VECTOR, (6,), words=[0, 9], loss={"one": "mse", "two": "categorical_crossentropy"},
       loss_weights={"one": 0.3, "two": 2.0}, metrics={"two": ["accuracy", "mae"]},
       weighted_metrics={"one": "mae"})  # fmt: skip
def outputs(keras):
    layers = keras.layers
    a = layers.Input(shape=(5,), name="a")
    b = layers.Input(shape=(6,), dtype="int32", name="b")
    y = layers.GRU(4)(layers.Embedding(output_dim=4, input_dim=9, mask_zero=True)(b))
    x = layers.concatenate([layers.Dense(4)(a), y], axis=-1)
    one = layers.Dense(2, name="one")(x)
    return keras.models.Model([a, b], [one, layers.Dense(3, activation="softmax", name="two")(x)])


@graph(SERIES)
def attention(keras):
    layers = keras.layers
    x = layers.Input(shape=SERIES)
    y = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x)
    w = layers.TimeDistributed(layers.Dense(1, activation="tanh"))(y)
    w = layers.RepeatVector(8)(layers.Activation("softmax")(layers.Flatten()(w)))
    y = layers.multiply([y, layers.Permute((2, 1))(w)])
    return keras.models.Model(inputs=x, outputs=layers.Dense(2)(layers.Flatten()(y)))


@graph(MOVIE)
def model_over_time(keras):
    layers = keras.layers
    frame = keras.models.Sequential()
    frame.add(layers.Conv2D(3, 3, input_shape=MOVIE[1:], data_format="channels_last"))
    frame.add(layers.Flatten())
    x = layers.Input(shape=MOVIE)
    y = layers.LSTM(3)(layers.TimeDistributed(frame)(x))
    return keras.models.Model(inputs=x, outputs=layers.Dense(2)(y))


@graph(IMAGE)
def residual(keras):
    layers, last = keras.layers, {"data_format": "channels_last"}
    x = layers.Input(shape=IMAGE)
    y = layers.Conv2D(4, 3, padding="same", **last)(x)
    y = layers.Activation("relu")(layers.BatchNormalization(axis=3)(y))
    z = layers.Conv2D(4, 1, **last)(x)
    y = layers.add([y, z])
    y = layers.concatenate([y, z, y], axis=3)
    y = layers.Flatten()(layers.AveragePooling2D((3, 2), **last)(y))
    return keras.models.Model(x, layers.Dense(2, activation="softmax")(y))


@graph(SERIES, SERIES)
def encoder_decoder(keras):
    layers = keras.layers
    a, b = layers.Input(shape=SERIES), layers.Input(shape=SERIES)
    _, h, c = layers.LSTM(3, return_state=True)(a)
    y = layers.LSTM(3, return_sequences=True)(b, initial_state=[h, c])
    y, h = layers.GRU(3, return_state=True, return_sequences=True)(y)
    y = layers.Bidirectional(layers.GRU(3))(y, initial_state=[h, h])
    return keras.models.Model([a, b], layers.Dense(2)(y))


@graph(SERIES)
def cells(keras):
    layers = keras.layers
    x = layers.Input(shape=SERIES)
    kinds = [layers.LSTMCell(3), layers.GRUCell(4), layers.SimpleRNNCell(3)]
    return keras.models.Model(x, layers.Dense(2)(layers.RNN(kinds)(x)))


@graph(VECTOR)
def named_alike(keras):
    """Layers of nested models may have the same names as those around them."""
    x = keras.layers.Input(shape=(5,))
    inner = keras.models.Model(x, keras.layers.Dense(5, name="d")(x), name="d")
    y = keras.layers.Input(shape=(5,))
    return keras.models.Model(y, keras.layers.Dense(2, name="e")(inner(inner(y))))


# --- what runs on GPUs alone ---------------------------------------------------------------------


def _on_gpu(kind, both=False):
    """A model of layers that need a GPU; the layers that read their weights tell what it gives."""

    def make(keras, kind, **more):
        layer = getattr(keras.layers, kind)(3, **more)
        model = keras.models.Sequential()
        if both:
            model.add(keras.layers.Bidirectional(layer, input_shape=SERIES))
        else:
            layer = getattr(keras.layers, kind)(3, input_shape=SERIES, **more)
            model.add(layer)
        model.add(keras.layers.Dense(2))
        return model

    def read(keras, path):
        more = {"reset_after": True} if kind == "GRU" else {}
        model = make(keras, kind, recurrent_activation="sigmoid", **more)
        model.load_weights(path + ".weights.h5")
        return model

    def build(keras):
        model = make(keras, "CuDNN" + kind)
        for layer in model.layers:
            layer.set_weights([w + 0.1 * (i + 1) for i, w in enumerate(layer.get_weights())])
        return model

    return Case(build, [SERIES], untrained=True, random=True, read_by=read)


for _kind in ("LSTM", "GRU"):
    MODELS["CuDNN" + _kind] = _on_gpu(_kind)
    MODELS["CuDNN" + _kind + "_both"] = _on_gpu(_kind, True)


def on_two_gpus(keras, model):
    """What multi_gpu_model makes; here both GPUs are the processor."""
    utils = __import__("keras.utils.multi_gpu_utils", fromlist=["multi_gpu_model"])
    names = ["/cpu:0", "/gpu:0", "/gpu:1"]
    utils._get_available_devices = lambda: names
    found = utils.multi_gpu_model(model, 2)
    found.compile("sgd", "mse")
    return found


MODELS["two_gpus"] = stack(VECTOR, ("Dense", {"units": 3}), wrapped=on_two_gpus, random=True)


def _application(module, name, **more):
    def build(keras):
        found = __import__("keras.applications." + module, fromlist=[name])
        return getattr(found, name)(weights=None, **more)

    shape = more.get("input_shape", (224, 224, 3))
    return Case(build, [shape], large=True, random=True, custom=name)


_SMALL = {"include_top": False, "input_shape": (48, 48, 3)}
MODELS["vgg16"] = _application("vgg16", "VGG16", **_SMALL)
MODELS["resnet50"] = _application("resnet50", "ResNet50", include_top=False,
                                  input_shape=(197, 197, 3))  # fmt: skip
MODELS["inception"] = _application("inception_v3", "InceptionV3", include_top=False,
                                   input_shape=(139, 139, 3))  # fmt: skip
MODELS["xception"] = _application("xception", "Xception", include_top=False,
                                  input_shape=(71, 71, 3))  # fmt: skip
MODELS["mobilenet"] = _application("mobilenet", "MobileNet", classes=10)
MODELS["mobilenet_v2"] = _application("mobilenet_v2", "MobileNetV2", classes=10)
MODELS["densenet"] = _application("densenet", "DenseNet121", include_top=False,
                                  input_shape=(221, 221, 3))  # fmt: skip
MODELS["nasnet"] = _application("nasnet", "NASNetMobile", classes=10)
