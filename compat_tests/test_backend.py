"""keras.backend: each function beside tf.keras' on tensors, arrays and symbolic tensors."""

import copy
import pickle
import re

import numpy as np
import pytest
import torch

import torchkeras
from compat_tests import oracle
from compat_tests.checks.backend import Draw, check_function
from torchkeras import backend as K
from torchkeras import layers
from torchkeras.layers.recorded import _BINARY, _OTHERS, _REDUCED, _UNARY
from torchkeras.variable import Variable

X, POSITIVE = Draw(3, 4), Draw(3, 4, low=0.1)
X3, INTS = Draw(3, 4, 5), Draw(3, 4, low=-3, high=4, dtype="int32")
BOOLS = Draw(3, 4, dtype="bool")
EACH = "abs cos exp sign sin square relu elu sigmoid softplus softsign tanh hard_sigmoid".split()


@pytest.mark.parametrize("name", EACH)
def test_elementwise(name):
    check_function(name, X)


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("log", (POSITIVE,)),
        ("sqrt", (POSITIVE,)),
        ("round", (X,)),
        ("pow", (POSITIVE, 3)),
        ("pow", (POSITIVE, 0.5)),
        ("clip", (X, -0.5, 1)),
        ("clip", (X, 1.0, -1.0)),
        ("clip", (X, None, 1.0)),
        ("clip", (X, -1.0, None)),
        ("elu", (X, 0.3)),
        ("relu", (X, 0.1, 1.5, 0.2)),
        ("softmax", (X,)),
        ("softmax", (X3, 1)),
        ("maximum", (X, Draw(3, 4, high=1.0))),
        ("maximum", (X, 0.5)),
        ("minimum", (X, 0.5)),
        ("minimum", (X, Draw(4))),
        ("l2_normalize", (X,)),
        ("l2_normalize", (X, 1)),
        ("l2_normalize", (X3, [1, 2])),
        ("stop_gradient", (X,)),
    ],
)
def test_elementwise_with_arguments(name, arguments):
    batches = 2 if name == "maximum" else 1
    check_function(name, *arguments, batches=batches, gradient=name != "stop_gradient")


@pytest.mark.parametrize("name", "equal not_equal greater greater_equal less less_equal".split())
@pytest.mark.parametrize("other", [Draw(3, 4, low=-3, high=4, dtype="int32"), 1])
def test_comparisons(name, other):
    check_function(name, INTS, other, gradient=False, batches=2)


@pytest.mark.parametrize("name", "sum mean max min prod std var".split())
@pytest.mark.parametrize("axis", [None, 0, -1, [0, 2], (1,), []])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions(name, axis, keepdims):
    check_function(name, X3, axis, keepdims, gradient=axis != [] or name not in ("std", "var"))


@pytest.mark.parametrize("name", "sum mean max min prod any all cumsum cumprod".split())
def test_reductions_of_integers(name):
    check_function(name, INTS, gradient=False)
    check_function(name, INTS, 1, gradient=False)


@pytest.mark.parametrize("name", "mean std var any all".split())
@pytest.mark.parametrize("axis", [None, 1, [0, 1]])
def test_reductions_of_booleans(name, axis):
    check_function(name, BOOLS, axis, keepdims=True, gradient=False)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_places(name):
    check_function(name, X, gradient=False)
    check_function(name, X3, 1, gradient=False)


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
def test_running(name):
    check_function(name, X, batches=0)
    check_function(name, X, axis=1)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_in_top_k(k):
    predictions = np.array(
        [[1, 2, 2, 0], [3, 1, 0, 1], [np.inf, 0, 1, 2], [1, 2, 3, 4], [4, 3, 2, 1]], "float32"
    )
    targets = np.array([1, 3, 1, 9, -1], "int32")
    check_function("in_top_k", predictions, targets, k, gradient=False, batches=2)


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("reshape", (X, (4, 3))),
        ("reshape", (X3, (-1, 2, 10))),
        ("reshape", (X3, [-1, 5])),
        ("flatten", (X3,)),
        ("batch_flatten", (X3,)),
        ("batch_flatten", (Draw(3),)),
        ("expand_dims", (X,)),
        ("expand_dims", (X, 1)),
        ("squeeze", (Draw(3, 1, 4), 1)),
        ("squeeze", (Draw(3, 4, 1), -1)),
        ("permute_dimensions", (X3, (0, 2, 1))),
        ("transpose", (X3,)),
        ("concatenate", ([X, Draw(3, 2)],)),
        ("concatenate", ([X, Draw(2, 4)], 0)),
        ("stack", ([X, POSITIVE],)),
        ("stack", ([X, POSITIVE], -1)),
        ("repeat", (X, 3)),
        ("repeat_elements", (X3, 2, 1)),
        ("tile", (X, (2, 3))),
        ("tile", (Draw(3), 2)),
        ("reverse", (X3, 1)),
        ("reverse", (X3, [1, 2])),
        ("gather", (X, np.array([[2, 0], [1, 1]]))),
        ("temporal_padding", (X3,)),
        ("temporal_padding", (X3, (2, 0))),
        ("spatial_2d_padding", (Draw(2, 3, 4, 2), ((1, 0), (2, 1)))),
        ("spatial_2d_padding", (Draw(2, 3, 4, 2), ((1, 0), (2, 1)), "channels_first")),
        ("spatial_3d_padding", (Draw(2, 3, 2, 4, 1),)),
        ("spatial_3d_padding", (Draw(2, 3, 2, 4, 1), ((1, 0), (2, 1), (0, 1)), "channels_first")),
        ("cast", (X, "float64")),
        ("ones_like", (X,)),
        ("zeros_like", (X, "float64")),
    ],
)
def test_shapes(name, arguments):
    batches = 0 if name in ("gather", "reshape") and len(arguments[1]) == 2 else 2
    check_function(name, *arguments, batches=batches, gradient="_like" not in name)


