"""torchkeras.ops.nn and convolve beside Keras 3 on torch."""

import numpy as np
import pytest
import torch

from compat_tests.check import check_op
from compat_tests.checks.backend import Draw
from torchkeras import ops

IMAGES, SERIES, VOLUMES = Draw(2, 6, 5, 4), Draw(2, 7, 4), Draw(2, 4, 5, 4, 2)
FIRST = {"data_format": "channels_first"}

WINDOWS = [
    ("conv", (IMAGES, Draw(3, 3, 4, 2)), {}),
    ("conv", (IMAGES, Draw(3, 2, 4, 2), 2, "same"), {}),
    ("conv", (IMAGES, Draw(2, 2, 4, 2), (2, 1)), {}),
    ("conv", (IMAGES, Draw(2, 2, 2, 6)), {"dilation_rate": 2, "padding": "same"}),
    ("conv", (SERIES, Draw(3, 4, 5), 2, "same"), {}),
    ("conv", (VOLUMES, Draw(2, 2, 2, 2, 3)), {}),
    ("conv", (Draw(2, 4, 6, 5), Draw(3, 3, 4, 2)), FIRST),
    ("depthwise_conv", (IMAGES, Draw(3, 3, 4, 2)), {"padding": "same"}),
    ("depthwise_conv", (SERIES, Draw(3, 4, 1), 2), {}),
    ("separable_conv", (IMAGES, Draw(3, 3, 4, 2), Draw(1, 1, 8, 3)), {"strides": 2}),
    ("conv_transpose", (IMAGES, Draw(3, 3, 2, 4)), {}),
    ("conv_transpose", (IMAGES, Draw(3, 3, 2, 4), 2), {}),
    ("conv_transpose", (IMAGES, Draw(3, 3, 2, 4), 2, "same"), {}),
    ("conv_transpose", (IMAGES, Draw(2, 2, 2, 4), 3, "same"), {}),
    ("conv_transpose", (IMAGES, Draw(2, 2, 2, 4), 3), {}),
    ("conv_transpose", (IMAGES, Draw(3, 3, 2, 4), 2, "same"), {"output_padding": 1}),
    ("conv_transpose", (IMAGES, Draw(3, 3, 2, 4), 2), {"output_padding": 1}),
    ("conv_transpose", (SERIES, Draw(4, 2, 4), 2, "same"), {}),
    (
        "conv_transpose",
        (Draw(2, 4, 6, 5), Draw(3, 3, 2, 4), 1, "same"),
        {**FIRST, "dilation_rate": 2},
    ),
    ("max_pool", (IMAGES, 2), {}),
    ("max_pool", (IMAGES, (3, 2), (2, 1)), {}),
    ("max_pool", (SERIES, 3, 2), {}),
    ("max_pool", (VOLUMES, 2), {}),
    ("average_pool", (IMAGES, 2), {}),
    ("average_pool", (SERIES, 3, 2), {}),
    ("average_pool", (Draw(2, 4, 6, 5), 2, 1), FIRST),
    ("adaptive_average_pool", (IMAGES, 2), {}),
    ("adaptive_average_pool", (SERIES, 3), {}),
    ("adaptive_max_pool", (IMAGES, (3, 2)), {}),
    ("adaptive_max_pool", (Draw(2, 4, 6, 5), 2), FIRST),
    ("unfold", (Draw(2, 3, 5, 6), 2), {}),
    ("unfold", (Draw(2, 3, 5, 6), (2, 3)), {"dilation": 2, "padding": 1, "stride": 2}),
    ("fold", (Draw(2, 12, 20), (5, 6), 2), {}),
    ("depth_to_space", (IMAGES, 2), {}),
    ("depth_to_space", (Draw(2, 8, 6, 5), 2), FIRST),
    ("space_to_depth", (Draw(2, 6, 4, 3), 2), {}),
    ("space_to_depth", (Draw(2, 3, 6, 4), 2), FIRST),
]


@pytest.mark.parametrize("name, args, kwargs", WINDOWS)
def test_windows(name, args, kwargs):
    check_op(name, *args, tolerance=1e-5, **kwargs)


