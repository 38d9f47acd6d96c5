"""Models in the words of Keras 1.0 to 1.2, which together use every layer of theirs."""

from tables import IMAGE, MOVIE, SERIES, VECTOR, VOLUME, Case, later, put, stack
from words import LOSSES, RULES, SAME, branch, graph_in, l2, with_losses, with_rules

MODELS = dict(SAME)
graph = graph_in(MODELS)


def l1l2(keras):
    return keras.regularizers.l1l2(0.01, 0.02)


def activity(keras):
    return keras.regularizers.activity_l2(0.01)


def max_norm(keras):
    return keras.constraints.maxnorm(0.7)


def non_negative(keras):
    return keras.constraints.nonneg()


def unit_norm(keras):
    return keras.constraints.unitnorm()


for one in (l1l2, activity, max_norm, non_negative, unit_norm):
    later(one)

# --- layers in a row --------------------------------------------------------------------------

_PUNISHED = {"W_regularizer": l2, "b_regularizer": l1l2, "W_constraint": max_norm}
_ACTIVATIONS = "softmax softplus softsign relu tanh sigmoid hard_sigmoid linear".split()
MODELS.update({"activation_" + a: stack(VECTOR, ("Dense", {"output_dim": 4}),
               ("Activation", {"activation": a})) for a in _ACTIVATIONS})  # fmt: skip
MODELS.update(
    dense=stack(VECTOR, ("Dense", dict(_PUNISHED, output_dim=4, activation="tanh"))),
    dense_without_bias=stack(VECTOR, ("Dense", {"output_dim": 4, "bias": False, "init": "normal"})),
    dense_limits=stack(
        VECTOR,
        ("Dense", {"output_dim": 4, "W_constraint": non_negative, "b_constraint": unit_norm}),
        ("Dense", {"output_dim": 4, "activity_regularizer": activity, "activation": "relu"}),
    ),
    dense_series=stack(SERIES, ("TimeDistributedDense", {"output_dim": 3, "activation": "tanh"})),
    dense_over_time=stack(SERIES, ("TimeDistributed", {"layer": ("Dense", {"output_dim": 3})})),
    conv_over_time=stack(
        MOVIE,
        ("TimeDistributed", {"layer": ("Convolution2D", {
            "nb_filter": 3, "nb_row": 3, "nb_col": 2, "dim_ordering": "tf"})}),
        ("TimeDistributed", {"layer": ("Flatten", {})}),
        ("LSTM", {"output_dim": 3}),
    ),
    maxout=stack(VECTOR, ("MaxoutDense", {"output_dim": 3, "nb_feature": 3, "W_regularizer": l2})),
    maxout_without_bias=stack(VECTOR, ("MaxoutDense", {"output_dim": 3, "bias": False})),
    highway=stack(VECTOR, ("Highway", {"activation": "tanh", "transform_bias": -1})),
    highway_without_bias=stack(VECTOR, ("Highway", {"bias": False})),
    activity=stack(VECTOR, ("ActivityRegularization", {"l1": 0.01, "l2": 0.02})),
    noise=stack(VECTOR, ("GaussianNoise", {"sigma": 0.1}), ("GaussianDropout", {"p": 0.2}),
                ("Dropout", {"p": 0.3}), random=True),
    reshape=stack((12,), ("Reshape", {"target_shape": (3, -1)}), ("Permute", {"dims": (2, 1)})),
    repeat=stack(VECTOR, ("RepeatVector", {"n": 3}), ("Masking", {"mask_value": 0.5}),
                 ("GRU", {"output_dim": 3})),
    leaky=stack(VECTOR, ("LeakyReLU", {"alpha": 0.2}), ("ELU", {"alpha": 0.7}),
                ("ThresholdedReLU", {"theta": 0.3})),
    prelu=stack(VECTOR, ("PReLU", {"init": "one"})),
    prelu_image=stack(IMAGE, ("PReLU", {})),
    prelu_shared=stack(IMAGE, ("PReLU", {"shared_axes": [1, 2]})),
    softplus=stack(VECTOR, ("ParametricSoftplus", {"alpha_init": 0.3, "beta_init": 2.0})),
    srelu=stack(VECTOR, ("SReLU", {})),
    srelu_shared=stack(IMAGE, ("SReLU", {"shared_axes": [1, 2], "t_left_init": "one"})),
    batch_norm=stack(VECTOR, ("BatchNormalization", {"momentum": 0.8, "epsilon": 1e-4})),
    batch_norm_axis=stack(IMAGE, ("BatchNormalization", {"axis": 1, "gamma_init": "normal"})),
    batch_norm_mode_1=stack(VECTOR, ("BatchNormalization", {"mode": 1})),
    batch_norm_mode_1_image=stack(IMAGE, ("BatchNormalization", {"mode": 1})),
    batch_norm_mode_2=stack(VECTOR, ("BatchNormalization", {"mode": 2, "beta_init": "one"})),
    batch_norm_punished=stack(
        VECTOR, ("BatchNormalization", {"gamma_regularizer": l2, "beta_regularizer": l1l2})
    ),
    own_weights=stack(VECTOR, ("Dense", {"output_dim": 2, "weights": [[[0.1, 0.2]] * 5, [1, 2]]})),
)  # fmt: skip