def test_integers():
    check_function("one_hot", Draw(3, 2, low=-1, high=5, dtype="int32"), 4, gradient=False)
    check_function("cast", X, "int32", gradient=False)
    check_function("shape", X3, gradient=False, symbolic=False)


@pytest.mark.parametrize(
    "shapes, axes",
    [
        ([(3, 4), (3, 4)], None),
        ([(3, 4), (3, 4)], 1),
        ([(3, 2, 4), (3, 4)], None),
        ([(3, 4), (3, 4, 5)], None),
        ([(3, 4), (3, 5, 4)], (1, 2)),
        ([(3, 2, 4), (3, 4, 5)], None),
        ([(3, 2, 4), (3, 5, 4)], 2),
        ([(3, 4, 2), (3, 4, 5)], (1, 1)),
        ([(3, 2, 6, 4), (3, 4, 5)], None),
        ([(3, 2, 6, 4), (3, 5, 2, 7)], (1, -2)),
        ([(3, 2), (3, 5, 2, 7)], (1, 2)),
    ],
)
def test_batch_dot(shapes, axes):
    check_function("batch_dot", *(Draw(*s) for s in shapes), axes, batches=2)


@pytest.mark.parametrize("shapes", [[(3, 4), (4, 5)], [(3, 2, 4), (4, 5)], [(3, 2, 4), (6, 4, 5)]])
def test_dot(shapes):
    check_function("dot", *(Draw(*s) for s in shapes))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_bias_add(data_format, rank):
    sizes = (4, 3, 2)[:rank]
    shape = (2, *sizes, 5) if data_format == "channels_last" else (2, 5, *sizes)
    check_function("bias_add", Draw(*shape), Draw(5), data_format)
    check_function("bias_add", Draw(*shape), Draw(*sizes, 5), data_format)


@pytest.mark.parametrize(
    "shape, axis, of",
    [((3, 4), -1, (4,)), ((3, 4, 5), -1, (5,)), ((3, 4, 5, 2), -1, (2,)), ((3, 4), -1, (1, 4))],
)
def test_batch_normalization(shape, axis, of):
    var = Draw(*of, low=0.5)
    arguments = (Draw(*shape), Draw(*of), var, Draw(*of), Draw(*of, low=0.5, high=1.0))
    # TensorFlow's kernel for images has no gradient for mean and variance
    check_function("batch_normalization", *arguments, axis, gradient=len(shape) < 4)
    if len(shape) < 4:
        check_function("batch_normalization", *arguments[:3], None, None, axis, 0.1)


@pytest.mark.parametrize(
    "shape, axes", [((5, 4), [0]), ((5, 3, 4), [0, 1]), ((5, 3, 2, 4), [0, 1, 2])]
)
def test_normalize_batch_in_training(shape, axes):
    name, channels = "normalize_batch_in_training", Draw(shape[-1])
    options = {"gradient": len(shape) < 4}  # for images TensorFlow's leaves out mean and variance
    check_function(name, Draw(*shape), channels, channels, axes, 1e-2, **options)
    if axes != [0]:
        check_function(name, Draw(*shape), None, None, axes, tolerance=1e-5, **options)