@pytest.mark.parametrize("name", ["max_pool", "average_pool"])
@pytest.mark.parametrize("x", [IMAGES, SERIES], ids=str)
def test_same_pooling_leaves_out_what_is_outside(name, x):
    """As TensorFlow does it; Keras 3 on torch repeats the edge where both sides differ."""
    drawn = torch.from_numpy(x.array(np.random.default_rng(0)))
    found = getattr(ops, name)(drawn, 2, 2, "same")
    whole = getattr(ops, name)(drawn, 2, 2)
    inside = tuple(slice(0, n) for n in whole.shape)
    torch.testing.assert_close(found[inside], whole)
    last = drawn[:, -1:] if x is SERIES else drawn[:, :4, -1:].unfold(1, 2, 2)
    edge = last if x is SERIES else (last.amax(-1) if name == "max_pool" else last.mean(-1))
    torch.testing.assert_close(found[:, -1:] if x is SERIES else found[:, :2, -1:], edge)


X, V = Draw(2, 3, 4), Draw(4, low=0.5)
NORMS = [
    ("moments", (X, [0]), {}),
    ("moments", (X, (0, 2)), {"keepdims": True}),
    ("batch_normalization", (X, Draw(4), V, -1), {}),
    ("batch_normalization", (X, Draw(3), Draw(3, low=0.5), 1, Draw(3), Draw(3)), {"epsilon": 0.1}),
    ("layer_normalization", (X,), {}),
    ("layer_normalization", (X, Draw(4), Draw(4)), {"epsilon": 1e-3}),
    ("layer_normalization", (X, Draw(4)), {"rms_scaling": True}),
    ("rms_normalization", (X,), {}),
    ("rms_normalization", (X, Draw(4)), {"epsilon": 1e-3}),
    ("normalize", (X,), {}),
    ("normalize", (X, 1, 3), {}),
    ("binary_crossentropy", (Draw(3, 4, low=0.0, high=1.0), Draw(3, 4, low=0.1, high=0.9)), {}),
    ("binary_crossentropy", (Draw(3, 4, low=0.0, high=1.0), Draw(3, 4)), {"from_logits": True}),
    ("categorical_crossentropy", (Draw(3, 4, low=0.0, high=1.0), Draw(3, 4, low=0.1)), {}),
    ("categorical_crossentropy", (Draw(3, 4, low=0.0, high=1.0), Draw(3, 4), True, 0), {}),
    ("sparse_categorical_crossentropy", ([1, 0, 3], Draw(3, 4, low=0.1)), {}),
    ("sparse_categorical_crossentropy", ([[1], [0], [3]], Draw(3, 4)), {"from_logits": True}),
    ("sparse_categorical_crossentropy", ([[1, 0], [0, 2]], Draw(2, 3, 2), True, 1), {}),
    ("psnr", (Draw(2, 3), Draw(2, 3), 2.0), {}),
]


@pytest.mark.parametrize("name, args, kwargs", NORMS)
def test_norms_and_losses(name, args, kwargs):
    check_op(name, *args, batches=0, tolerance=1e-5, **kwargs)


@pytest.mark.parametrize("name", ["layer_normalization", "rms_normalization"])
def test_another_axis(name):
    """Keras 3 on torch takes axis 1 for the last one and fails."""
    x, gamma = torch.randn(2, 3, 4), torch.randn(3)
    found = getattr(ops, name)(x, gamma, axis=1)
    torch.testing.assert_close(found, getattr(ops, name)(x.mT, gamma).mT)


def test_half_precision_is_normalised_in_float32():
    x = Draw(2, 300, low=90.0, high=100.0, dtype="float16")
    for name in ("layer_normalization", "rms_normalization"):
        check_op(name, x, gradient=False, tolerance=2e-3)
    check_op("moments", x, [1], gradient=False, tolerance=0.05)


