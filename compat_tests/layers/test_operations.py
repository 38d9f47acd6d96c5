"""Models of tf.keras with bare TensorFlow functions in them, read; torch functions, written."""

import copy
import json
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import torchkeras
from compat_tests import oracle
from torchkeras import Model, layers, tree
from torchkeras.layers.graph_nodes import TensorFlowOpLayer
from torchkeras.layers.operations import SlicingOpLambda, TFOpLambda
from torchkeras.models import Functional

VECTORS, IMAGES, SIGNALS = [(3, 4)], [(8, 6, 3)], [(2, 50)]


def data_of(shapes):
    rng = np.random.default_rng(sum(map(sum, shapes)))
    return [rng.uniform(0.1, 2.0, (2, *shape)).astype("float32") for shape in shapes]


def one(*expressions, shapes=VECTORS):
    return [(expression, shapes) for expression in expressions]


READ = [
    *one("tf.nn.conv2d(x, tf.ones((2, 3, 3, 4)), 2, 'SAME')", shapes=IMAGES),
    *one("tf.nn.conv2d(x, tf.ones((2, 3, 1, 3)), 1, 'VALID', dilations=2)", shapes=IMAGES),
    *one(
        "tf.nn.conv2d(x, tf.ones((2, 3, 3, 4)), 1, [[0, 0], [1, 2], [0, 1], [0, 0]])", shapes=IMAGES
    ),
    *one("tf.nn.conv1d(x, tf.ones((2, 4, 3)), 2, 'SAME')", "tf.math.rint(x)"),
    *one("tf.nn.depthwise_conv2d(x, tf.ones((3, 3, 3, 2)), [1, 2, 2, 1], 'SAME')", shapes=IMAGES),
    *one(
        "tf.nn.separable_conv2d(x, tf.ones((3, 3, 3, 2)), tf.ones((1, 1, 6, 2)), "
        "[1, 1, 1, 1], 'VALID')",
        shapes=IMAGES,
    ),
    *one(
        "tf.nn.conv2d_transpose(x, tf.ones((3, 3, 4, 3)), (2, 16, 12, 4), 2)",
        "tf.nn.conv2d_transpose(x, tf.ones((3, 3, 4, 3)), (2, 17, 13, 4), 2, 'VALID')",
        shapes=IMAGES,
    ),
    *one(
        *(
            f"tf.nn.{kind}_pool2d(x, 3, 2, '{padding}')"
            for kind in ("max", "avg")
            for padding in ("SAME", "VALID")
        ),
        shapes=IMAGES,
    ),
    *one(
        "tf.nn.max_pool(x, 2, 2, 'VALID')",
        "tf.nn.avg_pool(x, [1, 2, 3, 1], 1, 'SAME')",
        "tf.compat.v1.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], 'SAME')",
        shapes=IMAGES,
    ),
    *one("tf.nn.max_pool1d(x, 2, 1, 'SAME')", "tf.nn.avg_pool1d(x, 2, 2, 'SAME')"),
    *one(
        "tf.image.extract_patches(x, [1, 2, 3, 1], [1, 2, 2, 1], [1, 1, 1, 1], 'VALID')",
        "tf.image.extract_patches(x, [1, 3, 3, 1], [1, 2, 2, 1], [1, 2, 1, 1], 'SAME')",
        "tf.image.rgb_to_hsv(x / 2)",
        "tf.image.hsv_to_rgb(x / 2)",
        "tf.image.adjust_hue(x, 0.2)",
        "tf.image.adjust_saturation(x / 2, 0.5)",
        "tf.image.adjust_gamma(x, 2.0, 0.5)",
        "tf.image.total_variation(x)",
        "tf.image.resize_with_crop_or_pad(x, 5, 9)",
        "tf.image.convert_image_dtype(tf.cast(x * 9, 'uint8'), 'float32')",
        "tf.image.convert_image_dtype(x / 2, 'uint8', saturate=True)",
        shapes=IMAGES,
    ),
    *one("tf.zeros((tf.shape(x)[0], 3))", "tf.ones(tf.shape(x))", "tf.fill(tf.shape(x), 2.0)"),
    *one("tf.random.normal(tf.stack([tf.shape(x)[0], 3, 4])) * 0.0 + x"),
    *one("tf.range(tf.shape(x)[1])", "tf.range(start=0, limit=tf.shape(x)[2], delta=2)"),
    *one(
        "0.0 * tf.random.normal(tf.shape(x), 1.0, 2.0)",
        "tf.ones_like(x) + 0.0 * tf.random.uniform((tf.shape(x)[0], 3, 4), -1, 1)",
        "0.0 * tf.random.truncated_normal(shape=tf.shape(x)) + x",
        "0.0 * keras.backend.random_normal(shape=(keras.backend.shape(x)[0], 3, 4)) + x",
    ),
    *one(
        "tf.signal.frame(x, 20, 7)",
        "tf.signal.frame(x, 20, 7, pad_end=True)",
        "tf.math.real(tf.signal.stft(x, 16, 5))",
        "tf.math.imag(tf.signal.stft(x, 16, 5))",
        "tf.abs(tf.signal.stft(x, 10, 5, pad_end=True))",
        "tf.signal.dct(x[..., :9])",
        "tf.signal.dct(x[..., :9], norm='ortho')",
        "tf.signal.mfccs_from_log_mel_spectrograms(x)",
        shapes=SIGNALS,
    ),
    *one("tf.cumsum(x, 1, exclusive=True)", "tf.cumsum(x, 1, reverse=True)"),
    *one("tf.gather(x, tf.cast(x[:, :, 0], 'int32'), axis=1, batch_dims=1)"),
    *one(
        "tf.reverse_sequence(x, tf.cast(x[:, 0, 0] * 2, 'int32'), seq_axis=1, batch_axis=0)",
        "tf.math.erfinv(x / 3)",
    ),
    *one("tf.math.count_nonzero(tf.nn.relu(x - 1), axis=1)", "tf.math.reciprocal_no_nan(x)"),
    *one("tf.math.accumulate_n([x, x])"),
    *one("tf.linalg.solve(x[:, :, :3], x)", "tf.linalg.expm(x[:, :, :3])", "tf.linalg.pinv(x)"),
    *one("tf.linalg.adjoint(x)", "tf.linalg.set_diag(x, x[:, :, 0])"),
    *one("tf.linalg.logdet(tf.matmul(x, x, transpose_b=True) + tf.eye(3))"),
    *one("tf.nn.weighted_cross_entropy_with_logits(labels=x, logits=x, pos_weight=2.0)"),
    *one("tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(x[:, :, 0], 'int32'), x)"),
    *one("tf.gather_nd(x, [[0, 1], [1, 2]])"),
    *one("tf.sort(x, axis=1)", "tf.sort(x, direction='DESCENDING')", "tf.argsort(x, axis=-1)"),
    *one("tf.roll(x, 1, 1)", "tf.repeat(x, 2, 1)", "tf.repeat(x, [1, 2, 1], axis=1)"),
    *one("tf.slice(x, [0, 1, 0], [-1, 2, 3])", "tf.ensure_shape(x, (None, 3, 4))"),
    *one("tf.sequence_mask(tf.cast(x[:, :, 0] + 1, 'int32'), 4)", "tf.math.cumprod(x, 1)"),
    *one("tf.math.cumprod(x, 1, exclusive=True, reverse=True)", "tf.math.erfc(x)"),
    *one("tf.math.atan2(x, x + 1)", "tf.math.xlogy(x, x)", "tf.math.xdivy(x - x, x)"),
    *one("tf.math.multiply_no_nan(x, x - x)", "tf.math.zero_fraction(tf.nn.relu(x - 1))"),
    *one("tf.math.cumulative_logsumexp(x, 1)", "tf.linalg.matrix_transpose(x)"),
    *one("tf.linalg.matvec(x, x[:, 0])", "tf.linalg.trace(x[:, :, :3])", "tf.linalg.diag(x)"),
    *one("tf.linalg.diag_part(x)", "tf.linalg.band_part(x, 1, 0)", "tf.linalg.band_part(x, -1, 1)"),
    *one("tf.linalg.inv(x[:, :, :3])", "tf.linalg.det(x[:, :, :3])"),
    *one("tf.linalg.cholesky(tf.matmul(x, x, transpose_b=True) + tf.eye(3))"),
    *one("tf.linalg.cross(x[..., :3], x[..., 1:])", "tf.clip_by_norm(x, 1.0, [1, 2])"),
    *one("tf.linalg.normalize(x, axis=-1)", "tf.nn.moments(x, [1])"),
    *one("tf.nn.moments(x, [1, 2], keepdims=True)"),
    *one("tf.nn.batch_normalization(x, 0.5, 2.0, None, x, 1e-3)"),
    *one("tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=x)"),
    *one("tf.nn.softmax_cross_entropy_with_logits(labels=x, logits=x)", "tf.nn.l2_loss(x)"),
    *one("tf.nn.crelu(x - 1)", "tf.nn.embedding_lookup(tf.ones((4, 2)), tf.cast(x, 'int32'))"),
    *one("tf.nn.local_response_normalization(x, 1)", shapes=IMAGES),
    *one("tf.image.grayscale_to_rgb(x[..., :1])", "tf.image.rot90(x)", shapes=IMAGES),
    *one("tf.image.adjust_brightness(x, 0.1)", "tf.image.adjust_contrast(x, 2.0)", shapes=IMAGES),
    *one("tf.image.central_crop(x, 0.5)", shapes=IMAGES),
    *one("tf.image.crop_to_bounding_box(x, 1, 2, 4, 3)", shapes=IMAGES),
    *one("tf.image.pad_to_bounding_box(x, 1, 2, 10, 9)", shapes=IMAGES),
    *one(
        *"x+1|1+x|1-x|x-1|2*x|x/2|2/x|x//2|x%2|x**2|2**x|-x|abs(x)|x>0.5|x<1|x>=1|x<=1".split("|")
    ),
    *one(
        "x[:, 1:]", "x[:, None]", "x[..., 0]", "x[1]", "x[:, ::2]", "x[..., ::-1]", "x[:, -2::-1]"
    ),
    *one("x + np.ones((3, 4), 'float32')", "x * tf.constant([1., 2., 3., 4.])"),
    *one("np.ones((3, 4), 'float32') - x", "x @ tf.ones((4, 2))", "x + 1 + tf.reduce_mean(x)"),
    *one("tf.concat([x, tf.ones((1, 3, 4))], 0)", "tf.concat([x, x], -1)", "tf.concat([x], -1)"),
    *one("tf.stack([x, x], 1)", "tf.unstack(x, axis=1)", "tf.split(x, 2, axis=2)"),
    *one("tf.split(x, [1, -1], axis=2)", "tf.reshape(x, [-1, 12])", "tf.transpose(x, [0, 2, 1])"),
    *one("tf.transpose(x)", "tf.expand_dims(x, 1)", "tf.squeeze(x[:, :1], 1)", "tf.squeeze(x)"),
    *one("tf.cast(x, 'int32')", "tf.cast(x, tf.float16)", "tf.cast(x, 'int32') / 2"),
    *one("tf.reduce_mean(tf.cast(x, 'int32'), 1)", "tf.cast(x, 'int32') + 1"),
    *one("tf.clip_by_value(x, 0.5, 1.)", "tf.maximum(x, 1.)", "tf.minimum(1., x)"),
    *one(
        *(f"tf.reduce_{n}(x, axis=[1, 2], keepdims=True)" for n in "mean sum max min prod".split())
    ),
    *one(*(f"tf.reduce_{n}(x, 1)" for n in "mean sum max min prod logsumexp".split())),
    *one("tf.math.reduce_std(x, 1)", "tf.math.reduce_variance(x, 1)", "tf.reduce_sum(x)"),
    *one("tf.reduce_any(x > 1, 1)", "tf.reduce_all(x > 0, 1)", "tf.logical_not(x > 1)"),
    *one(*(f"tf.math.{n}(x)" for n in "sqrt square exp log log1p sin cos rsqrt erf floor".split())),
    *one(*(f"tf.math.{n}(x)" for n in "ceil round sign tanh sigmoid softplus reciprocal".split())),
    *one(
        *(f"tf.nn.{n}(x)" for n in "relu relu6 elu selu silu gelu softmax softsign swish".split())
    ),
    *one("tf.nn.leaky_relu(x - 1, .1)", "tf.nn.gelu(x, True)", "tf.nn.log_softmax(x, 1)"),
    *one("tf.matmul(x, x, transpose_b=True)", "tf.tensordot(x, tf.ones((4, 2)), 1)"),
    *one("tf.nn.l2_normalize(x, -1)", "tf.norm(x, axis=1)", "tf.math.l2_normalize(x, [1, 2])"),
    *one("tf.pad(x, [[0, 0], [1, 1], [0, 2]])", "tf.pad(x, [[0, 0], [1, 2], [0, 0]], 'REFLECT')"),
    *one("tf.pad(x, [[0, 0], [1, 2], [0, 0]], 'SYMMETRIC')", "tf.tile(x, [1, 2, 1])"),
    *one("tf.gather(x, [0, 1], axis=1)", "tf.where(x > 1, x, 0.)", "tf.zeros_like(x)"),
    *one("tf.ones_like(x)", "tf.one_hot(tf.cast(x, 'int32'), 2)", "tf.argmax(x, -1)"),
    *one("tf.cumsum(x, 1)", "tf.reverse(x, [1])", "tf.broadcast_to(x, (2, 3, 4))"),
    *one(
        "tf.math.top_k(x, 2)",
        "tf.math.top_k(tf.round(x), 3)",
        "tf.add_n([x, x])",
        "tf.identity(x)",
        "tf.stop_gradient(x)",
    ),
    *one("tf.reshape(x, (tf.shape(x)[0], 12))", "tf.reshape(x, tf.shape(x))", "tf.rank(x)"),
    *one("tf.nn.moments(x, [1])", "tf.nn.bias_add(x, [1., 2., 3., 4.])", "tf.size(x)"),
    *one("keras.backend.mean(x, 1)", "keras.activations.hard_sigmoid(x)"),
    *one("keras.backend.sqrt(x)", "keras.backend.batch_dot(x, x, (2, 2))"),
    *one(
        "keras.backend.batch_flatten(x)",
        "keras.backend.binary_crossentropy(tf.sigmoid(x - 1), tf.sigmoid(x))",
        "keras.backend.categorical_crossentropy(x, x, from_logits=True)",
        "tf.convert_to_tensor(x)",
        *(
            f"keras.losses.{loss}(tf.nn.softmax(x), tf.sigmoid(x))"
            for loss in (
                "binary_crossentropy",
                "categorical_crossentropy",
                "cosine_similarity",
                "hinge",
                "huber",
                "kl_divergence",
                "log_cosh",
                "mean_squared_error",
                "poisson",
                "squared_hinge",
                "categorical_hinge",
                "mean_absolute_percentage_error",
            )
        ),
        "keras.losses.sparse_categorical_crossentropy(tf.argmax(x, -1), tf.nn.softmax(x))",
    ),
    *one(
        "tf.image.resize(x, (4, 9))",
        "tf.compat.v1.image.resize(x, (4, 9))",
        "tf.compat.v1.image.resize_images(x, (5, 9), align_corners=True)",
        "tf.compat.v1.image.resize_images(x, (5, 9), 1)",
        "tf.image.resize(x, (16, 12), 'nearest')",
        "tf.image.resize(x, (5, 4), antialias=True)",
        "tf.image.resize(x, (5, 9), 'bicubic')",
        "tf.image.resize(x, (5, 9), 'lanczos3', antialias=True)",
        "tf.image.resize(x, (5, 30), 'area', preserve_aspect_ratio=True)",
        "tf.image.resize(x, tf.shape(x)[1:3] * 2)",
        "tf.compat.v1.image.resize_bilinear(x, (5, 9), align_corners=True)",
        "tf.compat.v1.image.resize_bilinear(x, (5, 9))",
        "tf.compat.v1.image.resize_nearest_neighbor(x, (5, 9))",
        "tf.image.per_image_standardization(x)",
        "tf.image.rgb_to_grayscale(x)",
        "tf.image.flip_left_right(x)",
        "tf.nn.space_to_depth(x, 2)",
        "tf.nn.depth_to_space(tf.nn.space_to_depth(x, 2), 2)",
        "keras.applications.mobilenet_v2.preprocess_input(x)",
        "keras.applications.resnet50.preprocess_input(x)",
        shapes=IMAGES,
    ),
    *one(
        "x + y",
        "tf.maximum(x, y)",
        "tf.where(x > y, x, y)",
        "tf.concat([x, y], 1)",
        "tf.matmul(x, y, transpose_b=True)",
        "(x > 1) & (y > 1)",
        "tf.math.divide_no_nan(x, y - 1)",
        "tf.math.squared_difference(x, y)",
        "[x * y, x - y]",
        shapes=VECTORS * 2,
    ),
]