@pytest.mark.parametrize("from_logits", [False, True])
def test_crossentropies(from_logits):
    labels, output = Draw(3, 4, low=0, high=2, dtype="int32"), Draw(3, 4, low=0.1, high=0.9)
    hot = np.eye(4, dtype="float32")[[0, 3, 1]]
    numbers = np.array([0, 3, 1])
    zeros_and_ones = labels.array(np.random.default_rng(1)).astype("float32")
    options = {"from_logits": from_logits, "batches": 2, "tolerance": 1e-5, "gradient": False}
    check_function("binary_crossentropy", zeros_and_ones, output, **options)
    check_function("binary_focal_crossentropy", zeros_and_ones, output, True, **options)
    check_function("categorical_crossentropy", hot, output, **options)
    check_function("categorical_focal_crossentropy", hot, output, 0.3, **options)
    check_function("sparse_categorical_crossentropy", numbers, output, **options)
    check_function("sparse_categorical_crossentropy", numbers, output, ignore_class=3, **options)
    check_function("categorical_crossentropy", hot, output, axis=0, **options | {"batches": 0})


# --- windows ---------------------------------------------------------------------------------

FORMATS = ["channels_last", "channels_first"]


def images(data_format, *sizes, channels=3):
    middle = (*sizes, channels) if data_format == "channels_last" else (channels, *sizes)
    return Draw(2, *middle)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(
    "name, sizes, kernel, strides, padding, dilation",
    [
        ("conv1d", (7,), (3, 3, 4), 1, "valid", 1),
        ("conv1d", (7,), (2, 3, 4), 2, "same", 1),
        ("conv1d", (7,), (3, 3, 4), 1, "same", 2),
        ("conv2d", (5, 6), (3, 2, 3, 4), (1, 1), "valid", (1, 1)),
        ("conv2d", (5, 6), (3, 2, 3, 4), (2, 2), "same", (1, 1)),
        ("conv2d", (5, 6), (2, 2, 3, 4), (1, 1), "same", (2, 2)),
        ("conv3d", (4, 3, 5), (2, 2, 2, 3, 2), (1, 1, 1), "valid", (1, 1, 1)),
        ("conv3d", (4, 3, 5), (2, 2, 3, 3, 2), (2, 2, 2), "same", (1, 1, 1)),
        ("depthwise_conv2d", (5, 6), (3, 2, 3, 2), (1, 1), "valid", (1, 1)),
        ("depthwise_conv2d", (5, 6), (3, 3, 3, 2), (2, 2), "same", (1, 1)),
    ],
)
def test_convolutions(name, sizes, kernel, strides, padding, dilation, data_format):
    x = images(data_format, *sizes)
    check_function(name, x, Draw(*kernel), strides, padding, data_format, dilation, tolerance=1e-5)


def test_causal_convolution():
    x, kernel = images("channels_last", 7), Draw(3, 3, 4)
    check_function("conv1d", x, kernel, padding="causal", dilation_rate=2, tolerance=1e-5)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("strides, padding", [((1, 1), "valid"), ((2, 2), "same")])
def test_separable_conv2d(data_format, strides, padding):
    x, kernels = images(data_format, 5, 6), (Draw(3, 3, 3, 2), Draw(1, 1, 6, 4))
    check_function("separable_conv2d", x, *kernels, strides, padding, data_format, tolerance=1e-5)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(
    "strides, padding, size, dilation",
    [
        ((1, 1), "valid", (5, 7), (1, 1)),
        ((2, 2), "valid", (7, 9), (1, 1)),
        ((2, 2), "valid", (8, 9), (1, 1)),
        ((2, 2), "same", (6, 8), (1, 1)),
        ((2, 2), "same", (5, 7), (1, 1)),
        ((3, 3), "same", (8, 12), (1, 1)),
        ((1, 1), "same", (3, 4), (2, 2)),
    ],
)
def test_conv2d_transpose(strides, padding, size, dilation, data_format):
    x, kernel = images(data_format, 3, 4), Draw(3, 4, 2, 3)
    if padding == "valid":
        kernel = Draw(3, 4 if strides == (1, 1) else 3, 2, 3)
    shape = (None, *size, 2) if data_format == "channels_last" else (None, 2, *size)
    check_function(
        "conv2d_transpose", x, kernel, shape, strides, padding, data_format, dilation,
        tolerance=1e-5,
    )  # fmt: skip


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("mode", ["max", "avg"])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_pooling(data_format, mode, padding):
    plane, volume = images(data_format, 5, 6), images(data_format, 4, 3, 5)
    for size, strides in [((2, 2), (2, 2)), ((3, 2), (1, 1)), ((2, 2), (1, 1))]:
        check_function("pool2d", plane, size, strides, padding, data_format, mode)
    check_function("pool3d", volume, (2, 3, 2), (2, 2, 2), padding, data_format, mode)