_SERIES = {
    "conv1d": ("Convolution1D", dict(_PUNISHED, nb_filter=4, filter_length=3, border_mode="same")),
    "conv1d_strided": ("Convolution1D", {"nb_filter": 4, "filter_length": 2, "bias": False,
                       "subsample_length": 2, "activation": "relu"}),
    "conv1d_square": ("Convolution1D", {"nb_filter": 4, "filter_length": 4}),
    "conv1d_wide": ("AtrousConvolution1D", {"nb_filter": 4, "filter_length": 2, "atrous_rate": 2}),
    "local1d": ("LocallyConnected1D", {"nb_filter": 4, "filter_length": 3}),
    "pool1d": ("MaxPooling1D", {"pool_length": 3, "stride": 2, "border_mode": "same"}),
    "average1d": ("AveragePooling1D", {"pool_length": 2, "stride": 1}),
    "global_max_1d": ("GlobalMaxPooling1D", {}), "global_1d": ("GlobalAveragePooling1D", {}),
    "up1d": ("UpSampling1D", {"length": 3}), "pad1d": ("ZeroPadding1D", {"padding": 2}),
    "pad1d_sides": ("ZeroPadding1D", {"padding": (1, 2)}),
    "pad1d_named": ("ZeroPadding1D", {"padding": {"left_pad": 1, "right_pad": 0}}),
    "crop1d": ("Cropping1D", {"cropping": (1, 2)}),
}  # fmt: skip
MODELS.update({name: stack(SERIES, entry) for name, entry in _SERIES.items()})
MODELS["drop1d"] = stack(SERIES, ("SpatialDropout1D", {"p": 0.3}), random=True)

_GATED = {
    "plain": {}, "mem": {"consume_less": "mem"}, "gpu": {"consume_less": "gpu"},
    "sequences": {"return_sequences": True, "go_backwards": True, "unroll": True},
    "punished": {"W_regularizer": l2, "U_regularizer": l2, "b_regularizer": l2,
                 "activation": "relu", "inner_init": "glorot_uniform", "init": "uniform"},
    "dropped": {"dropout_W": 0.2, "dropout_U": 0.3},
}  # fmt: skip
for _kind in ("SimpleRNN", "GRU", "LSTM"):
    for _how, _more in _GATED.items():
        MODELS[_kind + "_" + _how] = stack(
            SERIES, (_kind, dict(_more, output_dim=3)), random=_how == "dropped"
        )
    MODELS[_kind + "_stateful"] = stack(
        SERIES, (_kind, {"output_dim": 3, "stateful": True}), batch=8
    )
    for _mode in ("sum", "mul", "concat", "ave"):
        MODELS[_kind + "_both_" + _mode] = stack(SERIES, ("Bidirectional", {
            "layer": (_kind, {"output_dim": 3, "return_sequences": _mode == "mul"}),
            "merge_mode": _mode}))  # fmt: skip
    MODELS[_kind + "_both_gpu"] = stack(SERIES, ("Bidirectional", {
        "layer": (_kind, {"output_dim": 3, "consume_less": "gpu"})}))  # fmt: skip
    MODELS[_kind + "_masked"] = stack(
        (6,), ("Embedding", {"input_dim": 9, "output_dim": 4, "mask_zero": True}),
        (_kind, {"output_dim": 3, "return_sequences": True}), (_kind, {"output_dim": 3}), words=9,
    )  # fmt: skip