@pytest.mark.parametrize("expression, shapes", READ)
def test_functions_of_tensorflow_are_read(expression, shapes):
    data = data_of(shapes)

    def ask(keras):
        import tensorflow as tf

        keras.backend.clear_session()
        inputs = [keras.Input(shape) for shape in shapes]
        names = dict(zip("xy", inputs, strict=False)) | {"tf": tf, "np": np, "keras": keras}
        model = keras.Model(inputs, eval(expression, names))
        outputs = tf.nest.flatten(model(data))
        return [model.to_json(), outputs, [o.dtype.name for o in outputs]]

    text, expected, dtypes = oracle.ask(ask)
    model = torchkeras.models.model_from_json(text)
    inputs = [torch.tensor(array) for array in data]
    given = inputs if len(inputs) > 1 else inputs[0]
    outputs = tree.flatten(model(given))
    for output, symbolic, wanted, dtype in zip(
        outputs, model.outputs, expected, dtypes, strict=True
    ):
        assert str(output.dtype)[6:] == symbolic.dtype == dtype
        assert output.shape == wanted.shape
        told = zip(symbolic.shape, wanted.shape, strict=True)
        assert all(size in (None, other) for size, other in told)
        np.testing.assert_allclose(output, wanted, rtol=1e-4, atol=1e-5)
    again = torchkeras.models.model_from_json(model.to_json())
    for other in (again, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        for output, same in zip(tree.flatten(other(given)), outputs, strict=True):
            torch.testing.assert_close(output, same)
    assert calls_in(model.to_json()) == calls_in(text)


def calls_in(text):
    """What is called on what: the part of a config that operations fill."""
    entries = json.loads(text)["config"]["layers"]
    return {entry["name"]: entry["inbound_nodes"] for entry in entries}


WRITTEN = {
    "x + 1": lambda x: x + 1,
    "1 - x": lambda x: 1 - x,
    "2 / x": lambda x: 2 / x,
    "x ** 2": lambda x: x**2,
    "2 ** x": lambda x: 2**x,
    "-x": lambda x: -abs(x) * 3 // 2 % 4,
    "compared": lambda x: torch.where(x > 1, x, -x),
    "several adds": lambda x: (x + 1) + (x + 2) * torch.relu(x + x),
    "constant": lambda x: x + torch.tensor([1.0, 2.0, 3.0, 4.0]),
    "constant first": lambda x: torch.tensor([1.0, 2.0, 3.0, 4.0]) - x,
    "cat": lambda x: torch.cat([x, torch.tanh(x)], dim=-1),
    "cat of one": lambda x: torch.cat([x], 1),
    "stack": lambda x: torch.stack([x, x], 2),
    "unary": lambda x: torch.sqrt(torch.exp(torch.log(x)).square().sigmoid()),
    "activations": lambda x: F.relu6(F.silu(F.gelu(x))) + F.softplus(x) + F.elu(x),
    "gelu": lambda x: F.gelu(x, approximate="tanh"),
    "leaky": lambda x: F.leaky_relu(x - 1),
    "softmax": lambda x: torch.softmax(x, 1) + F.softmax(x, dim=-1) + x.log_softmax(-1),
    "mean": lambda x: x.mean(dim=(1, 2), keepdim=True),
    "reduced": lambda x: x.sum(1) + x.amax(1) - torch.amin(x, dim=1) + torch.logsumexp(x, 1),
    "all": lambda x: x * x.mean(),
    "spread": lambda x: x.std(1, unbiased=False) + x.var(1, correction=0),
    "reshape": lambda x: x.reshape(-1, 12),
    "view": lambda x: x.view((-1, 2, 6)),
    "flatten": lambda x: torch.flatten(x, 1),
    "permute": lambda x: x.permute(0, 2, 1),
    "transpose": lambda x: torch.transpose(x, 1, -1),
    "unsqueeze": lambda x: x.unsqueeze(1).squeeze(1).unsqueeze(-1),
    "clamp": lambda x: x.clamp(0.5, 1.0) + torch.clamp(x, min=1.0) + x.clamp(max=0.7),
    "slice": lambda x: x[:, 1:, ::2],
    "backwards": lambda x: x[:, ::-1, 2:0:-1],
    "ellipsis": lambda x: x[..., None, 0],
    "item": lambda x: x[:, -1],
    "matmul": lambda x: x @ x.transpose(1, 2),
    "unbind": lambda x: x.unbind(1)[2],
    "split": lambda x: torch.split(x, 3, dim=2)[1] + torch.chunk(x, 4, -1)[0],
    "cast": lambda x: x.to(torch.float16).float(),
    "maximum": lambda x: torch.maximum(x, 2 - x) + torch.minimum(x, x * x),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_functions_of_torch_are_written(case):
    """tf.keras reads the config and computes the same; so do we."""
    torchkeras.backend.clear_session()
    x = layers.Input((3, 4), name="x")
    hidden = layers.Activation("linear")(x)
    model = Model(x, layers.Activation("linear")(WRITTEN[case](hidden)))
    (data,) = data_of(VECTORS)
    text = model.to_json()

    def ask(keras):
        read = keras.models.model_from_json(text)
        names = [layer.name for layer in read.layers if layer.name.startswith("tf.")]
        return [np.asarray(read(data)), names]

    expected, names = oracle.ask(ask)
    output = model(torch.tensor(data))
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)
    read = torchkeras.models.model_from_json(text)
    torch.testing.assert_close(read(torch.tensor(data)), output)
    assert [layer.name for layer in read.layers if layer.name.startswith("tf.")] == names


UNWRITTEN = {
    "no such function": lambda x: torch.sinc(x),
    "unbiased": lambda x: x.std(1),
    "promotion": lambda x: x + (x > 1),
    "integers": lambda x: x.to(torch.int32) / 2,
    "list index": lambda x: x[:, [0, 1]],
}


@pytest.mark.parametrize("case", UNWRITTEN)
def test_what_tensorflow_does_not_say_is_not_written(case):
    x = layers.Input((3, 4))
    with pytest.raises(ValueError, match="is no Keras layer"):
        Model(x, UNWRITTEN[case](x)).get_config()


def residual(keras):
    """The same function many times between layers: each call has its own place."""
    x = inputs = keras.Input((4,))
    for _ in range(3):
        x = x + keras.layers.Dense(4)(keras.layers.Dense(5, activation="relu")(x))
    return keras.Model(inputs, [keras.layers.Dense(2)(x), keras.layers.Dense(1)(x + 1)])


def test_order_of_layers_between_functions():
    def ask(keras):
        keras.backend.clear_session()
        model = residual(keras)
        return [[w.name for w in model.weights], [layer.name for layer in model.layers]]

    names, layer_names = oracle.ask(ask)
    torchkeras.backend.clear_session()
    model = residual(torchkeras)
    assert [w.name for w in model.weights] == names
    again = Functional.from_config(model.get_config())
    assert [layer.name for layer in again.layers] == layer_names


def node(op, **attributes):
    types = {"T": {"type": "DT_FLOAT"}}
    return {"name": op, "op": op, "input": list("abcd"), "attr": {**types, **attributes}}


INDEX = {"type": "DT_INT32"}
MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
SLICE = dict.fromkeys(MASKS, {"i": "0"}) | {"Index": INDEX}
NODES = [
    (node("Mul"), {"1": 2.0}),
    (node("Sub"), {"0": 1.0}),
    (node("AddV2"), {"1": [1.0, 2.0, 3.0, 4.0]}),
    (node("Relu"), {}),
    (node("Softmax"), {}),
    (node("Mean", keep_dims={"b": True}, Tidx=INDEX), {"1": [1]}),
    (node("Sum", keep_dims={"b": False}, Tidx=INDEX), {"1": 2}),
    (node("Reshape", Tshape=INDEX), {"1": [-1, 12]}),
    (node("Transpose", Tperm=INDEX), {"1": [0, 2, 1]}),
    (node("ExpandDims", Tdim=INDEX), {"1": 1}),
    (node("Squeeze", squeeze_dims={"list": {"i": []}}), {}),
    (node("Cast", SrcT={"type": "DT_FLOAT"}, DstT={"type": "DT_INT32"}), {}),
    (
        node("BatchMatMulV2", adj_x={"b": False}, adj_y={"b": False}),
        {"1": [[1.0, 2.0]] * 4},
    ),
    (
        node("StridedSlice", **SLICE | {"begin_mask": {"i": "1"}, "end_mask": {"i": "3"}}),
        {"1": [0, 1], "2": [0, 0], "3": [1, 1]},
    ),
    (
        node(
            "StridedSlice",
            **SLICE
            | {"begin_mask": {"i": "1"}, "end_mask": {"i": "1"}, "shrink_axis_mask": {"i": "2"}},
        ),
        {"1": [0, 1], "2": [0, 2], "3": [1, 1]},
    ),
    (node("LeakyRelu", alpha={"f": 0.3}), {}),
    (node("ZerosLike"), {}),
    (node("Atan"), {}),
    (node("Xdivy"), {"0": 1.0}),
    (node("Slice", Index=INDEX), {"1": [0, 1, 0], "2": [-1, 2, 3]}),
    (node("ReverseV2", Tidx=INDEX), {"1": [1]}),
    (node("Cumsum", exclusive={"b": True}, reverse={"b": False}, Tidx=INDEX), {"1": 1}),
    (node("PadV2", Tpaddings=INDEX), {"1": [[0, 0], [1, 0], [0, 2]], "2": 5.0}),
    (
        node("MirrorPad", mode={"s": "UkVGTEVDVA=="}, Tpaddings=INDEX),
        {"1": [[0, 0], [1, 0], [0, 2]]},
    ),
    (node("Shape", out_type=INDEX), {}),
    (node("Einsum", equation={"s": "YWJjLGNkLT5hYmQ="}, N={"i": "2"}), {"1": [[1.0, 2.0]] * 4}),
]
LAID_OUT = {"data_format": {"s": "TkhXQw=="}, "padding": {"s": "U0FNRQ=="}}  # NHWC and SAME
PLACES = {"list": {"i": ["1", "2", "2", "1"]}}
ON_IMAGES = [
    (node("MaxPool", ksize=PLACES, strides=PLACES, **LAID_OUT), {}),
    (node("AvgPool", ksize=PLACES, strides=PLACES, **LAID_OUT), {}),
    (
        node(
            "Conv2D",
            strides=PLACES,
            dilations={"list": {"i": [1, 1, 1, 1]}},
            use_cudnn_on_gpu={"b": True},
            explicit_paddings={"list": {}},
            **LAID_OUT,
        ),
        {"1": np.arange(24.0).reshape(2, 2, 3, 2).tolist()},
    ),
    (node("SpaceToDepth", block_size={"i": "2"}, data_format={"s": "TkhXQw=="}), {}),
]


@pytest.mark.parametrize("definition, constants", NODES + ON_IMAGES)
def test_nodes_of_graphs_are_read(definition, constants):
    (data,) = data_of([(4, 6, 3)] if (definition, constants) in ON_IMAGES else VECTORS)
    kept = {k: v for k, v in definition["attr"].items() if k != "T" or definition["op"] != "Cast"}
    definition = {**definition, "attr": kept}

    def ask(keras):
        from tf_keras.src.engine.base_layer import TensorFlowOpLayer

        keras.backend.clear_session()
        x = keras.Input(data.shape[1:])
        layer = TensorFlowOpLayer(definition, "node", dict(constants))
        model = keras.Model(x, layer(x))
        return [model.to_json(), model(data)]

    text, expected = oracle.ask(ask)
    model = torchkeras.models.model_from_json(text)
    output = model(torch.tensor(data))
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6)
    assert model.layers[-1].name == "tf_op_layer_node"
    again = torchkeras.models.model_from_json(model.to_json())
    torch.testing.assert_close(again(torch.tensor(data)), output)


def test_constants_move_with_the_model():
    layer = TFOpLambda("math.multiply")
    x = layers.Input((2,))
    model = Model(x, layer(x, y=[1.0, 2.0]))
    assert "constant_0" in dict(layer.named_buffers()) and not layer.state_dict()
    assert model.double()(torch.ones(1, 2, dtype=torch.float64)).dtype is torch.float64
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    assert compiled(torch.ones(1, 2, dtype=torch.float64)).tolist() == [[1.0, 2.0]]


ERRORS = [
    (lambda: TFOpLambda("math.bessel_j0"), "math.bessel_j0"),
    (lambda: TFOpLambda("io.read_file"), "io.read_file"),
    (lambda: TFOpLambda("__operators__.__class__"), "__class__"),
    (lambda: SlicingOpLambda("boolean_mask"), "boolean_mask"),
    (lambda: TensorFlowOpLayer({"op": "PyFunc"}, "a"), "PyFunc"),
    (lambda: TFOpLambda("image.resize")(torch.zeros(1, 2, 2, 1), (3, 3), "cubic"), "cubic"),
]


@pytest.mark.parametrize("make, told", ERRORS)
def test_unknown_functions_are_named(make, told):
    with pytest.raises(ValueError, match=told):
        make()