@pytest.mark.parametrize("data_format", FORMATS)
def test_local_convolutions(data_format):
    line, plane = images(data_format, 6), images(data_format, 5, 4)
    check_function("local_conv1d", line, Draw(3, 6, 2), (2,), (2,), data_format, tolerance=1e-5)
    check_function(
        "local_conv2d", plane, Draw(6, 12, 2), (2, 2), (2, 1), (2, 3), data_format, tolerance=1e-5
    )


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(
    "kind", "nearest bilinear area bicubic lanczos3 lanczos5 gaussian mitchellcubic".split()
)
def test_resize_images(kind, data_format):
    x = images(data_format, 6, 4)
    # TensorFlow reads the weights of its bicubic filter from a table
    tolerance = 2e-3 if kind == "bicubic" else 1e-5
    options = {"gradient": kind != "area", "tolerance": tolerance}  # TensorFlow has none for area
    check_function("resize_images", x, 2, 3, data_format, interpolation=kind, **options)


@pytest.mark.parametrize("data_format", FORMATS)
def test_resize_volumes(data_format):
    check_function("resize_volumes", images(data_format, 2, 3, 2), 2, 1, 3, data_format)


# --- sequences -------------------------------------------------------------------------------

STEPS = Draw(3, 5, 4)
VALID = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1], [0, 0, 0, 0, 0]], bool)


def step(x, states):
    total = states[0] * 0.5 + x
    return total * 2.0, [total]


def step_with_constant(x, states):
    total, other, constant = states
    return total + x, (total + x * constant, other - x)


@pytest.mark.parametrize("mask", [None, VALID, VALID[..., None]])
@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"go_backwards": True},
        {"zero_output_for_mask": True},
        {"return_all_outputs": False},
        {"time_major": True},
    ],
)
def test_rnn(mask, options, unroll):
    inputs, options = STEPS, {**options, "unroll": unroll}
    if options.get("time_major"):
        inputs = Draw(5, 3, 4)
        mask = None if mask is None else mask.swapaxes(0, 1)
    elif mask is not None:
        options["mask"] = mask
    check_function("rnn", step, inputs, [Draw(3, 4)], tolerance=1e-5, batches=0, **options)


def test_rnn_with_constants():
    states = [Draw(3, 4), Draw(3, 4)]
    check_function("rnn", step_with_constant, STEPS, states, constants=[Draw(3, 4)], batches=0)


@pytest.mark.parametrize("backwards", [False, True])
def test_rnn_of_lengths(backwards):
    check_function(
        "rnn",
        step,
        STEPS,
        [Draw(3, 4)],
        go_backwards=backwards,
        input_length=np.array([2, 5, 3], "int32"),
        batches=0,
    )


def test_functions_of_elements():
    check_function("map_fn", lambda x: x * 2.0, X, batches=0)
    check_function("foldl", lambda total, x: total * 0.5 + x, X, batches=0)
    check_function("foldl", lambda total, x: total * 0.5 + x, X, Draw(4), batches=0)
    check_function("foldr", lambda total, x: total * 0.5 + x, X, batches=0)


def test_map_fn_of_several():
    check_function("map_fn", lambda p: p[0] * p[1], (X, POSITIVE), dtype="float32", batches=0)


@pytest.mark.parametrize(
    "condition, shape",
    [(Draw(3, 4, dtype="bool"), (3, 4)), (Draw(3, 4, low=0, high=2, dtype="int32"), (3, 4)),
     (Draw(3, 4, dtype="bool"), (3, 4, 5)), (np.array(True), (3, 4)), (np.array(0), (3, 4))],
)  # fmt: skip
def test_switch(condition, shape):
    check_function("switch", condition, Draw(*shape), Draw(*shape, low=0), batches=3)


def test_switch_calls_the_chosen_one():
    assert K.switch(torch.tensor(1), lambda: torch.ones(2), lambda: 1 / 0).tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="more axes"):
        K.switch(torch.ones(2, 2, dtype=torch.bool), torch.ones(2), torch.ones(2))


# --- connectionist temporal classification -----------------------------------------------------


def probabilities(*shape, seed=0, sharp=1.0):
    scores = np.random.default_rng(seed).normal(0, sharp, shape)
    powers = np.exp(scores)
    return (powers / powers.sum(-1, keepdims=True)).astype("float32")