MODELS["LSTM_gates"] = stack(SERIES, ("LSTM", {
    "output_dim": 3, "inner_activation": "sigmoid", "forget_bias_init": "zero"}))  # fmt: skip
MODELS["deep_LSTM"] = stack(
    SERIES, ("LSTM", {"output_dim": 4, "return_sequences": True}),
    ("Bidirectional", {"layer": ("LSTM", {"output_dim": 4, "return_sequences": True})}),
    ("TimeDistributed", {"layer": ("Dense", {"output_dim": 3})}), ("LSTM", {"output_dim": 3}),
    ("BatchNormalization", {}),
)  # fmt: skip
MODELS["seq2seq"] = stack(
    SERIES, ("LSTM", {"output_dim": 4}), ("RepeatVector", {"n": 3}),
    ("GRU", {"output_dim": 4, "return_sequences": True}),
    ("TimeDistributed", {"layer": ("Dense", {"output_dim": 2, "activation": "softmax"})}),
    whole=True, loss="categorical_crossentropy",
)  # fmt: skip
MODELS["embedding"] = stack(
    (6,), ("Embedding", {"input_dim": 9, "output_dim": 4, "input_length": 6, "init": "normal",
                         "W_regularizer": l2, "W_constraint": unit_norm}), words=9)  # fmt: skip
MODELS["embedding_dropped"] = stack(
    (6,), ("Embedding", {"input_dim": 9, "output_dim": 4, "dropout": 0.3}), words=9, random=True
)

# --- images -----------------------------------------------------------------------------------