Q, K = Draw(2, 5, 4, 3), Draw(2, 6, 4, 3)
MASK = np.tril(np.ones((5, 6), bool))
ATTENTION = [
    ((Q, K, Draw(2, 6, 4, 3)), {}),
    ((Q, K, Draw(2, 6, 4, 3)), {"scale": 0.3}),
    ((Q, Draw(2, 5, 4, 3), Draw(2, 5, 4, 3)), {"is_causal": True}),
    ((Q, K, Draw(2, 6, 4, 3)), {"mask": MASK[None, None]}),
    ((Q, K, Draw(2, 6, 4, 3)), {"mask": np.ones((1, 1, 5, 6), bool), "is_causal": True}),
    ((Q, K, Draw(2, 6, 4, 3)), {"bias": Draw(1, 4, 5, 6)}),
    ((Q, Draw(2, 6, 2, 3), Draw(2, 6, 2, 3)), {}),
]


@pytest.mark.parametrize("args, kwargs", ATTENTION)
def test_attention(args, kwargs):
    check_op(
        "dot_product_attention", *args, **kwargs, flash_attention=False, batches=0, tolerance=1e-5
    )


def test_attention_with_a_cap():
    q, k, v = (
        torch.randn(2, 5, 4, 3, generator=torch.Generator().manual_seed(n)) for n in range(3)
    )
    scores = torch.einsum("bqhd,bkhd->bhqk", q, k) * 3**-0.5
    scores = 0.5 * torch.tanh(scores / 0.5)
    scores = scores.masked_fill(~torch.ones(5, 5, dtype=torch.bool).tril(), -torch.inf)
    expected = torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1), v)
    found = ops.dot_product_attention(q, k, v, is_causal=True, attn_logits_soft_cap=0.5)
    torch.testing.assert_close(found, expected)
    bias = torch.zeros(1, 1, 5, 5)
    found = ops.dot_product_attention(q, k, v, bias=bias, is_causal=True)
    torch.testing.assert_close(found, ops.dot_product_attention(q, k, v, is_causal=True))


LENGTHS = [np.array([2, 1], "int32"), np.array([6, 5], "int32")]


def test_ctc_loss():
    labels = np.array([[1, 2], [3, 0]], "int32")
    check_op("ctc_loss", labels, Draw(2, 6, 4), *LENGTHS, batches=0, tolerance=1e-5)
    check_op(
        "ctc_loss", labels - 1, Draw(2, 6, 4), *LENGTHS, mask_index=3, batches=0, tolerance=1e-5
    )


@pytest.mark.parametrize(
    "kwargs",
    [
        dict(),
        dict(merge_repeated=False),
        dict(mask_index=3),
        dict(strategy="beam_search", beam_width=8, top_paths=3, mask_index=3),
        dict(strategy="beam_search", beam_width=5, mask_index=0),
    ],
    ids=str,
)
def test_ctc_decode(kwargs):
    lengths = np.array([6, 4], "int32")
    check_op(
        "ctc_decode",
        Draw(2, 6, 4),
        lengths,
        gradient=False,
        symbolic=False,
        tolerance=1e-5,
        **kwargs,
    )


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: ops.conv(np.ones((1, 4, 4, 3)), np.ones((2, 2, 2, 4))),
            "cannot be divided into gr",
        ),
        (lambda: ops.depth_to_space(np.ones((1, 2, 2, 3)), 2), "3 channels cannot be divided"),
        (lambda: ops.space_to_depth(np.ones((1, 3, 2, 3)), 2), "3x2 places"),
        (lambda: ops.normalize([1.0], order=0), "order of normalize"),
        (lambda: ops.binary_crossentropy([1.0], [[1.0]]), "must have the same shape"),
        (
            lambda: ops.sparse_categorical_crossentropy([1, 2], [[1.0, 2.0]]),
            "without its class axis",
        ),
        (lambda: ops.ctc_decode([[[1.0]]], [1], strategy="best"), "strategy must be"),
        (
            lambda: ops.conv_transpose(np.ones((1, 2, 1)), np.ones((1, 1, 1)), padding="causal"),
            "padding",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_moments_of_all_processes_raise():
    with pytest.raises(NotImplementedError, match="SyncBatchNorm"):
        ops.moments([1.0], 0, synchronized=True)