def test_ctc_batch_cost():
    labels = np.array([[0, 1, 2], [1, 1, 0], [2, 0, 0]], "float32")
    lengths = np.array([[8], [7], [5]]), np.array([[3], [2], [1]])
    y_pred = probabilities(3, 8, 4)
    answers = oracle.ask(lambda keras: _ctc(keras, labels, y_pred, *lengths))
    ours = torch.tensor(y_pred, requires_grad=True)
    losses = K.ctc_batch_cost(labels, ours, *lengths)
    losses.sum().backward()
    np.testing.assert_allclose(losses.detach().numpy(), answers[0], rtol=1e-5)
    np.testing.assert_allclose(ours.grad.numpy(), answers[1], rtol=1e-4, atol=1e-5)
    places = [K.placeholder((None, *a.shape[1:]), dtype=str(a.dtype)) for a in (labels, y_pred)]
    numbers = [K.placeholder((None, 1), dtype="int64") for _ in range(2)]
    recorded = K.function([*places, *numbers], K.ctc_batch_cost(*places, *numbers))
    np.testing.assert_allclose(recorded([labels, y_pred, *lengths]), answers[0], rtol=1e-5)


def test_labels_that_are_no_class_end_a_row_of_ctc():
    labels = np.array([[0, 1, 99, 99], [2, 0, 3, 7], [1, 3, 3, 3], [1, 1, 2, 0]], "float32")
    lengths, y_pred = (np.full((4, 1), 9), np.full((4, 1), 4)), probabilities(4, 9, 4)
    expected = oracle.ask(lambda keras: _ctc(keras, labels, y_pred, *lengths))[0]
    found = K.ctc_batch_cost(labels, torch.tensor(y_pred), *lengths)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("row", [[0, -1, 1], [3, 0, 1], [0, 99, 1]])
def test_labels_that_ctc_refuses(row):
    y_pred = torch.tensor(probabilities(1, 9, 4))
    with pytest.raises(ValueError, match=re.escape(f"received {row}")):
        K.ctc_batch_cost([row], y_pred, [[9]], [[3]])
    if not 0 <= min(row) <= max(row) < 4:
        with pytest.raises(ValueError, match="labels from 0 to 3 within target_length"):
            torchkeras.ops.ctc_loss([row], y_pred, [3], [9])


def _ctc(keras, labels, y_pred, *lengths):
    import tensorflow as tf

    y_pred = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        losses = keras.backend.ctc_batch_cost(tf.constant(labels), y_pred, *lengths)
    return [losses, tape.gradient(losses, y_pred)]


@pytest.mark.parametrize("sharp", [0.5, 3.0])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "options",
    [{}, {"greedy": False, "beam_width": 3}, {"greedy": False, "beam_width": 25, "top_paths": 3}],
)
def test_ctc_decode(seed, sharp, options):
    y_pred = probabilities(3, 9, 4, seed=seed, sharp=sharp)
    lengths = np.array([9, 6, 1])
    expected, scores = oracle.ask(
        lambda keras: keras.backend.ctc_decode(y_pred, lengths, **options)
    )
    found, ours = K.ctc_decode(y_pred, lengths, **options)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.numpy(), other)
    np.testing.assert_allclose(ours.numpy(), scores, rtol=2e-5, atol=1e-5)


def test_ctc_labels():
    labels = np.array([[1, 2, 3], [4, 5, 6]], "int32")
    check_function(
        "ctc_label_dense_to_sparse",
        labels,
        np.array([2, 1], "int32"),
        gradient=False,
        symbolic=False,
    )
    sparse = K.ctc_label_dense_to_sparse(labels, [2, 1])
    assert K.is_sparse(sparse) and not K.is_sparse(K.to_dense(sparse))


def test_ctc_decode_is_recorded():
    x, lengths = K.placeholder((None, 9, 4)), K.placeholder((None,), dtype="int64")
    y_pred = probabilities(3, 9, 4)
    for options in ({}, {"greedy": False, "beam_width": 3, "top_paths": 2}):
        (decoded, scores) = K.ctc_decode(x, lengths, **options)
        found = K.function([x, lengths], [*decoded, scores])([y_pred, [9, 6, 1]])
        again, values = K.ctc_decode(y_pred, [9, 6, 1], **options)
        for one, other in zip(found, [*again, values], strict=True):
            np.testing.assert_array_equal(one, other.numpy())


# --- variables and values --------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("constant", ([[1, 2], [3, 4]],)),
        ("constant", (3, "int32", (2, 2))),
        ("variable", ([1, 2],)),
        ("variable", (np.array([1.0, 2.0]), "float64")),
        ("zeros", ((2, 3),)),
        ("ones", ((2, 3), "int32")),
        ("eye", (3,)),
        ("arange", (5,)),
        ("arange", (-5,)),
        ("arange", (1, 8, 2, "float32")),
        ("cast_to_floatx", (np.array([1.0, 2.0]),)),
    ],
)
def test_made(name, arguments):
    value, dtype = oracle.ask(
        lambda keras: [
            keras.backend.get_value(made := getattr(keras.backend, name)(*arguments)),
            str(np.asarray(keras.backend.get_value(made)).dtype),
        ]
    )
    ours = getattr(K, name)(*arguments)
    np.testing.assert_array_equal(K.get_value(ours), value)
    assert K.dtype(ours) == dtype
    assert isinstance(ours, Variable) == (name in ("variable", "zeros", "ones", "eye"))