_IMAGES = {
    "conv": ("Convolution2D", dict(_PUNISHED, nb_filter=4, nb_row=3, nb_col=2, activation="relu")),
    "conv_same": ("Convolution2D", {"nb_filter": 3, "nb_row": 3, "nb_col": 3, "subsample": (2, 2),
                  "border_mode": "same", "bias": False, "init": "he_normal"}),
    "conv_square": ("Convolution2D", {"nb_filter": 3, "nb_row": 3, "nb_col": 3}),
    "conv_wide": ("AtrousConvolution2D", {"nb_filter": 4, "nb_row": 2, "nb_col": 3,
                  "atrous_rate": (2, 2)}),
    "separable": ("SeparableConvolution2D", {"nb_filter": 4, "nb_row": 2, "nb_col": 3,
                  "depth_multiplier": 2, "border_mode": "same"}),
    "local": ("LocallyConnected2D", {"nb_filter": 2, "nb_row": 3, "nb_col": 2,
              "subsample": (2, 2), "activation": "tanh"}),
    "pool": ("MaxPooling2D", {"pool_size": (2, 3), "strides": (1, 2), "border_mode": "same"}),
    "average": ("AveragePooling2D", {"pool_size": (2, 2), "border_mode": "valid"}),
    "global_max": ("GlobalMaxPooling2D", {}), "global": ("GlobalAveragePooling2D", {}),
    "up": ("UpSampling2D", {"size": (2, 3)}), "pad": ("ZeroPadding2D", {"padding": (1, 2)}),
    "pad_sides": ("ZeroPadding2D", {"padding": (1, 0, 2, 1)}),
    "pad_named": ("ZeroPadding2D", {"padding": {
        "top_pad": 1, "bottom_pad": 0, "left_pad": 2, "right_pad": 1}}),
    "crop": ("Cropping2D", {"cropping": ((1, 2), (0, 1))}),
}  # fmt: skip
_VOLUMES = {
    "conv3d": ("Convolution3D", {"nb_filter": 3, "kernel_dim1": 2, "kernel_dim2": 3,
               "kernel_dim3": 1, "W_regularizer": l2}),
    "pool3d": ("MaxPooling3D", {"pool_size": (2, 1, 2), "strides": (1, 1, 2)}),
    "average3d": ("AveragePooling3D", {"pool_size": (2, 2, 2)}),
    "global_max_3d": ("GlobalMaxPooling3D", {}), "global_3d": ("GlobalAveragePooling3D", {}),
    "up3d": ("UpSampling3D", {"size": (1, 2, 1)}),
    "pad3d": ("ZeroPadding3D", {"padding": (1, 0, 2)}),
    "crop3d": ("Cropping3D", {"cropping": ((1, 0), (0, 1), (1, 1))}),
}  # fmt: skip
_MOVIES = {
    "conv_lstm": ("ConvLSTM2D", {"nb_filter": 3, "nb_row": 3, "nb_col": 2, "border_mode": "same"}),
    "conv_lstm_valid": ("ConvLSTM2D", {"nb_filter": 3, "nb_row": 3, "nb_col": 3,
                        "return_sequences": True, "inner_activation": "sigmoid",
                        "forget_bias_init": "zero"}),
}  # fmt: skip
for _order in ("tf", "th"):
    for _shape, _entries in ((IMAGE, _IMAGES), (VOLUME, _VOLUMES)):
        for _name, (_kind, _more) in _entries.items():
            _entries_ = [(_kind, dict(_more, dim_ordering=_order))]
            if _name[:2] in ("up", "pa", "cr"):  # their configs do not tell their order
                _pool = "MaxPooling3D" if _shape is VOLUME else "MaxPooling2D"
                _entries_.append((_pool, {"dim_ordering": _order}))
            MODELS[_name + "_" + _order] = stack(put(_shape, _order), *_entries_)
    for _name, (_kind, _more) in _MOVIES.items():
        _shape = MOVIE[:1] + put(MOVIE[1:], _order)
        MODELS[_name + "_" + _order] = stack(_shape, (_kind, dict(_more, dim_ordering=_order)))
    for _name, _window in {"deconv": (1, 1), "deconv_strided": (2, 2)}.items():
        _rows, _columns = (10, 10) if _window == (1, 1) else (18, 18)
        _side = 8 if _window == (1, 1) else 9
        MODELS[_name + "_" + _order] = stack(put((_side, _side, 3), _order), ("Deconvolution2D", {
            "nb_filter": 4, "nb_row": 3, "nb_col": 3, "subsample": _window,
            "output_shape": (8,) + put((_rows, _columns, 4), _order), "dim_ordering": _order,
            "border_mode": "valid" if _window == (1, 1) else "same"}), batch=8)  # fmt: skip
    MODELS["drop_" + _order] = stack(
        put(IMAGE, _order), ("SpatialDropout2D", {"p": 0.3, "dim_ordering": _order}), random=True
    )
    MODELS["vgg_" + _order] = stack(
        put((12, 12, 3), _order),
        ("ZeroPadding2D", {"padding": (1, 1), "dim_ordering": _order}),
        ("Convolution2D", {"nb_filter": 4, "nb_row": 3, "nb_col": 3, "activation": "relu",
                           "dim_ordering": _order}),
        ("BatchNormalization", {"axis": -1 if _order == "tf" else 1}),
        ("Convolution2D", {"nb_filter": 5, "nb_row": 3, "nb_col": 3, "dim_ordering": _order}),
        ("Activation", {"activation": "relu"}),
        ("MaxPooling2D", {"pool_size": (2, 2), "dim_ordering": _order}),
        ("Flatten", {}), ("Dense", {"output_dim": 6, "activation": "relu"}),
        ("Dense", {"output_dim": 3, "activation": "softmax"}), whole=True,
        loss="categorical_crossentropy", metrics=["accuracy"],
    )  # fmt: skip

# --- rules and losses ---------------------------------------------------------------------------