def test_values_are_read_and_written():
    a, b = K.variable([1.0, 2.0]), layers.Dense(2)
    b.build((None, 1))
    K.batch_set_value([(a, [3.0, 4.0]), (b.kernel, np.ones((1, 2)))])
    one, other = K.batch_get_value([a, b.kernel])
    assert one.tolist() == [3.0, 4.0] and other.tolist() == [[1.0, 1.0]]
    assert K.update(a, [0.0, 1.0]) is a
    assert K.update_add(a, 1) is a
    assert K.update_sub(a, [1.0, 0.0]) is a
    assert K.eval(a).tolist() == [0.0, 2.0]
    K.moving_average_update(a, torch.tensor([4.0, 4.0]), 0.75)
    assert K.eval(a).tolist() == [1.0, 2.5]
    plain = torch.nn.Parameter(torch.zeros(2))
    K.set_value(plain, [1.0, 2.0])
    assert plain.tolist() == [1.0, 2.0]
    assert K.count_params(b.kernel) == 2 and K.ndim(b.kernel) == 2
    assert K.int_shape(b.kernel) == (1, 2)
    with pytest.raises(ValueError, match="shape"):
        K.set_value(plain, [1.0])
    with pytest.raises(TypeError, match="variable or a tensor"):
        K.update(3, 4)


def test_functions_take_variables():
    weights = layers.Dense(2)
    weights.build((None, 3))
    K.sum(K.square(weights.kernel)).backward()
    assert torch.equal(weights.kernel.native[0].grad, 2 * weights.kernel.native[0])
    x = K.placeholder((None, 3))
    product = K.function([x], K.dot(x, weights.kernel))
    K.set_value(weights.kernel, np.ones((3, 2)))
    assert product([np.ones((1, 3))]).tolist() == [[3.0, 3.0]]


def test_print_tensor(capsys):
    values = np.arange(20.0, dtype="float32").reshape(2, 10) / 4
    assert K.print_tensor(torch.tensor(values), "x =") is not None
    assert (
        capsys.readouterr().out
        == "x = [[0 0.25 0.5 ... 1.75 2 2.25]\n [2.5 2.75 3 ... 4.25 4.5 4.75]]\n"
    )


@pytest.mark.parametrize(
    "name, arguments, mean, deviation",
    [
        ("random_normal", (1.0, 2.0), 1.0, 2.0),
        ("random_uniform", (-1.0, 3.0), 1.0, 16**0.5 / 12**0.5),
        ("truncated_normal", (1.0, 2.0), 1.0, 2.0 * 0.87962566),
        ("random_bernoulli", (0.25,), 0.25, 0.1875**0.5),
        ("random_normal_variable", (1.0, 2.0), 1.0, 2.0),
        ("random_uniform_variable", (-1.0, 3.0), 1.0, 16**0.5 / 12**0.5),
    ],
)
def test_random(name, arguments, mean, deviation):
    torch.manual_seed(0)
    drawn = K.eval(getattr(K, name)((100, 100), *arguments))
    assert drawn.mean() == pytest.approx(mean, abs=0.08)
    assert drawn.std() == pytest.approx(deviation, rel=0.04)
    first, second = (getattr(K, name)((5,), *arguments, seed=7) for _ in range(2))
    assert K.eval(first).tolist() != K.eval(second).tolist() or name == "random_bernoulli"


def test_dropout():
    torch.manual_seed(0)
    x = torch.ones(100, 100, requires_grad=True)
    out = K.dropout(x, 0.25)
    out.sum().backward()
    assert torch.equal(out, x.grad)
    assert float((out == 0).float().mean()) == pytest.approx(0.25, abs=0.02)
    rows = K.dropout(x, 0.5, noise_shape=(100, 1))
    assert set(rows.sum(1).tolist()) == {0.0, 200.0}
    with pytest.raises(ValueError, match="level"):
        K.dropout(x, 1.0)


# --- symbolic ----------------------------------------------------------------------------------


def test_sizes_from_tensors():
    """The sampling of a variational autoencoder."""
    x = K.placeholder((None, 3))
    batch, size = K.shape(x)[0], K.int_shape(x)[1]
    noise = K.random_normal((batch, size))
    assert K.int_shape(noise) == (None, 3)
    assert K.int_shape(K.random_uniform(K.shape(x))) == (None, 3)
    assert K.int_shape(K.reshape(x, (batch, 1, -1))) == (None, 1, None)
    assert K.int_shape(K.tile(x, (batch, 2))) == (None, 6)
    assert K.int_shape(K.ones((batch, K.shape(x)[1]))) == (None, 3)
    run = K.function([x], [noise, K.reshape(x, (batch, 1, -1)), K.zeros((batch, 2))])
    drawn, shaped, zeros = run([np.ones((4, 3))])
    assert drawn.shape == (4, 3) and shaped.shape == (4, 1, 3) and zeros.shape == (4, 2)


def small_model():
    model = torchkeras.Sequential(
        [layers.Dense(4, activation="tanh", input_shape=(3,)), layers.Dropout(0.5), layers.Dense(2)]
    )
    return model


def test_function_of_a_model():
    model, x = small_model(), np.random.default_rng(0).normal(size=(5, 3))
    hidden = model.layers[0].output
    run = K.function([model.input], [hidden, model.output])
    inner, outer = run([x])
    np.testing.assert_allclose(outer, model.predict(x, verbose=0), rtol=1e-6)
    rest = K.function([hidden], model.output)
    np.testing.assert_allclose(rest([inner]), outer, rtol=1e-6)
    np.testing.assert_allclose(rest(inner), outer, rtol=1e-6)
    assert isinstance(K.function([model.input], K.sum(model.output))([x]), float)
    named = K.function({"x": model.input}, {"y": model.output})
    np.testing.assert_allclose(named({"x": x})["y"], outer, rtol=1e-6)
    with pytest.raises(ValueError, match="value for each"):
        run([x, x])
    with pytest.raises(ValueError, match="updates"):
        K.function([model.input], [hidden], updates=[1])


def test_function_with_a_learning_phase():
    model, x = small_model(), np.ones((50, 3))
    run = K.function([model.input, K.learning_phase()], [model.layers[1].output])
    assert (run([x, 1])[0] == 0).any() and not (run([x, 0])[0] == 0).any()
    assert not model.layers[1].training
    with pytest.warns(DeprecationWarning, match="model.train"), K.learning_phase_scope(1):
        assert (K.function(model.input, model.layers[1].output)(x) == 0).any()


def test_learning_phase():
    assert K.learning_phase() == 0
    with pytest.warns(DeprecationWarning, match="set_learning_phase"):
        K.set_learning_phase(1)
    assert K.learning_phase() == 1 and K.in_train_phase(1, 2) == 1 and K.in_test_phase(1, 2) == 2
    K.clear_session()
    assert K.learning_phase() == 0
    with pytest.raises(ValueError, match="0 or 1"), pytest.warns(DeprecationWarning):
        K.set_learning_phase(2)


@pytest.mark.parametrize(
    "asks", [K.in_train_phase, lambda x, alt: x() if K.learning_phase() else alt]
)
def test_the_phase_is_that_of_the_running_layer(asks):
    class Noisy(layers.Layer):
        def call(self, inputs):
            return asks(lambda: inputs + 1, inputs)

    layer = Noisy()
    x = torch.zeros(1, 2)
    assert layer(x).sum() == 0 and layer.train()(x).sum() == 2
    assert K.in_train_phase(1, 2, training=torch.tensor(True)) == 1


def test_gradients_of_a_model():
    """As in a saliency map and in Grad-CAM: of the input, of a hidden layer, of weights."""
    model, x = small_model(), np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    hidden, kernel = model.layers[0].output, model.layers[0].kernel
    score = K.mean(model.output[:, 0])
    slopes = K.gradients(score, [model.input, hidden, kernel])
    assert [K.int_shape(s) for s in slopes] == [(None, 3), (None, 4), (3, 4)]
    assert K.gradients(hidden, model.output) == [None]
    found = K.function([model.input], [score, *slopes])([x])

    inputs = torch.tensor(x, requires_grad=True)
    inner = model.layers[0](inputs)
    loss = model.layers[2](inner)[:, 0].mean()
    weights = kernel.native[0]
    expected = torch.autograd.grad(loss, [inputs, inner, weights])
    for one, other in zip(found[1:3], expected, strict=False):
        np.testing.assert_allclose(one, other.numpy(), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found[3], expected[2].numpy().T, rtol=1e-5, atol=1e-7)


def test_gradients_are_copied_with_a_model():
    x = layers.Input((3,))
    y = layers.Dense(1)(x)
    slope = torchkeras.Model(x, K.gradients(y, x)[0])
    expected = slope(torch.ones(2, 3))
    for twin in (copy.deepcopy(slope), pickle.loads(pickle.dumps(slope))):
        assert torch.equal(twin(torch.ones(2, 3)), expected)
    penalty = slope(torch.ones(2, 3)).square().sum()
    penalty.backward()