MODELS.update(with_rules("output_dim", RULES))
MODELS.update(with_losses("output_dim", LOSSES))
MODELS["loss_sparse"] = stack(
    VECTOR, ("Dense", {"output_dim": 3, "activation": "softmax"}), whole=True,
    loss="sparse_categorical_crossentropy", metrics=["accuracy"])  # fmt: skip
MODELS["loss_over_time"] = stack(
    SERIES, ("TimeDistributed", {"layer": ("Dense", {"output_dim": 2})}), whole=True,
    sample_weight_mode="temporal")  # fmt: skip

# --- graphs -------------------------------------------------------------------------------------


def _merged(mode, **more):
    def build(keras):
        model = keras.models.Sequential()
        branches = [branch(keras), branch(keras, activation="tanh")]
        model.add(keras.layers.Merge(branches, mode=mode, **more))
        model.add(keras.layers.Dense(2))
        return model

    return Case(build, [VECTOR, VECTOR], code=[mode] if callable(mode) else [])


def _merge_function(mode, shape, **more):
    def build(keras):
        a, b = keras.layers.Input(shape=shape), keras.layers.Input(shape=shape)
        x = keras.layers.merge([a, b], mode=mode, **more)
        if len(shape) > 1 or mode in ("dot", "cos"):
            x = keras.layers.Flatten()(x) if keras.backend.ndim(x) > 2 else x
        return keras.models.Model(input=[a, b], output=keras.layers.Dense(2)(x))

    return Case(build, [shape, shape], code=[mode] if callable(mode) else [])


def added(tensors):
    return tensors[0] + 2 * tensors[1]


for _mode in ("sum", "mul", "ave", "max", "concat"):
    MODELS["Merge_" + _mode] = _merged(_mode)
    MODELS["merge_" + _mode] = _merge_function(_mode, VECTOR)
for _mode in ("dot", "cos"):
    MODELS["Merge_" + _mode] = _merged(_mode, dot_axes=1)
    MODELS["merge_" + _mode] = _merge_function(_mode, VECTOR, dot_axes=1)
    MODELS["merge_series_" + _mode] = _merge_function(_mode, SERIES, dot_axes=(2, 2))
    MODELS["merge_times_" + _mode] = _merge_function(_mode, SERIES, dot_axes=[1, 1])
MODELS["merge_series_concat"] = _merge_function("concat", SERIES, concat_axis=1)
MODELS["Merge_lambda"] = _merged(lambda x: x[0] - x[1], output_shape=lambda s: s[0])
MODELS["Merge_function"] = _merged(added, output_shape=(4,))
MODELS["merge_function"] = _merge_function(added, VECTOR, output_shape=(5,))


@graph(VECTOR, VECTOR)
def Merge_nested(keras):
    left = keras.models.Sequential()
    left.add(keras.layers.Merge([branch(keras), branch(keras)], mode="concat"))
    left.add(keras.layers.Dense(3))
    return left


@graph(VECTOR, VECTOR, VECTOR)
def Merge_of_merge(keras):
    inner = keras.models.Sequential()
    inner.add(keras.layers.Merge([branch(keras), branch(keras)], mode="sum"))
    inner.add(keras.layers.Dense(3, activation="relu"))
    model = keras.models.Sequential()
    model.add(keras.layers.Merge([inner, branch(keras, 3)], mode="mul"))
    model.add(keras.layers.Dense(2))
    return model


@graph(VECTOR, (6,), words=[0, 9])
def Merge_words(keras):
    words = keras.models.Sequential()
    words.add(keras.layers.Embedding(9, 4, input_length=6))
    words.add(keras.layers.LSTM(4))
    model = keras.models.Sequential()
    model.add(keras.layers.Merge([branch(keras), words], mode="concat", concat_axis=1))
    model.add(keras.layers.BatchNormalization())
    model.add(keras.layers.Dense(3, activation="softmax"))
    return model


@graph(VECTOR, VECTOR)
def Merge_of_models(keras):
    x = keras.layers.Input(shape=(5,))
    one = keras.models.Model(input=x, output=keras.layers.Dense(4)(x))
    model = keras.models.Sequential()
    model.add(keras.layers.Merge([one, branch(keras)], mode="ave"))
    model.add(keras.layers.Dense(2))
    return model


@graph(VECTOR)
def model_in_sequential(keras):
    x = keras.layers.Input(shape=(5,), name="first")
    inner = keras.models.Model(input=x, output=keras.layers.Dense(4)(x))
    model = keras.models.Sequential()
    model.add(inner)
    model.add(keras.layers.Dense(2))
    return model


@graph(VECTOR, VECTOR)
def shared(keras):
    a, b = keras.layers.Input(shape=(5,)), keras.layers.Input(shape=(5,))
    layer, model = keras.layers.Dense(4, name="twice"), branch(keras, 3, 4)
    x = keras.layers.merge([model(layer(a)), model(layer(b))], mode="concat")
    return keras.models.Model(input=[a, b], output=keras.layers.Dense(2)(x))


@graph(VECTOR, (6,), words=[0, 9], loss={"one": "mse", "two": "categorical_crossentropy"},
       loss_weights={"one": 0.3, "two": 2.0}, metrics={"two": "accuracy"})  # fmt: skip
def outputs(keras):
    layers = keras.layers
    a = layers.Input(shape=(5,), name="a")
    b = layers.Input(shape=(6,), dtype="int32", name="b")
    y = layers.GRU(4)(layers.Embedding(output_dim=4, input_dim=9, mask_zero=True)(b))
    x = layers.merge([layers.Dense(4)(a), y], mode="concat")
    one = layers.Dense(2, name="one")(x)
    return keras.models.Model([a, b], [one, layers.Dense(3, activation="softmax", name="two")(x)])


@graph(SERIES)
def attention(keras):
    layers = keras.layers
    x = layers.Input(shape=SERIES)
    y = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x)
    w = layers.TimeDistributed(layers.Dense(1, activation="tanh"))(y)
    w = layers.RepeatVector(8)(layers.Activation("softmax")(layers.Flatten()(w)))
    y = layers.merge([y, layers.Permute((2, 1))(w)], mode="mul")
    return keras.models.Model(input=x, output=layers.Dense(2)(layers.Flatten()(y)))


@graph(MOVIE)
def model_over_time(keras):
    layers = keras.layers
    frame = keras.models.Sequential()
    frame.add(layers.Convolution2D(3, 3, 3, input_shape=MOVIE[1:], dim_ordering="tf"))
    frame.add(layers.Flatten())
    x = layers.Input(shape=MOVIE)
    y = layers.LSTM(3)(layers.TimeDistributed(frame)(x))
    return keras.models.Model(input=x, output=layers.Dense(2)(y))


@graph(IMAGE)
def residual(keras):
    layers = keras.layers
    x = layers.Input(shape=IMAGE)
    y = layers.Convolution2D(4, 3, 3, border_mode="same", dim_ordering="tf")(x)
    y = layers.Activation("relu")(layers.BatchNormalization(axis=3)(y))
    z = layers.Convolution2D(4, 1, 1, dim_ordering="tf")(x)
    y = layers.merge([y, z], mode="sum")
    y = layers.merge([y, z, y], mode="concat", concat_axis=3)
    y = layers.Flatten()(layers.AveragePooling2D((3, 2), dim_ordering="tf")(y))
    return keras.models.Model(x, layers.Dense(2, activation="softmax")(y))


def _application(name, **more):
    def build(keras):
        module = __import__("keras.applications." + name[0], fromlist=[name[1]])
        return getattr(module, name[1])(weights=None, **more)

    shape = more.get("input_shape", (299, 299, 3))
    return Case(build, [shape], large=True, random=True)


MODELS["vgg16"] = _application(("vgg16", "VGG16"), include_top=False, input_shape=(48, 48, 3))
MODELS["resnet50"] = _application(("resnet50", "ResNet50"), include_top=False,
                                  input_shape=(197, 197, 3))  # fmt: skip
MODELS["inception"] = _application(("inception_v3", "InceptionV3"), include_top=False,
                                   input_shape=(139, 139, 3))  # fmt: skip