def test_gradients_of_tensors():
    x, layer = torch.tensor([1.0, 2.0], requires_grad=True), layers.Dense(2)
    loss = K.sum(layer(K.expand_dims(x, 0)) ** 2) + K.sum(x**2)
    slopes = K.gradients(loss, [x, layer.kernel, torch.ones(1, requires_grad=True)])
    assert slopes[0].shape == (2,) and slopes[1].shape == (2, 2) and slopes[2] is None
    with pytest.raises(ValueError, match="requires_grad"):
        K.gradients(torch.ones(1), [x])
    with pytest.raises(TypeError, match="symbolic"):
        K.gradients(loss, [layers.Input((2,))])


def test_a_lambda_layer_of_backend_functions():
    x = layers.Input((4, 3))
    out = K.mean(x, axis=1) + K.sum(K.abs(x), axis=[1, 2], keepdims=False)[:, None]
    model = torchkeras.Model(x, layers.Dense(2)(out))
    assert [layer["class_name"] for layer in model.get_config()["layers"]].count("TFOpLambda") >= 3
    again = torchkeras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    values = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    assert torch.equal(again(values), model(values))


def test_recorded_names_are_not_taken_for_functions_of_torch():
    """A file tells a recorded function of torch by its name."""
    known = {*_BINARY, *_UNARY, *_REDUCED, *_OTHERS}
    recorded = {n for n in K.__all__ if hasattr(getattr(K, n), "__wrapped__")}
    own = {n for n in recorded if getattr(K, n).__module__.startswith("torchkeras.backend")}
    assert len(own) >= 30 and not own & known


# --- settings ----------------------------------------------------------------------------------


def scopes(module):
    with module.name_scope("outer") as outer, module.name_scope("inner") as inner:
        return [outer, inner, module.variable(1.0, name="v").name, module.variable(1.0).name]


def test_names_and_settings():
    K.clear_session()
    assert K.get_uid("a") == 1 and K.get_uid("a") == 2
    K.reset_uids()
    assert K.get_uid("a") == 1 and K.backend() == "torch"
    assert K.manual_variable_initialization(True) is None
    assert scopes(K) == oracle.ask(lambda keras: scopes(keras.backend))
    generator = K.experimental
    generator.enable_tf_random_generator()
    assert generator.is_tf_random_generator_enabled()
    generator.disable_tf_random_generator()
    assert not generator.is_tf_random_generator_enabled()
    assert K.is_keras_tensor(K.placeholder(ndim=2)) and not K.is_keras_tensor(torch.ones(1))
    with pytest.warns(DeprecationWarning, match="random_bernoulli"):
        assert K.random_binomial((2,), p=1.0).tolist() == [1.0, 1.0]


ONES = torch.ones(2, 3)
IMAGE, KERNEL = torch.ones(1, 3, 3, 1), torch.ones(2, 2, 1, 1)


@pytest.mark.parametrize(
    "call, told",
    [
        (lambda: K.squeeze(ONES, 1), "size 3"),
        (lambda: K.repeat(torch.ones(2), 3), "rank 2"),
        (lambda: K.batch_dot(ONES, torch.ones(3, 3)), "one size"),
        (lambda: K.batch_dot(ONES, torch.ones(2, 4)), "3 and 4"),
        (lambda: K.batch_dot(ONES, ONES, 0), "the batch"),
        (lambda: K.batch_dot(ONES, ONES, (1, 1, 1)), "one integer or two"),
        (lambda: K.bias_add(torch.ones(2, 3, 4), torch.ones(2, 3, 4)), "rank 1 or 2"),
        (lambda: K.conv2d(IMAGE, KERNEL, padding="causal"), "padding"),
        (lambda: K.pool2d(IMAGE, (2, 2), pool_mode="sum"), "pool_mode"),
        (lambda: K.resize_images(IMAGE, 2, 2, "last"), "data_format"),
        (lambda: K.resize_images(IMAGE, 2, 2, "channels_last", "near"), "near"),
        (lambda: K.spatial_2d_padding(IMAGE, ((1,), (1,))), "pair"),
        (lambda: K.conv2d_transpose(IMAGE, KERNEL, (1, 9, 9, 1)), "makes 8 out of 9"),
        (lambda: K.ctc_decode(torch.ones(1, 2, 3), [2], False, 2, 3), "top_paths"),
        (lambda: K.placeholder(), "shape or ndim"),
    ],
)
def test_what_is_wrong_is_told(call, told):
    with pytest.raises((ValueError, TypeError), match=told):
        call()
